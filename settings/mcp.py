"""MCP servers whose tools the agent is given."""

from collections.abc import Mapping
from typing import cast

from components.agent.mcp_plan import McpAuth, McpServer, McpServers
from settings.errors import SettingsError
from settings.values import Values, check_fields, string

KEYS = ("mcpServers",)

_REQUIRED = ("name", "url", "auth", "tools", "timeoutSeconds")
_FIELDS = (*_REQUIRED, "functionArn")


def read_mcp(values: Values) -> McpServers:
    """Read the servers; raises ``SettingsError`` that names the server's place and the field."""
    listed = values.tables_of("mcpServers")
    servers = [_server(values, f"mcpServers[{place}]", table) for place, table in enumerate(listed)]
    try:
        return McpServers(servers=tuple(servers))
    except ValueError as error:
        raise SettingsError(values.key("mcpServers"), len(servers), str(error)) from error


def _server(values: Values, name: str, table: Mapping[str, object]) -> McpServer:
    path = values.key(name)
    check_fields(path, table, _FIELDS, required=_REQUIRED)
    texts = {
        field: string(f"{path}.{field}", table.get(field, ""))
        for field in ("name", "url", "auth", "functionArn")
    }
    seconds = table["timeoutSeconds"]
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise SettingsError(f"{path}.timeoutSeconds", seconds, "it has to be a whole number")
    known = [auth.value for auth in McpAuth]
    if texts["auth"] not in known:
        raise SettingsError(f"{path}.auth", texts["auth"], f"it is one of {', '.join(known)}")
    tools = _tools(path, table["tools"])
    try:
        return McpServer(
            name=texts["name"],
            url=texts["url"],
            auth=McpAuth(texts["auth"]),
            function_arn=texts["functionArn"],
            tools=tools,
            timeout_seconds=seconds,
        )
    except ValueError as error:
        raise SettingsError(path, texts["name"], str(error)) from error


def _tools(path: str, value: object) -> tuple[str, ...]:
    items: list[object] = [*cast("list[object]", value)] if isinstance(value, list) else [None]
    tools = tuple(item for item in items if isinstance(item, str))
    if len(tools) < len(items):
        raise SettingsError(f"{path}.tools", str(cast("object", value)), "it has to be a list of strings")
    return tools
