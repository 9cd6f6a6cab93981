"""Turns: a message is taken, answered, and noted; one at a time in a session.

A turn runs in a task of its own, which outlives a caller who goes away for as long as it takes to note that.
What a turn did to the session is decided at its end: memory and history are as before unless it completed.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.sessions import (
    TokenEvent,
    ToolEvent,
    TurnAnswer,
    TurnBody,
    TurnCompleted,
    TurnFailed,
)
from nova_common.metrics import Metric, counting
from nova_common.problems import Problem
from starlette.concurrency import run_in_threadpool

from nova_agent_core import domain
from nova_agent_core.agent import AgentRun, Author, Coordinator, Material
from nova_agent_core.failures import (
    RETRY_SECONDS,
    UNEXPECTED,
    NotStoredError,
    TurnCancelledError,
    TurnInterruptedError,
    problem_of,
)
from nova_agent_core.ledger import Reservation
from nova_agent_core.memory import (
    Memory,
    MemoryUnavailableError,
    Message,
    SessionBusyError,
    SessionLock,
    SessionMemory,
    rebuilt,
)
from nova_agent_core.quota import Quotas
from nova_agent_core.sessions import Sessions, not_found
from nova_agent_core.settings import ModelLimits

type TurnEvent = TokenEvent | ToolEvent | TurnAnswer | Problem
"""What a turn tells; the last one is its answer or its problem."""

TURNS_REMEMBERED_MAX = 10
"""Turns from whose documents a lost memory is rebuilt."""

EVENTS_WAITING_MAX = 256
"""Events that a slow reader may be behind before the answer waits."""

CANCEL_POLL_SECONDS = 0.5
"""How soon a turn hears that its owner wants it to stop, by way of another task perhaps."""

STOP_SECONDS_MAX = 5.0
"""How long a stopping task waits until its interrupted turns are noted."""

logger = logging.getLogger(__name__)


class Turn:
    """A message that is being answered. Made by `Turns.begin`, which has checked that it may be."""

    def __init__(
        self,
        user: str,
        session_id: str,
        question: str,
        run: AgentRun,
        lock: SessionLock,
        reservation: Reservation,
        recorder: "Recorder",
    ) -> None:
        self.id = reservation.turn
        self.user = user
        self.reservation = reservation
        self.session_id = session_id
        self.question = question
        self.run = run
        self._lock = lock
        self._recorder = recorder
        self._events: asyncio.Queue[TurnEvent] = asyncio.Queue(EVENTS_WAITING_MAX)
        self._begun = time.perf_counter()
        self.first_token_ms: int | None = None
        self._answering: asyncio.Task[None] | None = None
        self._is_cancelled = False

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the turn began."""
        return round((time.perf_counter() - self._begun) * 1000)

    async def next(self) -> TurnEvent:
        """Return the next event; none comes after an answer or a problem."""
        return await self._events.get()

    async def last(self) -> TurnAnswer | Problem:
        """Return the last event, for a reader who does not want the others."""
        while True:
            event = await self.next()
            if isinstance(event, TurnAnswer | Problem):
                return event

    def interrupt(self) -> None:
        """Stop answering, because nobody reads on; without effect on a turn that has been answered."""
        if self._answering is not None:
            self._answering.cancel()
        # Whoever waits for room to tell something may go on.
        while not self._events.empty():
            self._events.get_nowait()

    def start(self, seconds_max: float) -> asyncio.Task[None]:
        """Answer from now on; return the task in which the turn lives until its end is told."""
        self._answering = asyncio.create_task(self._answer(seconds_max))
        return asyncio.create_task(self._live(self._answering))

    async def _live(self, answering: asyncio.Task[None]) -> None:
        """Wait for the answer, note it, give the session free, and only then tell: the next may come."""
        try:
            end = await self._noted(answering)
        except Exception:
            # Whoever reads would wait for an end that never comes; the cause is logged with the task.
            await self._events.put(UNEXPECTED.problem())
            raise
        await self._events.put(end)

    async def _noted(self, answering: asyncio.Task[None]) -> TurnAnswer | Problem:
        listening = asyncio.create_task(self._listen(answering))
        try:
            await asyncio.wait({answering})
            listening.cancel()
            return await self._recorder.end(self, self._failure(answering))
        finally:
            answering.cancel()
            listening.cancel()
            await self._lock.release()

    async def _listen(self, answering: asyncio.Task[None]) -> None:
        """Stop answering when the owner asks for that."""
        while True:
            await asyncio.sleep(CANCEL_POLL_SECONDS)
            with contextlib.suppress(MemoryUnavailableError):
                if await self._lock.is_cancelled():
                    self._is_cancelled = True
                    answering.cancel()
                    # Whoever waits for room to tell something may go on.
                    while self._events.full():
                        self._events.get_nowait()
                    return

    def _failure(self, answering: asyncio.Task[None]) -> BaseException | None:
        """Return why the turn was not answered, None when it was."""
        if not answering.cancelled():
            return answering.exception()
        if self._is_cancelled:
            return TurnCancelledError("the owner asked to stop")
        return TurnInterruptedError("nobody reads on")

    async def _answer(self, seconds_max: float) -> None:
        async with asyncio.timeout(seconds_max), contextlib.aclosing(self.run.events()) as events:
            async for event in events:
                if self._lock.is_lost:
                    message = f"somebody else answers in session {self.session_id}"
                    raise SessionBusyError(message)
                if self.first_token_ms is None and isinstance(event, TokenEvent):
                    self.first_token_ms = self.elapsed_ms
                await self._events.put(event)


class Recorder:
    """Notes how turns end: documents, memory, events, what they spent."""

    def __init__(
        self, sessions: Sessions, memory: SessionMemory, quotas: Quotas, model: str, behaviour: str
    ) -> None:
        self._sessions = sessions
        self._memory = memory
        self._quotas = quotas
        self._model = model
        self._behaviour = behaviour

    async def end(self, turn: Turn, failure: BaseException | None) -> TurnAnswer | Problem:
        """Note the end of a turn, and return what its reader is told."""
        told = await self._end(turn, failure)
        is_failed = isinstance(told, Problem)
        quota = await run_in_threadpool(
            self._quotas.settle, turn.reservation, turn.run.spending, is_failed=is_failed
        )
        return told if is_failed or quota is None else told.model_copy(update={"quota": quota})

    async def _end(self, turn: Turn, failure: BaseException | None) -> TurnAnswer | Problem:
        if failure is None:
            try:
                return await self._complete(turn)
            except Problem as gone:
                return gone
            except NotStoredError as error:
                failure = error
        return await self._fail(turn, failure)

    async def _complete(self, turn: Turn) -> TurnAnswer:
        answer = TurnAnswer(
            turn=turn.id,
            text=turn.run.answer,
            tools=turn.run.tools,
            usage=turn.run.spending.usage,
            stop_reason=turn.run.stop_reason,
        )
        try:
            await self._store(turn, answer)
        except Problem:
            raise
        except Exception as error:
            raise NotStoredError(turn.id) from error
        self._log(turn, "completed", answer.stop_reason)
        return answer

    async def _store(self, turn: Turn, answer: TurnAnswer) -> None:
        body = await self._write_body(turn)
        # Before the event: a memory names its turn, so one without its event is not believed. The other way
        # round a deletion in between would leave it behind.
        await self._remember(turn)
        completed = TurnCompleted(
            body=body,
            tools=answer.tools,
            stop_reason=answer.stop_reason,
            is_blocked=turn.run.is_blocked,
            **self._ended(turn),
        )
        await self._note(turn, completed)

    async def _fail(self, turn: Turn, failure: BaseException) -> Problem:
        problem = problem_of(failure)
        if not isinstance(failure, TurnInterruptedError | TurnCancelledError):
            # What the caller is not told: AWS's own words, the place in the code.
            logger.error("a turn failed", extra={"fields": {"turn": turn.id}}, exc_info=failure)
        body: DocumentReference | None = None
        try:
            body = await self._write_body(turn)
        except Exception:
            logger.exception("the document of a failed turn could not be stored")
        try:
            await self._note(turn, TurnFailed(body=body, reason=problem.detail, **self._ended(turn)))
        except Problem as gone:
            return gone
        except Exception:
            logger.exception("a failed turn could not be noted")
        self._log(turn, "failed", problem.kind)
        return problem

    def _ended(self, turn: Turn) -> dict[str, Any]:
        """Return what both ends of a turn record."""
        return {
            "turn": turn.id,
            "model": self._model,
            "behaviour": self._behaviour,
            "duration_ms": turn.elapsed_ms,
            **turn.run.spending.recorded(),
        }

    async def _write_body(self, turn: Turn) -> DocumentReference:
        # What a guardrail refuses is not kept, and a turn without its question is not remembered.
        question = "" if turn.run.is_blocked else turn.question
        body = TurnBody(question=question, answer=turn.run.answer, tools=turn.run.tools)
        return await run_in_threadpool(self._sessions.write_body, turn.session_id, turn.id, body)

    async def _remember(self, turn: Turn) -> None:
        try:
            await self._memory.save(turn.session_id, Memory(turn=turn.id, messages=turn.run.memory))
        except MemoryUnavailableError:
            # The next message finds an older memory or none, and rebuilds it.
            logger.warning("a turn could not be remembered", exc_info=True, extra=counting(Metric.DEGRADED))

    async def _note(self, turn: Turn, end: TurnCompleted | TurnFailed) -> None:
        """Append the event; a Problem 404 when the session was deleted meanwhile: nothing is left of it."""
        if await run_in_threadpool(self._sessions.end_turn, turn.user, turn.session_id, end):
            return
        try:
            await self._memory.delete(turn.session_id)
        except MemoryUnavailableError:
            logger.exception("a deleted session is remembered until its memory expires")
        raise not_found()

    def _log(self, turn: Turn, status: str, reason: str | None) -> None:
        fields = {
            "session": turn.session_id,
            "turn": turn.id,
            "status": status,
            "reason": reason,
            "model": self._model,
            "behaviour": self._behaviour,
            "tools": turn.run.tools,
            "is_blocked": turn.run.is_blocked,
            **turn.run.spending.recorded(),
            "first_token_ms": turn.first_token_ms,
            "duration_ms": turn.elapsed_ms,
        }
        logger.info("turn ended", extra={"fields": fields})


class Turns:
    """Begins turns, and knows those that are under way in this process."""

    def __init__(
        self,
        sessions: Sessions,
        memory: SessionMemory,
        quotas: Quotas,
        coordinator: Coordinator,
        model: str,
        limits: ModelLimits,
    ) -> None:
        self._sessions = sessions
        self._memory = memory
        self._quotas = quotas
        self._coordinator = coordinator
        self._recorder = Recorder(sessions, memory, quotas, model, coordinator.behaviour.version)
        self._limits = limits
        self._running: dict[asyncio.Task[None], Turn] = {}

    async def begin(self, user: str, authorization: str, session_id: str, question: str) -> Turn:
        """Begin to answer a message; a Problem 404, 409, 429 or 503 when that is not possible.

        Whoever begins a turn reads its events to the last, or interrupts it.
        """
        if len(self._running) >= self._limits.turns_at_once_max:
            detail = "too many messages are being answered at the moment"
            headers = {"Retry-After": str(RETRY_SECONDS)}
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="too-busy", headers=headers)
        session = await run_in_threadpool(self._sessions.get, user, session_id)
        if session.is_full:
            detail = f"a session takes {domain.TURNS_MAX} messages; start a new one"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="session-full")
        try:
            lock = await self._memory.lock(session_id)
        except (SessionBusyError, MemoryUnavailableError) as error:
            logger.warning("a message was not taken", extra={"fields": {"cause": str(error)}})
            raise problem_of(error) from error
        reservation: Reservation | None = None
        try:
            messages, recalled, tools = await asyncio.gather(
                self._recall(session),
                self._coordinator.recall(user, question),
                self._coordinator.foreign_tools(),
            )
            reservation = await run_in_threadpool(self._quotas.reserve, user, session_id, str(uuid.uuid4()))
            author, material = Author(user, authorization), Material(recalled, tools)
            run = self._coordinator.run(messages, question, author, material)
            turn = Turn(user, session_id, question, run, lock, reservation, self._recorder)
            task = turn.start(self._limits.turn_seconds_max)
        except BaseException:
            if reservation is not None:
                await run_in_threadpool(self._quotas.release, reservation)
            await lock.release()
            raise
        self._running[task] = turn
        task.add_done_callback(self._forget)
        return turn

    async def cancel(self, user: str, session_id: str) -> None:
        """Ask whoever answers in a session to stop; a Problem 404, 409 when nobody does, or 503."""
        await run_in_threadpool(self._sessions.get, user, session_id)
        try:
            is_told = await self._memory.cancel(session_id)
        except MemoryUnavailableError as error:
            raise problem_of(error) from error
        if not is_told:
            detail = "no message of this session is being answered"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="nothing-to-cancel")

    async def delete(self, user: str, session_id: str) -> None:
        """Delete a session with all that was said; a Problem 404, or 503 while it cannot be erased."""
        await run_in_threadpool(self._sessions.get, user, session_id)
        try:
            await self._memory.delete(session_id)
            await run_in_threadpool(self._sessions.delete, user, session_id)
            # Once more: a turn may have ended between the two.
            await self._memory.delete(session_id)
        except MemoryUnavailableError as error:
            raise problem_of(error) from error

    async def close(self) -> None:
        """Interrupt all turns and wait until that is noted, for `STOP_SECONDS_MAX`."""
        for turn in self._running.values():
            turn.interrupt()
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS_MAX)

    async def _recall(self, session: domain.Session) -> Sequence[Message]:
        """Return what the model remembers: from memory when that is up to date, from the documents if not."""
        try:
            memory = await self._memory.load(session.id)
        except MemoryUnavailableError as error:
            raise problem_of(error) from error
        if memory is not None and _is_current(memory, session):
            return memory.messages
        # Either memory is lost or stale, or a turn ended after the session was loaded: look again.
        session = await run_in_threadpool(self._sessions.get, session.user, session.id)
        if memory is not None and _is_current(memory, session):
            return memory.messages
        turns = session.completed[-TURNS_REMEMBERED_MAX:]
        return rebuilt(await run_in_threadpool(self._sessions.bodies, turns))

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            logger.critical("a turn ended without being noted", exc_info=task.exception())


def _is_current(memory: Memory, session: domain.Session) -> bool:
    """Whether a memory is as of the last turn that was completed."""
    completed = session.completed
    return bool(completed) and completed[-1].id == memory.turn
