"""The SQS worker loop, and the application that a worker is: two health routes and the loop.

The event loop only schedules; every call that blocks runs in a thread. Guarantees: at most `concurrency`
messages are handled at a time; a message stays invisible while its handler runs; each is deleted by itself
after its handler returned, or found that the person concerned was erased (UserErasedError), which is final; a
message whose handler raised anything else (also because it could not be parsed) becomes visible again after a
growing, jittered delay, until the queue's redrive policy moves it to the dead-letter queue, at once after the
last delivery; others go on meanwhile. Handlers must be idempotent, because SQS delivers at least once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import FastAPI
from pydantic import AliasPath, BaseModel, ConfigDict, Field, ValidationError

from nova_common.application import Check, create_application
from nova_common.backoff import Backoff
from nova_common.data_keys import UserErasedError
from nova_common.logs import correlation_id
from nova_common.telemetry import spans

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

BATCH_MESSAGES_MAX = 10
"""Most messages of one ReceiveMessage (SQS)."""

RECEIVES_MAX = 5
"""Deliveries of a message before its queue sets it aside (components/messaging)."""

SET_ASIDE_SECONDS = 1
"""After the last of them nobody waits: the queue sets the message aside when it would deliver it again."""

logger = logging.getLogger(__name__)

delivery: ContextVar[int] = ContextVar("delivery", default=1)
"""How often the message that is being handled was delivered, this time included."""

type Handler = Callable[[str], None]
"""Handles the body of a message; raises when the message must be delivered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """The limits of a loop. Durations in seconds.

    `poll`: long poll; a stop waits for the poll at hand, and with 5 s a task makes 0.5 million requests a
    month (about $0.21). `visibility`: how long a received message is hidden; extended at a third of it while
    its handler runs, for at most `handling`. `retry_first` doubles with every delivery up to `retry_last`.
    `drain`: time for handlers at a stop, under the 30 s that ECS waits. `silence`: without an answer of the
    queue for so long the worker is not ready.
    """

    concurrency: int = 8
    poll: int = 5
    visibility: int = 60
    handling: float = 1800.0
    retry_first: float = 2.0
    retry_last: float = 300.0
    drain: float = 20.0
    silence: float = 60.0

    def __post_init__(self) -> None:
        """ValueError for limits that contradict each other or SQS."""
        if self.concurrency < 1:
            message = f"concurrency is {self.concurrency}, allowed is 1 or more"
            raise ValueError(message)
        if not 0 <= self.poll <= 20:  # noqa: PLR2004 - SQS's longest wait
            message = f"poll is {self.poll}, SQS allows 0 to 20 seconds"
            raise ValueError(message)
        if self.visibility <= self.poll:
            message = f"visibility is {self.visibility}, it must exceed poll ({self.poll})"
            raise ValueError(message)


class _Traced(BaseModel):
    """A message that is an event of our own, which says what it goes back to."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    trace: str = Field(validation_alias=AliasPath("detail", "trace"))


class QueueWorker:
    """Consumes one queue with one handler until it is stopped."""

    def __init__(
        self, client: SQSClient, queue_url: str, handle: Handler, limits: WorkerLimits | None = None
    ) -> None:
        self._client = client
        self._queue_url = queue_url
        self._queue_name = queue_url.rpartition("/")[2]
        self._span_name = f"process {self._queue_name}"
        self._handle = handle
        self._limits = limits or WorkerLimits()
        self._stopping = asyncio.Event()
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self._running: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None
        self._heard_at: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the loop runs, or has not been started or was stopped on purpose."""
        return self._loop_task is None or self._stopping.is_set() or not self._loop_task.done()

    def check_ready(self) -> None:
        """Raise unless the queue answered lately."""
        if self._heard_at is None or time.monotonic() - self._heard_at > self._limits.silence:
            message = "the queue has not answered lately"
            raise RuntimeError(message)

    def start(self) -> None:
        """Begin to consume, on the running event loop."""
        self._loop_task = asyncio.create_task(self._consume(), name="queue-worker")
        self._loop_task.add_done_callback(_report_death)

    async def stop(self) -> None:
        """Take no more messages, let the handlers at work finish for `limits.drain`, give up on the rest.

        What is given up becomes visible again when its visibility runs out, and is handled by another task.
        """
        self._stopping.set()
        deadline = time.monotonic() + self._limits.drain
        if self._loop_task is not None:
            await asyncio.wait({self._loop_task}, timeout=self._limits.drain)
        if self._running:
            await asyncio.wait(self._running, timeout=max(0.0, deadline - time.monotonic()))
        if self._running:
            logger.error(
                "handlers were cut off by the stop", extra={"fields": {"messages": len(self._running)}}
            )
        for task in self._running:
            task.cancel()

    async def _consume(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            await self._slots.acquire()
            self._slots.release()
            free = self._limits.concurrency - len(self._running)
            try:
                messages = await _in_thread(lambda free=free: self._receive(free))
            except (BotoCoreError, ClientError):
                logger.warning("the queue does not answer", exc_info=True)
                await self._pause(pause)
                pause = min(30.0, pause * 2)
                continue
            pause = 1.0
            self._heard_at = time.monotonic()
            for message in messages:
                if self._stopping.is_set():
                    await _in_thread(lambda message=message: self._set_visibility(message, 0))
                    continue
                await self._slots.acquire()
                task = asyncio.create_task(self._attend(message))
                self._running.add(task)
                task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _pause(self, seconds: float) -> None:
        """Sleep, or less when the stop comes."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _attend(self, message: MessageTypeDef) -> None:
        """Handle one message in a thread and extend its visibility until that is done."""
        work = asyncio.ensure_future(_in_thread(lambda: self._process(message)))
        deadline = time.monotonic() + self._limits.handling
        while True:
            done, _ = await asyncio.wait({work}, timeout=self._limits.visibility / 3)
            if done:
                work.result()
                return
            if time.monotonic() < deadline:
                await _in_thread(lambda: self._set_visibility(message, self._limits.visibility))

    def _receive(self, free: int) -> list[MessageTypeDef]:
        answer = self._client.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=max(1, min(BATCH_MESSAGES_MAX, free)),
            # The first answer makes the worker ready, so it does not wait for messages.
            WaitTimeSeconds=0 if self._heard_at is None else self._limits.poll,
            VisibilityTimeout=self._limits.visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "AWSTraceHeader"],
        )
        return answer.get("Messages", [])

    def _process(self, message: MessageTypeDef) -> None:
        """Handle and delete, or postpone: never raises, so that one message cannot end the loop."""
        message_id = message.get("MessageId", "")
        token = correlation_id.set(message_id)
        count = delivery.set(_deliveries(message))
        try:
            with spans.handling(self._span_name, _trace_of(message), self._span_attributes(message)):
                self._handle(message.get("Body", ""))
        except UserErasedError:
            # Nobody is left whom it concerns, and what there was is removed by the erasure.
            logger.info("a message about somebody who was erased")
            self._delete(message)
        except Exception:  # noqa: BLE001 - whatever a handler raises means: deliver again, later
            self._postpone(message)
        else:
            self._delete(message)
        finally:
            delivery.reset(count)
            correlation_id.reset(token)

    def _span_attributes(self, message: MessageTypeDef) -> spans.Attributes:
        return {
            "messaging.system": "aws_sqs",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._queue_name,
            "messaging.message.id": message.get("MessageId", ""),
            "nova.deliveries": _deliveries(message),
        }

    def _postpone(self, message: MessageTypeDef) -> None:
        deliveries = _deliveries(message)
        delay = retry_delay_seconds(deliveries, self._limits)
        fields = {"deliveries": deliveries, "retry_seconds": delay}
        logger.error("a message could not be handled", extra={"fields": fields}, exc_info=True)
        self._set_visibility(message, delay)

    def _delete(self, message: MessageTypeDef) -> None:
        try:
            self._client.delete_message(
                QueueUrl=self._queue_url, ReceiptHandle=message.get("ReceiptHandle", "")
            )
        except (BotoCoreError, ClientError):
            logger.warning("a handled message could not be deleted and will come again", exc_info=True)

    def _set_visibility(self, message: MessageTypeDef, seconds: int) -> None:
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message.get("ReceiptHandle", ""),
                VisibilityTimeout=seconds,
            )
        except (BotoCoreError, ClientError):
            # Also when the message was deleted a moment ago; the queue's own time-out is the fallback.
            logger.warning("the visibility of a message could not be changed", exc_info=True)


def _deliveries(message: MessageTypeDef) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))


def _trace_of(message: MessageTypeDef) -> str | None:
    """Return the trace that a message belongs to: its event's, or the one that SQS was told."""
    body = message.get("Body", "")
    if '"trace"' in body:
        with contextlib.suppress(ValidationError):
            return _Traced.model_validate_json(body).trace
    return message.get("Attributes", {}).get("AWSTraceHeader")


def retry_delay_seconds(deliveries: int, limits: WorkerLimits) -> int:
    """Return the delay after so many deliveries.

    Doubling from `retry_first` to `retry_last`, its upper half jittered; after the last delivery none.
    """
    if deliveries >= RECEIVES_MAX:
        return SET_ASIDE_SECONDS
    backoff = Backoff(first=limits.retry_first, last=limits.retry_last)
    return max(1, round(backoff.pause_seconds(deliveries)))


def create_worker_application(
    title: str,
    queue_worker: Callable[[], QueueWorker],
    *,
    checks: dict[str, Check] | None = None,
) -> FastAPI:
    """Return an application that serves `/health` and `/ready` alone and consumes a queue while it runs.

    `queue_worker` is called when the application starts. It is ready when the queue answers, and unhealthy
    when the loop has died.
    """
    started: list[QueueWorker] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        worker = queue_worker()
        worker.start()
        started.append(worker)
        try:
            yield
        finally:
            await worker.stop()

    def check_queue() -> None:
        for worker in started:
            worker.check_ready()

    return create_application(
        title,
        checks={"queue": check_queue, **(checks or {})},
        alive=lambda: all(worker.alive for worker in started),
        lifespan=lifespan,
    )


def _report_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.critical("the worker loop died", exc_info=task.exception())


def _in_thread[T](call: Callable[[], T]) -> asyncio.Future[T]:
    """Run a call in a daemon thread: unlike a pool's it does not hold up the exit after the drain."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # pyright: ignore[reportArgumentType]

    def work() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever awaits
            failure = error
        try:
            loop.call_soon_threadsafe(settle, result, failure)
        except RuntimeError:
            logger.debug("a thread outlived the event loop")

    threading.Thread(target=work, daemon=True).start()
    return future
