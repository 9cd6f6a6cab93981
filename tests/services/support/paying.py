"""What tests of paying share: terms, a ledger, a wallet, and a way to a seller that fails as networks do."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, override

import httpx2
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from nova_common import aws
from nova_common.contracts.payments import PAYMENT
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_mcp_server.domain import Purchase, Terms
from nova_mcp_server.ledger import Ledger
from nova_mcp_server.payer import Payer
from nova_mcp_server.resource_server import ResourceServer
from nova_mcp_server.wallet import Wallet

from tests.services.support.tables import EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE

LEDGER_TABLE = "nova-payments"
SECRET = "wallet"
MONTH, YEAR = 10_000, 300_000


def create_ledger(client: Any, name: str = LEDGER_TABLE) -> None:  # noqa: ANN401 - a DynamoDB client
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
    )


def terms(payee: str, network: str = "eip155:1", asset: str = "0x" + "a" * 40, **changed: Any) -> Terms:  # noqa: ANN401
    values: dict[str, Any] = {
        "network": network,
        "asset": asset,
        "asset_name": "USD Coin",
        "asset_version": "2",
        "decimals": 6,
        "payees": (payee,),
        "per_day": 1_000_000,
        "per_payment": 500_000,
        "approval_above": 100_000,
    }
    return Terms(**{**values, **changed})


def purchase(key: str = "", *, user: str = ALICE, year: bool = False) -> Purchase:
    return Purchase(
        user=user,
        tool="weather",
        resource="/api/weather/osaka/year" if year else "/api/weather/osaka",
        description="Weather of Osaka",
        key=key or str(uuid.uuid4()),
    )


@dataclass
class Way(httpx2.BaseTransport):
    """The way to a seller in this process; `fault` sees each request and its answer, and may break it."""

    seller: TestClient | Callable[[httpx2.Request], httpx2.Response]
    fault: Callable[[httpx2.Request, httpx2.Response | None], None] | None = None
    seen: list[httpx2.Request] = field(default_factory=list[httpx2.Request])

    @override
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.fault:
            self.fault(request, None)
        answer = self._asked(request)
        if self.fault:
            self.fault(request, answer)
        return answer

    def _asked(self, request: httpx2.Request) -> httpx2.Response:
        if not isinstance(self.seller, TestClient):
            return self.seller(request)
        path = request.url.raw_path.decode()
        sent = {
            name: text for name, text in request.headers.items() if name in ("accept", "payment-signature")
        }
        answer = self.seller.request(request.method, path, headers=sent, follow_redirects=False)
        return httpx2.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    @property
    def payments(self) -> list[str]:
        """The payments that were presented, in order."""
        return [
            request.headers["payment-signature"]
            for request in self.seen
            if "payment-signature" in request.headers
        ]


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.moved = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved


@dataclass
class Paying:
    """A payer with all that it works with."""

    payer: Payer
    ledger: Ledger
    wallet: Wallet
    way: Way
    clock: Clock
    store: DynamoEventStore
    dynamodb: Any

    def events(self) -> list[str]:
        """Types of all events of payments."""
        items = self.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"]
        return sorted(item["type"]["S"] for item in items if item["pk"]["S"].startswith("Payment#"))

    def event_data(self, kind: str) -> list[dict[str, Any]]:
        items = self.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"]
        return [json.loads(item["data"]["S"]) for item in items if item["type"]["S"] == kind]


def set_key(account: LocalAccount | None) -> None:
    """Make the wallet's secret, with an account's key or without any."""
    client: Any = aws.secretsmanager(REGION)
    client.create_secret(Name=SECRET)
    if account is not None:
        client.put_secret_value(SecretId=SECRET, SecretString="0x" + bytes(account.key).hex())


def paying(allowed: Terms, way: Way) -> Paying:
    """A payer on the emulated AWS of a test."""
    client: Any = aws.dynamodb(REGION)
    store = DynamoEventStore(client, EVENT_STORE_TABLE, EventRegistry((PAYMENT,)))
    ledger = Ledger(client, LEDGER_TABLE, store, sleep=lambda _: None)
    wallet = Wallet(aws.secretsmanager(REGION), SECRET)
    clock = Clock()
    server = ResourceServer("http://seller.test", transport=way, sleep=lambda _: None)
    payer = Payer(allowed, ledger, wallet, server, now=clock.now, sleep=lambda _: None)
    return Paying(payer, ledger, wallet, way, clock, store, client)
