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
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry
from nova_projector.read_model import DynamoReadModel, StaleRowError
from nova_projector.settings import WorkerSettings
from nova_projector.worker import Projector, create_app

from tests.services.support.tables import (
    EVENT_STORE_TABLE,
    READ_MODEL_TABLE,
    REGION,
    create_queue,
    queue_depth,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

REQUESTED = RecordingRequested(filename="ü.wav", content_type="audio/wav", size_bytes=5, language="de-DE")


@pytest.fixture
def store(dynamodb: "DynamoDBClient") -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING]))


@pytest.fixture
def rows(dynamodb: "DynamoDBClient") -> DynamoReadModel:
    return DynamoReadModel(dynamodb, READ_MODEL_TABLE)


def happen(store: DynamoEventStore, recording_id: str, *facts: EventData) -> str:
    key = RECORDING.key(recording_id)
    events = [RECORDING.event(recording_id, fact, user="alice", correlation="c") for fact in facts]
    store.append(events, len(list(store.load(key))))
    return key


def wake_up(aggregate: str) -> str:
    return json.dumps({"source": "nova.audio", "detail": {"aggregate": aggregate, "version": "1"}})


def test_rows_follow_the_store(store: DynamoEventStore, rows: DynamoReadModel) -> None:
    projector = Projector(store, rows)
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
    store: DynamoEventStore, rows: DynamoReadModel, dynamodb: "DynamoDBClient"
) -> None:
    key = happen(store, str(uuid.uuid4()), REQUESTED)
    Projector(store, rows).handle(wake_up(key))
    assert len(rows.page("alice", None).items) == 1
    happen(store, key.partition("#")[2], RecordingDeleted())
    Projector(store, rows).handle(wake_up(key))
    item = dynamodb.get_item(TableName=READ_MODEL_TABLE, Key={"pk": {"S": key}, "sk": {"S": "summary"}}).get(
        "Item", {}
    )
    assert set(item) == {"pk", "sk", "version", "expires_at"}
    thirty_days = 30 * 24 * 3600
    assert float(item["expires_at"].get("N", "0")) == pytest.approx(time.time() + thirty_days, abs=60)
    assert rows.page("alice", None).items == []
    # The message comes once more, also after the tombstone has expired.
    dynamodb.delete_item(TableName=READ_MODEL_TABLE, Key={"pk": {"S": key}, "sk": {"S": "summary"}})
    Projector(store, rows).handle(wake_up(key))
    assert rows.page("alice", None).items == []


def test_a_stale_write_is_refused(store: DynamoEventStore, rows: DynamoReadModel) -> None:
    key = happen(store, str(uuid.uuid4()), REQUESTED)
    Projector(store, rows).catch_up(key)
    row = rows.get(key)
    assert row is not None
    with pytest.raises(StaleRowError):
        rows.put(row, expected_version=0)
    with pytest.raises(StaleRowError):
        rows.put(row, expected_version=7)
    rows.put(row, expected_version=1)


def test_aggregates_without_a_projection_are_passed_over(
    store: DynamoEventStore, rows: DynamoReadModel
) -> None:
    Projector(store, rows).handle(wake_up(f"Session#{uuid.uuid4()}"))
    Projector(store, rows).handle(wake_up(RECORDING.key(str(uuid.uuid4()))))


@pytest.mark.parametrize(
    "body", ["", "x", "{}", '{"detail": {}}', '{"detail": {"aggregate": 5}}', wake_up("Recording#../x")]
)
def test_poison_raises(store: DynamoEventStore, rows: DynamoReadModel, body: str) -> None:
    with pytest.raises(ValueError, match=r"aggregate|Recording|JSON"):
        Projector(store, rows).handle(body)


def test_the_worker_is_assembled_from_its_environment(
    store: DynamoEventStore, rows: DynamoReadModel, sqs: "SQSClient"
) -> None:
    queue, dead = create_queue(sqs, receives_max=1)
    settings = WorkerSettings.from_env(
        {
            "SERVICE_NAME": "projector-worker",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "READ_MODEL_TABLE": READ_MODEL_TABLE,
            "QUEUE_URL": queue,
        }
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
