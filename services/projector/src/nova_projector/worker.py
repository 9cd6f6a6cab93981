"""The projector's worker: a message wakes it, the event store tells it what happened.

A message names an aggregate and nothing else counts: the worker reads the store from the row's version on and
writes the row on condition of that version. So duplicates, late messages and any order give the same rows.
"""

import logging
import random
import time
from collections.abc import Callable

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.contracts.audio import RECORDING
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from nova_projector.domain import project
from nova_projector.read_model import DynamoReadModel, ReadModel, StaleRowError
from nova_projector.settings import WorkerSettings

LIMITS = WorkerLimits(concurrency=8)

ATTEMPTS_MAX = 10
"""Rounds for one wake-up; only other tasks working on the same aggregate make more than one necessary."""

PAUSE_SECONDS_MAX = 0.2

logger = logging.getLogger(__name__)


class WakeUp(BaseModel):
    """A message: an event of the bus, whose detail names the aggregate, or that detail alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    aggregate: str = Field(
        min_length=3, validation_alias=AliasChoices(AliasPath("detail", "aggregate"), "aggregate")
    )


class Projector:
    """Brings rows of the read model up to the event store."""

    def __init__(
        self, store: EventStore, read_model: ReadModel, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._sleep = sleep

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        aggregate = WakeUp.model_validate_json(body).aggregate
        if aggregate.partition("#")[0] != RECORDING.name:
            logger.debug("no projection for this kind of aggregate")
            return
        # A malformed key never comes from the store: let it end in the dead-letter queue.
        RECORDING.id_of(aggregate)
        self.catch_up(aggregate)

    def catch_up(self, aggregate: str) -> None:
        """Apply all events after the row's version; StaleRowError when others keep changing the row."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            row = self._read_model.get(aggregate)
            version = row.version if row else 0
            projected = project(row, self._store.load(aggregate, after_version=version))
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


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the worker from what its environment names."""
    dynamodb = aws.dynamodb(settings.region)
    store = DynamoEventStore(dynamodb, settings.event_store_table, EventRegistry([RECORDING]))
    projector = Projector(store, DynamoReadModel(dynamodb, settings.read_model_table))
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
