"""Paying, on a chain of this machine, to the platform's own seller."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from eth_account.signers.local import LocalAccount
from fastapi.testclient import TestClient
from nova_common import aws
from nova_mcp_server.domain import RefusedError
from nova_mcp_server.resource_server import UnavailableError
from nova_x402_seller.app import create_app
from nova_x402_seller.settings import ApiSettings

from tests.services.support.paying import (
    MONTH,
    YEAR,
    Paying,
    Way,
    create_ledger,
    paying,
    purchase,
    set_key,
    terms,
)
from tests.services.support.payments import PaymentNetwork, new_account, payment_network
from tests.services.support.tables import EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaymentNetwork]:
    with payment_network(tmp_path_factory.mktemp("chain")) as network:
        yield network


@dataclass
class World(Paying):
    """A payer with money, and a seller."""

    network: PaymentNetwork
    account: LocalAccount
    pay_to: str

    @property
    def paid(self) -> int:
        return self.network.balance(self.pay_to)


@pytest.fixture
def make(network: PaymentNetwork, dynamodb: "DynamoDBClient") -> Iterator[Callable[..., World]]:
    clients = ExitStack()

    def made(money: int = 10 * YEAR, **changed: Any) -> World:  # noqa: ANN401 - terms
        pay_to, account = new_account().address, network.funded(money)
        environment = {
            "SERVICE_NAME": "x402-seller",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "PUBLIC_URL": "https://nova.example.com",
            "PAYMENT_NETWORK": network.network,
            "PAYMENT_ASSET": network.asset,
            "PAYMENT_ASSET_NAME": "USD Coin",
            "PAYMENT_ASSET_VERSION": "2",
            "PAY_TO": pay_to,
            "FACILITATOR_URL": network.url,
        }
        create_ledger(dynamodb)
        set_key(account)
        seller = TestClient(create_app(ApiSettings.from_env(environment)))
        way = Way(clients.enter_context(seller))
        allowed = terms(pay_to, network.network, network.asset, **changed)
        return World(**vars(paying(allowed, way)), network=network, account=account, pay_to=pay_to)

    with clients:
        yield made


def test_a_purchase_is_paid_once_however_often_it_is_asked_for(make: Callable[..., World]) -> None:
    world, wanted = make(), purchase("one use")
    bought = world.payer.buy(wanted)
    assert bought.attempt is not None
    assert '"osaka"' in bought.answer
    receipt = world.network.rpc("eth_getTransactionReceipt", bought.attempt.transaction)["result"]
    assert receipt["status"] == "0x1"
    assert world.payer.buy(wanted).answer == bought.answer
    assert world.paid == MONTH
    assert world.events() == ["PaymentReserved", "PaymentSettled"]
    day = world.ledger.day(bought.attempt.day)
    assert (day.spent, day.committed) == (MONTH, MONTH)
    stored = world.ledger.attempt(ALICE, bought.attempt.id)
    assert stored is not None
    assert (stored.state, stored.signed) == ("paid", "")


def test_uses_without_a_key_are_one_for_a_while(make: Callable[..., World]) -> None:
    world = make()
    wanted = purchase()
    keyless = type(wanted)(user=ALICE, tool="weather", resource=wanted.resource, description="")
    for _ in range(2):
        world.payer.buy(keyless)
    assert world.paid == MONTH
    world.payer.buy(type(wanted)(user=BOB, tool="weather", resource=wanted.resource, description=""))
    assert world.paid == 2 * MONTH


def test_an_answer_that_is_lost_is_asked_for_by_the_same_signature(make: Callable[..., World]) -> None:
    world, failures = make(), [1]

    def lose(request: httpx2.Request, answer: httpx2.Response | None) -> None:
        if (
            answer is not None and "payment-signature" in request.headers and failures.pop()
            if failures
            else False
        ):
            raise httpx2.ReadTimeout("lost", request=request)

    world.way.fault = lose
    bought = world.payer.buy(purchase("lost"))
    assert bought.attempt is not None
    assert world.paid == MONTH
    assert len(world.way.payments) == 2
    assert len(set(world.way.payments)) == 1
    assert world.events() == ["PaymentReserved", "PaymentSettled"]


def test_an_unknown_outcome_holds_the_budget_until_it_is_known(make: Callable[..., World]) -> None:
    world, wanted = make(), purchase("unknown")

    def lose(request: httpx2.Request, answer: httpx2.Response | None) -> None:
        if answer is not None and "payment-signature" in request.headers:
            raise httpx2.ReadTimeout("lost", request=request)

    world.way.fault = lose
    with pytest.raises(UnavailableError, match="not be paid twice"):
        world.payer.buy(wanted)
    attempt = world.ledger.attempts(ALICE, None).attempts[0]
    assert attempt.state == "unknown"
    assert world.ledger.day(attempt.day).committed == MONTH
    world.way.fault = None
    bought = world.payer.buy(wanted)
    assert bought.attempt is not None
    assert bought.attempt.state == "paid"
    assert len(set(world.way.payments)) == 1
    assert world.paid == MONTH
    assert world.events() == ["PaymentReserved", "PaymentSettled", "PaymentUnknown"]


def test_what_never_arrived_is_released_when_nobody_can_settle_it(make: Callable[..., World]) -> None:
    world, wanted = make(per_day=MONTH), purchase("never")

    def refuse(request: httpx2.Request, answer: httpx2.Response | None) -> None:
        if answer is None and "payment-signature" in request.headers:
            raise httpx2.ConnectError("away", request=request)

    world.way.fault = refuse
    with pytest.raises(UnavailableError):
        world.payer.buy(wanted)
    world.way.fault = None
    with pytest.raises(RefusedError, match="budget"):
        world.payer.buy(purchase("another"))
    assert world.payer.settle_overdue() == 0
    # The chain's clock is not ours to move: the seller refuses a payment that it is never shown as good.
    world.clock.moved += world.ledger.attempts(ALICE, None).attempts[-1].held_until - world.clock.now()
    world.clock.moved += world.clock.moved * 0.1
    world.way.seller = lambda _request: httpx2.Response(402, json={"error": "expired"})
    assert world.payer.settle_overdue() == 1
    day = world.ledger.day(world.ledger.attempts(ALICE, None).attempts[-1].day)
    assert (day.spent, day.committed) == (0, 0)
    assert world.paid == 0


def test_a_payment_that_is_not_taken_is_held_and_not_repeated(make: Callable[..., World]) -> None:
    world, wanted = make(money=MONTH // 2), purchase("poor")
    with pytest.raises(RefusedError, match=r"not taken.*insufficient"):
        world.payer.buy(wanted)
    with pytest.raises(RefusedError, match="shortly"):
        world.payer.buy(wanted)
    assert len(world.way.payments) == 1
    attempt = world.ledger.attempts(ALICE, None).attempts[0]
    assert (attempt.state, attempt.status) == ("rejected", "failed")
    assert world.ledger.day(attempt.day).committed == MONTH
    assert world.events() == ["PaymentRejected", "PaymentReserved"]


def test_above_the_threshold_a_person_approves_once(make: Callable[..., World]) -> None:
    world, wanted = make(), purchase("year", year=True)
    waiting = world.payer.buy(wanted)
    again = world.payer.buy(purchase("asked again", year=True))
    assert waiting.approval is not None
    assert again.approval is not None
    assert again.approval.id == waiting.approval.id
    assert world.paid == 0
    world.ledger.decide(waiting.approval, "approved", world.clock.now())
    bought = world.payer.buy(wanted)
    assert bought.attempt is not None
    assert bought.attempt.state == "paid"
    assert world.payer.buy(purchase("once more", year=True)).approval is not None
    assert world.paid == YEAR
    used = world.ledger.approval(ALICE, waiting.approval.id)
    assert used is not None
    assert used.stored == "used"


def test_a_wallet_without_a_key_says_so(make: Callable[..., World]) -> None:
    world = make()
    secrets: Any = aws.secretsmanager(REGION)
    secrets.delete_secret(SecretId="wallet", ForceDeleteWithoutRecovery=True)
    set_key(None)
    assert world.wallet.address() is None
    with pytest.raises(RefusedError, match="wallet rotate"):
        world.payer.buy(purchase())
    assert world.events() == ["PaymentRefused"]
