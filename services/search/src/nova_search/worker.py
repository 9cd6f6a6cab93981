"""The indexer: keeps the vector index in step with the event store.

A message only names a recording. The indexer reads its history, and puts or deletes vectors as the history
demands; repeating that changes nothing. When a deletion and an indexing race, no vector survives: the indexer
reads the history again after its last put, and deletes what it put if the recording was deleted meanwhile. If
it was not, the deletion's own message comes later and deletes it.
"""

import logging
from collections.abc import Sequence
from itertools import batched

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.contracts.audio import RECORDING, Transcript, TranscriptionCompleted
from nova_common.documents import ContentMissingError, DocumentStore
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application
from nova_common.wake_ups import WakeUp

from nova_search import domain
from nova_search.embeddings import EmbeddingModel
from nova_search.settings import WorkerSettings
from nova_search.vectors import Vector, VectorIndex

LIMITS = WorkerLimits(concurrency=2)
"""Recordings at a time; each has up to `embeddings.CONCURRENCY_MAX` requests to the model under way."""

BLOCK_PASSAGES = 100
"""Passages that are looked up, embedded and put together: what a redelivery loses of the work at most."""

EMBEDDING_SECONDS_MAX = 20
"""Time-out of one attempt to embed a passage; nobody waits for it."""

logger = logging.getLogger(__name__)


class Indexer:
    """Brings the vectors of recordings up to the event store."""

    def __init__(
        self, store: EventStore, documents: DocumentStore, model: EmbeddingModel, index: VectorIndex
    ) -> None:
        self._store = store
        self._documents = documents
        self._model = model
        self._index = index

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        message = WakeUp.model_validate_json(body)
        if message.kind != RECORDING.name:
            logger.debug("nothing is indexed of this kind of aggregate")
            return
        self.catch_up(RECORDING.id_of(message.aggregate))

    def catch_up(self, recording_id: str) -> None:
        """Put the vectors of a transcribed recording, or delete those of a deleted one."""
        recording = self._load(recording_id)
        if recording is None or recording.completed is None:
            return
        completed = recording.completed
        if not recording.is_deleted:
            try:
                self._put(recording, completed)
            except ContentMissingError:
                # A deletion erases the transcript before it becomes an event; until then this comes again.
                if not self._is_deleted(recording_id):
                    raise
        if recording.is_deleted or self._is_deleted(recording_id):
            self._index.delete(domain.vector_keys(recording_id, completed))
            logger.info("recording removed from the index", extra={"fields": {"recording": recording_id}})

    def _put(self, recording: domain.IndexedRecording, completed: TranscriptionCompleted) -> None:
        transcript = Transcript.model_validate_json(self._documents.read_document(completed.transcript))
        plan = domain.plan(recording.id, completed, transcript)
        for block in batched(plan.passages, BLOCK_PASSAGES, strict=False):
            self._put_block(recording, block)
        fields = {"recording": recording.id, "passages": len(plan.passages), "left_out": plan.left_out}
        level = logging.WARNING if plan.left_out else logging.INFO
        logger.log(level, "recording indexed", extra={"fields": fields})

    def _put_block(self, recording: domain.IndexedRecording, block: Sequence[domain.Passage]) -> None:
        """Embed and put what is not there yet.

        A transcript never changes, and another model has another index, so what is there is right.
        """
        there = self._index.existing(passage.key for passage in block)
        missing = [passage for passage in block if passage.key not in there]
        embeddings = self._model.embed_passages([passage.text for passage in missing])
        self._index.put(
            Vector(key=passage.key, values=values, metadata=domain.metadata(recording, passage))
            for passage, values in zip(missing, embeddings, strict=True)
        )

    def _load(self, recording_id: str) -> domain.IndexedRecording | None:
        return domain.fold(self._store.load(RECORDING.key(recording_id)))

    def _is_deleted(self, recording_id: str) -> bool:
        recording = self._load(recording_id)
        return recording is None or recording.is_deleted


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the indexer from what its environment names."""
    store = DynamoEventStore(
        aws.dynamodb(settings.region), settings.event_store_table, EventRegistry([RECORDING])
    )
    embedding = settings.embedding
    bedrock = aws.bedrock_runtime(embedding.region, read_timeout_seconds=EMBEDDING_SECONDS_MAX)
    index = VectorIndex(aws.s3vectors(settings.region), settings.vectors.bucket, settings.vectors.index)
    indexer = Indexer(
        store,
        DocumentStore(aws.s3(settings.region), settings.content_bucket),
        EmbeddingModel(bedrock, embedding.model, embedding.dimension),
        index,
    )
    queue = aws.sqs(settings.region)
    return create_worker_application(
        "Nova search indexer",
        lambda: QueueWorker(queue, settings.queue_url, indexer.handle, LIMITS),
        checks={"event_store": store.check_ready, "vector_index": index.check_ready},
    )


def main() -> None:
    """Consume the queue until the task is stopped."""
    server.main(WorkerSettings.from_env, lambda settings: settings.server, create_app, drain_seconds=0)


if __name__ == "__main__":
    main()
