"""A turn: one message of a session that is being answered, told to whoever reads, and ended once.

It runs in a task of its own, which outlives a caller who goes away for as long as it takes to note that.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from nova_common.contracts.sessions import TokenEvent, ToolEvent, TurnAnswer
from nova_common.problems import Problem

from nova_agent_core.agent import AgentRun
from nova_agent_core.failures import UNEXPECTED, TurnCancelledError, TurnInterruptedError
from nova_agent_core.ledger import Reservation
from nova_agent_core.memory import MemoryUnavailableError, SessionBusyError, SessionLock

type TurnEvent = TokenEvent | ToolEvent | TurnAnswer | Problem
"""What a turn tells; the last one is its answer or its problem."""

type End = Callable[[Turn, BaseException | None], Awaitable[TurnAnswer | Problem]]
"""Notes how a turn ended, None for an answer, and returns what its reader is told."""

EVENTS_WAITING_MAX = 256
"""Events that a slow reader may be behind before the answer waits."""

CANCEL_POLL_SECONDS = 0.5
"""How soon a turn hears that its owner wants it to stop, by way of another task perhaps."""


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
        end: End,
    ) -> None:
        self.id = reservation.turn
        self.user = user
        self.reservation = reservation
        self.session_id = session_id
        self.question = question
        self.run = run
        self._lock = lock
        self._end = end
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
            return await self._end(self, self._failure(answering))
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
