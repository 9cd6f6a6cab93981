"""The MCP server's function in this process, with a seller that believes every payment."""

import base64
import json
from typing import TYPE_CHECKING, Any

import httpx2
from nova_mcp_server import function
from nova_mcp_server.app import create_app
from nova_mcp_server.catalogue import Catalogue
from nova_mcp_server.function import Process
from nova_mcp_server.resource_server import ResourceServer
from nova_mcp_server.tools import Shop

from tests.services.support.paying import Paying, Way, create_ledger, paying, set_key, terms
from tests.services.support.payments import new_account
from tests.services.support.tokens import verifier

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PAYEE = "0x" + "ab" * 20
ASSET = "0x" + "aa" * 20
MONTH = {
    "city": {"id": "osaka", "name": "Osaka", "country": "JP"},
    "weather": {"month": 8, "high_celsius": 34, "low_celsius": 26, "precipitation_mm": 113},
}
OFFERS = {
    "cities": [MONTH["city"]],
    "offers": [
        {"name": "month", "path": "/api/weather/{city}", "description": "A month", "price_usd": "0.01"},
        {"name": "year", "path": "/api/weather/{city}/year", "description": "A year", "price_usd": "0.30"},
    ],
    "network": "eip155:1",
    "asset": ASSET,
    "pay_to": PAYEE,
}


def encoded(document: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def demand(amount: str = "10000", **changed: Any) -> httpx2.Response:  # noqa: ANN401 - members of an offer
    offer = {
        "scheme": "exact",
        "network": "eip155:1",
        "asset": ASSET,
        "payTo": PAYEE,
        "amount": amount,
        "maxTimeoutSeconds": 60,
        "extra": {"name": "USD Coin", "version": "2"},
    } | changed
    required = {"x402Version": 2, "accepts": [offer], "resource": {"url": "https://seller.test/x"}}
    return httpx2.Response(402, headers={"PAYMENT-REQUIRED": encoded(required)}, json={})


def seller(request: httpx2.Request) -> httpx2.Response:
    """A seller that believes every payment."""
    path = request.url.path
    if path == "/api/weather":
        return httpx2.Response(200, json=OFFERS)
    if "payment-signature" not in request.headers:
        return demand("300000" if path.endswith("year") else "10000")
    receipt = {"success": True, "transaction": "0x" + "12" * 32, "network": "eip155:1"}
    body = MONTH if not path.endswith("year") else {"city": MONTH["city"], "months": [MONTH["weather"]] * 12}
    return httpx2.Response(200, headers={"PAYMENT-RESPONSE": encoded(receipt)}, json=body)


class Served:
    """A function with a seller of this process."""

    def __init__(self, dynamodb: "DynamoDBClient", **changed: Any) -> None:  # noqa: ANN401 - terms
        create_ledger(dynamodb)
        set_key(new_account())
        self.way = Way(seller)
        allowed = terms(PAYEE, "eip155:1", ASSET, **changed)
        self.paying: Paying = paying(allowed, self.way)
        made = self.paying
        self.api = create_app(allowed, made.ledger, made.wallet, made.payer, verifier())
        shop = Shop(allowed, made.payer, Catalogue(ResourceServer("http://seller.test", transport=self.way)))
        self.process = Process(shop, self.api, self.api.state.verifier)

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        return function.answer(self.process, event, None)
