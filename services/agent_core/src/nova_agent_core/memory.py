"""Short-term memory of sessions in Redis: the messages a model has seen, and one message at a time.

What is here may be lost at any time: whose a session is, and what happened in it, is decided elsewhere. A
memory names the turn after which it was saved, so that a stale one is recognised and built anew.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Generator, Sequence
from typing import Any, Protocol, cast

from nova_common.contracts.sessions import TurnBody
from pydantic import BaseModel, ConfigDict, ValidationError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ReadOnlyError, RedisError

from nova_agent_core.settings import MemorySettings

type Message = dict[str, Any]
"""A message in the form of Bedrock's Converse: `role` and a list of `content` blocks."""

PREFIX = "agent-core:"
"""What every key begins with: the coordinator's user may touch no other."""

MEMORY_SECONDS_MAX = 7 * 24 * 3600
"""How long a silent session is remembered here; afterwards its documents are read again."""

LOCK_SECONDS = 30.0
"""After this a lock whose holder died is free; a holder that lives renews three times as often."""

MEMORY_BYTES_MAX = 1024 * 1024
"""The largest memory of a session: far more than a window of messages with their tools' results."""

CONNECTIONS_MAX = 128
"""Twice as many as messages are answered at a time: each uses a connection for moments only."""

ANSWER_SECONDS_MAX = 2.0
RETRIES_MAX = 2
BACKOFF_FIRST_SECONDS = 0.05
BACKOFF_LAST_SECONDS = 0.5

_KEPT_BLOCKS = frozenset({"text", "toolUse", "toolResult"})

# The token makes each of them safe to repeat when an answer was lost. KEYS[1]: lock, ARGV[1]: token,
# ARGV[2]: milliseconds.
_ACQUIRE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
# KEYS[1]: lock, KEYS[2]: wish to stop, ARGV[1]: milliseconds. The wish names the holder: it stops no other.
_CANCEL = """
local holder = redis.call('GET', KEYS[1])
if not holder then return 0 end
redis.call('SET', KEYS[2], holder, 'PX', ARGV[1])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

logger = logging.getLogger(__name__)


class MemoryUnavailableError(Exception):
    """Redis does not answer, or refuses us."""


class SessionBusyError(Exception):
    """Another message of the session is being answered."""


class Memory(BaseModel):
    """What a model remembers of a session, as of the turn that was last completed."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    turn: str
    messages: list[Message]


class SessionLock(Protocol):
    """The right to answer messages of one session, held until it is released."""

    @property
    def is_lost(self) -> bool:
        """Whether somebody else holds it by now."""
        ...

    async def is_cancelled(self) -> bool:
        """Whether the owner asked to stop what is done under it; MemoryUnavailableError."""
        ...

    async def release(self) -> None:
        """Give it back; never raises, because it ends by itself."""
        ...


class SessionMemory(Protocol):
    """What the coordinator needs of a memory. Every method but `close` raises MemoryUnavailableError."""

    async def load(self, session_id: str) -> Memory | None:
        """Return what is remembered, None when that is nothing usable."""
        ...

    async def save(self, session_id: str, memory: Memory) -> None:
        """Remember this and nothing else."""
        ...

    async def delete(self, session_id: str) -> bool:
        """Forget a session; false when nothing was remembered."""
        ...

    async def lock(self, session_id: str) -> SessionLock:
        """Take the right to answer; SessionBusyError when somebody has it."""
        ...

    async def cancel(self, session_id: str) -> bool:
        """Ask whoever answers to stop, in whatever process; false when nobody does."""
        ...

    async def check_ready(self) -> None:
        """Return when the memory answers."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def memory_key(session_id: str) -> str:
    """Return the key of a session's memory."""
    return f"{PREFIX}session:{session_id}"


def lock_key(session_id: str) -> str:
    """Return the key of a session's lock."""
    return f"{PREFIX}lock:{session_id}"


def cancel_key(session_id: str) -> str:
    """Return the key of the wish to stop answering in a session."""
    return f"{PREFIX}cancel:{session_id}"


class RedisMemory:
    """Session memory in Redis, over TLS with the system's certificate authorities, as a user of its own."""

    def __init__(self, settings: MemorySettings, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._lock_seconds = lock_seconds
        backoff = ExponentialWithJitterBackoff(base=BACKOFF_FIRST_SECONDS, cap=BACKOFF_LAST_SECONDS)
        connect = cast("Any", Redis).from_url
        self._redis: Any = connect(
            settings.url,
            username=settings.username,
            password=settings.password,
            ssl_cert_reqs="required",
            ssl_check_hostname=True,
            socket_connect_timeout=ANSWER_SECONDS_MAX,
            socket_timeout=ANSWER_SECONDS_MAX,
            # A connection to a former primary says that it is read-only: a new one finds the new primary.
            retry=Retry(backoff, RETRIES_MAX),
            retry_on_error=[ReadOnlyError],
            max_connections=CONNECTIONS_MAX,
            # The older protocol signs in with AUTH alone: no command beyond those that the user may run.
            protocol=2,
            driver_info=None,
        )

    async def load(self, session_id: str) -> Memory | None:
        """See `SessionMemory.load`."""
        with _translated():
            stored: bytes | None = await self._redis.get(memory_key(session_id))
        if stored is None:
            return None
        try:
            return Memory.model_validate_json(stored)
        except ValidationError:
            logger.warning(
                "a memory is unreadable and is built anew", extra={"fields": {"session": session_id}}
            )
            return None

    async def save(self, session_id: str, memory: Memory) -> None:
        """See `SessionMemory.save`."""
        with _translated():
            await self._redis.set(memory_key(session_id), memory.model_dump_json(), ex=MEMORY_SECONDS_MAX)

    async def delete(self, session_id: str) -> bool:
        """See `SessionMemory.delete`."""
        with _translated():
            return bool(await self._redis.delete(memory_key(session_id)))

    async def lock(self, session_id: str) -> SessionLock:
        """See `SessionMemory.lock`."""
        lock = _RedisLock(self._redis, session_id, self._lock_seconds)
        if not await lock.acquire():
            message = f"a message of session {session_id} is being answered"
            raise SessionBusyError(message)
        lock.keep()
        return lock

    async def cancel(self, session_id: str) -> bool:
        """See `SessionMemory.cancel`."""
        keys = (lock_key(session_id), cancel_key(session_id))
        with _translated():
            told = await self._redis.eval(_CANCEL, len(keys), *keys, round(self._lock_seconds * 1000))
        return bool(told)

    async def check_ready(self) -> None:
        """See `SessionMemory.check_ready`."""
        with _translated():
            await self._redis.ping()

    async def close(self) -> None:
        """See `SessionMemory.close`."""
        await self._redis.aclose()


class _RedisLock:
    """A lock that names its holder by a token and is renewed until it is released."""

    def __init__(self, redis: Any, session_id: str, seconds: float) -> None:  # noqa: ANN401 - the client is untyped
        self._redis = redis
        self._key = lock_key(session_id)
        self._cancel_key = cancel_key(session_id)
        self._seconds = seconds
        self._token = secrets.token_hex(16)
        self._keeper: asyncio.Task[None] | None = None
        self._is_lost = False

    @property
    def is_lost(self) -> bool:
        """See `SessionLock.is_lost`."""
        return self._is_lost

    async def acquire(self) -> bool:
        """Take the lock, or renew it when it is ours; false when it is somebody else's."""
        with _translated():
            taken = await self._redis.eval(_ACQUIRE, 1, self._key, self._token, round(self._seconds * 1000))
        return bool(taken)

    async def is_cancelled(self) -> bool:
        """See `SessionLock.is_cancelled`."""
        with _translated():
            wish: bytes | None = await self._redis.get(self._cancel_key)
        return wish is not None and wish.decode() == self._token

    def keep(self) -> None:
        """Renew the lock from now on."""
        self._keeper = asyncio.create_task(self._renew())

    async def release(self) -> None:
        """See `SessionLock.release`."""
        if self._keeper is not None:
            self._keeper.cancel()
        try:
            with _translated():
                await self._redis.eval(_RELEASE, 1, self._key, self._token)
        except MemoryUnavailableError:
            logger.warning("a lock could not be released and ends by itself", exc_info=True)

    async def _renew(self) -> None:
        while not self._is_lost:
            await asyncio.sleep(self._seconds / 3)
            try:
                self._is_lost = not await self.acquire()
            except MemoryUnavailableError:
                # Perhaps a failover: while nobody can take the lock, it is as good as held.
                logger.warning("a lock could not be renewed", exc_info=True)


@contextlib.contextmanager
def _translated() -> Generator[None]:
    """Turn every failure of Redis into MemoryUnavailableError."""
    try:
        yield
    except (RedisError, OSError) as error:
        message = f"session memory does not answer: {type(error).__name__}"
        raise MemoryUnavailableError(message) from error


def remembered(messages: Sequence[Message], bytes_max: int = MEMORY_BYTES_MAX) -> list[Message]:
    """Return what is kept of a conversation: the newest messages that fit, beginning with a question.

    A model refuses a conversation that begins with an answer or with the result of a tool. Of a message only
    role and content are kept, and of the content what every model takes back.
    """
    plain = [
        {
            "role": message["role"],
            "content": [block for block in message["content"] if not _KEPT_BLOCKS.isdisjoint(block)],
        }
        for message in messages
    ]
    starts = [place for place, message in enumerate(plain) if _is_question(message)]
    sizes = [len(json.dumps(message, ensure_ascii=False).encode()) for message in plain]
    fitting = (place for place in starts if sum(sizes[place:]) <= bytes_max)
    first = next(fitting, len(plain))
    return plain[first:]


def _is_question(message: Message) -> bool:
    return message["role"] == "user" and all("text" in block for block in message["content"])


def rebuilt(bodies: Sequence[TurnBody]) -> list[Message]:
    """Return the messages of turns from their documents: questions and answers, no results of tools.

    Empty ones are left out: models refuse blank messages.
    """
    return [
        message
        for body in bodies
        if body.question.strip() and body.answer.strip()
        for message in (
            {"role": "user", "content": [{"text": body.question}]},
            {"role": "assistant", "content": [{"text": body.answer}]},
        )
    ]
