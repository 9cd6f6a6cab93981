"""Paid calls from many functions at once, on the local cloud's DynamoDB and a real chain of this machine."""

import contextlib
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi.testclient import TestClient
from nova_common import aws
from nova_common.contracts.payments import PAYMENT
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_mcp_server.domain import APPROVAL_LIFE, RefusedError, Terms, day_of
from nova_mcp_server.ledger import ChangedError, Ledger
from nova_mcp_server.payer import DAY_SPENT, Payer
from nova_mcp_server.resource_server import ResourceServer, UnavailableError
from nova_mcp_server.wallet import Wallet
from nova_x402_seller.app import create_app
from nova_x402_seller.settings import ApiSettings

from tests.local_cloud.running import Running
from tests.services.support.mcp_served import ASSET, PAYEE, seller
from tests.services.support.paying import MONTH, YEAR, Clock, Way, create_ledger, purchase, terms
from tests.services.support.payments import new_account, payment_network
from tests.services.support.tables import create_table

FUNCTIONS = 20
"""At once, each with clients of its own."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("calls", "paid"), [(24, 6), pytest.param(200, 50, marks=pytest.mark.exhaustive)], ids=["short", "whole"]
)
def test_a_budget_is_spent_and_never_overspent(
    cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int, paid: int
) -> None:
    events_table, ledger_table, secret = (f"paying-{kind}-{calls}" for kind in ("events", "ledger", "key"))
    client: Any = cloud.client("dynamodb")

    def dynamodb(_region: str) -> Any:  # noqa: ANN401 - a DynamoDB client
        return cloud.client("dynamodb")

    monkeypatch.setattr(aws, "dynamodb", dynamodb)
    create_table(client, events_table)
    create_ledger(client, ledger_table)
    with ExitStack() as stack:
        network = stack.enter_context(payment_network(tmp_path))
        account, pay_to = network.funded(calls * MONTH), new_account().address
        cloud.client("secretsmanager").create_secret(
            Name=secret, SecretString="0x" + bytes(account.key).hex()
        )
        environment = {
            "SERVICE_NAME": "x402-seller",
            "AWS_REGION": "us-east-1",
            "EVENT_STORE_TABLE": events_table,
            "PUBLIC_URL": "https://nova.example.com",
            "PAYMENT_NETWORK": network.network,
            "PAYMENT_ASSET": network.asset,
            "PAYMENT_ASSET_NAME": "USD Coin",
            "PAYMENT_ASSET_VERSION": "2",
            "PAY_TO": pay_to,
            "FACILITATOR_URL": network.url,
        }
        shop = stack.enter_context(TestClient(create_app(ApiSettings.from_env(environment))))
        allowed = terms(pay_to, network.network, network.asset, per_day=paid * MONTH)

        def function() -> Payer:
            own: Any = cloud.client("dynamodb")
            store = DynamoEventStore(own, events_table, EventRegistry((PAYMENT,)))
            wallet = Wallet(cloud.client("secretsmanager"), secret)
            server = ResourceServer("http://seller.test", transport=Way(shop))
            return Payer(allowed, Ledger(own, ledger_table, store), wallet, server, now=Clock().now)

        payers = [function() for _ in range(FUNCTIONS)]

        def call(number: int) -> str:
            try:
                payers[number % FUNCTIONS].buy(purchase(f"call {number}"))
            except RefusedError as error:
                return str(error)
            return "paid"

        with ThreadPoolExecutor(FUNCTIONS) as pool:
            outcomes = list(pool.map(call, range(calls)))
        assert outcomes.count("paid") == paid
        assert outcomes.count(DAY_SPENT) == calls - paid
        assert network.balance(pay_to) == paid * MONTH
        assert network.balance(account.address) == (calls - paid) * MONTH
    day = Ledger(client, ledger_table, DynamoEventStore(client, events_table, EventRegistry((PAYMENT,)))).day(
        day_of(Clock().now())
    )
    assert (day.spent, day.committed) == (paid * MONTH, paid * MONTH)
    pages = client.get_paginator("scan").paginate(TableName=events_table)
    told = [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith("Payment#")]
    kinds = [item["type"]["S"] for item in told]
    assert kinds.count("PaymentSettled") == kinds.count("PaymentReserved") == paid
    assert kinds.count("PaymentRefused") == calls - paid
    assert len(kinds) == calls + paid
    settled = {json.loads(item["data"]["S"]).get("transaction") for item in told} - {None}
    assert len(settled) == paid


CHANCE = 0.7
"""That somebody approves, that somebody rejects, that it expires: each by itself."""
FASTER = 50
"""Pauses are so much shorter than a payer's own."""


class Race:
    """One purchase above the threshold, and people who do things to its approval at the same time."""

    def __init__(self, seed: int, ledger: Ledger, wallet: Wallet, allowed: Terms) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same races every time
        self.way, self.ledger, self.clock = Way(seller), ledger, Clock()
        server = ResourceServer("http://seller.test", transport=self.way)
        self.payer = Payer(
            allowed,
            ledger,
            wallet,
            server,
            now=self.clock.now,
            sleep=lambda pause: time.sleep(pause / FASTER),
        )
        self.wanted = replace(purchase(f"race {seed}", year=True), user=f"user-{seed}")
        approval = self.payer.buy(self.wanted).approval
        assert approval is not None
        self.approval = approval
        self.decided: set[str] = set()
        self.is_over = False
        """Whether it had expired before anybody bought, for sure."""

    def _decide(self, decision: Literal["approved", "rejected"]) -> None:
        with contextlib.suppress(ChangedError):
            self.ledger.decide(self.approval, decision, self.clock.now())
            self.decided.add(decision)

    def approve(self) -> None:
        self._decide("approved")

    def reject(self) -> None:
        self._decide("rejected")

    def expire(self) -> None:
        self.clock.moved += 2 * APPROVAL_LIFE

    def buy(self) -> None:
        # Each use has a key of its own, so that the approval alone keeps them from paying twice.
        use = replace(self.wanted, key=f"{self.wanted.key} {self.chance.random()}")
        with contextlib.suppress(RefusedError, UnavailableError):
            self.payer.buy(use)

    def run(self) -> "Race":
        further = (self.approve, self.reject, self.expire)
        steps = [self.buy, self.buy, *(step for step in further if self.chance.random() < CHANCE)]
        self.chance.shuffle(steps)
        if self.chance.random() < 0.5:
            self.is_over = self.expire in steps and steps.index(self.expire) < steps.index(self.buy)
            for step in steps:
                step()
            return self
        with ThreadPoolExecutor(len(steps)) as pool:
            for running in [pool.submit(step) for step in steps]:
                running.result()
        return self

    @property
    def paid(self) -> bool:
        return bool(self.way.payments)

    def check(self) -> None:
        assert len(set(self.way.payments)) <= 1
        found = self.ledger.approval(self.wanted.user, self.approval.id)
        assert found is not None
        assert (found.stored == "used") == self.paid
        if self.paid:
            assert self.decided == {"approved"}
            assert not self.is_over


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "races", [60, pytest.param(1000, marks=pytest.mark.exhaustive)], ids=["short", "whole"]
)
def test_nothing_unapproved_is_paid_however_people_race(cloud: Running, races: int) -> None:
    events_table, ledger_table, secret = (f"racing-{kind}-{races}" for kind in ("events", "ledger", "key"))
    client: Any = cloud.client("dynamodb")
    create_table(client, events_table)
    create_ledger(client, ledger_table)
    key = "0x" + bytes(new_account().key).hex()
    cloud.client("secretsmanager").create_secret(Name=secret, SecretString=key)
    allowed = terms(PAYEE, "eip155:1", ASSET, per_day=races * YEAR)
    store = DynamoEventStore(client, events_table, EventRegistry((PAYMENT,)))
    ledger = Ledger(client, ledger_table, store)
    wallet = Wallet(cloud.client("secretsmanager"), secret)

    def race_of(seed: int) -> Race:
        return Race(seed, ledger, wallet, allowed).run()

    with ThreadPoolExecutor(6) as pool:
        run = list(pool.map(race_of, range(races)))
    for race in run:
        race.check()
    paid = sum(race.paid for race in run)
    assert 0 < paid < races
    day = ledger.day(day_of(Clock().now()))
    assert (day.spent, day.committed) == (paid * YEAR, paid * YEAR)
