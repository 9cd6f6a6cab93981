"""Weather data is paid on this machine's chain, by a client that others wrote, through the public API."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from x402 import x402Client
from x402.client_base import SpendControlAsset
from x402.http.utils import (
    decode_payment_required_header,
    decode_payment_response_header,
    encode_payment_signature_header,
)
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import ExactEvmClientScheme
from x402.schemas import PaymentPayload, PaymentRequired

from tests.e2e.running import Running
from tests.services.support.payments import PaymentNetwork

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

OSAKA = "/weather/osaka"
PRICE = 10_000


@pytest.fixture(scope="module")
def network(platform: Running) -> PaymentNetwork:
    return PaymentNetwork.at(platform.status()["urls"]["chain"])


@pytest.fixture(scope="module")
def anybody(platform: Running) -> Generator[httpx2.Client]:
    with platform.api(token="") as client:
        yield client


def sign(payer: x402Client, terms: PaymentRequired) -> PaymentPayload:
    """Sign in a thread of its own: this one has a loop once a browser has been opened."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        payload = pool.submit(lambda: asyncio.run(payer.create_payment_payload(terms))).result()
    assert isinstance(payload, PaymentPayload), "terms of version 2 are answered in version 2"
    return payload


def sales(platform: Running) -> int:
    """How many were settled: others buy here, too."""
    pages = platform.aws("dynamodb").get_paginator("scan")
    found = pages.paginate(TableName=platform.outputs()["event_store_table"])
    items = (item for page in found for item in page["Items"])
    return sum(item["type"]["S"] == "SaleSettled" for item in items if "type" in item)


def test_whoever_pays_is_given_it_and_nobody_else(
    platform: Running, anybody: httpx2.Client, network: PaymentNetwork
) -> None:
    assert platform.status()["urls"]["seller"].endswith("/api/weather")
    offers = anybody.get("/weather").json()
    before, sold = network.balance(offers["pay_to"]), sales(platform)
    unpaid = anybody.get(OSAKA)
    assert unpaid.status_code == 402
    terms = decode_payment_required_header(unpaid.headers["PAYMENT-REQUIRED"])
    assert isinstance(terms, PaymentRequired)
    payer = x402Client()
    asset: SpendControlAsset = {"network": network.network, "asset": network.asset}
    payer.set_spend_controls({"allowed_assets": [asset]})
    account = network.funded(3 * PRICE)
    payer.register(network.network, ExactEvmClientScheme(EthAccountSigner(account)))
    signed = encode_payment_signature_header(sign(payer, terms))
    paid = anybody.get(OSAKA, params={"month": 8}, headers={"PAYMENT-SIGNATURE": signed})
    assert paid.status_code == 200, paid.text
    assert paid.json()["weather"]["high_celsius"] == 34
    receipt = decode_payment_response_header(paid.headers["PAYMENT-RESPONSE"])
    assert network.rpc("eth_getTransactionReceipt", receipt.transaction)["result"]["status"] == "0x1"
    assert anybody.get(OSAKA, headers={"PAYMENT-SIGNATURE": signed}).status_code == 402
    assert network.balance(offers["pay_to"]) - before == PRICE
    assert network.balance(account.address) == 2 * PRICE
    assert sales(platform) - sold == 1
