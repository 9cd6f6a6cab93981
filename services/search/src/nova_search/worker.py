"""The indexer: keeps the vector index in step with the event store.

A message only names an aggregate. The indexer reads its history, and puts or deletes vectors as the history
demands; repeating that changes nothing. When a deletion and an indexing race, no vector survives: the indexer
reads the history again after its last put, and deletes what it put if the aggregate was deleted meanwhile. If
it was not, the deletion's own message comes later and deletes it.
"""

import logging
from collections.abc import Sequence
from itertools import batched

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.application import Check
from nova_common.documents import ContentMissingError, DocumentStore
from nova_common.embeddings import EmbeddingModel
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application
from nova_common.vector_index import Vector, VectorIndex, in_step
from nova_common.wake_ups import WakeUp

from nova_search import domain
from nova_search.documents import DOCUMENTS
from nova_search.recordings import RECORDINGS
from nova_search.settings import IndexerSettings, WorkerSettings
from nova_search.sources import Indexed, Passage, Plan, Source
from nova_search.videos import VIDEOS

LIMITS = WorkerLimits(concurrency=2)
"""Aggregates at a time; each has up to `embeddings.CONCURRENCY_MAX` requests to the model under way."""

BLOCK_PASSAGES = 100
"""Passages that are looked up, embedded and put together: what a redelivery loses of the work at most."""

EMBEDDING_SECONDS_MAX = 20
"""Time-out of one attempt to embed a passage; nobody waits for it."""

logger = logging.getLogger(__name__)


class Index:
    """Puts and deletes the vectors of one aggregate after another."""

    def __init__(
        self, store: DynamoEventStore, documents: DocumentStore, model: EmbeddingModel, vectors: VectorIndex
    ) -> None:
        self._store = store
        self._documents = documents
        self._model = model
        self._vectors = vectors

    def checks(self) -> dict[str, Check]:
        """Return what decides whether it can work."""
        return {"event_store": self._store.check_ready, "vector_index": self._vectors.check_ready}

    def catch_up[S: Indexed](self, source: Source[S], aggregate: str) -> int | None:
        """Put the vectors of what there is to be found, or delete those of what was deleted.

        Return how many were missing; None when there is nothing to be found.
        """
        # A malformed key never comes from the store: let it end in the dead-letter queue.
        source.aggregate.id_of(aggregate)
        owner = self._load(source, aggregate)
        if owner is None or not owner.contents:
            return None
        missing = 0
        if not owner.is_deleted:
            try:
                contents = [self._documents.read_document(reference) for reference in owner.contents]
            except ContentMissingError:
                # A deletion erases the content before it becomes an event; until then this comes again.
                if not self._is_deleted(source, aggregate):
                    raise
            else:
                missing = self._put(aggregate, owner, source.plan(owner, contents))
        if owner.is_deleted or self._is_deleted(source, aggregate):
            self._vectors.delete(source.keys(owner))
            logger.info("removed from the index", extra={"fields": {"aggregate": aggregate}})
            return None
        return missing

    def _put(self, aggregate: str, owner: Indexed, plan: Plan) -> int:
        blocks = batched(plan.passages, BLOCK_PASSAGES, strict=False)
        missing = sum(self._put_block(owner, block) for block in blocks)
        fields = {"aggregate": aggregate, "passages": len(plan.passages), "left_out": plan.left_out}
        level = logging.WARNING if plan.left_out else logging.INFO
        logger.log(level, "indexed", extra={"fields": fields})
        return missing

    def _put_block(self, owner: Indexed, block: Sequence[Passage]) -> int:
        """Embed and put what is not there yet, and return how many that were.

        What is indexed never changes, and another model has another index, so what is there is right.
        """
        there = self._vectors.existing(passage.key for passage in block)
        missing = [passage for passage in block if passage.key not in there]
        embeddings = self._model.embed_passages([passage.image or passage.text for passage in missing])
        self._vectors.put(
            Vector(key=passage.key, values=values, metadata=domain.metadata(owner, passage))
            for passage, values in zip(missing, embeddings, strict=True)
        )
        return len(missing)

    def _load[S: Indexed](self, source: Source[S], aggregate: str) -> S | None:
        return source.fold(self._store.load(aggregate))

    def _is_deleted[S: Indexed](self, source: Source[S], aggregate: str) -> bool:
        owner = self._load(source, aggregate)
        return owner is None or owner.is_deleted


class Indexer:
    """Hands each aggregate to the index, by its kind."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def checks(self) -> dict[str, Check]:
        """Return what decides whether it can work."""
        return self._index.checks()

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        self.catch_up(WakeUp.model_validate_json(body).aggregate)

    def catch_up(self, aggregate: str) -> int | None:
        """Bring an aggregate's vectors up to its history.

        Return how many were missing; None for what cannot be found, or not any more.
        """
        match aggregate.partition("#")[0]:
            case RECORDINGS.aggregate.name:
                return self._index.catch_up(RECORDINGS, aggregate)
            case DOCUMENTS.aggregate.name:
                return self._index.catch_up(DOCUMENTS, aggregate)
            case VIDEOS.aggregate.name:
                return self._index.catch_up(VIDEOS, aggregate)
            case _:
                logger.debug("nothing is indexed of this kind of aggregate")
                return None


def indexer(settings: IndexerSettings) -> Indexer:
    """Return an indexer of what the environment names; IndexMismatchError."""
    registry = EventRegistry([source.aggregate for source in (RECORDINGS, DOCUMENTS, VIDEOS)])
    store = DynamoEventStore(aws.dynamodb(settings.region), settings.event_store_table, registry)
    embedding = settings.embedding
    bedrock = aws.bedrock_runtime(embedding.region, read_timeout_seconds=EMBEDDING_SECONDS_MAX)
    vectors = in_step(aws.s3vectors(settings.region), settings.vectors, embedding.dimension)
    documents = DocumentStore(aws.s3(settings.region), settings.content_bucket)
    return Indexer(
        Index(store, documents, EmbeddingModel(bedrock, embedding.model, embedding.dimension), vectors)
    )


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the indexer from what its environment names."""
    working = indexer(settings.stores)
    queue = aws.sqs(settings.stores.region)
    return create_worker_application(
        "Nova search indexer",
        lambda: QueueWorker(queue, settings.queue_url, working.handle, LIMITS),
        checks=working.checks(),
    )


def main() -> None:
    """Consume the queue until the task is stopped."""
    server.main(WorkerSettings.from_env, lambda settings: settings.server, create_app, drain_seconds=0)


if __name__ == "__main__":
    main()
