"""Calls that fail on purpose: how a platform behaves whose models, queues and stores do.

A plan says of which operation how many of the next calls fail, and how: the faults that AWS Fault Injection
Service has for APIs (`aws:fis:inject-api-throttle-error`, `-internal-error`, `-unavailable-error`), a model's
own time-out, and silence. FIS itself injects by percentage and for two services only; a count makes a failure
that is followed by a success, which is what retries are for. A call that fails was signed and authorized.
Operations are named as in their API; those of S3 by the right that they need, such as `s3:GetObjectVersion`.
Plans live in memory: a restart forgets them.
"""

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from local_cloud.documents import Document
from local_cloud.gateway.iam.authorization import PENDING
from local_cloud.gateway.protocol import Answer, AwsError, Handler

TIMES_MAX = 1000
SECONDS_MAX = 120.0
PLANS_MAX = 100

type Failure = tuple[str, int]
"""An error's code and its HTTP status."""

SILENCE = "silence"
FAULTS: Mapping[str, Mapping[str, Failure]] = {
    "bedrock-runtime": {
        "throttle-error": ("ThrottlingException", 429),
        "internal-error": ("InternalServerException", 500),
        "unavailable-error": ("ServiceUnavailableException", 503),
        "timeout-error": ("ModelTimeoutException", 408),
    },
    "transcribe": {
        "throttle-error": ("LimitExceededException", 400),
        "internal-error": ("InternalFailureException", 500),
        "unavailable-error": ("ServiceUnavailable", 503),
    },
    "dynamodb": {
        "throttle-error": ("ThrottlingException", 400),
        "internal-error": ("InternalServerError", 500),
        "unavailable-error": ("ServiceUnavailable", 503),
    },
    "sqs": {
        "throttle-error": ("RequestThrottled", 403),
        "internal-error": ("InternalError", 500),
        "unavailable-error": ("ServiceUnavailable", 503),
    },
    "s3": {
        "throttle-error": ("SlowDown", 503),
        "internal-error": ("InternalError", 500),
        "unavailable-error": ("ServiceUnavailable", 503),
    },
    "s3vectors": {
        "throttle-error": ("TooManyRequestsException", 429),
        "internal-error": ("InternalServerException", 500),
        "unavailable-error": ("ServiceUnavailableException", 503),
    },
}
"""What each service answers (the errors in its API reference, or those common to all of its actions)."""


class UnknownFaultError(ValueError):
    """What was asked for is no fault; the message says which there are."""


@dataclass(slots=True)
class Planned:
    """What the next calls of an operation meet; `seconds` is how long they are kept waiting first."""

    service: str
    operation: str
    fault: str
    left: int
    seconds: float
    injected: int = 0

    def shown(self) -> Document:
        """Return it as the control surface shows it."""
        return {
            "operation": f"{self.service}:{self.operation}",
            "fault": self.fault,
            "left": self.left,
            "injected": self.injected,
            "seconds": self.seconds,
        }


def planned(wanted: Document) -> Planned:
    """Return what a request to plan says; UnknownFaultError."""
    service, _, operation = str(wanted.get("operation", "")).partition(":")
    fault, times, seconds = str(wanted.get("fault", "")), wanted.get("times", 1), wanted.get("seconds", 0)
    faults = FAULTS.get(service)
    if faults is None or not operation.isalnum():
        message = f"operation: name one as service:Operation; services are {', '.join(FAULTS)}"
        raise UnknownFaultError(message)
    if fault not in (*faults, SILENCE):
        message = f"fault: {service} knows {', '.join((*faults, SILENCE))}"
        raise UnknownFaultError(message)
    if not isinstance(times, int) or not 1 <= times <= TIMES_MAX:
        message = f"times: a number from 1 to {TIMES_MAX}"
        raise UnknownFaultError(message)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= SECONDS_MAX:
        message = f"seconds: a number from 0 to {SECONDS_MAX:g}"
        raise UnknownFaultError(message)
    return Planned(service, operation, fault, times, float(seconds))


class FaultPlan:
    """What fails next. The first plan of an operation that has calls left holds."""

    def __init__(self) -> None:
        self._plans: list[Planned] = []

    def add(self, wanted: Document) -> Document:
        """Plan failures, and return the plan; UnknownFaultError."""
        if len(self._plans) >= PLANS_MAX:
            message = f"there are {PLANS_MAX} plans; clear them first"
            raise UnknownFaultError(message)
        plan = planned(wanted)
        self._plans.append(plan)
        return plan.shown()

    def clear(self) -> None:
        """Let everything succeed again."""
        self._plans.clear()

    def shown(self) -> list[Document]:
        """Return all plans, also those that are used up, oldest first."""
        return [plan.shown() for plan in self._plans]

    def install(self, handlers: MutableMapping[str, Handler]) -> None:
        """Put this plan before the handlers of the services that it can make fail."""
        for service in FAULTS:
            handlers[service] = self._before(service, handlers[service])

    def _before(self, service: str, handler: Handler) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Answer:
            plan = self._next(service)
            if plan is None:
                return await handler(method, path, headers, body, query)
            await asyncio.sleep(plan.seconds)
            return _failure(plan)

        return handle

    def _next(self, service: str) -> Planned | None:
        """Take one call from the plan that holds for the request at hand."""
        pending = PENDING.get()
        if pending is None or pending.call.service != service:
            return None
        named = {f"{service}:{pending.call.operation}", pending.action}
        for plan in self._plans:
            if plan.left and f"{plan.service}:{plan.operation}" in named:
                plan.left -= 1
                plan.injected += 1
                return plan
        return None


def _failure(plan: Planned) -> Answer:
    """Return the answer of a call that fails, in its service's protocol.

    Silence ends as a connection does that nobody answers any more: for whoever still waits, as unavailable.
    """
    fault = "unavailable-error" if plan.fault == SILENCE else plan.fault
    code, status = FAULTS[plan.service][fault]
    message = "This call failed because a fault was planned for it."
    if plan.service == "s3":
        text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        return status, {"Content-Type": "application/xml"}, text.encode()
    return AwsError(code, message, status).answer()


def read(body: bytes) -> Document:
    """Return the JSON object of a request to plan; UnknownFaultError."""
    try:
        wanted: object = json.loads(body)
    except ValueError as error:
        raise UnknownFaultError("the body is no JSON") from error
    if not isinstance(wanted, dict):
        raise UnknownFaultError("the body must be a JSON object")
    return {str(name): value for name, value in wanted.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
