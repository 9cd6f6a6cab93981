"""The job that removes what this slice holds about a person: the rows of their lists.

A row ends with its aggregate, which is deleted where it belongs; the worker would end it, too. What is left
of it, an id and a version, keeps late messages from making it again, and expires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, override

from nova_common import aws, erasure
from nova_common.contracts.registry import AGGREGATES
from nova_common.erasure import Belongings, ErasureSettings, NotYetError, Removal, each
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.settings import Environment, TaskSettings

from nova_projector.generations import Generations, GenerationState
from nova_projector.worker import Keepers, keepers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseSettings(TaskSettings):
    """Environment of the job."""

    common: ErasureSettings
    read_model_table: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            common=ErasureSettings.read(environment),
            read_model_table=environment.text("READ_MODEL_TABLE"),
        )


class Rows:
    """The rows of people in all generations."""

    def __init__(
        self, belongings: Belongings, keepers: Keepers, generations: Callable[[], Generations]
    ) -> None:
        self._belongings = belongings
        self._keepers = keepers
        self._generations = generations

    def remove(self, user: str) -> Mapping[str, int]:
        """End all rows of a person; NotYetError while something that has a row is not deleted yet."""
        return each(self._belongings.of(user, AGGREGATES), self._remove)

    def _remove(self, aggregate: str) -> Mapping[str, int]:
        ended = 0
        for generation in self._generations().written:
            keeper = self._keepers(generation).get(aggregate.partition("#")[0])
            if keeper is None:
                return {}
            was_shown = keeper.shows(aggregate)
            keeper.catch_up(aggregate)
            if keeper.shows(aggregate):
                message = f"{aggregate} is still listed, because its own slice has not deleted it"
                raise NotYetError(message)
            ended += was_shown
        return {"rows of lists": ended}


def removals(settings: EraseSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's things, in this order."""
    common, table = settings.common, settings.read_model_table
    dynamodb = aws.dynamodb(common.region)
    # Nothing private is shown of what is deleted: the rows are made without the right to read it.
    store = DynamoEventStore(dynamodb, common.event_store_table, EventRegistry(AGGREGATES))
    generations = GenerationState(dynamodb, table)
    return [Rows(belongings, keepers_of(store, dynamodb, table), generations.read).remove]


def main() -> None:
    """Run the job."""
    erasure.main(EraseSettings.from_env, lambda settings: settings.common, removals)


if __name__ == "__main__":
    main()
