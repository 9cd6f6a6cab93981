"""MCP servers whose tools the agent is given (pure, no resources)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

SERVERS_MAX = 4
TOOLS_MAX = 16
TIMEOUT_SECONDS_MAX = 60
_TOOL_NAME_LENGTH_MAX = 64
"""With the server's name and two underscores before it (Bedrock, ToolSpecification)."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
_TOOL = re.compile(r"[a-zA-Z0-9_-]+")
_FUNCTION_ARN = re.compile(r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:[a-zA-Z0-9-_]{1,64}")


class McpAuth(StrEnum):
    """How requests to a server prove who sends them."""

    SIGV4 = "sigv4"
    """Signed as the task's role, for a Lambda function URL that asks for IAM."""
    NONE = "none"
    """Not at all: the server is open to everybody who knows its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """One server, and which of its tools a model is given."""

    name: str
    url: str
    auth: McpAuth
    function_arn: str
    """Of the function behind the address; empty where requests are not signed."""
    tools: Sequence[str]
    timeout_seconds: int

    def __post_init__(self) -> None:
        """Check all of it, with a message that names the field."""
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"name: {self.name!r} is not allowed; it is 1 to 16 of a-z, 0-9 and hyphens")
        self._check_address()
        if not 1 <= len(self.tools) <= TOOLS_MAX or len(set(self.tools)) < len(self.tools):
            raise ValueError(f"tools: {self.tools!r}: name 1 to {TOOLS_MAX} tools, each once")
        for tool in self.tools:
            known_as = f"{self.name}__{tool}"
            if _TOOL.fullmatch(tool) is None or len(known_as) > _TOOL_NAME_LENGTH_MAX:
                raise ValueError(f"tools: {tool!r}: models take letters, digits, - and _, 64 with the name")
        if not 1 <= self.timeout_seconds <= TIMEOUT_SECONDS_MAX:
            raise ValueError(
                f"timeoutSeconds: {self.timeout_seconds} is not allowed; it is 1 to {TIMEOUT_SECONDS_MAX}"
            )

    @property
    def host(self) -> str:
        """Where it is."""
        return urlsplit(self.url).hostname or ""

    def _check_address(self) -> None:
        address = urlsplit(self.url)
        plain = not (address.query or address.fragment or address.username or address.password)
        if address.scheme != "https" or not address.hostname or not plain:
            raise ValueError("url: it is https, without credentials, query or fragment")
        if self.auth is not McpAuth.SIGV4:
            if self.function_arn:
                raise ValueError(
                    "functionArn: requests that are not signed call no function; set auth: sigv4"
                )
            return
        function = _FUNCTION_ARN.fullmatch(self.function_arn)
        if function is None:
            raise ValueError(
                "functionArn: with auth: sigv4 it is the ARN of the Lambda function behind the url"
            )
        if not self.host.endswith(f".lambda-url.{function['region']}.on.aws"):
            raise ValueError("url: with auth: sigv4 it is a Lambda function URL in the region of functionArn")


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServers:
    """All servers of a stack."""

    servers: Sequence[McpServer] = field(default_factory=tuple[McpServer, ...])

    def __post_init__(self) -> None:
        """Check that they can be told apart."""
        names = [server.name for server in self.servers]
        if len(names) > SERVERS_MAX or len(set(names)) < len(names):
            raise ValueError(f"there are at most {SERVERS_MAX} servers, each with a name of its own: {names}")

    @property
    def functions(self) -> tuple[str, ...]:
        """ARNs of the functions behind the servers."""
        return tuple(sorted({server.function_arn for server in self.servers if server.function_arn}))

    def environment(self) -> dict[str, str]:
        """Return what a task is told; nothing where there is no server."""
        if not self.servers:
            return {}
        told = [
            {
                "name": server.name,
                "url": server.url,
                "auth": server.auth.value,
                "tools": list(server.tools),
                "timeout_seconds": server.timeout_seconds,
            }
            for server in self.servers
        ]
        return {"MCP_SERVERS": json.dumps(told, separators=(",", ":"))}
