"""The projector's worker on real tables and a real queue."""

import json
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    RecordingSummary,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.contracts.sessions import (
    SESSION,
    SessionDeleted,
    SessionStarted,
    SessionSummary,
    TurnFailed,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry
from nova_projector import worker
from nova_projector.generations import GenerationState
from nova_projector.read_model import DynamoReadModel, StaleRowError
from nova_projector.recordings import RECORDINGS
from nova_projector.sessions import SESSIONS
from nova_projector.settings import WorkerSettings
from nova_projector.worker import Projector, create_app, keepers_of

from tests.services.support.private import Private
from tests.services.support.tables import (
    EVENT_STORE_TABLE,
    READ_MODEL_TABLE,
    REGION,
    create_queue,
    poll_shortly,
    queue_depth,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

REQUESTED = RecordingRequested(content_type="audio/wav", size_bytes=5, language="de-DE")


@pytest.fixture
def private(dynamodb: "DynamoDBClient") -> Private:
    return Private(dynamodb)


@pytest.fixture
def store(dynamodb: "DynamoDBClient", private: Private) -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING, SESSION]), private.data)


@pytest.fixture
def rows(dynamodb: "DynamoDBClient") -> DynamoReadModel[RecordingSummary]:
    return DynamoReadModel(dynamodb, READ_MODEL_TABLE, RECORDINGS)


@pytest.fixture
def sessions(dynamodb: "DynamoDBClient") -> DynamoReadModel[SessionSummary]:
    return DynamoReadModel(dynamodb, READ_MODEL_TABLE, SESSIONS)


@pytest.fixture
def projector(dynamodb: "DynamoDBClient", store: DynamoEventStore) -> Projector:
    keepers = keepers_of(store, dynamodb, READ_MODEL_TABLE)
    return Projector(keepers, GenerationState(dynamodb, READ_MODEL_TABLE).read)


def happen(store: DynamoEventStore, recording_id: str, *facts: EventData) -> str:
    key = RECORDING.key(recording_id)
    events = [
        RECORDING.event(
            recording_id,
            fact,
            user="alice",
            correlation="c",
            private={"filename": "ü.wav"} if fact == REQUESTED else {},
        )
        for fact in facts
    ]
    store.append(events, len(list(store.load(key))))
    return key


def wake_up(aggregate: str) -> str:
    return json.dumps({"source": "nova.audio", "detail": {"aggregate": aggregate, "version": "1"}})


def test_rows_follow_the_store(
    store: DynamoEventStore, rows: DynamoReadModel[RecordingSummary], projector: Projector
) -> None:
    recording_id = str(uuid.uuid4())
    key = happen(store, recording_id, REQUESTED)
    projector.handle(wake_up(key))
    row = rows.get(key)
    assert row is not None
    assert row.summary is not None
    assert (row.version, row.user) == (1, "alice")
    assert (row.summary.language, row.summary.filename) == ("de-DE", "ü.wav")
    happen(store, recording_id, TranscriptionStarted(job="j", duration_seconds=2.125))
    happen(store, recording_id, TranscriptionFailed(reason="no speech"))
    for _ in range(2):
        projector.handle(json.dumps({"aggregate": key}))
    row = rows.get(key)
    assert row is not None
    assert row.summary is not None
    assert (row.version, row.summary.duration_seconds, row.summary.reason) == (3, 2.125, "no speech")


def test_a_deleted_recording_leaves_the_index_and_expires(
    store: DynamoEventStore,
    rows: DynamoReadModel[RecordingSummary],
    projector: Projector,
    dynamodb: "DynamoDBClient",
) -> None:
    key = happen(store, str(uuid.uuid4()), REQUESTED)
    projector.handle(wake_up(key))
    assert len(rows.page("alice", None).items) == 1
    happen(store, key.partition("#")[2], RecordingDeleted())
    projector.handle(wake_up(key))
    item = dynamodb.get_item(TableName=READ_MODEL_TABLE, Key={"pk": {"S": key}, "sk": {"S": "summary"}}).get(
        "Item", {}
    )
    assert set(item) == {"pk", "sk", "version", "expires_at"}
    thirty_days = 30 * 24 * 3600
    assert float(item["expires_at"].get("N", "0")) == pytest.approx(time.time() + thirty_days, abs=60)
    assert rows.page("alice", None).items == []
    # The message comes once more, also after the tombstone has expired.
    dynamodb.delete_item(TableName=READ_MODEL_TABLE, Key={"pk": {"S": key}, "sk": {"S": "summary"}})
    projector.handle(wake_up(key))
    assert rows.page("alice", None).items == []


def test_sessions_are_rows_of_their_own(
    store: DynamoEventStore,
    rows: DynamoReadModel[RecordingSummary],
    sessions: DynamoReadModel[SessionSummary],
    projector: Projector,
) -> None:
    session_id = str(uuid.uuid4())
    key = SESSION.key(session_id)

    def tell(version: int, fact: EventData) -> None:
        store.append([SESSION.event(session_id, fact, user="alice", correlation="c")], version)
        for _ in range(2):
            projector.handle(json.dumps({"source": "nova.agent-core", "detail": {"aggregate": key}}))

    tell(0, SessionStarted())
    tell(1, TurnFailed(turn="t", reason="the model is busy"))
    (listed,) = sessions.page("alice", None).items
    events = list(store.load(key))
    assert (listed.id, listed.turns) == (session_id, 1)
    assert (listed.created_at, listed.updated_at) == (events[0].occurred_at, events[1].occurred_at)
    assert sessions.page("bob", None).items == []
    assert rows.page("alice", None).items == []
    tell(2, SessionDeleted())
    assert sessions.page("alice", None).items == []
    tombstone = sessions.get(key)
    assert tombstone is not None
    assert (tombstone.version, tombstone.user, tombstone.summary) == (3, None, None)


def test_a_stale_write_is_refused(
    store: DynamoEventStore, rows: DynamoReadModel[RecordingSummary], projector: Projector
) -> None:
    key = happen(store, str(uuid.uuid4()), REQUESTED)
    projector.handle(wake_up(key))
    row = rows.get(key)
    assert row is not None
    with pytest.raises(StaleRowError):
        rows.put(row, expected_version=0)
    with pytest.raises(StaleRowError):
        rows.put(row, expected_version=7)
    rows.put(row, expected_version=1)


def test_aggregates_without_a_projection_are_passed_over(projector: Projector) -> None:
    for aggregate in (f"Weather#{uuid.uuid4()}", "Weather#../x", "Recordings", "no-kind"):
        projector.handle(wake_up(aggregate))
    projector.handle(wake_up(RECORDING.key(str(uuid.uuid4()))))
    projector.handle(wake_up(SESSION.key(str(uuid.uuid4()))))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "{}",
        '{"detail": {}}',
        '{"detail": {"aggregate": 5}}',
        wake_up("Recording#../x"),
        wake_up("Session#"),
    ],
)
def test_poison_raises(projector: Projector, body: str) -> None:
    with pytest.raises(ValueError, match=r"aggregate|Recording|Session|JSON"):
        projector.handle(body)


def test_the_worker_is_assembled_from_its_environment(
    store: DynamoEventStore,
    rows: DynamoReadModel[RecordingSummary],
    sqs: "SQSClient",
    private: Private,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poll_shortly(monkeypatch, worker)
    queue, dead = create_queue(sqs, receives_max=1)
    settings = WorkerSettings.from_env(
        {
            "SERVICE_NAME": "projector-worker",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "READ_MODEL_TABLE": READ_MODEL_TABLE,
            "QUEUE_URL": queue,
        }
        | private.environment
    )
    key = happen(store, str(uuid.uuid4()), REQUESTED)
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    sqs.send_message(QueueUrl=queue, MessageBody=wake_up(key))
    with TestClient(create_app(settings)) as client:
        deadline = time.monotonic() + 15
        while (rows.get(key) is None or queue_depth(sqs, dead) == 0) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert client.get("/ready").json()["checks"] == {"queue": "ok", "event_store": "ok"}
    assert rows.get(key) is not None
    assert (queue_depth(sqs, queue), queue_depth(sqs, dead)) == (0, 1)
