"""The projector's worker: a message wakes it, the event store tells it what happened.

A message names an aggregate and nothing else counts: the worker reads the store from the row's version on and
writes the row on condition of that version. So duplicates, late messages and any order give the same rows.
Messages about kinds of aggregates without a projection are passed over.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.contracts.audio import RecordingSummary
from nova_common.contracts.sessions import SessionSummary
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.private_data import private_data
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application
from nova_common.wake_ups import WakeUp

from nova_projector.domain import Summary, project
from nova_projector.read_model import DynamoReadModel, ReadModel, StaleRowError
from nova_projector.recordings import RECORDINGS
from nova_projector.sessions import SESSIONS
from nova_projector.settings import WorkerSettings

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


type Keeper = RowKeeper[RecordingSummary] | RowKeeper[SessionSummary]


class Projector:
    """Hands each wake-up to the keeper of the rows of its kind of aggregate."""

    def __init__(self, keepers: Iterable[Keeper]) -> None:
        self._keepers = {keeper.kind: keeper for keeper in keepers}

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        message = WakeUp.model_validate_json(body)
        keeper = self._keepers.get(message.kind)
        if keeper is None:
            logger.debug("no projection for this kind of aggregate")
            return
        keeper.catch_up(message.aggregate)


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the worker from what its environment names."""
    dynamodb = aws.dynamodb(settings.region)
    registry = EventRegistry([RECORDINGS.aggregate, SESSIONS.aggregate])
    private = private_data(dynamodb, settings.private_data, settings.region)
    store = DynamoEventStore(dynamodb, settings.event_store_table, registry, private)
    table = settings.read_model_table
    projector = Projector(
        [
            RowKeeper(store, DynamoReadModel(dynamodb, table, RECORDINGS)),
            RowKeeper(store, DynamoReadModel(dynamodb, table, SESSIONS)),
        ]
    )
    queue = aws.sqs(settings.region)
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
