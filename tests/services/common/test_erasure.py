"""Erasing a person: who is barred, when slices begin to remove, and what goes on after an interruption."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from nova_common.contracts.audio import RECORDING, RecordingRequested
from nova_common.contracts.sessions import SESSION, SessionStarted
from nova_common.erased import BARRED_SECONDS, PEOPLE_MAX, ErasedPeople
from nova_common.erasure import OTHERS_SECONDS_MAX, Belongings, Erasure, NotYetError, each, months
from nova_common.event_store import DynamoEventStore
from nova_common.events import AggregateType, EventData, EventRegistry
from nova_common.job import JobError

from tests.services.support.private import DATA_KEYS_TABLE, Private
from tests.services.support.tables import EVENT_STORE_TABLE
from tests.services.support.tokens import ALICE, BOB

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REQUESTED = RecordingRequested(content_type="audio/wav", size_bytes=10)


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def people(dynamodb: "DynamoDBClient", time: Time) -> ErasedPeople:
    Private(dynamodb)
    return ErasedPeople(dynamodb, DATA_KEYS_TABLE, clock=time.seconds)


@pytest.fixture
def belongings(dynamodb: "DynamoDBClient", time: Time) -> Belongings:
    return Belongings(dynamodb, EVENT_STORE_TABLE, lambda: time.now)


@pytest.fixture
def begin(dynamodb: "DynamoDBClient") -> Callable[..., str]:
    """Begin an aggregate of somebody."""
    store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING, SESSION]))

    def append(
        kind: AggregateType, data: EventData, user: str | None = ALICE, at: datetime | None = None
    ) -> str:
        number = str(len(dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"])).zfill(12)
        aggregate_id = f"00000000-0000-4000-8000-{number}"
        event = kind.event(aggregate_id, data, user=user, correlation="c", occurred_at=at)
        store.append([event], 0)
        return event.aggregate

    return append


# --- who is barred ---


def test_a_note_is_heard_of_within_a_minute(people: ErasedPeople, time: Time) -> None:
    assert not people.is_erased(ALICE)
    since = people.erase(ALICE)
    assert (people.erased_at(ALICE), people.erased_at(BOB)) == (since, None)
    assert not people.is_erased(ALICE)
    time.sleep(60)
    assert people.is_erased(ALICE)
    assert not people.is_erased(BOB)


def test_the_note_of_a_person_without_a_key_is_kept_as_it_was(people: ErasedPeople) -> None:
    first = people.erase(ALICE)
    assert people.erase(ALICE) == first


def test_a_process_asks_once_a_minute_and_remembers_so_many(
    people: ErasedPeople, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def erased_at(user: str) -> None:
        asked.append(user)

    del dynamodb
    monkeypatch.setattr(people, "erased_at", erased_at)
    for _ in range(3):
        people.is_erased(ALICE)
    assert asked == [ALICE]
    for number in range(PEOPLE_MAX):
        people.is_erased(str(number))
    people.is_erased(ALICE)
    assert asked.count(ALICE) == 2


# --- what they have ---


def test_belongings_are_found_by_person_and_kind(
    belongings: Belongings, begin: Callable[..., str], time: Time
) -> None:
    recordings = [begin(RECORDING, REQUESTED), begin(RECORDING, REQUESTED, at=time.now - timedelta(days=400))]
    session = begin(SESSION, SessionStarted())
    begin(SESSION, SessionStarted(), BOB)
    begin(RECORDING, REQUESTED, None)
    assert belongings.of(ALICE, [RECORDING]) == sorted(recordings)
    assert belongings.of(ALICE, [SESSION, RECORDING]) == sorted([*recordings, session])
    assert belongings.any(BOB)
    assert not belongings.any("nobody")


@pytest.mark.parametrize(("now", "latest"), [((2026, 11, 21), "2026-12"), ((2026, 12, 31), "2027-01")])
def test_every_month_is_looked_into(now: tuple[int, int, int], latest: str) -> None:
    found = list(months(datetime(*now, tzinfo=UTC)))
    assert (found[0], found[-1]) == (latest, "2025-01")
    assert len(found) == len(set(found)) == (int(latest[:4]) - 2025) * 12 + int(latest[5:])


# --- the order of things ---


def test_what_is_removed_is_removed_after_everybody_heard(
    people: ErasedPeople, belongings: Belongings, time: Time
) -> None:
    begun = time.now

    def remove(user: str) -> Mapping[str, int]:
        assert people.erased_at(user) is not None
        assert (time.now - begun).total_seconds() >= BARRED_SECONDS - 1
        return {"things": 2, "others": 1}

    erasing = Erasure(people, belongings, [remove, remove], sleep=time.sleep, now=lambda: time.now)
    assert erasing.run([ALICE]) == {"removed": {"things": 4, "others": 2}}
    assert len(time.slept) == 1
    # Whoever goes on later waits no second time.
    erasing.run([ALICE])
    assert len(time.slept) == 1


def test_a_slice_waits_for_what_another_does_first(
    people: ErasedPeople, belongings: Belongings, time: Time
) -> None:
    left = [NotYetError("not yet"), NotYetError("not yet")]

    def remove(_: str) -> Mapping[str, int]:
        if left:
            raise left.pop()
        return {"things": 1}

    erasing = Erasure(people, belongings, [remove], sleep=time.sleep, now=lambda: time.now)
    assert erasing.run([ALICE]) == {"removed": {"things": 1}}


def test_it_waits_so_long_and_says_for_what(people: ErasedPeople, belongings: Belongings, time: Time) -> None:
    def remove(_: str) -> Mapping[str, int]:
        message = "Recording#1 is not deleted"
        raise NotYetError(message)

    erasing = Erasure(people, belongings, [remove], sleep=time.sleep, now=lambda: time.now)
    with pytest.raises(JobError, match="Recording#1 is not deleted; see what became of the other slices"):
        erasing.run([ALICE])
    assert sum(time.slept) <= BARRED_SECONDS + OTHERS_SECONDS_MAX + 1


@pytest.mark.parametrize("arguments", [[], [""], [ALICE, "--all"], [ALICE, BOB]])
def test_a_wrong_call_changes_nothing(
    people: ErasedPeople, belongings: Belongings, arguments: list[str]
) -> None:
    with pytest.raises(JobError, match="takes the id of a person"):
        Erasure(people, belongings, []).run(arguments)
    assert people.erased_at(ALICE) is None


def test_whom_the_pool_forgot_has_to_be_known_otherwise(
    people: ErasedPeople, belongings: Belongings, begin: Callable[..., str], time: Time
) -> None:
    erasing = Erasure(people, belongings, [], sleep=time.sleep, now=lambda: time.now)
    with pytest.raises(JobError, match="nobody of that id was ever here; nothing was changed"):
        erasing.run([ALICE, "--forgotten"])
    assert people.erased_at(ALICE) is None
    begin(SESSION, SessionStarted())
    assert erasing.run([ALICE, "--forgotten"]) == {"removed": {}}
    people.erase(BOB)
    assert erasing.run([BOB, "--forgotten"]) == {"removed": {}}


def test_many_things_are_removed_and_counted() -> None:
    assert each([str(number) for number in range(50)], lambda _: {"things": 1}) == {"things": 50}
    assert each([], lambda _: {"things": 1}) == {}


def test_an_error_ends_it() -> None:
    def fail(thing: str) -> Mapping[str, int]:
        raise ClientError({"Error": {"Code": thing}}, "DeleteObjects")

    with pytest.raises(ClientError):
        each(["AccessDenied"], fail)
