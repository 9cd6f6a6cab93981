"""The job that removes what this slice holds about a person: documents, and vectors of what is indexed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, override

from nova_common import aws, erasure
from nova_common.contracts.search import DOCUMENT
from nova_common.documents import DocumentStore
from nova_common.erasure import Belongings, ErasureSettings, NotYetError, OwnedContent, Removal, each
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories
from nova_common.settings import Environment, TaskSettings
from nova_common.vector_index import VectorIndex, VectorSettings

from nova_search.documents import DOCUMENTS, OwnDocument, content_key, delete, fold
from nova_search.recordings import RECORDINGS
from nova_search.sources import Source
from nova_search.videos import VIDEOS

SOURCES: tuple[Source[Any], ...] = (DOCUMENTS, RECORDINGS, VIDEOS)
"""All that is indexed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseSettings(TaskSettings):
    """Environment of the job."""

    common: ErasureSettings
    content_bucket: str
    vectors: VectorSettings

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            common=ErasureSettings.read(environment),
            content_bucket=environment.text("CONTENT_BUCKET"),
            vectors=VectorSettings.read(environment),
        )


def owned_documents(
    belongings: Belongings, store: EventStore, documents: DocumentStore
) -> OwnedContent[OwnDocument]:
    """Return the documents of people, deleted or not."""
    return OwnedContent(
        belongings=belongings,
        kind=DOCUMENT,
        histories=Histories(store, DOCUMENT, fold, "document"),
        content=documents,
        keys=lambda document: [content_key(document)],
        delete=delete,
        counted="documents",
    )


class Vectors:
    """The vectors of all that a person has. The indexer puts none for what is deleted; that is waited for."""

    def __init__(self, belongings: Belongings, store: EventStore, vectors: VectorIndex) -> None:
        self._belongings = belongings
        self._store = store
        self._vectors = vectors

    def remove(self, user: str) -> Mapping[str, int]:
        """Delete all vectors of a person; NotYetError while something of theirs is not deleted yet."""
        by_kind = {source.aggregate.name: source for source in SOURCES}
        keys = self._belongings.of(user, [source.aggregate for source in SOURCES])
        return each(keys, lambda key: self._remove(by_kind[key.partition("#")[0]], key))

    def _remove(self, source: Source[Any], aggregate: str) -> Mapping[str, int]:
        indexed = source.fold(self._store.load(aggregate))
        if indexed is None:
            return {}
        if not indexed.is_deleted:
            message = f"{aggregate} is not deleted, which its own slice has to do first"
            raise NotYetError(message)
        keys = source.keys(indexed)
        there = self._vectors.existing(keys)
        self._vectors.delete(there)
        return {"vectors": len(there)}


def removals(settings: EraseSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's things, in this order."""
    common = settings.common
    registry = EventRegistry([source.aggregate for source in SOURCES])
    store = DynamoEventStore(aws.dynamodb(common.region), common.event_store_table, registry)
    documents = DocumentStore(aws.s3(common.region), settings.content_bucket)
    place = settings.vectors
    vectors = VectorIndex(aws.s3vectors(common.region), place.bucket, place.index)
    return [
        owned_documents(belongings, store, documents).remove,
        Vectors(belongings, store, vectors).remove,
    ]


def main() -> None:
    """Run the job."""
    erasure.main(EraseSettings.from_env, lambda settings: settings.common, removals)


if __name__ == "__main__":
    main()
