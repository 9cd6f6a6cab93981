"""What a conversation is and what may happen to it: folding events into state, deciding events from state.

No I/O.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nova_common.contracts.live import (
    LIVE_CONVERSATION,
    TURNS_SHOWN_MAX,
    Ending,
    LiveConversationDeleted,
    LiveConversationEnded,
    LiveConversationStarted,
    LiveConversationTurn,
    LiveConversationView,
    LiveStatus,
    LiveTurnView,
)
from nova_common.events import Event, EventData, folded


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConversation:
    """A conversation after some version of its history."""

    id: str
    user: str
    correlation: str
    created_at: datetime
    updated_at: datetime
    version: int
    status: LiveStatus = "open"
    reason: Ending | None = None
    turns: tuple[LiveTurnView, ...] = ()
    is_deleted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something may still be said."""
        return self.status == "open" and not self.is_deleted

    def view(self) -> LiveConversationView:
        """Describe the conversation to its owner."""
        return LiveConversationView(
            id=self.id,
            status=self.status,
            reason=self.reason,
            turns=len(self.turns),
            created_at=self.created_at,
            updated_at=self.updated_at,
            transcript=list(self.turns[-TURNS_SHOWN_MAX:]),
        )


def fold(history: Iterable[Event]) -> LiveConversation | None:
    """Return the state after a history, None for an empty one.

    ValueError when it does not begin with a start.
    """
    return folded(history, _begin, _apply)


def _begin(event: Event) -> LiveConversation:
    if not isinstance(event.data, LiveConversationStarted) or event.user is None:
        message = f"the history of {event.aggregate} does not begin with somebody's start"
        raise ValueError(message)
    return LiveConversation(
        id=LIVE_CONVERSATION.id_of(event.aggregate),
        user=event.user,
        correlation=event.correlation,
        created_at=event.occurred_at,
        updated_at=event.occurred_at,
        version=event.version,
    )


def _apply(conversation: LiveConversation, event: Event) -> LiveConversation:
    updated_at = max(conversation.updated_at, event.occurred_at)
    conversation = replace(conversation, version=event.version, updated_at=updated_at)
    match event.data:
        case LiveConversationTurn() as turn:
            return replace(conversation, turns=(*conversation.turns, _turn(turn, event)))
        case LiveConversationEnded(reason=reason):
            return replace(conversation, status="ended", reason=reason)
        case LiveConversationDeleted():
            return replace(conversation, is_deleted=True)
        case _:
            message = f"{event.type} cannot follow in the history of {event.aggregate}"
            raise ValueError(message)


def _turn(turn: LiveConversationTurn, event: Event) -> LiveTurnView:
    return LiveTurnView(
        role=turn.role,
        # Empty for an owner who was erased.
        text=str(event.private.get("text", "")),
        interrupted=turn.is_interrupted,
        tools=turn.tools,
        created_at=event.occurred_at,
    )


def delete(conversation: LiveConversation) -> Sequence[EventData]:
    """Delete a conversation; nothing when it is deleted already."""
    return [] if conversation.is_deleted else [LiveConversationDeleted()]
