"""The indexer: messages in any order and number leave the vectors that the history demands."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import base64
import json
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from nova_common import aws
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    Transcript,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
    TranscriptSegment,
)
from nova_common.contracts.search import DOCUMENT, AddDocument, Document, DocumentAdded
from nova_common.contracts.video import (
    VIDEO,
    KeyFrame,
    KeyFrames,
    Scene,
    VideoAnalysis,
    VideoAnalyzed,
    VideoDeleted,
    VideoRequested,
)
from nova_common.documents import ContentCorruptError, ContentMissingError, DocumentStore
from nova_common.embeddings import EmbeddingBusyError, EmbeddingModel
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry
from nova_common.job import JobError
from nova_common.scans import each_aggregate
from nova_common.vector_index import IndexBusyError, VectorIndex
from nova_search import worker
from nova_search.library import Library
from nova_search.reindex import Reindex
from nova_search.settings import WorkerSettings
from nova_search.sources import UnexpectedContentError
from nova_search.worker import Index, Indexer, create_app

from tests.services.support.client_model import failure
from tests.services.support.embeddings import MODEL, FakeBedrock
from tests.services.support.pictures import picture
from tests.services.support.private import Private
from tests.services.support.tables import (
    CONTENT_BUCKET,
    EVENT_STORE_TABLE,
    REGION,
    create_queue,
    poll_shortly,
    queue_depth,
)
from tests.services.support.vectors import DIMENSION, VECTOR_BUCKET, VECTOR_INDEX, FakeVectors, busy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

REQUESTED = RecordingRequested(content_type="audio/wav", size_bytes=5)


class World:
    """An indexer with its surroundings."""

    def __init__(self, dynamodb: "DynamoDBClient", s3: "S3Client") -> None:
        self.dynamodb = dynamodb
        self.store = DynamoEventStore(
            dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING, DOCUMENT, VIDEO])
        )
        self.documents = DocumentStore(s3, CONTENT_BUCKET)
        self.vectors = FakeVectors()
        self.bedrock = FakeBedrock()
        vectors: Any = self.vectors
        bedrock: Any = self.bedrock
        self.indexer = Indexer(
            Index(
                self.store,
                self.documents,
                EmbeddingModel(bedrock, MODEL, DIMENSION),
                VectorIndex(vectors, VECTOR_BUCKET, VECTOR_INDEX),
            )
        )

    def happen(self, recording_id: str, *facts: EventData, user: str = "alice") -> None:
        version = len(list(self.store.load(RECORDING.key(recording_id))))
        events = [RECORDING.event(recording_id, fact, user=user, correlation="c") for fact in facts]
        self.store.append(events, version)

    def transcribed(self, *texts: str, user: str = "alice", segments: int | None = None) -> str:
        recording_id = str(uuid.uuid4())
        transcript = Transcript(
            text=" ".join(texts),
            language="en-US",
            segments=[
                TranscriptSegment(start=place, end=place + 0.75, text=text)
                for place, text in enumerate(texts)
            ],
        )
        reference = self.documents.write_document(
            f"transcripts/{recording_id}.json", transcript.model_dump_json().encode()
        )
        completed = TranscriptionCompleted(
            transcript=reference,
            language="en-US",
            duration_seconds=60,
            words=sum(len(text.split()) for text in texts),
            segments=len(texts) if segments is None else segments,
        )
        started = TranscriptionStarted(job="j", duration_seconds=60)
        self.happen(recording_id, REQUESTED, started, completed, user=user)
        return recording_id

    def analysed(self, user: str) -> str:
        video_id = str(uuid.uuid4())
        scene = Scene(start=2, end=4, description="A gate.")
        analysis = VideoAnalysis(summary="A yard.", scenes=[scene], anomalies=[])
        frames = KeyFrames(frames=[KeyFrame(at=3, scene=0, image=picture("JPEG"))])
        analyzed = VideoAnalyzed(
            analysis=self.documents.write_document(
                f"analyses/{video_id}.json", analysis.model_dump_json().encode()
            ),
            duration_seconds=9,
            scenes=1,
            anomalies=0,
            key_frames=self.documents.write_document(
                f"analyses/{video_id}.frames.json", frames.model_dump_json().encode()
            ),
            frames=1,
        )
        requested = VideoRequested(content_type="video/mp4", size_bytes=5)
        events = [VIDEO.event(video_id, fact, user=user, correlation="c") for fact in (requested, analyzed)]
        self.store.append(events, 0)
        return video_id

    def library(self) -> Library:
        """What the API does, which may encrypt what is private."""
        registry = EventRegistry([DOCUMENT])
        private = Private(self.dynamodb).data
        return Library(DynamoEventStore(self.dynamodb, EVENT_STORE_TABLE, registry, private), self.documents)

    def delete(self, recording_id: str) -> None:
        """Do what the audio service does: erase the content, then note the deletion."""
        self.documents.delete_all_versions([f"transcripts/{recording_id}.json"])
        self.happen(recording_id, RecordingDeleted())

    def wake(self, recording_id: str) -> None:
        self.indexer.handle(wake_up(RECORDING.key(recording_id)))

    def keys(self) -> set[str]:
        return set(self.vectors.vectors)


@pytest.fixture
def world(dynamodb: "DynamoDBClient", s3: "S3Client") -> World:
    return World(dynamodb, s3)


def wake_up(aggregate: str) -> str:
    return json.dumps({"source": "nova.audio", "detail": {"aggregate": aggregate, "version": "1"}})


def test_a_transcript_becomes_vectors(world: World) -> None:
    recording_id = world.transcribed("hello world", "", "good bye", user="bob")
    world.wake(recording_id)
    assert world.keys() == {f"{recording_id}#0", f"{recording_id}#2"}
    first = next(iter(world.store.load(RECORDING.key(recording_id))))
    assert world.vectors.vectors[f"{recording_id}#2"]["metadata"] == {
        "user": "bob",
        "media_id": recording_id,
        "kind": "transcript",
        "created_at": first.occurred_at.timestamp(),
        "start": 2,
        "end": 2.75,
        "text": "good bye",
    }
    assert sorted(world.bedrock.texts) == [("GENERIC_INDEX", "good bye"), ("GENERIC_INDEX", "hello world")]


def test_repeating_changes_nothing_and_costs_nothing(world: World) -> None:
    recording_id = world.transcribed("hello world", "good bye")
    world.wake(recording_id)
    before = json.dumps(world.vectors.vectors)
    for _ in range(3):
        world.wake(recording_id)
    assert json.dumps(world.vectors.vectors) == before
    assert len(world.bedrock.texts) == 2
    assert world.vectors.operations().count("PutVectors") == 1


def test_a_long_recording_is_put_in_blocks_and_deleted_whole(world: World) -> None:
    recording_id = world.transcribed(*(f"sentence {number}" for number in range(620)), "word " * 5000)
    other = world.transcribed("stays")
    world.wake(recording_id)
    world.wake(other)
    sizes = [len(request["vectors"]) for name, request in world.vectors.calls if name == "PutVectors"]
    assert max(sizes) <= 500
    assert len(world.keys()) == 620 + 4 + 1
    world.delete(recording_id)
    world.wake(recording_id)
    assert world.keys() == {f"{other}#0"}


def test_a_throttled_model_is_asked_again_for_the_rest_only(world: World) -> None:
    recording_id = world.transcribed(*(f"sentence {number}" for number in range(250)))
    world.bedrock.refusal, world.bedrock.refused_after = failure("ThrottlingException"), 130
    with pytest.raises(EmbeddingBusyError):
        world.wake(recording_id)
    assert len(world.keys()) == 100
    world.bedrock.refusal = None
    world.bedrock.texts.clear()
    world.wake(recording_id)
    assert len(world.keys()) == 250
    assert len(world.bedrock.texts) == 150


@pytest.mark.parametrize("deleted", [False, True])
def test_a_busy_index_is_asked_again(world: World, *, deleted: bool) -> None:
    recording_id = world.transcribed("hello")
    if deleted:
        world.wake(recording_id)
        world.delete(recording_id)
    world.vectors.refusal = busy()
    with pytest.raises(IndexBusyError):
        world.wake(recording_id)
    world.vectors.refusal = None
    world.wake(recording_id)
    assert len(world.keys()) == (0 if deleted else 1)


@pytest.mark.parametrize("facts", [[], [TranscriptionFailed(reason="no speech")], [RecordingDeleted()]])
def test_without_a_transcript_there_is_nothing_to_do(world: World, facts: list[EventData]) -> None:
    recording_id = str(uuid.uuid4())
    world.happen(recording_id, REQUESTED, *facts)
    world.wake(recording_id)
    world.wake(str(uuid.uuid4()))
    assert world.vectors.calls == []


def test_a_deleted_recording_is_removed_as_often_as_told(world: World) -> None:
    recording_id = world.transcribed("hello", "world")
    world.wake(recording_id)
    assert len(world.keys()) == 2
    world.delete(recording_id)
    for _ in range(2):
        world.wake(recording_id)
        assert world.keys() == set()
    assert len(world.bedrock.texts) == 2


def interrupted(world: World, operation: str, recording_id: str, *, before: bool) -> Callable[..., Any]:
    """Let the recording be deleted, and its message be handled by another indexer, during a call."""
    call = getattr(world.vectors, operation)

    def delete_meanwhile() -> None:
        setattr(world.vectors, operation, call)
        world.delete(recording_id)
        world.wake(recording_id)

    def interrupt(**request: Any) -> Any:
        if before:
            delete_meanwhile()
        answer = call(**request)
        if not before:
            delete_meanwhile()
        return answer

    return interrupt


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("operation", ["get_vectors", "put_vectors"])
def test_a_deletion_during_the_indexing_leaves_nothing(world: World, operation: str, *, before: bool) -> None:
    recording_id = world.transcribed(*(f"sentence {number}" for number in range(150)))
    setattr(world.vectors, operation, interrupted(world, operation, recording_id, before=before))
    world.wake(recording_id)
    assert world.keys() == set()


def test_an_indexer_that_dies_after_a_deletion_leaves_its_vectors_to_its_message(world: World) -> None:
    recording_id = world.transcribed("hello")
    put = world.vectors.put_vectors

    def put_and_die(**request: Any) -> Any:
        put(**request)
        world.delete(recording_id)
        raise busy()

    world.vectors.put_vectors = put_and_die
    with pytest.raises(IndexBusyError):
        world.wake(recording_id)
    assert len(world.keys()) == 1
    world.wake(recording_id)
    assert world.keys() == set()


def test_a_deletion_that_has_erased_the_transcript_only_is_waited_for(world: World) -> None:
    recording_id = world.transcribed("hello")
    world.documents.delete_all_versions([f"transcripts/{recording_id}.json"])
    with pytest.raises(ContentMissingError):
        world.wake(recording_id)
    world.happen(recording_id, RecordingDeleted())
    world.wake(recording_id)
    assert world.keys() == set()


def test_a_deletion_between_the_history_and_the_transcript_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = world.transcribed("hello")
    read = world.documents.read_document

    def delete_and_read(reference: Any) -> bytes:
        world.delete(recording_id)
        return read(reference)

    monkeypatch.setattr(world.documents, "read_document", delete_and_read)
    world.wake(recording_id)
    assert world.keys() == set()


def test_messages_in_any_order_and_number_leave_what_the_histories_demand(world: World) -> None:
    for seed in range(15):
        chance = random.Random(seed)  # noqa: S311
        kept = world.transcribed("kept one", "kept two")
        lost = world.transcribed("lost one", "lost two")
        messages = [kept, lost] * chance.randint(1, 3)
        chance.shuffle(messages)
        for recording_id in messages[: chance.randrange(len(messages))]:
            world.wake(recording_id)
        world.delete(lost)
        messages += [lost]
        chance.shuffle(messages)
        for recording_id in messages:
            world.wake(recording_id)
        assert world.keys() == {f"{kept}#0", f"{kept}#1"}
        world.delete(kept)
        world.wake(kept)


def test_a_transcript_that_is_not_the_events_is_refused(world: World, s3: "S3Client") -> None:
    miscounted = world.transcribed("hello", segments=2)
    with pytest.raises(UnexpectedContentError):
        world.wake(miscounted)
    recording_id = world.transcribed("hello")
    key = f"transcripts/{recording_id}.json"
    *_, event = world.store.load(RECORDING.key(recording_id))
    assert isinstance(event.data, TranscriptionCompleted)
    # Another version does not matter, another content of this version would.
    s3.put_object(Bucket=CONTENT_BUCKET, Key=key, Body=b"{}")
    world.wake(recording_id)
    assert world.keys() == {f"{recording_id}#0"}
    tampered = event.data.model_copy(
        update={"transcript": event.data.transcript.model_copy(update={"sha256": "0" * 64})}
    )
    other = str(uuid.uuid4())
    world.happen(other, REQUESTED, tampered)
    with pytest.raises(ContentCorruptError):
        world.wake(other)


def test_a_document_is_found_and_forgotten(world: World) -> None:
    text = "\n\n".join(f"Paragraph {number} says {'word ' * 120}." for number in range(5))
    library = world.library()
    document_id = library.add("bob", AddDocument(title=" A plan ", text=text)).id
    world.indexer.handle(wake_up(DOCUMENT.key(document_id)))
    said = [world.vectors.vectors[f"{document_id}#{number}"]["metadata"] for number in range(5)]
    assert {(found["user"], found["kind"], found["title"]) for found in said} == {
        ("bob", "document", "A plan")
    }
    assert [found["text"] for found in said] == text.split("\n\n")
    library.delete("bob", document_id)
    world.indexer.handle(wake_up(DOCUMENT.key(document_id)))
    assert world.keys() == set()


def test_an_image_is_embedded_as_such(world: World) -> None:
    document_id = world.library().add("bob", AddDocument(title="a tree", image=picture("JPEG"))).id
    world.indexer.handle(wake_up(DOCUMENT.key(document_id)))
    (vector,) = world.vectors.vectors.values()
    assert (vector["key"], vector["metadata"]["kind"]) == (f"{document_id}#0", "image")
    (request,) = world.bedrock.requests
    asked = json.loads(request["body"])["singleEmbeddingParams"]
    assert asked["embeddingPurpose"] == "GENERIC_INDEX"
    assert asked["image"]["format"] == "jpeg"
    assert base64.b64decode(asked["image"]["source"]["bytes"]) == picture("JPEG")


def test_a_video_is_found_by_words_and_pictures_and_forgotten(world: World) -> None:
    video_id = world.analysed("bob")
    aggregate = VIDEO.key(video_id)
    for _ in range(2):
        world.indexer.handle(wake_up(aggregate))
    said = [world.vectors.vectors[f"{video_id}#{number}"]["metadata"] for number in range(3)]
    assert [(found["kind"], found["text"], found["start"], found["end"]) for found in said] == [
        ("video", "A yard.", 0, 9),
        ("video", "A gate.", 2, 4),
        ("frame", "A gate.", 3, 3),
    ]
    assert {(found["user"], found["media_id"]) for found in said} == {("bob", video_id)}
    assert len(world.bedrock.requests) == 3
    reindex = Reindex(world.indexer)
    world.vectors.vectors.clear()
    each_aggregate(world.dynamodb, EVENT_STORE_TABLE, reindex.visit)
    assert reindex.report() == {"aggregates": 1, "vectors": 3}
    world.documents.delete_all_versions([f"analyses/{video_id}.json", f"analyses/{video_id}.frames.json"])
    with pytest.raises(ContentMissingError):
        world.indexer.handle(wake_up(aggregate))
    world.store.append([VIDEO.event(video_id, VideoDeleted(), user="bob", correlation="c")], 2)
    world.indexer.handle(wake_up(aggregate))
    assert world.keys() == set()


def test_a_document_that_is_not_the_events_is_refused(world: World) -> None:
    document_id = str(uuid.uuid4())
    stored = Document(id=document_id, title="t", created_at=datetime.now(UTC), text="a", passages=[])
    reference = world.documents.write_document(
        f"documents/{document_id}.json", stored.model_dump_json().encode()
    )
    added = DocumentAdded(document=reference, kind="document", vectors=1)
    event = DOCUMENT.event(document_id, added, user="bob", correlation="c")
    world.store.append([event], 0)
    with pytest.raises(UnexpectedContentError, match="has 0 passages, its event counted 1"):
        world.indexer.handle(wake_up(DOCUMENT.key(document_id)))


def test_the_job_fills_an_empty_index_and_goes_on_where_it_was(world: World) -> None:
    recording_id = world.transcribed("hello", "world")
    document_id = world.library().add("bob", AddDocument(title="a", text="A plan.")).id
    gone = world.transcribed("gone")
    world.delete(gone)
    world.happen(str(uuid.uuid4()), REQUESTED)
    for vectors in (3, 0):
        reindex = Reindex(world.indexer)
        each_aggregate(world.dynamodb, EVENT_STORE_TABLE, reindex.visit)
        assert reindex.report() == {"aggregates": 2, "vectors": vectors}
    assert world.keys() == {f"{recording_id}#0", f"{recording_id}#1", f"{document_id}#0"}


def test_the_job_waits_for_a_busy_model_and_gives_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    key = RECORDING.key(world.transcribed("hello"))
    world.bedrock.refusal = failure("ThrottlingException")
    with pytest.raises(JobError, match=r"busy.*start it again later"):
        Reindex(world.indexer).visit(key, 3)
    assert len(pauses) == 5
    # Two by two, each is between half and all of a pause that doubles.
    assert all(2**count <= pause <= 2 ** (count + 1) for count, pause in enumerate(pauses))


def test_other_aggregates_are_passed_over(world: World) -> None:
    for aggregate in (f"Session#{uuid.uuid4()}", "no-kind"):
        world.indexer.handle(wake_up(aggregate))
    assert world.vectors.calls == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "{}",
        '{"detail": {}}',
        '{"detail": {"aggregate": 5}}',
        wake_up("Recording#../x"),
        wake_up("Video#../x"),
    ],
)
def test_poison_raises(world: World, body: str) -> None:
    with pytest.raises(ValueError, match=r"aggregate|Recording|Video|JSON"):
        world.indexer.handle(body)


def test_the_worker_is_assembled_from_its_environment(
    world: World, sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_shortly(monkeypatch, worker)

    def vectors_client(region: str) -> Any:
        assert region == REGION
        return world.vectors

    def bedrock_client(region: str, *, read_timeout_seconds: float) -> Any:
        assert (region, read_timeout_seconds) == ("eu-north-1", 20)
        return world.bedrock

    monkeypatch.setattr(aws, "s3vectors", vectors_client)
    monkeypatch.setattr(aws, "bedrock_runtime", bedrock_client)
    queue, dead = create_queue(sqs, receives_max=1)
    settings = WorkerSettings.from_env(
        {
            "SERVICE_NAME": "search-indexer",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "CONTENT_BUCKET": CONTENT_BUCKET,
            "QUEUE_URL": queue,
            "VECTOR_BUCKET": VECTOR_BUCKET,
            "VECTOR_INDEX": VECTOR_INDEX,
            "EMBEDDING_MODEL": MODEL,
            "EMBEDDING_REGION": "eu-north-1",
            "EMBEDDING_DIMENSION": str(DIMENSION),
        }
    )
    recording_id = world.transcribed("hello")
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    sqs.send_message(QueueUrl=queue, MessageBody=wake_up(RECORDING.key(recording_id)))
    with TestClient(create_app(settings)) as client:
        deadline = time.monotonic() + 15
        while (not world.keys() or queue_depth(sqs, dead) == 0) and time.monotonic() < deadline:
            time.sleep(0.05)
        checks = client.get("/ready").json()["checks"]
        assert checks == {"queue": "ok", "event_store": "ok", "vector_index": "ok"}
    assert world.keys() == {f"{recording_id}#0"}
    assert (queue_depth(sqs, queue), queue_depth(sqs, dead)) == (0, 1)
