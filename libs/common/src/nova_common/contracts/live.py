"""Contracts of live voice: its HTTP models, the messages of its WebSocket, and the events of a conversation.

Sound goes in binary frames, signed 16-bit little-endian samples of one channel: `INPUT_RATE` from the client,
`OUTPUT_RATE` to it. Everything else is JSON in text frames, one message a frame, told apart by `type`.
docs/live-voice.md describes the protocol.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from nova_common.contracts.wire import Contract, Timestamp, is_none
from nova_common.events import AggregateType, EventData

LIVE_PATH = "/live"
"""Where the WebSocket is, at the site's own address."""

TICKET_SECONDS = 60
"""How long a ticket opens it."""

INPUT_RATE = 16_000
OUTPUT_RATE = 24_000
"""Samples a second."""

SAMPLE_BYTES = 2
FRAME_BYTES_MAX = 16 * 1024
"""Half a second of the client's sound; longer frames are refused."""

OPEN_SECONDS_MAX = 45 * 60
"""No conversation goes on for so long: one without an end lost its task, which could not say so."""

TURNS_SHOWN_MAX = 200
"""How many turns of a conversation are shown, the last ones."""

type Speaker = Literal["user", "assistant"]
type LiveStatus = Literal["open", "ended"]
type Ending = Literal["left", "ended", "idle", "limit", "expired", "draining", "deleted", "refused", "failed"]
"""Why a conversation ended.

`left`: the connection is gone; `ended`: the client said so; `idle`: nobody said anything; `limit`: it lasted
as long as one may; `expired`: the person's sign-in did; `draining`: the task is being replaced; `deleted`:
its owner deleted it; `refused`: the client broke the protocol; `failed`: the model or a store stayed away.
"""


class LiveTicket(Contract):
    """Answer of `POST /api/audio/live`: opens one WebSocket, once, until `expires_at`.

    `url` is relative to the site, as a browser's `WebSocket` and `new URL(url, location)` take it.
    """

    url: str
    expires_at: Timestamp


class Ready(Contract):
    """The first message: the model listens."""

    type: Literal["ready"] = "ready"
    conversation: str
    input_rate: int
    output_rate: int
    seconds_max: int


class Text(Contract):
    """A piece of what is being said, to be appended to those before of the same speaker's turn."""

    type: Literal["text"] = "text"
    role: Speaker
    delta: str


class Said(Contract):
    """A whole turn, as the conversation keeps it."""

    type: Literal["said"] = "said"
    role: Speaker
    text: str
    interrupted: bool = False


class ToolUsed(Contract):
    """The use of a tool; `id` is the same for its start and its end."""

    type: Literal["tool"] = "tool"
    id: str
    name: str
    status: Literal["started", "completed", "failed"]


class Interrupted(Contract):
    """Stop playing at once and drop all sound that is not played yet; what follows is of the next answer."""

    type: Literal["interrupted"] = "interrupted"


class Spoken(Contract):
    """All sound of an answer was sent."""

    type: Literal["spoken"] = "spoken"


class Renewed(Contract):
    """The model's own session was replaced; the conversation goes on with all that was said."""

    type: Literal["renewed"] = "renewed"


class Retrying(Contract):
    """The model does not answer and is asked again in `wait_ms`; `attempt` counts from 1."""

    type: Literal["retrying"] = "retrying"
    attempt: int
    wait_ms: int


class Closing(Contract):
    """The last message. With `reconnect` a new ticket opens a new conversation at once."""

    type: Literal["closing"] = "closing"
    reason: Ending
    detail: str
    reconnect: bool


type ServerMessage = Annotated[
    Ready | Text | Said | ToolUsed | Interrupted | Spoken | Renewed | Retrying | Closing,
    Field(discriminator="type"),
]


class End(Contract):
    """What a client may send beside sound: it wants to end the conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["end"]


class LiveConversationSummary(Contract):
    """A conversation in a list. `reason` is there once it ended."""

    id: str
    status: LiveStatus
    reason: Ending | None = Field(default=None, exclude_if=is_none)
    turns: int = Field(ge=0)
    created_at: Timestamp
    updated_at: Timestamp

    def as_of(self, now: datetime) -> Self:
        """Return it as it stands: one that began too long ago has failed, whether that was noted or not."""
        if self.status == "ended" or (now - self.created_at).total_seconds() < OPEN_SECONDS_MAX:
            return self
        return self.model_copy(update={"status": "ended", "reason": "failed"})


class LiveConversationPage(Contract):
    """Answer of `GET /api/speaking-sessions`: newest first. `next_cursor` is null on the last page."""

    items: list[LiveConversationSummary]
    next_cursor: str | None = None


class LiveTurnView(Contract):
    """A turn as its owner sees it: `tools` are those whose results the model had when it spoke."""

    role: Speaker
    text: str
    interrupted: bool
    tools: list[str]
    created_at: Timestamp


class LiveConversationView(LiveConversationSummary):
    """Answer of `GET /api/speaking-sessions/{id}`: the last `TURNS_SHOWN_MAX` turns, oldest first."""

    transcript: list[LiveTurnView]


class LiveConversationStarted(EventData):
    """Somebody began to talk with the model: the event's user, whose conversation it is."""

    model: str
    voice: str


class LiveConversationTurn(EventData):
    """Somebody said something to the end, or was interrupted.

    Private: `text`, what was said, cut at `TURN_CHARACTERS_MAX`.
    """

    private_fields = frozenset({"text"})

    role: Speaker
    is_interrupted: bool = False
    tools: list[str] = Field(default_factory=list[str])


class LiveConversationEnded(EventData):
    """The conversation is over. Tokens are the model's count, `retries` and `renewals` of its sessions."""

    reason: Ending
    duration_ms: int
    input_tokens: int
    output_tokens: int
    retries: int
    renewals: int


class LiveConversationDeleted(EventData):
    """The owner deleted the conversation."""


TURN_CHARACTERS_MAX = 2500
"""The longest text of a turn that is kept: two minutes of speech, and as JSON within an event's 16 KiB."""

LIVE_CONVERSATION = AggregateType(
    name="LiveConversation",
    source="nova.audio",
    events=(
        LiveConversationStarted,
        LiveConversationTurn,
        LiveConversationEnded,
        LiveConversationDeleted,
    ),
)
"""One conversation by voice: from the opened WebSocket to its end, or its deletion."""
