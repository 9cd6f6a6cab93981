"""The usage ledger and the quota: what is held back, booked, refused, recovered."""

import asyncio
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nova_agent_core.ledger import Month, QuotaExceededError, Reservation, UsageLedger, month_after
from nova_agent_core.quota import Quotas
from nova_agent_core.sessions import Sessions
from nova_agent_core.spending import Spending
from nova_agent_core.storage import TurnDocuments
from nova_common import aws
from nova_common.contracts.sessions import TurnFailed
from nova_common.event_store import DynamoEventStore
from nova_common.model_prices import NANO, Tokens
from nova_common.problems import Problem

from tests.services.support.tables import REGION, USAGE_TABLE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
TURN_NANOUSD = NANO // 50
"""A quota of one USD is for fifty of them."""


def spent(nanousd: int) -> Spending:
    return Spending(tokens=Tokens(input=7, output=2), tool_calls=1, cost_nanousd=nanousd)


def held(user: str = "alice", nanousd: int = TURN_NANOUSD, begun: datetime = NOW) -> Reservation:
    return Reservation(
        user=user,
        turn=str(uuid.uuid4()),
        session=str(uuid.uuid4()),
        nanousd=nanousd,
        begun=begun,
        until=begun + timedelta(minutes=5),
    )


@pytest.fixture
def ordered(dynamodb: "DynamoDBClient") -> Iterator[UsageLedger]:
    """A ledger whose writes come one after another: DynamoDB orders those of an item, the emulator not."""
    client, turn = aws.dynamodb(REGION), threading.Lock()
    update = client.update_item

    def in_order(**request: Any) -> Any:  # noqa: ANN401 - whatever the client answers
        with turn:
            return update(**request)

    client.update_item = in_order
    yield UsageLedger(client, USAGE_TABLE)
    assert dynamodb


@pytest.fixture
def sessions(store: DynamoEventStore, documents: TurnDocuments) -> Sessions:
    return Sessions(store, documents)


type MakeQuotas = Callable[..., Quotas]


@pytest.fixture
def quotas(ordered: UsageLedger, sessions: Sessions) -> MakeQuotas:
    def make(usd: int = 1, now: datetime = NOW, ledger: Any = ordered) -> Quotas:  # noqa: ANN401
        return Quotas(
            ledger,
            sessions,
            quota_nanousd=usd * NANO,
            reservation_nanousd=TURN_NANOUSD,
            turn_seconds_max=180,
            now=lambda: now,
        )

    return make


def test_two_hundred_turns_at_once_against_a_quota_for_fifty(ordered: UsageLedger) -> None:
    """Each spends all that it may; those that are refused spend nothing."""
    begin, taken = threading.Barrier(40), 0

    def turn(number: int) -> bool:
        if number < 40:
            begin.wait()
        reservation = held()
        try:
            ordered.reserve(reservation, NANO)
        except QuotaExceededError:
            return False
        ordered.settle(reservation, spent(TURN_NANOUSD), is_failed=False)
        return True

    with ThreadPoolExecutor(40) as pool:
        taken = sum(pool.map(turn, range(200)))
    month = ordered.month("alice", "2026-11")
    assert taken == 50
    assert NANO <= month.spent <= NANO + TURN_NANOUSD
    assert month.committed == month.spent
    assert month.reservations == ()
    assert month.days[21]["turns"] == 50


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, TURN_NANOUSD), min_size=1, max_size=40), st.integers(1, 5), st.randoms())
def test_whatever_turns_cost_one_at_most_is_too_many(
    ordered: UsageLedger, costs: list[int], quota_turns: int, chance: random.Random
) -> None:
    user, quota = str(uuid.uuid4()), quota_turns * TURN_NANOUSD
    running: list[tuple[Reservation, int]] = []
    total = 0
    for cost in costs:
        reservation = held(user)
        try:
            ordered.reserve(reservation, quota)
            running.append((reservation, cost))
        except QuotaExceededError as refused:
            assert refused.month.committed >= quota
        while running and chance.random() < 0.5:
            ended, booked = running.pop(chance.randrange(len(running)))
            total += booked
            ordered.settle(ended, spent(booked), is_failed=False)
    for ended, booked in running:
        total += booked
        ordered.settle(ended, spent(booked), is_failed=False)
    month = ordered.month(user, "2026-11")
    assert month.spent == month.committed == total <= quota + TURN_NANOUSD


def test_the_last_turn_may_begin_while_anything_is_left(ordered: UsageLedger) -> None:
    first, last = held(nanousd=NANO - 1), held()
    ordered.reserve(first, NANO)
    ordered.settle(first, spent(NANO - 1), is_failed=False)
    ordered.reserve(last, NANO)
    with pytest.raises(QuotaExceededError):
        ordered.reserve(held(), NANO)


def test_repeated_writes_count_once(ordered: UsageLedger) -> None:
    reservation = held()
    for _ in range(3):
        assert ordered.reserve(reservation, NANO).committed == TURN_NANOUSD
    for _ in range(3):
        assert ordered.settle(reservation, spent(5), is_failed=True).spent == 5
    assert ordered.release(reservation).committed == 5
    assert ordered.month("alice", "2026-11").days[21]["failed_turns"] == 1


def test_users_have_months_of_their_own(ordered: UsageLedger) -> None:
    reservation = held("alice", NANO)
    ordered.reserve(reservation, NANO)
    ordered.settle(reservation, spent(NANO), is_failed=False)
    with pytest.raises(QuotaExceededError):
        ordered.reserve(held("alice"), NANO)
    ordered.reserve(held("bob"), NANO)
    ordered.reserve(held("alice", begun=NOW + timedelta(days=30)), NANO)
    ordered.forget("alice")
    assert ordered.month("alice", "2026-11") == Month(user="alice", month="2026-11")
    assert ordered.month("bob", "2026-11").committed == TURN_NANOUSD


def test_without_a_quota_turns_are_booked_all_the_same(quotas: MakeQuotas) -> None:
    endless = quotas(usd=0)
    for _ in range(60):
        reservation = endless.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
        assert endless.settle(reservation, spent(TURN_NANOUSD), is_failed=False) is None
    report = endless.report("alice", None)
    assert (report.quota_usd, report.used_percent) == (None, None)
    assert report.spent_usd == pytest.approx(1.2)


def test_the_quota_warns_and_then_stops(quotas: MakeQuotas) -> None:
    strict = quotas()
    told: list[float | None] = []
    for _ in range(50):
        reservation = strict.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
        state = strict.settle(reservation, spent(TURN_NANOUSD), is_failed=False)
        told.append(state and state.used_percent)
    assert told[:39] == [None] * 39
    assert told[39:41] == [80.0, 82.0]
    with pytest.raises(Problem) as refused:
        strict.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
    assert refused.value.status_code == 429
    assert refused.value.kind == "quota-exceeded"
    assert refused.value.detail == (
        "this month's quota of 1.00 USD is used up (1.00 USD spent); "
        "the next month begins on 2026-12-01 (UTC)"
    )
    assert refused.value.headers == {"Retry-After": str(9 * 86400 + 9 * 3600)}


def test_what_is_held_back_is_said_to_be(quotas: MakeQuotas) -> None:
    strict = quotas()
    for _ in range(50):
        strict.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
    with pytest.raises(Problem) as refused:
        strict.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
    assert "held back for messages that are being answered" in str(refused.value.detail)
    assert refused.value.headers == {"Retry-After": "5"}
    assert strict.report("alice", "2026-11").reserved_usd == 1


class TestTasksThatDied:
    def test_their_reservations_are_given_back(self, quotas: MakeQuotas) -> None:
        before = quotas()
        for _ in range(50):
            before.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
        later = quotas(now=NOW + timedelta(seconds=301))
        later.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
        # A turn looks after a few, so that nobody waits for all of them.
        assert later.report("alice", None).reserved_usd == pytest.approx((50 - 8 + 1 - 8 - 8) / 50)

    def test_not_before_their_time(self, quotas: MakeQuotas) -> None:
        before = quotas()
        for _ in range(50):
            before.reserve("alice", str(uuid.uuid4()), str(uuid.uuid4()))
        with pytest.raises(Problem):
            quotas(now=NOW + timedelta(seconds=299)).reserve("alice", "s", "t")

    def test_turns_that_were_noted_are_booked(self, quotas: MakeQuotas, sessions: Sessions) -> None:
        session, turn = sessions.start("alice").id, str(uuid.uuid4())
        quotas().reserve("alice", session, turn)
        sessions.end_turn(
            "alice", session, TurnFailed(turn=turn, reason="?", input_tokens=3, cost_nanousd=NANO // 4)
        )
        report = quotas(now=NOW + timedelta(hours=1)).report("alice", "2026-11")
        assert (report.spent_usd, report.reserved_usd) == (0.25, 0)
        (day,) = report.days
        assert (day.turns, day.failed_turns, day.input_tokens) == (1, 1, 3)
        assert quotas(now=NOW + timedelta(hours=2)).report("alice", "2026-11") == report


class TestALedgerThatFails:
    error = ClientError(
        {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "?"}}, "UpdateItem"
    )

    def test_no_turn_begins_without_it(self, quotas: MakeQuotas) -> None:
        with pytest.raises(Problem) as refused:
            quotas(ledger=Mock(reserve=Mock(side_effect=self.error))).reserve("alice", "s", "t")
        assert (refused.value.status_code, refused.value.kind) == (503, "usage-ledger-unavailable")
        with pytest.raises(Problem):
            quotas(ledger=Mock(month=Mock(side_effect=self.error))).report("alice", None)

    def test_a_turn_that_was_answered_ends(self, quotas: MakeQuotas) -> None:
        failing = quotas(
            ledger=Mock(settle=Mock(side_effect=self.error), release=Mock(side_effect=self.error))
        )
        assert failing.settle(held(), spent(1), is_failed=False) is None
        failing.release(held())

    def test_a_lost_answer_is_no_refusal(self, ordered: UsageLedger) -> None:
        """The client's own retry finds what its first attempt wrote."""
        reservation = held(nanousd=NANO)
        ordered.reserve(reservation, NANO)
        assert [found.turn for found in ordered.reserve(reservation, NANO).reservations] == [reservation.turn]


@pytest.mark.parametrize(
    ("month", "after"), [("2026-01", "2026-02-01"), ("2026-12", "2027-01-01"), ("2028-02", "2028-03-01")]
)
def test_months(month: str, after: str) -> None:
    assert month_after(month).isoformat() == after


def test_the_whole_way_at_once(quotas: MakeQuotas) -> None:
    """From the quota's point of view, in the threads that a task has."""
    strict = quotas(usd=1)

    async def turn() -> bool:
        try:
            reservation = await asyncio.to_thread(
                strict.reserve, "alice", str(uuid.uuid4()), str(uuid.uuid4())
            )
        except Problem:
            return False
        await asyncio.to_thread(strict.settle, reservation, spent(TURN_NANOUSD), is_failed=False)
        return True

    async def main() -> int:
        return sum(await asyncio.gather(*(turn() for _ in range(200))))

    assert asyncio.run(main()) in {50, 51}
    assert strict.report("alice", None).spent_usd <= 1 + TURN_NANOUSD / NANO
