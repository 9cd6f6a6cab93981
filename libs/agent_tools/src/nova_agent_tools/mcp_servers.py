"""Tools of MCP servers that a stack names: listed, allowed by name, and used one request at a time.

Servers speak streamable HTTP and keep no session: each listing and each use opens a connection of its own in
the task that wants it, so that cancelling the task ends it. What a server does wrong is a result that says
so; a server that cannot be listed has no tools until it can.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self, cast, override

import httpx2
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, PaginatedRequestParams, TextContent
from mcp.types import Tool as ServerTool
from nova_common.backoff import Backoff
from nova_common.contracts.payments import METADATA, TOKEN_HEADER, USE_KEY
from nova_common.contracts.sessions import ToolDescription
from nova_common.settings import SettingsError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from strands.types.tools import AgentTool, ToolGenerator, ToolResult, ToolSpec, ToolUse

from nova_agent_tools.signing import LambdaSignature

SERVERS_MAX = 4
TOOLS_MAX = 16
"""Of one server; with all servers' a model has a list that it can still tell apart."""

NAME_CHARACTERS_MAX = 64
"""Of a tool's name as a model knows it (Bedrock, ToolSpecification)."""

DESCRIPTION_CHARACTERS_MAX = 2_000
SCHEMA_CHARACTERS_MAX = 8_000
"""A server's own words about a tool are sent with every call of the model: these are about 2,500 tokens."""

RESULT_CHARACTERS_MAX = 24_000
"""What a model gets of a result: as much as of a transcript."""

ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""The longest answer that is read at all."""

LISTED_SECONDS = 300.0
"""How long a listing is good."""

LISTING_SECONDS_MAX = 3.0
"""How long an answer waits for a server that was never listed."""

OWN_NAME = "nova"
"""What stands before the names of the platform's own server's tools."""
OWN_SECONDS_MAX = 60
"""Of one use of its tools: a payment waits for a block of its network, three times at worst."""
PAGES_MAX = 10
PAUSES = Backoff(first=2.0, last=120.0)

FAILURES = (MCPError, httpx2.HTTPError, ValidationError, OSError, TimeoutError, RuntimeError, ValueError)
"""How servers and the ways to them fail, as the library raises it."""

logger = logging.getLogger(__name__)


class McpServer(BaseModel):
    """A server as the stack's settings name it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")
    """Stands before the names of its tools."""
    url: str = Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    auth: Literal["sigv4", "none"]
    """`sigv4`: requests are signed as the task's role for a Lambda function URL."""
    tools: tuple[str, ...] = Field(min_length=1, max_length=TOOLS_MAX)
    """Which of its tools are given to the model; no other is."""
    timeout_seconds: float = Field(gt=0, le=60)
    """Of one use, connecting included."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for tool in self.tools:
            if (
                re.fullmatch(r"[a-zA-Z0-9_-]+", tool) is None
                or len(self.known_as(tool)) > NAME_CHARACTERS_MAX
            ):
                message = f"the tool {tool!r} has a name that models do not take"
                raise ValueError(message)
        if len(set(self.tools)) < len(self.tools):
            message = "a tool is named twice"
            raise ValueError(message)
        return self

    def known_as(self, tool: str) -> str:
        """Return what a model knows a tool by."""
        return f"{self.name}__{tool}"


def read_servers(text: str) -> tuple[McpServer, ...]:
    """Return the servers of MCP_SERVERS, a JSON list; SettingsError names what is wrong, but no values."""
    try:
        servers = TypeAdapter(tuple[McpServer, ...]).validate_json(text or "[]")
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc']}: {fault['msg']}" for fault in error.errors(include_input=False))
        message = f"MCP_SERVERS is not in order: {faults}"
        raise SettingsError(message) from error
    names = {server.name for server in servers}
    if len(names) < len(servers) or len(servers) > SERVERS_MAX:
        message = f"MCP_SERVERS names {len(servers)}: each has a name of its own, and there are at most 4"
        raise SettingsError(message)
    return servers


def own_server(url: str, tools: str) -> McpServer | None:
    """Return the platform's own server at an address, with its tools' names; None where there is none."""
    if not url:
        return None
    try:
        return McpServer(
            name=OWN_NAME,
            url=url,
            auth="sigv4",
            tools=tuple(tools.split(",")),
            timeout_seconds=OWN_SECONDS_MAX,
        )
    except ValidationError as error:
        message = "MCP_SERVER_URL or MCP_SERVER_TOOLS is not in order"
        raise SettingsError(message) from error


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that a server offers."""

    server: McpServer
    name: str
    """The server's own."""
    described: ToolDescription
    """As a model is told it."""


class McpTool(AgentTool):
    """One use after another of a server's tool."""

    def __init__(self, servers: "McpServers", offered: Offered, authorization: str) -> None:
        super().__init__()
        self._servers = servers
        self._offered = offered
        self._authorization = authorization

    @property
    def described(self) -> ToolDescription:
        """What a model is told about it."""
        return self._offered.described

    @property
    @override
    def tool_name(self) -> str:
        return self._offered.described.name

    @property
    @override
    def tool_type(self) -> str:
        return "mcp"

    @property
    @override
    def tool_spec(self) -> ToolSpec:
        told = self._offered.described
        return {
            "name": told.name,
            "description": told.description,
            "inputSchema": {"json": told.input_schema},
        }

    @override
    async def stream(
        self, tool_use: ToolUse, invocation_state: dict[str, Any], **kwargs: Any
    ) -> ToolGenerator:
        """Use the tool once; its only event is the result."""
        del invocation_state, kwargs
        use_id, name = tool_use["toolUseId"], self.tool_name
        try:
            found = await self._servers.use(
                self._offered, cast("dict[str, Any]", tool_use["input"]), self._authorization, use_id
            )
        except FAILURES as error:
            logger.warning("a tool failed", extra={"fields": {"tool": name, "cause": type(error).__name__}})
            timed_out = isinstance(error, TimeoutError | httpx2.TimeoutException)
            cause = "did not answer in time" if timed_out else "cannot be used at the moment"
            yield {"toolUseId": use_id, "status": "error", "content": [{"text": f"{name} {cause}"}]}
        else:
            yield _result(use_id, found)


@dataclass(slots=True)
class _Listing:
    """What is known of one server's tools."""

    tools: tuple[Offered, ...] = ()
    until: float = 0.0
    failures: int = 0
    refreshing: asyncio.Task[None] | None = None


class McpServers:
    """The servers of one process."""

    def __init__(
        self,
        servers: Sequence[McpServer],
        *,
        listing_seconds_max: float = LISTING_SECONDS_MAX,
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[[httpx2.Auth | None], httpx2.AsyncClient] | None = None,
        own: McpServer | None = None,
        own_region: str = "",
    ) -> None:
        """`own` is the platform's own server, in `own_region`: it alone is told who asks."""
        self._own = own
        self._own_region = own_region
        self._listings = {server: _Listing() for server in (*servers, *((own,) if own else ()))}
        self._listing_seconds_max = listing_seconds_max
        self._clock = clock
        self._connect = connect or _client

    async def tools(self, authorization: str = "") -> list[McpTool]:
        """Return the tools that are known by now; waits for a server that was never listed, a moment.

        They are used as whom `authorization`, an Authorization header that was verified, names.
        """
        waits: list[Awaitable[None]] = []
        for server, listing in self._listings.items():
            if listing.refreshing is None and self._clock() >= listing.until:
                listing.refreshing = asyncio.create_task(self._refresh(server, listing))
            if listing.refreshing is not None and not listing.tools:
                waits.append(asyncio.shield(listing.refreshing))
        if waits:
            await asyncio.wait(
                [asyncio.ensure_future(wait) for wait in waits], timeout=self._listing_seconds_max
            )
        return [
            McpTool(self, tool, authorization)
            for listing in self._listings.values()
            for tool in listing.tools
        ]

    async def use(
        self, offered: Offered, arguments: Mapping[str, Any], authorization: str = "", use_id: str = ""
    ) -> CallToolResult:
        """Return what a server's tool answers; one of FAILURES."""
        server = offered.server
        is_own = server is self._own
        meta: Any = {USE_KEY: use_id} if is_own and use_id else None
        async with (
            asyncio.timeout(server.timeout_seconds),
            self._session(server, authorization if is_own else "") as session,
        ):
            return await session.call_tool(offered.name, dict(arguments), meta=meta)

    async def close(self) -> None:
        """Stop listings that are under way."""
        tasks = [listing.refreshing for listing in self._listings.values() if listing.refreshing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self, server: McpServer, listing: _Listing) -> None:
        try:
            async with asyncio.timeout(server.timeout_seconds), self._session(server) as session:
                found = await _all_tools(session)
        except FAILURES as error:
            listing.failures += 1
            listing.until = self._clock() + PAUSES.pause_seconds(listing.failures)
            fields = {"server": server.name, "cause": type(error).__name__, "times": listing.failures}
            logger.warning("the tools of a server could not be listed", extra={"fields": fields})
        else:
            listing.failures = 0
            listing.until = self._clock() + LISTED_SECONDS
            listing.tools = _allowed(server, found)
        finally:
            listing.refreshing = None

    @asynccontextmanager
    async def _session(self, server: McpServer, authorization: str = "") -> AsyncGenerator[ClientSession]:
        """Open a connection and say hello; what goes wrong inside is raised alone, not in a group."""
        try:
            async with AsyncExitStack() as stack:
                region = self._own_region if server is self._own else ""
                client = await stack.enter_async_context(
                    self._connect(LambdaSignature(region) if server.auth == "sigv4" else None)
                )
                if authorization:
                    client.headers[TOKEN_HEADER] = authorization
                streams = await stack.enter_async_context(
                    streamable_http_client(server.url, http_client=client, terminate_on_close=False)
                )
                session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
                await session.initialize()
                yield session
        except BaseExceptionGroup as group:
            raise _first(group) from group


async def _all_tools(session: ClientSession) -> list[ServerTool]:
    found: list[ServerTool] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        found += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return found


def _allowed(server: McpServer, found: Sequence[ServerTool]) -> tuple[Offered, ...]:
    """Return the tools that the settings name, in their order."""
    by_name = {tool.name: tool for tool in found}
    offered: list[Offered] = []
    for name in server.tools:
        tool = by_name.get(name)
        if tool is None or len(json.dumps(tool.input_schema)) > SCHEMA_CHARACTERS_MAX:
            cause = "not offered" if tool is None else "described at too great a length"
            fields = {"server": server.name, "tool": name, "cause": cause}
            logger.warning("a tool of a server is left out", extra={"fields": fields})
            continue
        described = ToolDescription(
            name=server.known_as(name),
            description=(tool.description or tool.title or name)[:DESCRIPTION_CHARACTERS_MAX],
            input_schema=tool.input_schema,
        )
        offered.append(Offered(server, name, described))
    return tuple(offered)


def _result(use_id: str, found: CallToolResult) -> ToolResult:
    texts = [block.text for block in found.content if isinstance(block, TextContent)]
    others = len(found.content) - len(texts)
    text = "\n".join(texts)
    if not text and found.structured_content is not None:
        text = json.dumps(found.structured_content, ensure_ascii=False)
    if len(text) > RESULT_CHARACTERS_MAX:
        text = f"{text[:RESULT_CHARACTERS_MAX]}\n(cut: {len(text)} characters in all)"
    if others:
        text = f"{text}\n(left out: {others} parts that are no text)".strip()
    result: Any = {
        "toolUseId": use_id,
        "status": "error" if found.is_error else "success",
        "content": [{"text": text or "(nothing)"}],
    }
    told = {name: value for name, value in (found.meta or {}).items() if name.startswith(METADATA)}
    if told:
        result["metadata"] = told
    return result


def _client(auth: httpx2.Auth | None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        auth=auth,
        # The whole use has a time-out; between two bytes of it nothing else is needed.
        timeout=httpx2.Timeout(60, connect=5),
        trust_env=False,
        follow_redirects=False,
        transport=_BoundedTransport(),
    )


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Gives up on answers of more than `ANSWER_BYTES_MAX`."""

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.stream = _BoundedStream(cast("httpx2.AsyncByteStream", response.stream))
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    """A body that ends with an error where it becomes too long."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = ANSWER_BYTES_MAX
        async for chunk in self._body:
            left -= len(chunk)
            if left < 0:
                message = f"an answer of more than {ANSWER_BYTES_MAX} bytes"
                raise httpx2.RemoteProtocolError(message)
            yield chunk

    @override
    async def aclose(self) -> None:
        await self._body.aclose()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error behind a group: a failure that is known rather than one that is not."""
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(cast("BaseExceptionGroup[BaseException]", error).exceptions)
        else:
            leaves.append(error)
    stopped = next((leaf for leaf in leaves if isinstance(leaf, asyncio.CancelledError)), None)
    task = asyncio.current_task()
    if stopped is not None and task is not None and task.cancelling():
        return stopped
    return next((leaf for leaf in leaves if isinstance(leaf, FAILURES)), leaves[0])
