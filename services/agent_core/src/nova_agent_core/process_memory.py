"""Short-term memory of the one session that a process has, in the process.

AgentCore Runtime gives each session a machine of its own, so that nothing has to be shared there. The machine
is gone after some idle minutes, and memory is then built anew from the session's documents.
"""

from nova_agent_core.memory import Memory, SessionBusyError, SessionLock

SESSIONS_MAX = 8
"""Sessions that are remembered, the last ones: one is expected, more cannot fill the process."""


class ProcessMemory:
    """Session memory in this process; see `SessionMemory`. It is always available."""

    def __init__(self) -> None:
        self._memories: dict[str, Memory] = {}
        self._busy: dict[str, _ProcessLock] = {}

    async def load(self, session_id: str) -> Memory | None:
        """See `SessionMemory.load`."""
        return self._memories.get(session_id)

    async def save(self, session_id: str, memory: Memory) -> None:
        """See `SessionMemory.save`."""
        self._memories.pop(session_id, None)
        self._memories[session_id] = memory
        while len(self._memories) > SESSIONS_MAX:
            self._memories.pop(next(iter(self._memories)))

    async def delete(self, session_id: str) -> bool:
        """See `SessionMemory.delete`."""
        return self._memories.pop(session_id, None) is not None

    async def lock(self, session_id: str) -> SessionLock:
        """See `SessionMemory.lock`."""
        if session_id in self._busy:
            message = f"a message of session {session_id} is being answered"
            raise SessionBusyError(message)
        lock = self._busy[session_id] = _ProcessLock(self._busy, session_id)
        return lock

    async def cancel(self, session_id: str) -> bool:
        """See `SessionMemory.cancel`."""
        lock = self._busy.get(session_id)
        if lock is None:
            return False
        lock.cancel()
        return True

    async def check_ready(self) -> None:
        """See `SessionMemory.check_ready`."""

    async def close(self) -> None:
        """See `SessionMemory.close`."""


class _ProcessLock:
    """A lock that nobody can take away."""

    is_lost = False

    def __init__(self, busy: "dict[str, _ProcessLock]", session_id: str) -> None:
        self._busy = busy
        self._session_id = session_id
        self._is_cancelled = False

    def cancel(self) -> None:
        """Ask the holder to stop."""
        self._is_cancelled = True

    async def is_cancelled(self) -> bool:
        """See `SessionLock.is_cancelled`."""
        return self._is_cancelled

    async def release(self) -> None:
        """See `SessionLock.release`."""
        self._busy.pop(self._session_id, None)
