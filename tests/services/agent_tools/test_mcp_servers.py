"""Tools of MCP servers: a real server of the library, over HTTP, right and wrong."""

# ruff: noqa: ANN401 - results are plain documents

import asyncio
import json
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.server import MCPServer
from nova_agent_tools import mcp_servers, signing
from nova_agent_tools.mcp_servers import McpServer, McpServers, McpTool, own_server, read_servers
from nova_agent_tools.signing import LambdaSignature, function_region
from nova_common import aws
from nova_common.settings import SettingsError

CONFIGURED: dict[str, Any] = {
    "name": "weather",
    "url": "http://127.0.0.1:1/mcp",
    "auth": "none",
    "tools": ["forecast", "broken", "slow", "long"],
    "timeout_seconds": 2,
}


class Served:
    """A server, how often it was asked what, and what it does."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = 0
        self.gone = threading.Event()
        self.url = ""

    def app(self) -> Any:
        server = MCPServer("weather")

        @server.tool()
        def forecast(city: str) -> str:
            """Tell tomorrow's weather of a city."""
            return f"{city}: rain"

        @server.tool()
        def broken() -> str:
            """Fail."""
            message = "no idea"
            raise RuntimeError(message)

        @server.tool()
        async def slow() -> str:
            """Take long."""
            try:
                await asyncio.sleep(20)
            finally:
                self.gone.set()
            return "late"

        @server.tool()
        def long() -> str:
            """Say much."""
            return "a" * 30_000

        @server.tool()
        def secret() -> str:
            """Do what nobody allowed."""
            return "secret"

        inner = server.streamable_http_app(stateless_http=True, json_response=True)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                self.asked.append(scope["method"])
                if self.fails:
                    self.fails -= 1
                    await send({"type": "http.response.start", "status": 500, "headers": []})
                    await send({"type": "http.response.body", "body": b"arn:aws:secret"})
                    return
            await inner(scope, receive, send)

        return app


@contextmanager
def serving(served: Served) -> Generator[None]:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        served.url = f"http://127.0.0.1:{door.getsockname()[1]}/mcp"
        config = uvicorn.Config(served.app(), log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([door],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    served = Served()
    with serving(served):
        yield served


@pytest.fixture
def served(running: Served) -> Served:
    running.asked.clear()
    running.fails = 0
    running.gone.clear()
    return running


def configured(url: str, **changes: Any) -> McpServer:
    return McpServer.model_validate(CONFIGURED | {"url": url} | changes)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def used(tool: McpTool, **arguments: Any) -> Any:
    use: Any = {"toolUseId": "use-1", "name": tool.tool_name, "input": arguments}
    (result,) = [event async for event in tool.stream(use, {})]
    return result


async def named(servers: McpServers, name: str) -> McpTool:
    return next(tool for tool in await servers.tools() if tool.tool_name == f"weather__{name}")


def test_allowed_tools_are_known_by_the_servers_name(served: Served) -> None:
    async def run() -> list[Any]:
        return [tool.tool_spec for tool in await McpServers([configured(served.url)]).tools()]

    specs = asyncio.run(run())
    assert [spec["name"] for spec in specs] == [f"weather__{tool}" for tool in CONFIGURED["tools"]]
    assert specs[0]["description"] == "Tell tomorrow's weather of a city."
    assert specs[0]["inputSchema"]["json"]["required"] == ["city"]


def test_a_use_and_its_result(served: Served) -> None:
    async def run() -> tuple[Any, Any, Any, Any]:
        servers = McpServers([configured(served.url)])
        return (
            await used(await named(servers, "forecast"), city="Oslo"),
            await used(await named(servers, "forecast"), town="Oslo"),
            await used(await named(servers, "broken")),
            await used(await named(servers, "long")),
        )

    right, wrong, broken, long = asyncio.run(run())
    assert right == {"toolUseId": "use-1", "status": "success", "content": [{"text": "Oslo: rain"}]}
    assert (wrong["status"], broken["status"]) == ("error", "error")
    assert long["content"][0]["text"].endswith("(cut: 30000 characters in all)")
    assert len(long["content"][0]["text"]) < 24_100


def test_a_listing_is_kept_for_a_while(served: Served) -> None:
    clock = Clock()

    async def run() -> list[int]:
        servers = McpServers([configured(served.url)], clock=clock)
        asked: list[int] = []
        for _ in range(3):
            assert len(await servers.tools()) == 4
            asked.append(len(served.asked))
            clock.now += 200
        await asyncio.sleep(0.5)
        return [*asked, len(served.asked)]

    first, second, third, after = asyncio.run(run())
    assert first == second == third < after


def test_a_server_that_fails_has_no_tools_until_it_can(served: Served) -> None:
    clock = Clock()
    served.fails = 1

    async def run() -> list[int]:
        servers = McpServers([configured(served.url)], clock=clock)
        found = [len(await servers.tools()), len(await servers.tools())]
        assert len(served.asked) == 1
        clock.now += 3
        return [*found, len(await servers.tools())]

    assert asyncio.run(run()) == [0, 0, 4]


def test_a_server_that_nobody_hears_is_not_waited_for() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/mcp"

        async def run() -> float:
            servers = McpServers([configured(url)], listing_seconds_max=0.05)
            begun = time.monotonic()
            assert await servers.tools() == []
            took = time.monotonic() - begun
            await servers.close()
            return took

        assert asyncio.run(run()) < 1


def test_one_server_does_not_take_another_with_it(served: Served) -> None:
    async def run() -> list[str]:
        broken = configured("http://127.0.0.1:1/mcp", name="broken")
        servers = McpServers([broken, configured(served.url)])
        return [tool.tool_name for tool in await servers.tools()]

    assert asyncio.run(run()) == [f"weather__{tool}" for tool in CONFIGURED["tools"]]


def test_a_server_that_fails_in_between_is_a_result(served: Served) -> None:
    async def run() -> tuple[Any, Any]:
        servers = McpServers([configured(served.url)])
        tool = await named(servers, "forecast")
        served.fails = 1
        return await used(tool, city="Oslo"), await used(tool, city="Oslo")

    failed, again = asyncio.run(run())
    assert failed["status"] == "error"
    assert failed["content"] == [{"text": "weather__forecast cannot be used at the moment"}]
    assert again["status"] == "success"


def test_a_use_has_a_time_out(served: Served) -> None:
    async def run() -> Any:
        servers = McpServers([configured(served.url, timeout_seconds=0.4)])
        return await used(await named(servers, "slow"))

    assert asyncio.run(run())["content"] == [{"text": "weather__slow did not answer in time"}]


def test_a_cancelled_use_is_over_at_once(served: Served) -> None:
    async def run() -> float:
        servers = McpServers([configured(served.url, timeout_seconds=30)])
        use = asyncio.create_task(used(await named(servers, "slow")))
        await asyncio.sleep(0.3)
        begun = time.monotonic()
        use.cancel()
        with pytest.raises(asyncio.CancelledError):
            await use
        return time.monotonic() - begun

    assert asyncio.run(run()) < 2


def test_an_answer_that_is_too_long_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Any:
        servers = McpServers([configured(served.url)])
        tool = await named(servers, "long")
        monkeypatch.setattr(mcp_servers, "ANSWER_BYTES_MAX", 2_000)
        return await used(tool)

    assert asyncio.run(run())["status"] == "error"


def test_what_a_server_says_too_much_of_is_left_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_servers, "SCHEMA_CHARACTERS_MAX", 90)
    monkeypatch.setattr(mcp_servers, "DESCRIPTION_CHARACTERS_MAX", 4)

    async def run() -> list[Any]:
        return [tool.tool_spec for tool in await McpServers([configured(served.url)]).tools()]

    specs = asyncio.run(run())
    assert "weather__forecast" not in [spec["name"] for spec in specs]
    assert {len(spec["description"]) for spec in specs} <= {4, 5}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Weather"}, "name"),
        ({"url": "ftp://weather"}, "url"),
        ({"url": "http://a/mcp?key=secret"}, "url"),
        ({"auth": "basic"}, "auth"),
        ({"tools": []}, "tools"),
        ({"tools": ["a", "a"]}, "named twice"),
        ({"tools": ["a b"]}, "models do not take"),
        ({"tools": ["a" * 60]}, "models do not take"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 61}, "timeout_seconds"),
        ({"token": "secret"}, "token"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        read_servers(json.dumps([CONFIGURED | changes]))
    assert "secret" not in str(refused.value)


def test_names_are_told_apart() -> None:
    assert read_servers("") == ()
    with pytest.raises(SettingsError, match="a name of its own"):
        read_servers(json.dumps([CONFIGURED, CONFIGURED]))
    with pytest.raises(SettingsError, match="at most 4"):
        read_servers(json.dumps([CONFIGURED | {"name": f"a{number}"} for number in range(5)]))


class TestSignature:
    """Requests to a Lambda function URL."""

    URL = "https://abc123.lambda-url.eu-west-1.on.aws/mcp"

    def test_the_request_is_signed_with_its_body(self, aws_environment: None) -> None:
        del aws_environment
        seen: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(request)
            return httpx2.Response(202)

        async def run() -> None:
            transport = httpx2.MockTransport(answer)
            async with httpx2.AsyncClient(auth=LambdaSignature(), transport=transport) as client:
                await client.post(self.URL, json={"a": 1})
                await client.post(self.URL, json={"a": 2})

        asyncio.run(run())
        first, second = (request.headers["authorization"] for request in seen)
        assert first.startswith("AWS4-HMAC-SHA256 Credential=")
        assert "/eu-west-1/lambda/aws4_request" in first
        assert "host" in first.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        assert first != second
        assert "x-amz-date" in seen[0].headers

    def test_no_other_host_gets_a_signature(self) -> None:
        assert function_region("abc123.lambda-url.eu-west-1.on.aws") == "eu-west-1"
        for host in ("lambda-url.eu-west-1.on.aws", "abc.lambda-url.eu-west-1.on.aws.evil.example", "a.b"):
            with pytest.raises(ValueError, match="no Lambda function URL"):
                function_region(host)

    def test_without_credentials_nothing_is_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Empty:
            def get_credentials(self) -> None:
                return None

        monkeypatch.setattr(aws, "session", Empty)
        with pytest.raises(ValueError, match="no credentials"):
            signing.frozen_credentials()


class TestTheOwnServer:
    def test_it_alone_is_told_who_asks_and_which_use_it_is(self, served: Served) -> None:
        seen: list[tuple[str, dict[str, str], bytes]] = []

        async def note(request: httpx2.Request) -> None:
            seen.append((str(request.url), dict(request.headers), request.content))

        def connect(auth: httpx2.Auth | None) -> httpx2.AsyncClient:
            del auth
            return httpx2.AsyncClient(event_hooks={"request": [note]})

        own = configured(served.url, name="nova")
        other = configured(served.url)

        async def run() -> None:
            servers = McpServers([other], own=own, own_region="us-east-1", connect=connect)
            for tool in await servers.tools("Bearer alice"):
                if tool.tool_name.endswith("__forecast"):
                    seen.clear()
                    await used(tool, city="Osaka")
                    told = [headers.get("x-nova-authorization") for _, headers, _ in seen]
                    named = any(b"nova/idempotency-key" in content for *_, content in seen)
                    is_own = tool.tool_name.startswith("nova__")
                    assert set(told) == ({"Bearer alice"} if is_own else {None})
                    assert named == is_own

        asyncio.run(run())

    def test_it_is_read_from_its_address_and_the_names_of_its_tools(self) -> None:
        assert own_server("", "") is None
        found = own_server("https://abc.lambda-url.us-east-1.on.aws/mcp", "one,two")
        assert found is not None
        assert (found.auth, found.tools, found.known_as("one")) == ("sigv4", ("one", "two"), "nova__one")
        with pytest.raises(SettingsError, match="MCP_SERVER_URL"):
            own_server("ftp://x", "one")
