"""What a session is and what may happen to it: folding events into state, deciding events from state.

No I/O.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.sessions import (
    SESSION,
    SessionDeleted,
    SessionStarted,
    TurnCompleted,
    TurnFailed,
)
from nova_common.events import Event, EventData

TURNS_MAX = 1000
"""Turns of one session: its history is read for each message, and stays one page of a query (1 MB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A message that was answered or not: failed turns have a reason."""

    id: str
    created_at: datetime
    body: DocumentReference | None
    reason: str | None = None

    @property
    def is_completed(self) -> bool:
        """Whether the message was answered to the end."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session after some version of its history; turns in the order in which they ended."""

    id: str
    user: str
    created_at: datetime
    version: int
    turns: tuple[Turn, ...] = ()
    is_deleted: bool = False

    @property
    def completed(self) -> Sequence[Turn]:
        """The turns that a model should remember."""
        return [turn for turn in self.turns if turn.is_completed]

    @property
    def is_full(self) -> bool:
        """Whether the session takes no further message."""
        return len(self.turns) >= TURNS_MAX


def fold(history: Iterable[Event]) -> Session | None:
    """Return the state after a history, None for an empty one.

    ValueError when it does not begin with somebody's start.
    """
    session: Session | None = None
    turns: list[Turn] = []
    for event in history:
        if session is None:
            session = _begin(event)
            continue
        session = replace(session, version=event.version)
        match event.data:
            case TurnCompleted(turn=turn, body=body):
                turns.append(Turn(id=turn, created_at=event.occurred_at, body=body))
            case TurnFailed(turn=turn, body=body, reason=reason):
                turns.append(Turn(id=turn, created_at=event.occurred_at, body=body, reason=reason))
            case SessionDeleted():
                session = replace(session, is_deleted=True)
            case _:
                message = f"{event.type} cannot follow in the history of {event.aggregate}"
                raise ValueError(message)
    return session and replace(session, turns=tuple(turns))


def _begin(event: Event) -> Session:
    if not isinstance(event.data, SessionStarted) or event.user is None:
        message = f"the history of {event.aggregate} does not begin with somebody's start"
        raise ValueError(message)
    return Session(
        id=SESSION.id_of(event.aggregate),
        user=event.user,
        created_at=event.occurred_at,
        version=event.version,
    )


def end_turn(session: Session, end: TurnCompleted | TurnFailed) -> Sequence[EventData]:
    """Note how a turn ended; nothing for a session that was deleted meanwhile, or a turn that is noted."""
    is_known = any(turn.id == end.turn for turn in session.turns)
    return [] if session.is_deleted or is_known else [end]


def delete(session: Session) -> Sequence[EventData]:
    """Delete a session; nothing when it is deleted already."""
    return [] if session.is_deleted else [SessionDeleted()]


def body_prefix(session_id: str) -> str:
    """Return what the keys of all documents of a session begin with."""
    return f"sessions/{session_id}/"


def body_key(session_id: str, turn_id: str) -> str:
    """Return the object key of a turn's document."""
    return f"{body_prefix(session_id)}{turn_id}.json"
