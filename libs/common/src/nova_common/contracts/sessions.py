"""Contracts of the coordinator: its HTTP models, the events of its stream, and the events of a session."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.usage import QuotaState, Usage
from nova_common.contracts.wire import Contract, Timestamp, is_none
from nova_common.events import AggregateType, EventData, with_defaults

type TurnStatus = Literal["completed", "failed"]
"""How a turn ended; one that is being answered is not listed yet."""

type ToolStatus = Literal["started", "completed", "failed"]
"""Where the use of a tool stands; `completed` and `failed` are final."""

MESSAGE_CHARACTERS_MAX = 8000
"""The longest message of a person: several pages, and a small part of any model's context."""

TURNS_SHOWN_MAX = 50
"""How many turns of a session are shown, the last ones."""


class StartSession(Contract):
    """Body of `POST /api/sessions`, which may also be left out: nothing to choose."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SessionCreated(Contract):
    """Answer of `POST /api/sessions`."""

    id: str
    created_at: Timestamp


class SessionSummary(Contract):
    """A session in a list. `turns` counts all of them, also failed ones; each moves `updated_at`."""

    id: str
    created_at: Timestamp
    updated_at: Timestamp
    turns: int = Field(ge=0)


class SessionPage(Contract):
    """Answer of `GET /api/sessions`: newest first. `next_cursor` is null on the last page."""

    items: list[SessionSummary]
    next_cursor: str | None = None


class SendMessage(Contract):
    """Body of `POST /api/sessions/{id}/messages`: what a person says, more than blanks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=MESSAGE_CHARACTERS_MAX, pattern=r"\S")


class TurnView(Contract):
    """A question and its answer.

    `tools` names the tools used, in the order of their first use. A failed turn has a reason, and as its
    answer what had been said until then.
    """

    id: str
    question: str
    answer: str
    tools: list[str]
    status: TurnStatus
    reason: str | None = Field(default=None, exclude_if=is_none)
    created_at: Timestamp


class SessionView(Contract):
    """Answer of `GET /api/sessions/{id}`: the last `TURNS_SHOWN_MAX` turns, oldest first."""

    id: str
    created_at: Timestamp
    turns: list[TurnView]


class TokenEvent(Contract):
    """Data of the stream's event `token`: a piece of the answer, to be appended to those before."""

    text: str


class ToolEvent(Contract):
    """Data of the stream's event `tool`.

    `id` is the same for the start and the end of one use; `input` (the arguments) comes with the start.
    """

    id: str
    name: str
    status: ToolStatus
    input: dict[str, Any] | None = Field(default=None, exclude_if=is_none)


class TurnAnswer(Contract):
    """Data of the stream's event `done`, and the answer of the JSON variant: one whole turn.

    `stop_reason` is the model's (`end_turn`, `max_tokens`, ...). `quota` is there once much of the month's
    quota is used; the stream tells it as an event `quota` of its own, too.
    """

    turn: str
    text: str
    tools: list[str]
    usage: Usage
    stop_reason: str
    quota: QuotaState | None = Field(default=None, exclude_if=is_none)


class ToolDescription(Contract):
    """What a model is told about a tool; `input_schema` is the JSON schema of its arguments."""

    name: str
    description: str
    input_schema: dict[str, Any]


class ToolList(Contract):
    """Answer of `GET /api/tools`."""

    tools: list[ToolDescription]


class TurnBody(Contract):
    """The document of a turn in the content bucket: all that people and the model wrote."""

    question: str
    answer: str
    tools: list[str]


class SessionStarted(EventData):
    """Somebody opened a session: the event's user, whose it is from now on."""


class TurnEnded(EventData):
    """What both ends of a turn tell: what it spent, with which model and behaviour.

    Tokens are summed over the turn's calls of the model; those of its cache are not in `input_tokens`. Events
    of the first version lack what has a default.
    """

    schema_version = 2
    upcasters = {1: with_defaults}  # noqa: RUF012 - a ClassVar of the base

    turn: str
    model: str = ""
    behaviour: str = ""
    """Version of the file that held prompt, parameters and tools."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    tool_calls: int = 0
    payments_nanousd: int = 0
    cost_nanousd: int = 0
    """Tokens and payments, by the prices of that day."""
    is_estimated: bool = False
    """Whether the tokens of an interrupted call had to be estimated."""
    duration_ms: int = 0


class TurnCompleted(TurnEnded):
    """A message was answered. `tools` are names."""

    body: DocumentReference
    tools: list[str]
    stop_reason: str
    is_blocked: bool = False
    """Whether a guardrail refused question or answer; the document then lacks the question."""


class TurnFailed(TurnEnded):
    """A message was not answered to the end.

    The reason is meant for the owner; there is no body when it could not be stored.
    """

    severity = "warning"

    body: DocumentReference | None = None
    reason: str


class SessionDeleted(EventData):
    """The owner deleted the session; what was said in it is gone."""


SESSION = AggregateType(
    name="Session",
    source="nova.agent-core",
    events=(SessionStarted, TurnCompleted, TurnFailed, SessionDeleted),
)
"""One conversation of one user: from its start until its deletion."""
