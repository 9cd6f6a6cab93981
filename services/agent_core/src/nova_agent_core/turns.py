"""Turns: a message is taken, answered, and noted; one at a time in a session.

What a turn did to the session is decided at its end: memory and history are as before unless it completed.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from http import HTTPStatus

from nova_common.problems import Problem
from starlette.concurrency import run_in_threadpool

from nova_agent_core import domain
from nova_agent_core.agent import Author, Coordinator, Material
from nova_agent_core.failures import RETRY_SECONDS, problem_of
from nova_agent_core.ledger import Reservation
from nova_agent_core.memory import (
    Memory,
    MemoryUnavailableError,
    Message,
    SessionBusyError,
    SessionMemory,
    rebuilt,
)
from nova_agent_core.quota import Quotas
from nova_agent_core.recorder import Recorder
from nova_agent_core.sessions import Sessions
from nova_agent_core.settings import ModelLimits
from nova_agent_core.turn import Turn

TURNS_REMEMBERED_MAX = 10
"""Turns from whose documents a lost memory is rebuilt."""

STOP_SECONDS_MAX = 5.0
"""How long a stopping task waits until its interrupted turns are noted."""

logger = logging.getLogger(__name__)


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
        self.changed_at = time.time()
        """When answering last began or came to an end (seconds since the epoch)."""

    @property
    def are_running(self) -> bool:
        """Whether a message is being answered, or how that ended is being noted."""
        return bool(self._running)

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
                self._coordinator.foreign_tools(authorization),
            )
            reservation = await run_in_threadpool(self._quotas.reserve, user, session_id, str(uuid.uuid4()))
            author, material = Author(user, authorization), Material(recalled, tools)
            run = self._coordinator.run(messages, question, author, material)
            turn = Turn(user, session_id, question, run, lock, reservation, self._recorder.end)
            task = turn.start(self._limits.turn_seconds_max)
        except BaseException:
            if reservation is not None:
                await run_in_threadpool(self._quotas.release, reservation)
            await lock.release()
            raise
        if not self._running:
            self.changed_at = time.time()
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
        if not self._running:
            self.changed_at = time.time()
        if not task.cancelled() and task.exception() is not None:
            logger.critical("a turn ended without being noted", exc_info=task.exception())


def _is_current(memory: Memory, session: domain.Session) -> bool:
    """Whether a memory is as of the last turn that was completed."""
    completed = session.completed
    return bool(completed) and completed[-1].id == memory.turn
