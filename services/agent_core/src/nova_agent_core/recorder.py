"""How turns end: what is kept of them as documents, in memory, as events, and of what they spent."""

import logging
from typing import Any

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.sessions import TurnAnswer, TurnBody, TurnCompleted, TurnFailed
from nova_common.metrics import Metric, counting
from nova_common.problems import Problem
from starlette.concurrency import run_in_threadpool

from nova_agent_core.failures import NotStoredError, TurnCancelledError, TurnInterruptedError, problem_of
from nova_agent_core.memory import Memory, MemoryUnavailableError, SessionMemory
from nova_agent_core.quota import Quotas
from nova_agent_core.sessions import Sessions, not_found
from nova_agent_core.turn import Turn

logger = logging.getLogger(__name__)


class Recorder:
    """Notes how turns end, and tells it."""

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
