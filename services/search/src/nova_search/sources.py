"""What kinds of aggregates are indexed, and what an indexer has to know of each. No I/O.

The invariant of the keys: all keys that an aggregate's vectors can ever have follow from its events, so that
they can be deleted when the content itself is gone (S3 Vectors lists no keys by prefix).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.search import HitKind
from nova_common.embeddings import Image
from nova_common.events import AggregateType, Event


class UnexpectedContentError(Exception):
    """The content is not the one that the event describes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What becomes one vector: a text, or an image that `text` names. Times in seconds from the start."""

    key: str
    kind: HitKind
    text: str
    image: Image | None = None
    title: str | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be indexed of an aggregate, and how many passages found no key."""

    passages: Sequence[Passage]
    left_out: int = 0


class Indexed(Protocol):
    """An aggregate as far as the index is concerned."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def user(self) -> str:
        """Its owner."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was uploaded or added."""
        ...

    @property
    def is_deleted(self) -> bool:
        """Whether its owner deleted it."""
        ...

    @property
    def contents(self) -> Sequence[DocumentReference]:
        """Where what is to be indexed lies; empty while there is nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source[S: Indexed]:
    """A kind of aggregate that can be found.

    `fold` returns the state after a history, None for an empty one; ValueError when it does not begin with
    somebody's event. `keys` are all that its vectors can have, `plan` makes passages under such keys from its
    `contents`; UnexpectedContentError.
    """

    aggregate: AggregateType
    fold: Callable[[Iterable[Event]], S | None]
    keys: Callable[[S], Sequence[str]]
    plan: Callable[[S, Sequence[bytes]], Plan]


def vector_key(aggregate_id: str, number: int) -> str:
    """Return the key of an aggregate's vector."""
    return f"{aggregate_id}#{number}"
