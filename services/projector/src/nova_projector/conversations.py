"""The projection of conversations by voice: how many turns each has, and how it ended. No I/O."""

from nova_common.contracts.live import (
    LIVE_CONVERSATION,
    LiveConversationDeleted,
    LiveConversationEnded,
    LiveConversationStarted,
    LiveConversationSummary,
    LiveConversationTurn,
)
from nova_common.events import Event

from nova_projector.domain import Projection


def _begin(event: Event) -> LiveConversationSummary | None:
    if not isinstance(event.data, LiveConversationStarted):
        return None
    return LiveConversationSummary(
        id=LIVE_CONVERSATION.id_of(event.aggregate),
        status="open",
        turns=0,
        created_at=event.occurred_at,
        updated_at=event.occurred_at,
    )


def _change(summary: LiveConversationSummary, event: Event) -> LiveConversationSummary:
    updated = {"updated_at": max(summary.updated_at, event.occurred_at)}
    match event.data:
        case LiveConversationTurn():
            return summary.model_copy(update=updated | {"turns": summary.turns + 1})
        case LiveConversationEnded(reason=reason):
            return summary.model_copy(update=updated | {"status": "ended", "reason": reason})
        case _:
            return summary


CONVERSATIONS = Projection(
    aggregate=LIVE_CONVERSATION,
    collection="conversations",
    summary=LiveConversationSummary,
    begin=_begin,
    change=_change,
    ended_by=LiveConversationDeleted,
)
"""A user's conversations by voice."""
