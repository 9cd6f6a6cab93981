"""What an owner can do with sessions, and how turns are noted; another user's session does not exist.

Ownership and order are decided by the event store alone, strongly consistent.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from nova_common.contracts.sessions import (
    SESSION,
    TURNS_SHOWN_MAX,
    SessionCreated,
    SessionStarted,
    SessionView,
    TurnBody,
    TurnCompleted,
    TurnEnded,
    TurnFailed,
    TurnView,
)
from nova_common.documents import ContentMissingError
from nova_common.event_store import EventStore, decide_and_append
from nova_common.events import Event, NewEvent, is_aggregate_id
from nova_common.logs import correlation_id
from nova_common.problems import Problem

from nova_agent_core import domain
from nova_agent_core.spending import Spending
from nova_agent_core.storage import TurnDocuments

READS_AT_ONCE_MAX = 8
"""Documents of one session that are read at a time: 50 of them take about 0.1 s."""

NO_BODY = TurnBody(question="", answer="", tools=[])
"""Of a turn whose document could not be stored, or is being erased."""

logger = logging.getLogger(__name__)


class Sessions:
    """Sessions of all users. Every method blocks."""

    def __init__(self, store: EventStore, documents: TurnDocuments) -> None:
        self._store = store
        self._documents = documents

    def start(self, user: str) -> SessionCreated:
        """Open a session for a user."""
        session_id = str(uuid.uuid4())
        started = SESSION.event(session_id, SessionStarted(), user=user, correlation=_correlation())
        (event,) = self._store.append([started], expected_version=0)
        return SessionCreated(id=session_id, created_at=event.occurred_at)

    def get(self, user: str, session_id: str) -> domain.Session:
        """Return a session of the user; a Problem 404 otherwise."""
        if not is_aggregate_id(session_id):
            raise not_found()
        return _owned(self._store.load(SESSION.key(session_id)), user)

    def view(self, user: str, session_id: str) -> SessionView:
        """Return a session with what was said in its last turns; a Problem 404 when it is not the user's."""
        session = self.get(user, session_id)
        shown = session.turns[-TURNS_SHOWN_MAX:]
        bodies = self.bodies(shown)
        turns = [_turn_view(turn, body) for turn, body in zip(shown, bodies, strict=True)]
        return SessionView(id=session.id, created_at=session.created_at, turns=turns)

    def bodies(self, turns: Sequence[domain.Turn]) -> Sequence[TurnBody]:
        """Return the documents of turns, empty ones in place of those that are gone; ContentCorruptError."""
        if not turns:
            return []
        with ThreadPoolExecutor(min(len(turns), READS_AT_ONCE_MAX)) as pool:
            return list(pool.map(self._body, turns))

    def end_turn(self, user: str, session_id: str, end: TurnCompleted | TurnFailed) -> bool:
        """Note how a turn ended, once; false when the session was deleted meanwhile, and all of it erased."""

        def decide(history: Sequence[Event]) -> list[NewEvent]:
            session = domain.fold(history)
            if session is None or session.user != user:
                raise not_found()
            return [
                SESSION.event(session_id, data, user=user, correlation=_correlation())
                for data in domain.end_turn(session, end)
            ]

        session = domain.fold(decide_and_append(self._store, SESSION.key(session_id), decide))
        if session is None or session.is_deleted:
            self._documents.erase(session_id)
            return False
        return True

    def end_of(self, session_id: str, turn_id: str) -> tuple[Spending, bool] | None:
        """Return what a turn spent and whether it failed, by its event; None when it was never noted."""
        for event in self._store.load(SESSION.key(session_id)):
            end = event.data
            if isinstance(end, TurnEnded) and end.turn == turn_id:
                return Spending.of(end), isinstance(end, TurnFailed)
        return None

    def write_body(self, session_id: str, turn_id: str, body: TurnBody) -> domain.DocumentReference:
        """Store what was said in a turn."""
        return self._documents.write(session_id, turn_id, body)

    def delete(self, user: str, session_id: str) -> None:
        """Erase what was said, then delete the session; a Problem 404 when it is not there (any more).

        Documents go first within each attempt, so that an attempt that fails half-way can be repeated by the
        caller. A turn that ends between the two makes the append conflict, and all is erased again.
        """
        session = self.get(user, session_id)

        def decide(history: Sequence[Event]) -> list[NewEvent]:
            current = _owned(history, user)
            self._documents.erase(session.id)
            return [
                SESSION.event(session.id, data, user=user, correlation=_correlation())
                for data in domain.delete(current)
            ]

        decide_and_append(self._store, SESSION.key(session.id), decide)

    def erase(self, user: str, session_id: str) -> tuple[bool, int]:
        """Delete a session of an erased person, in whatever state it is, with all that was said.

        Return whether it was there, and how many documents were. ValueError for somebody else's.
        """
        appended: list[NewEvent] = []
        documents = 0

        def decide(history: Sequence[Event]) -> list[NewEvent]:
            nonlocal documents
            session = domain.fold(history)
            if session is None or session.user != user:
                message = "this session is not that person's"
                raise ValueError(message)
            documents += self._documents.erase(session_id)
            appended[:] = [
                SESSION.event(session_id, data, user=user, correlation=_correlation())
                for data in domain.delete(session)
            ]
            return appended

        decide_and_append(self._store, SESSION.key(session_id), decide)
        return bool(appended), documents

    def _body(self, turn: domain.Turn) -> TurnBody:
        if turn.body is None:
            return NO_BODY
        try:
            return self._documents.read(turn.body)
        except ContentMissingError:
            # A deletion erases first and is noted afterwards: it is under way, or it stopped in between.
            logger.warning("the document of a turn is gone", extra={"fields": {"turn": turn.id}})
            return NO_BODY


def not_found() -> Problem:
    """One answer for an unknown, malformed, deleted or somebody else's id: it must not tell which."""
    return Problem(HTTPStatus.NOT_FOUND, "there is no such session")


def _owned(history: Iterable[Event], user: str) -> domain.Session:
    """Return the session that is there and belongs to the user."""
    session = domain.fold(history)
    if session is None or session.is_deleted or session.user != user:
        raise not_found()
    return session


def _turn_view(turn: domain.Turn, body: TurnBody) -> TurnView:
    return TurnView(
        id=turn.id,
        question=body.question,
        answer=body.answer,
        tools=body.tools,
        status="completed" if turn.is_completed else "failed",
        reason=turn.reason,
        created_at=turn.created_at,
    )


def _correlation() -> str:
    """Return the request's id, which all consequences of a request carry."""
    return correlation_id.get() or str(uuid.uuid4())
