"""The job that makes the read model again from the event store, while lists are served and written.

It announces a fresh generation, which workers write to from then on; goes through the whole store in parallel
segments and projects every aggregate; goes through it again and compares; switches; and removes the rows that
nobody sees any more. An event that is appended meanwhile is either seen by the scan or comes to a worker that
knows of the generation, and rows are written on condition of their version: none is lost or counted twice.

Each fresh row has to be the projection of its aggregate's whole history. Then the row that is served is
looked at in the same way, as far as it has followed. If it is another, the projections have changed, which is
what a rebuild is for: then `--accept-differences` lets it switch. Rows of people who are being erased are
passed over: with the key their histories have lost what is private, and the erasure ends such rows in every
generation.

Repeated, it makes another generation; two at once disturb each other and one of them gives up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nova_common import aws, job
from nova_common.erased import ErasedPeople
from nova_common.job import JobError
from nova_common.scans import each_aggregate, each_segment, scan

from nova_projector.generations import (
    SERVED_SECONDS,
    GenerationsChangedError,
    GenerationState,
    generation_of,
)
from nova_projector.settings import JobSettings
from nova_projector.worker import Keepers, event_store, keepers_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

FORGOTTEN_SECONDS = 2 * SERVED_SECONDS
"""After the switch every query task has asked again, and every message that was at work is done."""

DIFFERENCES_NAMED_MAX = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of two generations found, as keys of aggregates."""

    wrong: list[str] = field(default_factory=list[str])
    """Their fresh rows are not what their histories say."""
    different: list[str] = field(default_factory=list[str])
    """Their rows are served otherwise."""
    erased: list[str] = field(default_factory=list[str])
    """They are either, and belong to people who are being erased."""


class Rebuild:
    """One rebuild."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        *,
        event_store_table: str,
        read_model_table: str,
        keepers: Keepers,
        is_erased: Callable[[str], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._events = event_store_table
        self._rows = read_model_table
        self._keepers = keepers
        self._is_erased = is_erased
        self._sleep = sleep
        self._state = GenerationState(dynamodb, read_model_table)
        self._lock = threading.Lock()

    def run(self, *, accept_differences: bool) -> Mapping[str, object]:
        """Rebuild, compare, switch, clean up, and return what was done.

        JobError when the generations differ and that was not accepted, or when another rebuild is at work.
        """
        try:
            return self._run(accept_differences=accept_differences)
        except GenerationsChangedError as error:
            message = f"{error}; see that no other rebuild is at work and start it again"
            raise JobError(message) from error

    def _run(self, *, accept_differences: bool) -> Mapping[str, object]:
        before = self._state.read()
        fresh = max(before.written) + 1
        announced = self._state.change(before, served=before.served, others=(fresh,))
        self._remove_rows(kept={before.served, fresh})
        counted, seconds = self._fill(fresh)
        logger.info("generation %d is filled", fresh, extra={"fields": {**counted, "seconds": seconds}})
        found = self._compare(before.served, fresh)
        if found.wrong:
            first = min(found.wrong)
            message = f"{len(found.wrong)} fresh rows are not what their histories say, the first: {first}"
            raise JobError(message)
        different = sorted(found.different)
        if different and not accept_differences:
            self._state.change(announced, served=before.served, others=())
            self._remove_rows(kept={before.served})
            message = (
                f"{len(different)} rows differ from those that are served, the first: "
                f"{', '.join(different[:DIFFERENCES_NAMED_MAX])}; nothing was switched. If the projections "
                "were changed, that is what a rebuild is for: start it with --accept-differences"
            )
            raise JobError(message)
        switched = self._state.change(announced, served=fresh, others=(before.served,))
        self._sleep(FORGOTTEN_SECONDS)
        self._state.change(switched, served=fresh, others=())
        # Workers that read the generations just before have written by then.
        self._sleep(SERVED_SECONDS)
        removed = self._remove_rows(kept={fresh})
        return {
            "generation": fresh,
            **counted,
            "seconds": round(seconds, 1),
            "events_per_second": round(counted["events"] / seconds) if seconds else 0,
            "differences": len(different),
            "erased": len(found.erased),
            "rows_removed": removed,
        }

    def _fill(self, fresh: int) -> tuple[dict[str, int], float]:
        """Project every aggregate into a generation; return how many there are, and how long it took."""
        counts: Counter[str] = Counter(aggregates=0, events=0)
        keepers = self._keepers(fresh)

        def visit(aggregate: str, events: int) -> None:
            keeper = keepers.get(aggregate.partition("#")[0])
            if keeper is not None:
                keeper.catch_up(aggregate)
                with self._lock:
                    counts.update(aggregates=1, events=events)

        started = time.monotonic()
        each_aggregate(self._dynamodb, self._events, visit)
        return dict(counts), time.monotonic() - started

    def _compare(self, served: int, fresh: int) -> Comparison:
        found = Comparison()
        keepers, shown = self._keepers(fresh), self._keepers(served)

        def visit(aggregate: str, events: int) -> None:
            kind = aggregate.partition("#")[0]
            if kind not in keepers:
                return
            # What was appended since it was filled: a worker may not have come to it yet.
            keepers[kind].catch_up(aggregate)
            is_right = keepers[kind].agrees(aggregate, version_min=events)
            if is_right and shown[kind].agrees(aggregate, version_min=0):
                return
            owner = keepers[kind].owner(aggregate)
            if owner is not None and self._is_erased(owner):
                found.erased.append(aggregate)
            else:
                (found.different if is_right else found.wrong).append(aggregate)

        each_aggregate(self._dynamodb, self._events, visit)
        return found

    def _remove_rows(self, kept: set[int]) -> int:
        """Remove the rows of all other generations and return how many there were."""

        def segment(number: int) -> int:
            removed = 0
            for item in scan(self._dynamodb, self._rows, number, "pk, sk"):
                generation = generation_of(item["pk"]["S"])
                if generation is not None and generation not in kept:
                    self._dynamodb.delete_item(TableName=self._rows, Key=item)
                    removed += 1
            return removed

        return sum(each_segment(segment))


def run(settings: JobSettings, arguments: Sequence[str]) -> Mapping[str, object]:
    """Rebuild the read model that the environment names."""
    if unknown := set(arguments) - {"--accept-differences"}:
        message = f"unknown arguments: {', '.join(sorted(unknown))}; there is --accept-differences"
        raise JobError(message)
    stores = settings.stores
    dynamodb = aws.dynamodb(stores.region)
    people = ErasedPeople(dynamodb, stores.private_data.table)
    rebuild = Rebuild(
        dynamodb,
        event_store_table=stores.event_store_table,
        read_model_table=stores.read_model_table,
        keepers=keepers_of(event_store(stores, dynamodb), dynamodb, stores.read_model_table),
        is_erased=lambda user: people.erased_at(user) is not None,
    )
    return rebuild.run(accept_differences="--accept-differences" in arguments)


def main() -> None:
    """Run the job."""
    job.main(JobSettings.from_env, lambda settings: settings.server, run)


if __name__ == "__main__":
    main()
