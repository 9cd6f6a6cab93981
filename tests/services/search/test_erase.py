"""Erasing a person: their documents go, and the vectors of whatever they had that could be found."""

import importlib
import pkgutil
import uuid
from typing import TYPE_CHECKING, Any, cast

import nova_search
import pytest
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    TranscriptionCompleted,
    TranscriptionStarted,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.search import DOCUMENT, AddDocument
from nova_common.contracts.video import VIDEO
from nova_common.documents import DocumentStore
from nova_common.erasure import Belongings, NotYetError
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.vector_index import VectorIndex
from nova_search.documents import DOCUMENTS, content_key
from nova_search.erase import SOURCES, EraseSettings, Vectors, owned_documents, removals
from nova_search.library import Library
from nova_search.sources import Source

from tests.services.support.private import Private
from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB
from tests.services.support.vectors import DIMENSION, VECTOR_BUCKET, VECTOR_INDEX, FakeVectors

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client


class Bench:
    """Documents and recordings of people, with vectors, and the job."""

    def __init__(self, dynamodb: "DynamoDBClient", s3: "S3Client") -> None:
        self.s3 = s3
        registry = EventRegistry([DOCUMENT, RECORDING, VIDEO])
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, registry, Private(dynamodb).data)
        self.fake = FakeVectors()
        content = DocumentStore(s3, CONTENT_BUCKET)
        self.library = Library(self.store, content)
        belongings = Belongings(dynamodb, EVENT_STORE_TABLE)
        self.documents = owned_documents(belongings, self.store, content)
        index = VectorIndex(cast("Any", self.fake), VECTOR_BUCKET, VECTOR_INDEX)
        self.vectors = Vectors(belongings, self.store, index)

    def document(self, user: str) -> str:
        document_id = self.library.add(user, AddDocument(title="canary", text="canary " * 400)).id
        owner = DOCUMENTS.fold(self.store.load(DOCUMENT.key(document_id)))
        assert owner is not None
        self.put(*DOCUMENTS.keys(owner))
        return document_id

    def recording(self, user: str, *, is_deleted: bool) -> str:
        recording_id = str(uuid.uuid4())
        reference = DocumentReference(key="k", version_id="1", sha256="0" * 64)
        history = [
            RecordingRequested(content_type="audio/wav", size_bytes=5),
            TranscriptionStarted(job="job", duration_seconds=3),
            TranscriptionCompleted(
                transcript=reference, language="en-US", duration_seconds=3, words=5, segments=2
            ),
            RecordingDeleted(),
        ]
        events = [
            RECORDING.event(recording_id, data, user=user, correlation="c")
            for data in (history if is_deleted else history[:-1])
        ]
        self.store.append(events, 0)
        self.put(f"{recording_id}#0", f"{recording_id}#1")
        return recording_id

    def put(self, *keys: str) -> None:
        for key in keys:
            self.fake.vectors[key] = {"key": key, "data": {"float32": [0.0] * DIMENSION}}

    def objects(self) -> set[str]:
        answer = self.s3.list_object_versions(Bucket=CONTENT_BUCKET)
        return {found.get("Key", "") for found in answer.get("Versions", [])}


@pytest.fixture
def bench(dynamodb: "DynamoDBClient", s3: "S3Client") -> Bench:
    return Bench(dynamodb, s3)


def test_documents_go_with_all_that_finds_them(bench: Bench) -> None:
    bench.document(ALICE)
    others = bench.document(BOB)
    bench.recording(ALICE, is_deleted=True)
    assert bench.documents.remove(ALICE) == {"documents": 1, "objects": 1}
    removed = bench.vectors.remove(ALICE)
    assert removed["vectors"] == 5
    assert bench.objects() == {content_key(others)}
    assert {key.partition("#")[0] for key in bench.fake.vectors} == {others}


def test_repeated_it_has_nothing_to_do(bench: Bench) -> None:
    bench.document(ALICE)
    for removal in (bench.documents, bench.vectors):
        removal.remove(ALICE)
        assert not any(removal.remove(ALICE).values())


def test_a_recording_has_to_be_deleted_where_it_belongs(bench: Bench) -> None:
    recording_id = bench.recording(ALICE, is_deleted=False)
    with pytest.raises(NotYetError, match=f"Recording#{recording_id} is not deleted"):
        bench.vectors.remove(ALICE)
    assert len(bench.fake.vectors) == 2


def test_it_knows_all_that_is_indexed() -> None:
    modules = [
        importlib.import_module(f"nova_search.{found.name}")
        for found in pkgutil.iter_modules(nova_search.__path__)
    ]
    indexed = {
        value.aggregate.name
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Source)
    }
    assert {source.aggregate.name for source in SOURCES} == indexed


def test_the_job_is_made_of_what_the_environment_names(cloud: None, dynamodb: "DynamoDBClient") -> None:
    del cloud
    settings = EraseSettings.from_env(
        {
            "SERVICE_NAME": "search-erase",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "DATA_KEYS_TABLE": "keys",
            "CONTENT_BUCKET": CONTENT_BUCKET,
            "VECTOR_BUCKET": VECTOR_BUCKET,
            "VECTOR_INDEX": VECTOR_INDEX,
        }
    )
    made = removals(settings, Belongings(dynamodb, EVENT_STORE_TABLE))
    # Vectors after the documents that they stand for.
    assert [removal(ALICE) for removal in made] == [{}, {}]
