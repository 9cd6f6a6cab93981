"""What may happen to a session."""

import uuid
from datetime import UTC, datetime

import pytest
from nova_agent_core import domain
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.sessions import SESSION, SessionDeleted, SessionStarted, TurnCompleted, TurnFailed
from nova_common.events import Event, EventData

SESSION_ID = str(uuid.UUID(int=1))
BODY = DocumentReference(key="k", version_id="v", sha256="0" * 64)


def completed(turn: str) -> TurnCompleted:
    return TurnCompleted(
        turn=turn,
        body=BODY,
        tools=[],
        model="m",
        input_tokens=1,
        output_tokens=1,
        duration_ms=1,
        stop_reason="end_turn",
    )


def history(*facts: EventData, user: str | None = "alice") -> list[Event]:
    return [
        Event.of(SESSION.event(SESSION_ID, fact, user=user, correlation="c", occurred_at=moment(n)), n)
        for n, fact in enumerate(facts, start=1)
    ]


def moment(second: int) -> datetime:
    return datetime(2026, 1, 1, second=second, tzinfo=UTC)


def test_turns_come_in_the_order_in_which_they_ended() -> None:
    failed = TurnFailed(turn="b", reason="the model failed")
    session = domain.fold(history(SessionStarted(), completed("a"), failed, completed("c")))
    assert session is not None
    assert (session.id, session.user, session.version) == (SESSION_ID, "alice", 4)
    assert session.created_at == moment(1)
    assert [(turn.id, turn.is_completed, turn.reason) for turn in session.turns] == [
        ("a", True, None),
        ("b", False, "the model failed"),
        ("c", True, None),
    ]
    assert session.turns[1].created_at == moment(3)
    assert [turn.id for turn in session.completed] == ["a", "c"]


def test_nothing_is_no_session() -> None:
    assert domain.fold([]) is None


@pytest.mark.parametrize(
    "impossible",
    [
        history(completed("a")),
        history(SessionStarted(), SessionStarted()),
        history(SessionStarted(), user=None),
    ],
    ids=["without a start", "two starts", "nobody's"],
)
def test_impossible_histories_are_refused(impossible: list[Event]) -> None:
    with pytest.raises(ValueError, match=SESSION_ID):
        domain.fold(impossible)


def test_a_turn_ends_once_and_not_after_a_deletion() -> None:
    session = domain.fold(history(SessionStarted(), completed("a")))
    assert session is not None
    assert domain.end_turn(session, completed("a")) == []
    assert domain.end_turn(session, TurnFailed(turn="a", reason="late")) == []
    assert domain.end_turn(session, completed("b")) == [completed("b")]
    assert domain.delete(session) == [SessionDeleted()]
    deleted = domain.fold(history(SessionStarted(), SessionDeleted()))
    assert deleted is not None
    assert domain.end_turn(deleted, completed("b")) == []
    assert domain.delete(deleted) == []


def test_keys_of_one_session_begin_alike() -> None:
    assert domain.body_key(SESSION_ID, "t").startswith(domain.body_prefix(SESSION_ID))
    assert domain.body_prefix(SESSION_ID) == f"sessions/{SESSION_ID}/"
