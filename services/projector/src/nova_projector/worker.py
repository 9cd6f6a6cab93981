"""The projector's worker: a message wakes it, the event store tells it what happened.

A message names an aggregate and nothing else counts: the worker reads the store from the row's version on and
writes the row on condition of that version. So duplicates, late messages and any order give the same rows.
Messages about kinds of aggregates without a projection are passed over.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.contracts.audio import RecordingSummary
from nova_common.contracts.live import LiveConversationSummary
from nova_common.contracts.registry import AGGREGATES
from nova_common.contracts.search import DocumentSummary
from nova_common.contracts.sessions import SessionSummary
from nova_common.contracts.video import VideoSummary
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.private_data import private_data
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application
from nova_common.wake_ups import WakeUp

from nova_projector.conversations import CONVERSATIONS
from nova_projector.documents import DOCUMENTS
from nova_projector.domain import Summary, project
from nova_projector.generations import Generations, GenerationState
from nova_projector.read_model import DynamoReadModel, ReadModel, StaleRowError
from nova_projector.recordings import RECORDINGS
from nova_projector.sessions import SESSIONS
from nova_projector.settings import StoreSettings, WorkerSettings
from nova_projector.videos import VIDEOS

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LIMITS = WorkerLimits(concurrency=8)

ATTEMPTS_MAX = 10
"""Rounds for one wake-up; only other tasks working on the same aggregate make more than one necessary."""

PAUSE_SECONDS_MAX = 0.2

logger = logging.getLogger(__name__)


class RowKeeper[S: Summary]:
    """Brings the rows of one projection up to the event store."""

    def __init__(
        self, store: EventStore, read_model: ReadModel[S], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._sleep = sleep

    @property
    def kind(self) -> str:
        """The name of the kind of aggregate that is projected."""
        return self._read_model.projection.aggregate.name

    def catch_up(self, aggregate: str) -> None:
        """Apply all events after the row's version; StaleRowError when others keep changing the row.

        ValueError for a malformed key.
        """
        projection = self._read_model.projection
        # A malformed key never comes from the store: let it end in the dead-letter queue.
        projection.aggregate.id_of(aggregate)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            row = self._read_model.get(aggregate)
            version = row.version if row else 0
            projected = project(projection, row, self._store.load(aggregate, after_version=version))
            if projected is None or projected.version == version:
                return
            try:
                self._read_model.put(projected, expected_version=version)
            except StaleRowError:
                if attempt == ATTEMPTS_MAX:
                    raise
                self._sleep(random.uniform(0, PAUSE_SECONDS_MAX))  # noqa: S311 - jitter, not a secret
            else:
                fields = {"aggregate": aggregate, "version": projected.version}
                logger.info("row projected", extra={"fields": fields})
                return

    def shows(self, aggregate: str) -> bool:
        """Whether the aggregate has a row that a list shows."""
        row = self._read_model.get(aggregate)
        return row is not None and row.summary is not None

    def owner(self, aggregate: str) -> str | None:
        """Return whose aggregate it is, by the event that began it; it has one."""
        return next(iter(self._store.load(aggregate))).user

    def agrees(self, aggregate: str, *, version_min: int) -> bool:
        """Whether the row is what the aggregate's history says, as far as the row has followed it.

        It has to have followed at least to `version_min`.
        """
        projection = self._read_model.projection
        row = self._read_model.get(aggregate)
        version = row.version if row else 0
        history = list(self._store.load(aggregate))
        return version >= version_min and project(projection, None, history[:version]) == row


type Keeper = (
    RowKeeper[DocumentSummary]
    | RowKeeper[LiveConversationSummary]
    | RowKeeper[RecordingSummary]
    | RowKeeper[SessionSummary]
    | RowKeeper[VideoSummary]
)


type Keepers = Callable[[int], Mapping[str, Keeper]]
"""The keepers of a generation, by the kind of aggregate."""


class Projector:
    """Hands each wake-up to the keepers of the rows of its kind of aggregate, one a generation.

    Which generations there are is read for each message, before the store: see `generations`.
    """

    def __init__(self, keepers: Keepers, generations: Callable[[], Generations]) -> None:
        self._keepers = keepers
        self._generations = generations

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        message = WakeUp.model_validate_json(body)
        for generation in self._generations().written:
            keeper = self._keepers(generation).get(message.kind)
            if keeper is None:
                logger.debug("no projection for this kind of aggregate")
                return
            keeper.catch_up(message.aggregate)


def keepers_of(store: EventStore, dynamodb: DynamoDBClient, table: str) -> Keepers:
    """Return the keepers of all kinds of aggregates that are listed."""

    def keepers(generation: int) -> Mapping[str, Keeper]:
        def number() -> int:
            return generation

        made: tuple[Keeper, ...] = (
            RowKeeper(store, DynamoReadModel(dynamodb, table, DOCUMENTS, number)),
            RowKeeper(store, DynamoReadModel(dynamodb, table, RECORDINGS, number)),
            RowKeeper(store, DynamoReadModel(dynamodb, table, CONVERSATIONS, number)),
            RowKeeper(store, DynamoReadModel(dynamodb, table, SESSIONS, number)),
            RowKeeper(store, DynamoReadModel(dynamodb, table, VIDEOS, number)),
        )
        return {keeper.kind: keeper for keeper in made}

    return keepers


def event_store(settings: StoreSettings, dynamodb: DynamoDBClient) -> DynamoEventStore:
    """Return the event store as the projections read it."""
    private = private_data(dynamodb, settings.private_data, settings.region)
    return DynamoEventStore(dynamodb, settings.event_store_table, EventRegistry(AGGREGATES), private)


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the worker from what its environment names."""
    dynamodb = aws.dynamodb(settings.stores.region)
    table = settings.stores.read_model_table
    store = event_store(settings.stores, dynamodb)
    projector = Projector(keepers_of(store, dynamodb, table), GenerationState(dynamodb, table).read)
    queue = aws.sqs(settings.stores.region)
    return create_worker_application(
        "Nova projector worker",
        lambda: QueueWorker(queue, settings.queue_url, projector.handle, LIMITS),
        checks={"event_store": store.check_ready},
    )


def main() -> None:
    """Consume the queue until the task is stopped."""
    server.main(WorkerSettings.from_env, lambda settings: settings.server, create_app, drain_seconds=0)


if __name__ == "__main__":
    main()
