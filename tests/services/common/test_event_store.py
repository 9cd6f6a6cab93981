"""The contract of the event store. NOVA_TEST_DYNAMODB_ENDPOINT runs it against another engine."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import random
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import botocore.session
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.event_store import (
    DATA_BYTES_MAX,
    CorruptHistoryError,
    DynamoEventStore,
    EventTooLargeError,
    VersionConflictError,
    decide_and_append,
)
from nova_common.events import (
    Event,
    EventData,
    EventRegistry,
    NewEvent,
    UnknownEventTypeError,
    derived_event_id,
)

from tests.services.support import engine, tables

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

USER = "11111111-1111-4111-8111-111111111111"
WRITERS = 50


@pytest.fixture
def client(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> "Iterator[DynamoDBClient]":
    del aws_environment
    if engine.ENDPOINT:
        yield engine.client(WRITERS)
        return
    create = cast("Any", botocore.session.get_session().create_client)
    config = Config(max_pool_connections=WRITERS)
    # The real engine checks a condition and writes in one step; moto does so only with one request at a time.
    one_at_a_time, answer = threading.Lock(), DynamoHandler.call_action

    def call_action(handler: DynamoHandler) -> Any:
        with one_at_a_time:
            return answer(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", call_action)
    with mock_aws():
        yield create("dynamodb", region_name=tables.REGION, config=config)


@pytest.fixture
def table(client: "DynamoDBClient") -> Iterator[str]:
    name = f"events-{uuid.uuid4()}"
    tables.create_table(client, name)
    yield name
    client.delete_table(TableName=name)


@pytest.fixture
def store(client: "DynamoDBClient", table: str) -> DynamoEventStore:
    return DynamoEventStore(client, table, EventRegistry([RECORDING]))


def requested(content_type: str = "audio/wav") -> RecordingRequested:
    return RecordingRequested(content_type=content_type, size_bytes=10)


def event(
    recording: str,
    data: EventData,
    *,
    user: str | None = USER,
    event_id: str | None = None,
    occurred_at: datetime | None = None,
) -> NewEvent:
    return RECORDING.event(
        recording, data, correlation="request-1", user=user, event_id=event_id, occurred_at=occurred_at
    )


def new_id() -> str:
    return str(uuid.uuid4())


def test_what_is_appended_is_loaded(store: DynamoEventStore) -> None:
    recording = new_id()
    first = store.append([event(recording, requested("audio/wav; name=ünï語"))], 0)
    second = store.append(
        [event(recording, TranscriptionStarted(job="j", duration_seconds=1.5), user=None)], 1
    )
    loaded = list(store.load(RECORDING.key(recording)))
    assert loaded == first + second
    assert [found.version for found in loaded] == [1, 2]
    assert loaded[0].user == USER
    assert loaded[1].user is None


def test_an_item_has_the_routable_fields_as_text(
    client: "DynamoDBClient", table: str, store: DynamoEventStore
) -> None:
    recording = new_id()
    moment = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    failed = event(recording, TranscriptionFailed(reason="no speech"), user=None, occurred_at=moment)
    store.append([event(recording, requested(), occurred_at=moment), failed], 0)
    items = client.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"Recording#{recording}"}},
    )["Items"]
    first, second = [{name: value.get("S") for name, value in item.items()} for item in items]
    assert (
        first.items()
        >= {
            "sk": "v0000000001",
            "source": "nova.audio",
            "type": "RecordingRequested",
            "version": "1",
            "schema": "2",
            "user": USER,
            "occurred_at": "2026-03-04T05:06:07.000089Z",
            "correlation": "request-1",
            "gsi1pk": f"user#{USER}#2026-03",
            "gsi1sk": f"2026-03-04T05:06:07.000089Z#{first['id']}",
            "data": '{"content_type":"audio/wav","size_bytes":10}',
        }.items()
    )
    assert "severity" not in first
    assert second["severity"] == "warning"
    assert second["gsi1pk"] == "correlation#request-1#2026-03"
    assert "user" not in second


def test_a_taken_version_is_a_conflict(store: DynamoEventStore) -> None:
    recording = new_id()
    store.append([event(recording, requested())], 0)
    with pytest.raises(VersionConflictError):
        store.append([event(recording, requested())], 0)
    with pytest.raises(VersionConflictError):
        store.append([event(recording, requested()), event(recording, RecordingDeleted())], 0)
    assert len(list(store.load(RECORDING.key(recording)))) == 1


def test_several_events_are_appended_all_or_none(store: DynamoEventStore) -> None:
    recording = new_id()
    store.append([event(recording, requested()), event(recording, RecordingDeleted())], 0)
    with pytest.raises(VersionConflictError):
        store.append([event(recording, RecordingDeleted()), event(recording, RecordingDeleted())], 1)
    assert [found.type for found in store.load(RECORDING.key(recording))] == [
        "RecordingRequested",
        "RecordingDeleted",
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_repeating_an_append_succeeds_and_adds_nothing(store: DynamoEventStore, count: int) -> None:
    recording = new_id()
    events = [event(recording, requested(f"audio/{n}")) for n in range(count)]
    assert store.append(events, 0) == store.append(events, 0)
    assert len(list(store.load(RECORDING.key(recording)))) == count


def test_loading_starts_after_a_version_and_spans_pages(store: DynamoEventStore) -> None:
    recording = new_id()
    # More than 1 MB, DynamoDB's page.
    for version in range(24):
        store.append([event(recording, requested("x" * 60_000))], version)
    loaded = list(store.load(RECORDING.key(recording), after_version=2))
    assert [found.version for found in loaded] == list(range(3, 25))
    assert list(store.load(RECORDING.key(recording), after_version=24)) == []
    assert list(store.load(RECORDING.key(new_id()))) == []


def test_data_has_a_limit_of_64_kb(store: DynamoEventStore) -> None:
    recording = new_id()
    overhead = len('{"reason":""}')
    largest = TranscriptionFailed(reason="é" + "x" * (DATA_BYTES_MAX - overhead - 2))
    store.append([event(recording, largest)], 0)
    too_large = TranscriptionFailed(reason=largest.reason + "x")
    with pytest.raises(EventTooLargeError, match=r"65537 bytes.*65536.*S3"):
        store.append([event(recording, too_large)], 1)
    assert len(list(store.load(RECORDING.key(recording)))) == 1


def test_wrong_calls_are_refused(store: DynamoEventStore) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        store.append([], 0)
    with pytest.raises(ValueError, match="1 to 100"):
        store.append([event(new_id(), requested())] * 101, 0)
    with pytest.raises(ValueError, match="expected_version"):
        store.append([event(new_id(), requested())], -1)
    with pytest.raises(ValueError, match="one aggregate"):
        store.append([event(new_id(), requested()), event(new_id(), requested())], 0)
    with pytest.raises(ValueError, match="time zone"):
        event(new_id(), requested(), occurred_at=datetime(2026, 1, 1))


def test_a_gap_and_an_unknown_type_are_not_read_over(
    client: "DynamoDBClient", table: str, store: DynamoEventStore
) -> None:
    recording = new_id()
    store.append([event(recording, requested())], 0)
    store.append([event(recording, RecordingDeleted())], 2)
    with pytest.raises(CorruptHistoryError, match="version 3 where 2"):
        list(store.load(RECORDING.key(recording)))
    older = DynamoEventStore(client, table, EventRegistry([]))
    with pytest.raises(UnknownEventTypeError, match="RecordingRequested"):
        list(older.load(RECORDING.key(recording)))


def test_fifty_writers_on_one_aggregate_lose_nothing(store: DynamoEventStore) -> None:
    recording = new_id()
    key = RECORDING.key(recording)
    barrier = threading.Barrier(WRITERS)

    def write(number: int) -> str:
        written = event(recording, requested(f"audio/{number}"))
        barrier.wait()
        decide_and_append(store, key, lambda _: [written])
        return written.id

    with ThreadPoolExecutor(WRITERS) as pool:
        written = list(pool.map(write, range(WRITERS)))
    history = list(store.load(key))
    assert sorted(found.id for found in history) == sorted(written)
    assert [found.version for found in history] == list(range(1, WRITERS + 1))


def test_the_same_consequence_decided_by_many_is_appended_once(store: DynamoEventStore) -> None:
    recording = new_id()
    key = RECORDING.key(recording)
    store.append([event(recording, requested())], 0)
    consequence = event(
        recording, RecordingDeleted(), event_id=derived_event_id("message-1", "RecordingDeleted")
    )

    def deliver(_: int) -> list[Event]:
        return decide_and_append(store, key, lambda _: [consequence])

    with ThreadPoolExecutor(8) as pool:
        histories = list(pool.map(deliver, range(16)))
    assert all(len(history) == 2 for history in histories)
    assert len(list(store.load(key))) == 2


def test_deciding_again_is_bounded_and_waits_longer(store: DynamoEventStore) -> None:
    recording = new_id()
    key = RECORDING.key(recording)
    pauses: list[float] = []

    def decide(history: Sequence[Event]) -> list[NewEvent]:
        # Somebody is always faster.
        store.append([event(recording, requested())], len(history))
        return [event(recording, requested())]

    random.seed(1)
    with pytest.raises(VersionConflictError, match="40 times"):
        decide_and_append(store, key, decide, sleep=pauses.append)
    assert len(pauses) == 40
    assert max(pauses) <= 0.5
    assert sum(pauses[:5]) < sum(pauses[-5:])


def test_nothing_decided_appends_nothing(store: DynamoEventStore) -> None:
    key = RECORDING.key(new_id())
    assert decide_and_append(store, key, lambda _: []) == []
    assert list(store.load(key)) == []
