"""What callers are told when a message cannot be answered: no internals, but what to do about it."""

from dataclasses import dataclass
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from nova_common.aws import error_code
from nova_common.problems import Problem
from strands.types.exceptions import (
    ContextWindowOverflowException,
    EventLoopException,
    ModelThrottledException,
)
from urllib3.exceptions import HTTPError as TransferError
from urllib3.exceptions import ReadTimeoutError as TransferTimeoutError

from nova_agent_core.memory import MemoryUnavailableError, SessionBusyError
from nova_agent_core.spending import TurnBudgetError

RETRY_SECONDS = 5
"""When to try again: a throttled model counts by the minute, a failover of the memory takes some seconds."""


class IncompleteAnswerError(Exception):
    """The model's stream ended before the answer did, or without any."""


class TooManyRoundsError(Exception):
    """The model asked for tools again and again."""


class NotStoredError(Exception):
    """The answer is there, and could not be stored."""


class TurnCancelledError(Exception):
    """The owner asked to stop."""


class TurnInterruptedError(Exception):
    """The caller went away, or the task is being stopped."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What callers are told of one kind of failure; one that passes says when to try again."""

    status: HTTPStatus
    kind: str | None
    detail: str
    passes: bool = False

    def problem(self) -> Problem:
        headers = {"Retry-After": str(RETRY_SECONDS)} if self.passes else {}
        return Problem(self.status, self.detail, kind=self.kind, headers=headers)


_BUSY = HTTPStatus.SERVICE_UNAVAILABLE
_BROKEN = HTTPStatus.BAD_GATEWAY

MEMORY_AWAY = _Outcome(
    _BUSY, "session-memory-unavailable", "the session memory is not available at the moment", passes=True
)
LEDGER_AWAY = _Outcome(
    _BUSY,
    "usage-ledger-unavailable",
    "it cannot be found out at the moment what is left of the quota",
    passes=True,
)
SESSION_BUSY = _Outcome(
    HTTPStatus.CONFLICT,
    "session-busy",
    "another message of this session is being answered; send the next one when it is done",
)
INTERRUPTED = _Outcome(_BUSY, "turn-interrupted", "the answer was interrupted before it was complete")
CANCELLED = _Outcome(HTTPStatus.CONFLICT, "turn-cancelled", "the answer was cancelled")
THROTTLED = _Outcome(_BUSY, "model-throttled", "the model is busy at the moment", passes=True)
UNAVAILABLE = _Outcome(_BUSY, "model-unavailable", "the model is not available at the moment", passes=True)
TIMED_OUT = _Outcome(HTTPStatus.GATEWAY_TIMEOUT, "model-timeout", "the model did not answer in time")
TOO_LONG = _Outcome(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "context-too-long",
    "the message with what it needs is longer than the model can read",
)
OVER_BUDGET = _Outcome(
    _BROKEN,
    "turn-budget-exceeded",
    "the answer would have taken more than one message may use; ask for less at once, or in a new session",
)
TOO_MANY_ROUNDS = _Outcome(
    _BROKEN, "too-many-tool-rounds", "the model used its tools again and again without an answer"
)
DENIED = _Outcome(_BROKEN, "model-access-denied", "the coordinator is not allowed to call the model")
INCOMPLETE = _Outcome(_BROKEN, "model-error", "the model's answer broke off")
UNREACHABLE = _Outcome(_BROKEN, "model-error", "the model cannot be reached")
FAILED = _Outcome(_BROKEN, "model-error", "the model failed")
NOT_STORED = _Outcome(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "turn-not-stored",
    "the answer could not be stored and is not part of the session",
)
UNEXPECTED = _Outcome(HTTPStatus.INTERNAL_SERVER_ERROR, None, "an unexpected error occurred")

_BY_TYPE: tuple[tuple[tuple[type[BaseException], ...], _Outcome], ...] = (
    ((MemoryUnavailableError,), MEMORY_AWAY),
    ((SessionBusyError,), SESSION_BUSY),
    ((TurnCancelledError,), CANCELLED),
    ((TurnInterruptedError,), INTERRUPTED),
    ((ModelThrottledException,), THROTTLED),
    ((ContextWindowOverflowException,), TOO_LONG),
    ((TimeoutError, ReadTimeoutError, ConnectTimeoutError, TransferTimeoutError), TIMED_OUT),
    ((IncompleteAnswerError,), INCOMPLETE),
    ((TooManyRoundsError,), TOO_MANY_ROUNDS),
    ((TurnBudgetError,), OVER_BUDGET),
    ((NotStoredError,), NOT_STORED),
    ((BotoCoreError, TransferError), UNREACHABLE),
)
"""The first that fits: time-outs come before the kinds of errors that they belong to."""

_BY_CODE = {
    "throttlingexception": THROTTLED,
    "toomanyrequestsexception": THROTTLED,
    "servicequotaexceededexception": THROTTLED,
    "serviceunavailableexception": UNAVAILABLE,
    "modelnotreadyexception": UNAVAILABLE,
    "503": UNAVAILABLE,
    "modeltimeoutexception": TIMED_OUT,
    "408": TIMED_OUT,
    "504": TIMED_OUT,
    "accessdeniedexception": DENIED,
    "unrecognizedclientexception": DENIED,
    "invalidsignatureexception": DENIED,
    "expiredtokenexception": DENIED,
}
"""Bedrock's error codes in lower case, because those inside a stream begin with a small letter."""


def problem_of(error: BaseException) -> Problem:
    """Return what a caller is told about a failed turn; whoever calls logs the cause."""
    if isinstance(error, EventLoopException):
        error = error.original_exception
    if isinstance(error, Problem):
        return error
    if isinstance(error, ClientError):
        return _BY_CODE.get(error_code(error).lower(), FAILED).problem()
    outcome = next((outcome for types, outcome in _BY_TYPE if isinstance(error, types)), UNEXPECTED)
    return outcome.problem()
