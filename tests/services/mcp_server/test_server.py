"""The MCP server as its clients see it: tools, typed results, refusals, and who is let in."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent
from nova_mcp_server.domain import Offer, RefusedError
from nova_mcp_server.resource_server import ResourceServer, UnavailableError

from tests.services.support.function_urls import function_url
from tests.services.support.mcp_served import ASSET, MONTH, PAYEE, Served, demand, seller
from tests.services.support.paying import Way, terms
from tests.services.support.tokens import ALICE, token

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CHECKOUT = Path(__file__).resolve().parents[3]
INSPECTOR = "0.15.0"


@pytest.fixture
def served(dynamodb: "DynamoDBClient") -> Served:
    return Served(dynamodb)


@pytest.fixture
def url(served: Served) -> Iterator[str]:
    with function_url(served.answer) as url:
        yield f"{url}/mcp"


def bearer(user: str = ALICE) -> dict[str, str]:
    return {"X-Nova-Authorization": f"Bearer {token(user)}"}


async def call(
    url: str,
    tool: str,
    arguments: dict[str, Any],
    headers: dict[str, str],
    **more: Any,  # noqa: ANN401
) -> CallToolResult:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        streamable_http_client(url, http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        use: Any = session.call_tool
        return cast("CallToolResult", await use(tool, arguments, **more))


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def told(result: CallToolResult) -> dict[str, Any]:
    assert result.structured_content is not None
    return result.structured_content


@pytest.mark.anyio
async def test_tools_are_listed_with_their_schemas(url: str) -> None:
    async with (
        httpx2.AsyncClient() as http,
        streamable_http_client(url, http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert tuple(tools) == ("list_weather_offers", "get_weather_of_city", "get_weather_of_city_all_year")
    city = tools["get_weather_of_city"].input_schema["properties"]["city"]
    assert city["enum"] == ["osaka"]
    assert all(tool.output_schema for tool in tools.values())


@pytest.mark.anyio
async def test_what_is_bought_is_typed_and_says_what_was_paid(url: str, served: Served) -> None:
    result = await call(url, "get_weather_of_city", {"city": "Osaka", "month": 8}, bearer())
    assert not result.is_error
    assert told(result)["weather"] == MONTH
    assert told(result)["payment"]["amount_usd"] == "0.01"
    assert result.meta == {"nova/paid-usd": "0.01"}
    assert "34 °C by day" in text_of(result)
    assert served.way.seen[-1].url.raw_path == b"/api/weather/osaka?month=8"


@pytest.mark.anyio
async def test_the_same_use_pays_once_and_another_again(url: str, served: Served) -> None:
    paid: list[Any] = []
    for key in ("one", "one", "two"):
        named = {"nova/idempotency-key": key}
        result = await call(url, "get_weather_of_city", {"city": "osaka"}, bearer(), meta=named)
        paid.append((result.meta or {})["nova/paid-usd"])
    assert paid == ["0.01", "0.00", "0.01"]
    assert len(served.way.payments) == 2


@pytest.mark.anyio
async def test_offers_are_free(url: str, served: Served) -> None:
    result = await call(url, "list_weather_offers", {}, bearer())
    assert [offer["price_usd"] for offer in told(result)["offers"]] == ["0.01", "0.30"]
    assert served.way.payments == []


@pytest.mark.anyio
async def test_above_the_threshold_an_approval_is_waited_for(url: str, served: Served) -> None:
    result = await call(url, "get_weather_of_city_all_year", {"city": "osaka"}, bearer())
    assert told(result)["status"] == "waiting_for_approval"
    approval = served.paying.ledger.approval(ALICE, told(result)["approval_id"])
    assert approval is not None
    assert approval.id in text_of(result)
    assert served.way.payments == []


@pytest.mark.anyio
@pytest.mark.parametrize("header", ["", "X-Nova-Authorization", "Authorization"])
async def test_nothing_is_bought_for_nobody(url: str, served: Served, header: str) -> None:
    # An identity token is no access token, and another header is the signature's.
    kind = "access" if header == "Authorization" else "id"
    headers = {header: f"Bearer {token(ALICE, token_use=kind)}"} if header else {}
    result = await call(url, "get_weather_of_city", {"city": "osaka"}, headers)
    assert result.is_error
    assert told(result)["status"] == "refused"
    assert served.way.payments == []


@pytest.mark.anyio
async def test_what_there_is_not_is_said(url: str, served: Served) -> None:
    result = await call(url, "get_weather_of_city", {"city": "atlantis"}, bearer())
    assert result.is_error
    assert "no data of this city" in told(result)["message"]
    assert served.way.payments == []


@pytest.mark.anyio
async def test_an_offer_that_may_not_be_paid_is_refused_and_noted(url: str, served: Served) -> None:
    served.way.seller = lambda request: (
        seller(request) if request.url.path == "/api/weather" else demand(payTo="0x" + "99" * 20)
    )
    result = await call(url, "get_weather_of_city", {"city": "osaka"}, bearer())
    assert result.is_error
    assert "payee" in told(result)["message"]
    assert served.way.payments == []
    assert served.paying.events() == ["PaymentRefused"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"payTo": "0x" + "99" * 20}, "payee"),
        ({"asset": "0x" + "99" * 20}, "asset"),
        ({"network": "eip155:2"}, "network"),
        ({"scheme": "upto"}, "another way"),
        ({"extra": {"assetTransferMethod": "permit2"}}, "another way"),
        ({"amount": "500001"}, "one payment may be"),
        ({"amount": "-5"}, "whole number"),
        ({"amount": "9" * 60}, "whole number"),
        ({"amount": 10_000}, "whole number"),
        ({"maxTimeoutSeconds": 90_000}, "good for"),
    ],
)
def test_an_offer_is_not_believed(changed: dict[str, Any], reason: str) -> None:
    way = Way(lambda _request: demand(**{"amount": "10000"} | changed))
    offers = ResourceServer("http://seller.test", transport=way).ask("/x").offers
    with pytest.raises(RefusedError, match=reason):
        terms(PAYEE, "eip155:1", ASSET).acceptable(offers)


def test_the_cheapest_good_offer_is_taken() -> None:
    def offer(amount: str, payee: str = PAYEE) -> Offer:
        return Offer(
            scheme="exact", network="eip155:1", asset=ASSET, payee=payee, amount=amount, seconds=60, method=""
        )

    good = terms(PAYEE, "eip155:1", ASSET).acceptable(
        [offer("1", "0x" + "99" * 20), offer("700"), offer("300")]
    )
    assert good[1] == 300


@pytest.mark.parametrize(
    ("answer", "fails"),
    [
        (httpx2.Response(302, headers={"location": "https://elsewhere.test/"}), False),
        (httpx2.Response(402), False),
        (httpx2.Response(402, headers={"PAYMENT-REQUIRED": "%%%"}), False),
        (httpx2.Response(200, content=b"x" * 200_000), True),
        (httpx2.Response(200, content=b"[]"), True),
        (httpx2.Response(500), True),
        (httpx2.Response(404, json={"detail": "there is no data"}), False),
    ],
)
def test_a_server_may_answer_anything(answer: httpx2.Response, fails: bool) -> None:
    way = Way(lambda _request: answer)
    server = ResourceServer("http://seller.test", transport=way, sleep=lambda _: None)
    if fails:
        with pytest.raises(UnavailableError):
            server.ask("/x")
    else:
        found = server.ask("/x")
        assert not found.succeeded
        assert found.offers == ()
    assert {request.url.host for request in way.seen} == {"seller.test"}


@pytest.mark.anyio
async def test_a_server_that_fails_first_is_asked_again(url: str, served: Served) -> None:
    failures = [httpx2.Response(503), httpx2.Response(429)]

    def shaky(request: httpx2.Request) -> httpx2.Response:
        if failures and "payment-signature" not in request.headers and request.url.path != "/api/weather":
            return failures.pop()
        return seller(request)

    served.way.seller = shaky
    result = await call(url, "get_weather_of_city", {"city": "osaka"}, bearer())
    assert not result.is_error
    assert len(served.way.payments) == 1


def test_another_name_for_the_address_is_refused(served: Served) -> None:
    with function_url(served.answer, domain="abc.lambda-url.us-east-1.on.aws") as url:
        hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        headers = {"accept": "application/json, text/event-stream"}
        assert httpx2.post(f"{url}/mcp", json=hello, headers=headers).status_code == 421


CLIENT = """
import asyncio, json, sys
async def main(url, bearer):
    import mcp, importlib.metadata
    from mcp import ClientSession
    headers = {"X-Nova-Authorization": bearer}
    if importlib.metadata.version("mcp").startswith("1."):
        from mcp.client.streamable_http import streamablehttp_client
        connection = streamablehttp_client(url, headers=headers)
    else:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client
        connection = streamable_http_client(url, http_client=httpx2.AsyncClient(headers=headers, timeout=30))
    async with connection as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            result = await session.call_tool("get_weather_of_city", {"city": "osaka"})
            told = result.model_dump(by_alias=True)["structuredContent"]
            print(json.dumps([tools, told["weather"]["city"]["id"]]))
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("version", "pydantic"), [("1.10.1", "2.11.7"), ("1.30.0", "2.14.3"), ("2.3.0", "2.14.3")]
)
def test_older_generations_of_the_sdk_work_as_they_are(
    url: str, version: str, pydantic: str, tmp_path: Path
) -> None:
    uv = subprocess.run(
        [CHECKOUT / "nova", "--print-uv"], capture_output=True, text=True, check=True
    ).stdout.strip()
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    command = [
        uv,
        "run",
        "--no-project",
        "--quiet",
        "--python",
        "3.13",
        "--with",
        f"mcp=={version}",
        "--with",
        f"pydantic=={pydantic}",
        "python",
    ]
    made = subprocess.run(
        [*command, str(script), url, f"Bearer {token(ALICE)}"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    tools, city = json.loads(made.stdout)
    assert len(tools) == 3
    assert city == "osaka"


@pytest.mark.exhaustive
def test_the_inspector_works_as_it_is(url: str, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"private": true}')
    package = f"@modelcontextprotocol/inspector@{INSPECTOR}"
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", package]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=100)
    inspect = ["npx", "--no-install", "mcp-inspector", "--cli", url, "--transport", "http"]
    # This version sends no headers of its own: it lists, and is told why it may not buy.
    for asked, told in (
        (["--method", "tools/list"], "get_weather_of_city_all_year"),
        (["--method", "tools/call", "--tool-name", "list_weather_offers"], "an access token is required"),
    ):
        made = subprocess.run(
            [*inspect, *asked], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )
        assert made.returncode == 0, made.stderr[-2000:]
        assert told in json.dumps(json.loads(made.stdout))
