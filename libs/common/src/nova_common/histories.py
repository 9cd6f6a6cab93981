"""Aggregates that belong to somebody: found by their owner alone, advanced by workers, deleted for good.

What a kind of aggregate is, its `fold` knows; what may happen to it, the callers decide.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from pydantic import JsonValue

from nova_common.event_store import EventStore, decide_and_append
from nova_common.events import AggregateType, Event, EventData, NewEvent, derived_event_id, is_aggregate_id
from nova_common.logs import correlation_id
from nova_common.problems import Problem
from nova_common.telemetry import spans

logger = logging.getLogger(__name__)


class UnknownAggregateError(LookupError):
    """A message names an aggregate that nobody ever asked for."""


class Owned(Protocol):
    """An aggregate after some version of its history."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def user(self) -> str:
        """Its owner."""
        ...

    @property
    def correlation(self) -> str:
        """The request that it began with."""
        ...

    @property
    def version(self) -> int:
        """How many events it has."""
        ...

    @property
    def status(self) -> str:
        """Where it stands."""
        ...

    @property
    def is_deleted(self) -> bool:
        """Whether its owner deleted it."""
        ...


class Histories[S: Owned]:
    """The aggregates of one kind. `noun` is what people call one."""

    def __init__(
        self,
        store: EventStore,
        kind: AggregateType,
        fold: Callable[[Iterable[Event]], S | None],
        noun: str,
    ) -> None:
        self._store = store
        self._kind = kind
        self._fold = fold
        self._noun = noun

    def begin(
        self,
        data: EventData,
        user: str,
        *,
        private: Mapping[str, JsonValue] | None = None,
        aggregate_id: str | None = None,
    ) -> str:
        """Append the first event of a new aggregate of the user, under a new id unless one is given."""
        aggregate_id = aggregate_id or str(uuid.uuid4())
        spans.note({"nova.aggregate": self._kind.key(aggregate_id)})
        first = self._kind.event(aggregate_id, data, user=user, correlation=_correlation(), private=private)
        self._store.append([first], expected_version=0)
        return aggregate_id

    def owned(self, user: str, aggregate_id: str) -> S:
        """Return what is there and belongs to the user; a Problem 404 otherwise."""
        if not is_aggregate_id(aggregate_id):
            raise self._not_found()
        return self._belonging(self._store.load(self._kind.key(aggregate_id)), user)

    def delete(
        self,
        user: str,
        aggregate_id: str,
        erase: Callable[[], object],
        decide: Callable[[S], Sequence[EventData]],
    ) -> None:
        """Erase content, then append what `decide` gives; a Problem 404 when there is nothing (any more).

        Content goes first within each attempt, so that an attempt that fails half-way can be repeated by the
        caller. Whatever a worker writes between the two makes the append conflict, and all is erased again.
        """
        found = self.owned(user, aggregate_id)

        def decide_events(history: Sequence[Event]) -> list[NewEvent]:
            current = self._belonging(history, user)
            erase()
            return [
                self._kind.event(found.id, data, user=user, correlation=_correlation())
                for data in decide(current)
            ]

        decide_and_append(self._store, self._kind.key(found.id), decide_events)

    def erase(
        self,
        user: str,
        aggregate_id: str,
        erase: Callable[[], object],
        decide: Callable[[S], Sequence[EventData]],
    ) -> bool:
        """Erase content of an erased person, then append what `decide` gives; return whether it gave any.

        Other than `delete` it looks at what was deleted before, too: something may have come late. ValueError
        for what is somebody else's.
        """
        appended: list[NewEvent] = []

        def decide_events(history: Sequence[Event]) -> list[NewEvent]:
            current = self._known(aggregate_id, history)
            if current.user != user:
                message = f"this {self._noun} is not that person's"
                raise ValueError(message)
            erase()
            appended[:] = [
                self._kind.event(aggregate_id, data, user=user, correlation=_correlation())
                for data in decide(current)
            ]
            return appended

        decide_and_append(self._store, self._kind.key(aggregate_id), decide_events)
        return bool(appended)

    def load(self, aggregate_id: str) -> S:
        """Return an aggregate, also a deleted one; UnknownAggregateError."""
        history = list(self._store.load(self._kind.key(aggregate_id)))
        if history:
            # What happens to an upload belongs to the request that announced it: a notification of S3, or
            # of a job that ended, names no trace.
            spans.adopt(history[0].trace)
            spans.note({"nova.aggregate": history[0].aggregate})
        return self._known(aggregate_id, history)

    def record(self, aggregate_id: str, cause: str, decide: Callable[[S], Sequence[EventData]]) -> S:
        """Append what follows from the state, and return the state afterwards.

        The ids of the events derive from `cause` and their types, so that a cause that comes twice has
        its consequences once.
        """

        def decide_events(history: Sequence[Event]) -> list[NewEvent]:
            current = self._known(aggregate_id, history)
            facts = decide(current)
            return [
                self._kind.event(
                    aggregate_id, data, user=current.user, correlation=current.correlation, event_id=event_id
                )
                for data, event_id in zip(facts, _event_ids(cause, facts), strict=True)
            ]

        history = decide_and_append(self._store, self._kind.key(aggregate_id), decide_events)
        state = self._known(aggregate_id, history)
        fields = {"aggregate": self._kind.key(state.id), "status": state.status, "version": state.version}
        logger.info("%s advanced", self._noun, extra={"fields": fields})
        return state

    def _known(self, aggregate_id: str, history: Iterable[Event]) -> S:
        state = self._fold(history)
        if state is None:
            message = f"{self._noun} {aggregate_id} was never requested"
            raise UnknownAggregateError(message)
        return state

    def _belonging(self, history: Iterable[Event], user: str) -> S:
        state = self._fold(history)
        if state is None or state.is_deleted or state.user != user:
            raise self._not_found()
        return state

    def _not_found(self) -> Problem:
        """One answer for an unknown, malformed, deleted or somebody else's id: it must not tell which."""
        return Problem(HTTPStatus.NOT_FOUND, f"there is no such {self._noun}")


def _event_ids(cause: str, facts: Sequence[EventData]) -> list[str]:
    """Return an id for each fact: a type's first by its name, further ones by name and number."""
    seen: Counter[str] = Counter()
    ids: list[str] = []
    for fact in facts:
        name = type(fact).__name__
        seen[name] += 1
        ids.append(derived_event_id(cause, name if seen[name] == 1 else f"{name} {seen[name]}"))
    return ids


def _correlation() -> str:
    """Return the request's id, which all consequences of a request carry."""
    return correlation_id.get() or str(uuid.uuid4())
