"""The projection of sessions: how many turns each has, and when the last one ended. No I/O."""

from nova_common.contracts.sessions import (
    SESSION,
    SessionDeleted,
    SessionStarted,
    SessionSummary,
    TurnCompleted,
    TurnFailed,
)
from nova_common.events import Event

from nova_projector.domain import Projection


def _begin(event: Event) -> SessionSummary | None:
    if not isinstance(event.data, SessionStarted):
        return None
    return SessionSummary(
        id=SESSION.id_of(event.aggregate),
        created_at=event.occurred_at,
        updated_at=event.occurred_at,
        turns=0,
    )


def _change(summary: SessionSummary, event: Event) -> SessionSummary:
    """Count a turn, however it ended: the session itself shows failed ones too.

    Clocks of tasks differ a little; a session is never updated before it was.
    """
    match event.data:
        case TurnCompleted() | TurnFailed():
            updated_at = max(summary.updated_at, event.occurred_at)
            return summary.model_copy(update={"turns": summary.turns + 1, "updated_at": updated_at})
        case _:
            return summary


SESSIONS = Projection(
    aggregate=SESSION,
    collection="sessions",
    summary=SessionSummary,
    begin=_begin,
    change=_change,
    ended_by=SessionDeleted,
)
"""A user's sessions."""
