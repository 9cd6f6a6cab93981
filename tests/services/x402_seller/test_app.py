"""The seller, paid by the x402 package's own client on a chain of this machine."""

import asyncio
import base64
import json
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

import httpx
import httpx2
import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from nova_common.contracts.weather import SALE, SaleFailed, SaleSettled, SaleStarted
from nova_common.event_store import DynamoEventStore
from nova_common.events import Event, EventRegistry
from nova_x402_seller.app import create_app
from nova_x402_seller.gate import Facilitator
from nova_x402_seller.settings import ApiSettings
from x402 import x402Client
from x402.client_base import SpendControlAsset
from x402.extensions.payment_identifier import append_payment_identifier_to_extensions
from x402.http.utils import (
    decode_payment_required_header,
    decode_payment_response_header,
    encode_payment_signature_header,
)
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import ExactEvmClientScheme
from x402.schemas import PaymentPayload, PaymentRequired, SettleResponse

from tests.services.support.api_checks import check_api
from tests.services.support.payments import PaymentNetwork, free_port, new_account, payment_network
from tests.services.support.tables import EVENT_STORE_TABLE, REGION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PUBLIC_URL = "https://nova.example.com"
TOKYO = "/api/weather/tokyo"
MONTH, YEAR = 10_000, 300_000
IDENTIFIER = "pay_0123456789abcdef"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaymentNetwork]:
    with payment_network(tmp_path_factory.mktemp("chain")) as network:
        yield network


def environment(network: PaymentNetwork, pay_to: str, **changed: str) -> dict[str, str]:
    return {
        "SERVICE_NAME": "x402-seller",
        "AWS_REGION": REGION,
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "PUBLIC_URL": PUBLIC_URL,
        "PAYMENT_NETWORK": network.network,
        "PAYMENT_ASSET": network.asset,
        "PAYMENT_ASSET_NAME": "USD Coin",
        "PAYMENT_ASSET_VERSION": "2",
        "PAY_TO": pay_to,
        "FACILITATOR_URL": network.url,
    } | changed


@dataclass(frozen=True)
class Shop:
    """A seller with an account of its own, and a payer with some money."""

    client: TestClient
    store: DynamoEventStore
    dynamodb: "DynamoDBClient"
    network: PaymentNetwork
    pay_to: str

    def terms(self, path: str = TOKYO) -> PaymentRequired:
        answer = self.client.get(path)
        assert answer.status_code == 402, answer.text
        terms = decode_payment_required_header(answer.headers["PAYMENT-REQUIRED"])
        assert isinstance(terms, PaymentRequired)
        return terms

    def signed(self, account: LocalAccount, path: str = TOKYO, *, identifier: str = "") -> PaymentPayload:
        """A payment for what a path asks, signed by the package's client."""
        payer = x402Client()
        asset: SpendControlAsset = {"network": self.network.network, "asset": self.network.asset}
        payer.set_spend_controls({"allowed_assets": [asset]})
        payer.register(self.network.network, ExactEvmClientScheme(EthAccountSigner(account)))
        terms = self.terms(path)
        if identifier:
            append_payment_identifier_to_extensions(terms.extensions or {}, identifier)
        payload = asyncio.run(payer.create_payment_payload(terms))
        assert isinstance(payload, PaymentPayload)
        return payload

    def present(self, payload: PaymentPayload, path: str = TOKYO) -> httpx2.Response:
        return self.client.get(path, headers={"PAYMENT-SIGNATURE": encode_payment_signature_header(payload)})

    def earned(self) -> int:
        return self.network.balance(self.pay_to)

    def events(self) -> list[Event]:
        items = self.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"]
        aggregates = sorted({str(item["pk"].get("S")) for item in items})
        return [event for aggregate in aggregates for event in self.store.load(aggregate)]


@contextmanager
def opened(network: PaymentNetwork, dynamodb: "DynamoDBClient", **changed: str) -> Generator[Shop]:
    pay_to = new_address()
    settings = ApiSettings.from_env(environment(network, pay_to, **changed))
    with TestClient(create_app(settings)) as client:
        store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry((SALE,)))
        yield Shop(client, store, dynamodb, network, pay_to)


@pytest.fixture
def shop(network: PaymentNetwork, dynamodb: "DynamoDBClient") -> Iterator[Shop]:
    with opened(network, dynamodb) as shop:
        yield shop


def new_address() -> str:
    return str(new_account().address)


def error_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 402, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"]).partition("version 2): ")[2]


def test_what_there_is_and_what_it_costs_is_free(shop: Shop) -> None:
    offers = shop.client.get("/api/weather").json()
    assert {city["id"] for city in offers["cities"]} >= {"tokyo", "london", "sao-paulo"}
    assert {offer["name"]: offer["price_usd"] for offer in offers["offers"]} == {
        "month": "0.01",
        "year": "0.30",
    }
    assert (offers["network"], offers["asset"], offers["pay_to"]) == (
        shop.network.network,
        shop.network.asset,
        shop.pay_to,
    )


def test_without_a_payment_it_says_what_to_pay(shop: Shop) -> None:
    answer = shop.client.get(TOKYO)
    assert answer.json()["type"] == "urn:nova:problem:payment-required"
    terms = shop.terms()
    assert terms.x402_version == 2
    assert terms.resource is not None
    assert terms.resource.url == f"{PUBLIC_URL}{TOKYO}"
    [accepted] = terms.accepts
    assert (accepted.scheme, accepted.network, accepted.asset, accepted.pay_to, accepted.amount) == (
        "exact",
        shop.network.network,
        shop.network.asset,
        shop.pay_to,
        str(MONTH),
    )
    assert shop.terms(f"{TOKYO}/year").accepts[0].amount == str(YEAR)


def test_who_pays_is_given_it_with_a_receipt(shop: Shop) -> None:
    payer = shop.network.funded(MONTH + YEAR + 5)
    answer = shop.present(shop.signed(payer), TOKYO + "?month=8")
    assert answer.status_code == 200, answer.text
    assert answer.json()["city"] == {"id": "tokyo", "name": "Tokyo", "country": "JP"}
    assert answer.json()["weather"] == {
        "month": 8,
        "high_celsius": 31,
        "low_celsius": 24,
        "precipitation_mm": 155,
    }
    assert answer.headers["cache-control"] == "private, no-store"
    receipt = decode_payment_response_header(answer.headers["PAYMENT-RESPONSE"])
    assert (receipt.success, receipt.payer) == (True, payer.address)
    mined = shop.network.rpc("eth_getTransactionReceipt", receipt.transaction)["result"]
    assert mined["status"] == "0x1"
    year = shop.present(shop.signed(payer, f"{TOKYO}/year"), f"{TOKYO}/year")
    assert [month["month"] for month in year.json()["months"]] == list(range(1, 13))
    assert (shop.earned(), shop.network.balance(payer.address)) == (MONTH + YEAR, 5)
    kinds = sorted(type(event.data).__name__ for event in shop.events())
    assert kinds == ["SaleSettled", "SaleSettled", "SaleStarted", "SaleStarted"]
    [settled] = [
        event.data
        for event in shop.events()
        if isinstance(event.data, SaleSettled) and event.data.transaction == receipt.transaction
    ]
    assert settled


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/weather/atlantis", 404), (f"{TOKYO}?month=13", 422), ("/api/weather/atlantis/year", 404)],
)
def test_mistakes_are_told_before_anything_is_paid(shop: Shop, path: str, status: int) -> None:
    payer = shop.network.funded(MONTH)
    payload = encode_payment_signature_header(shop.signed(payer))
    assert shop.client.get(path, headers={"PAYMENT-SIGNATURE": payload}).status_code == status
    assert shop.client.get(path).status_code == status
    assert (shop.earned(), shop.events()) == (0, [])


def test_a_payment_pays_once(shop: Shop) -> None:
    payer = shop.network.funded(10 * MONTH)
    payload = shop.signed(payer)
    assert shop.present(payload).status_code == 200
    assert error_of(shop.present(payload)) in {"payment_already_used", "invalid_exact_evm_nonce_already_used"}
    assert error_of(shop.present(payload, "/api/weather/osaka"))
    assert shop.earned() == MONTH


def test_a_payment_presented_many_times_at_once_pays_once(shop: Shop) -> None:
    payer = shop.network.funded(10 * MONTH)
    payload = shop.signed(payer)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(shop.present, [payload] * 8))
    assert sorted(answer.status_code for answer in answers) == [200] + [402] * 7
    assert shop.earned() == MONTH


def test_with_an_identifier_it_is_given_again_and_paid_once(shop: Shop) -> None:
    payer = shop.network.funded(10 * MONTH)
    payload = shop.signed(payer, identifier=IDENTIFIER)
    first, again = shop.present(payload), shop.present(payload)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    receipts = [decode_payment_response_header(a.headers["PAYMENT-RESPONSE"]) for a in (first, again)]
    assert receipts[0].transaction == receipts[1].transaction
    # The identifier is the payer's secret: what everybody can read on the chain is not enough.
    stranger = payload.model_copy(update={"extensions": None})
    assert error_of(shop.present(stranger))
    assert error_of(shop.present(payload, "/api/weather/osaka"))
    assert shop.earned() == MONTH
    [started] = [event.data for event in shop.events() if isinstance(event.data, SaleStarted)]
    assert IDENTIFIER not in started.model_dump_json()


def test_an_unfunded_payment_is_refused(shop: Shop) -> None:
    payload = shop.signed(new_account())
    assert "insufficient" in error_of(shop.present(payload))
    assert shop.events() == []


def _altered(payload: PaymentPayload, **changes: str) -> PaymentPayload:
    authorization = {**payload.payload["authorization"], **changes}
    return payload.model_copy(update={"payload": {**payload.payload, "authorization": authorization}})


def _accepting(payload: PaymentPayload, **changes: str) -> PaymentPayload:
    return payload.model_copy(update={"accepted": payload.accepted.model_copy(update=changes)})


def _signed_as(payload: PaymentPayload, signature: str) -> PaymentPayload:
    return payload.model_copy(update={"payload": {**payload.payload, "signature": signature}})


ALTERATIONS: dict[str, Callable[[PaymentPayload], PaymentPayload]] = {
    "value": lambda payload: _altered(payload, value="1"),
    "from": lambda payload: _altered(payload, **{"from": new_address()}),
    "to": lambda payload: _altered(payload, to=new_address()),
    "nonce": lambda payload: _altered(payload, nonce="0x" + "11" * 32),
    "signature": lambda payload: _signed_as(payload, "0x" + "12" * 64 + "1b"),
    "amount": lambda payload: _accepting(payload, amount="1"),
    "payee": lambda payload: _accepting(payload, pay_to=new_address()),
    "empty": lambda payload: payload.model_copy(update={"payload": {}}),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_payment_is_refused(shop: Shop, alteration: str) -> None:
    payer = shop.network.funded(10 * MONTH)
    answer = shop.present(ALTERATIONS[alteration](shop.signed(payer)))
    assert error_of(answer)
    assert (shop.earned(), shop.events()) == (0, [])


def test_a_payment_for_less_buys_nothing_dearer(shop: Shop) -> None:
    payer = shop.network.funded(10 * MONTH)
    assert error_of(shop.present(shop.signed(payer), f"{TOKYO}/year"))
    assert shop.earned() == 0


def test_an_expired_payment_is_refused(shop: Shop) -> None:
    payer = shop.network.funded(10 * MONTH)
    with patch("time.time", return_value=1_700_000_000.0):
        payload = shop.signed(payer)
    assert error_of(shop.present(payload))
    assert (shop.earned(), shop.events()) == (0, [])


@pytest.mark.parametrize("header", ["zzz", "e30=", base64.b64encode(b"[]").decode(), "x" * 8193, "é"])
def test_garbage_is_refused(shop: Shop, header: str) -> None:
    answer = shop.client.get(TOKYO, headers=[(b"PAYMENT-SIGNATURE", header.encode("latin-1"))])
    assert answer.status_code == (431 if len(header) > 8192 else 400)
    assert answer.headers["content-type"] == "application/problem+json"


def test_where_the_facilitator_is_down_nothing_is_sold(
    network: PaymentNetwork, dynamodb: "DynamoDBClient"
) -> None:
    with opened(network, dynamodb, FACILITATOR_URL=f"http://127.0.0.1:{free_port()}") as shop:
        answer = shop.client.get(TOKYO)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["type"] == "urn:nova:problem:payments-unavailable"
        assert shop.client.get("/api/weather").status_code == 200
        assert shop.client.get("/ready").json()["checks"]["facilitator"] == "failed"


def test_a_facilitator_that_fails_later_is_no_payment(shop: Shop) -> None:
    payload = shop.signed(shop.network.funded(10 * MONTH))
    with patch.object(Facilitator, "_verify_http", side_effect=httpx.ReadTimeout("slow")):
        answer = shop.present(payload)
    assert answer.json()["type"] == "urn:nova:problem:payments-unavailable"
    assert shop.present(payload).status_code == 200


def test_a_settlement_without_an_answer_may_not_be_repeated_at_once(shop: Shop) -> None:
    payload = shop.signed(shop.network.funded(10 * MONTH), identifier=IDENTIFIER)
    with patch.object(Facilitator, "_settle_http", side_effect=httpx.ReadTimeout("slow")):
        answer = shop.present(payload)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:nova:problem:settlement-unknown")
    assert error_of(shop.present(payload)) == "payment_already_used"
    with patch("nova_x402_seller.domain.SETTLEMENT_MAX", timedelta(seconds=0)):
        assert shop.present(payload).status_code == 200
    assert shop.earned() == MONTH


def test_a_refused_settlement_is_noted_and_gives_nothing(shop: Shop) -> None:
    payload = shop.signed(shop.network.funded(10 * MONTH))
    refused = SettleResponse(
        success=False, error_reason="invalid_transaction_state", transaction="", network=shop.network.network
    )
    with patch.object(Facilitator, "_settle_http", return_value=refused):
        answer = shop.present(payload)
    assert error_of(answer) == "invalid_transaction_state"
    assert decode_payment_response_header(answer.headers["PAYMENT-RESPONSE"]).success is False
    assert [type(event.data) for event in shop.events()] == [SaleStarted, SaleFailed]
    assert shop.present(payload).status_code == 200


def test_a_receipt_that_cannot_be_noted_costs_nobody_what_they_paid(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    payload = shop.signed(shop.network.funded(10 * MONTH))
    with patch("nova_x402_seller.storage.Sales.settle", side_effect=OSError("no disk")):
        assert shop.present(payload).status_code == 200
    assert any(record.levelname == "CRITICAL" for record in caplog.records)


def test_many_payments_at_once(shop: Shop) -> None:
    payer = shop.network.funded(30 * MONTH)
    payloads = [shop.signed(payer) for _ in range(30)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(shop.present, payloads))
    assert {answer.status_code for answer in answers} == {200}
    assert shop.earned() == 30 * MONTH


def test_the_document_says_what_is_paid_and_that_nobody_signs_in(shop: Shop) -> None:
    document = shop.client.get("/openapi.json").json()
    month = document["paths"]["/api/weather/{city}"]["get"]
    assert month["security"] == []
    assert {"200", "402", "404", "422", "431", "500", "503"} <= set(month["responses"])
    assert "401" not in month["responses"]
    assert "PAYMENT-REQUIRED" in month["responses"]["402"]["headers"]
    assert json.dumps(month["responses"]["402"]["content"]).find("ProblemDocument") > 0
    assert "402" not in document["paths"]["/api/weather"]["get"]["responses"]


def test_the_api_does_what_it_says(shop: Shop) -> None:
    client = shop.client
    check_api(client)
