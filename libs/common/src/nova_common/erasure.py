"""The frame in which each slice removes what it holds about one person.

A slice says it in its module `erase`: functions that take the person's id, remove one sort of thing and
return how much of it there was. `main` makes a job of them, which `nova erase` starts together with those of
all other slices. Each of them first leaves the note that bars the person (`erased`), waits until nobody
begins anything in that name any more, and then removes; so it does not matter which is first, and a job that
was interrupted, or is started again, does what is left to do. A function raises `NotYetError` while it needs
what another slice has still to do.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self, override

from nova_common import aws, job
from nova_common.documents import DocumentStore
from nova_common.erased import BARRED_SECONDS, ErasedPeople
from nova_common.events import AggregateType, EventData
from nova_common.histories import Histories, Owned
from nova_common.job import JobError
from nova_common.settings import Environment, ServerSettings, TaskSettings

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

INDEX = "gsi1"
"""Finds the events of a user, month by month (`event_store`)."""

FIRST_MONTH = (2025, 1)
"""Year and month before which nobody can have any event: the platform is younger."""

AT_ONCE_MAX = 8
"""Things that are removed at a time; each has a few calls one after another."""

OTHERS_SECONDS_MAX = 900.0
"""How long what another slice has to do first may take: thousands of recordings, a few calls each."""

PAUSE_SECONDS = 2.0

FORGOTTEN = "--forgotten"
"""Argument that says that the user pool does not know the person: then somebody else has to."""

type Removal = Callable[[str], Mapping[str, int]]
"""Removes what a person has of some sort, by the person's id; returns how much of what there was.

It may be repeated at any time, and has then nothing to remove.
"""


class NotYetError(Exception):
    """What has to happen first, in another slice, has not; the message says what, and names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureSettings(TaskSettings):
    """What every slice's erasure finds in its environment."""

    server: ServerSettings
    """Of which a job uses how it is called and how it logs."""
    region: str
    event_store_table: str
    data_keys_table: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        """Those of a task, EVENT_STORE_TABLE and DATA_KEYS_TABLE."""
        return cls(
            server=ServerSettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            data_keys_table=environment.text("DATA_KEYS_TABLE"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentErasureSettings(TaskSettings):
    """What the erasure of a slice that keeps content, and nothing else, finds in its environment."""

    common: ErasureSettings
    content_bucket: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        """Those of `ErasureSettings` and CONTENT_BUCKET."""
        return cls(
            common=ErasureSettings.read(environment), content_bucket=environment.text("CONTENT_BUCKET")
        )


class Belongings:
    """The aggregates of people, as the event store's index knows them: all but those of the last moments."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._now = now

    def of(self, user: str, kinds: Iterable[AggregateType]) -> list[str]:
        """Return the keys of all aggregates of a person that are of one of these kinds, in order."""
        names = {kind.name for kind in kinds}
        return sorted({key for key in self._keys(user) if key.partition("#")[0] in names})

    def any(self, user: str) -> bool:
        """Whether there is anything at all."""
        return next(self._keys(user), None) is not None

    def _keys(self, user: str) -> Iterator[str]:
        for month in months(self._now()):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=INDEX,
                KeyConditionExpression="gsi1pk = :owner",
                ExpressionAttributeValues={":owner": {"S": f"user#{user}#{month}"}},
                ProjectionExpression="pk",
            )
            for page in pages:
                for item in page["Items"]:
                    yield item.get("pk", {}).get("S", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedContent[S: Owned]:
    """The aggregates of one kind that people have, in whatever state, with their objects."""

    belongings: Belongings
    kind: AggregateType
    histories: Histories[S]
    content: DocumentStore
    keys: Callable[[str], Iterable[str]]
    """The keys of all objects that an aggregate may have, by its id."""
    delete: Callable[[S], Sequence[EventData]]
    """What its owner's own deletion appends; nothing for what is deleted."""
    counted: str
    """What removed aggregates are counted as, beside their objects."""

    def remove(self, user: str) -> Mapping[str, int]:
        """Delete all that a person has of the kind, and whatever came of deleted ones."""
        return each(self.belongings.of(user, [self.kind]), lambda key: self._remove(user, key))

    def _remove(self, user: str, aggregate: str) -> Mapping[str, int]:
        aggregate_id = self.kind.id_of(aggregate)
        objects = 0

        def erase() -> None:
            nonlocal objects
            objects += self.content.delete_all_versions(self.keys(aggregate_id))

        is_deleted = self.histories.erase(user, aggregate_id, erase, self.delete)
        return {self.counted: int(is_deleted), "objects": objects}


class Erasure:
    """One slice's part in erasing people."""

    def __init__(
        self,
        people: ErasedPeople,
        belongings: Belongings,
        removals: Sequence[Removal],
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._people = people
        self._belongings = belongings
        self._removals = removals
        self._sleep = sleep
        self._now = now

    def run(self, arguments: Sequence[str]) -> Mapping[str, object]:
        """Bar a person, remove what there is, and return how much of what that was; JobError."""
        user = self._person(arguments)
        barred_at = self._people.erase(user)
        left = BARRED_SECONDS - (self._now() - barred_at).total_seconds()
        if left > 0:
            self._sleep(left)
        removed: Counter[str] = Counter()
        for removal in self._removals:
            removed.update(self._done(removal, user))
        return {"removed": dict(removed)}

    def _person(self, arguments: Sequence[str]) -> str:
        user, *options = arguments or [""]
        if not user or options not in ([], [FORGOTTEN]):
            message = f"an erasure takes the id of a person, and {FORGOTTEN} perhaps"
            raise JobError(message)
        if options and self._people.erased_at(user) is None and not self._belongings.any(user):
            message = "nobody of that id was ever here; nothing was changed"
            raise JobError(message)
        return user

    def _done(self, removal: Removal, user: str) -> Mapping[str, int]:
        waited = 0.0
        while True:
            try:
                return removal(user)
            except NotYetError as error:
                if waited >= OTHERS_SECONDS_MAX:
                    message = f"{error}; see what became of the other slices' erasures and start it again"
                    raise JobError(message) from error
            self._sleep(PAUSE_SECONDS)
            waited += PAUSE_SECONDS


def each(things: Sequence[str], remove: Callable[[str], Mapping[str, int]]) -> Mapping[str, int]:
    """Remove things side by side and return how much there was of what; the first error ends it."""
    removed: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE_MAX) as pool:
        for counted in pool.map(remove, things):
            removed.update(counted)
    return removed


def main[S](
    read_settings: Callable[[], S],
    common: Callable[[S], ErasureSettings],
    removals: Callable[[S, Belongings], Sequence[Removal]],
) -> None:
    """Run a slice's erasure as a job, with the person's id as its argument."""

    def run(settings: S, arguments: Sequence[str]) -> Mapping[str, object]:
        shared = common(settings)
        client = aws.dynamodb(shared.region)
        belongings = Belongings(client, shared.event_store_table)
        people = ErasedPeople(client, shared.data_keys_table)
        return Erasure(people, belongings, removals(settings, belongings)).run(arguments)

    job.main(read_settings, lambda settings: common(settings).server, run)


def months(now: datetime) -> Iterator[str]:
    """Yield all months up to now, the latest first: clocks may be a little ahead of ours."""
    year, month = now.year, now.month + 1
    if month > 12:  # noqa: PLR2004 - months
        year, month = year + 1, 1
    while (year, month) >= FIRST_MONTH:
        yield f"{year:04d}-{month:02d}"
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
