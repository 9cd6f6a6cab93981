"""Short-term memory against a real Redis: who is let in, what is kept, who may answer."""

# ruff: noqa: ANN401 - clients of Redis are untyped

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_agent_core.memory import (
    MEMORY_SECONDS_MAX,
    Memory,
    MemoryUnavailableError,
    Message,
    RedisMemory,
    SessionBusyError,
    lock_key,
    memory_key,
    rebuilt,
    remembered,
)
from nova_agent_core.settings import MemorySettings
from nova_common.contracts.sessions import TurnBody
from redis import Redis as SyncRedis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from tests.services.agent_core import redis_server
from tests.services.agent_core.redis_server import RedisServer

QUESTION: Message = {"role": "user", "content": [{"text": "Wann?"}]}
USE: Message = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "u", "name": "n", "input": {}}}]}
RESULT: Message = {
    "role": "user",
    "content": [{"toolResult": {"toolUseId": "u", "status": "success", "content": []}}],
}
ANSWER: Message = {"role": "assistant", "content": [{"text": "Um neun. 九時"}]}


def access(redis: RedisServer) -> MemorySettings:
    return MemorySettings(url=redis.url, username=redis_server.USERNAME, password=redis_server.PASSWORD)


@asynccontextmanager
async def opened(settings: MemorySettings, **options: Any) -> AsyncGenerator[RedisMemory]:
    memory = RedisMemory(settings, **options)
    try:
        yield memory
    finally:
        await memory.close()


def run[T](
    work: Callable[[RedisMemory], Coroutine[Any, Any, T]], settings: MemorySettings, **options: Any
) -> T:
    async def main() -> T:
        async with opened(settings, **options) as memory:
            return await work(memory)

    return asyncio.run(main())


def test_what_is_saved_is_loaded_for_seven_days(trusted_redis: RedisServer, keys: Any) -> None:
    session_id = str(uuid.uuid4())
    kept = Memory(turn="t1", messages=[QUESTION, ANSWER])

    async def work(memory: RedisMemory) -> None:
        await memory.check_ready()
        assert await memory.load(session_id) is None
        await memory.save(session_id, kept)
        assert await memory.load(session_id) == kept
        assert MEMORY_SECONDS_MAX - 5 < keys.ttl(memory_key(session_id)) <= MEMORY_SECONDS_MAX
        await memory.delete(session_id)
        assert await memory.load(session_id) is None

    run(work, access(trusted_redis))
    assert memory_key(session_id) == f"agent-core:session:{session_id}"
    assert lock_key(session_id) == f"agent-core:lock:{session_id}"


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"turn": 1}', b"\xff"])
def test_what_cannot_be_read_is_nothing(trusted_redis: RedisServer, keys: Any, stored: bytes) -> None:
    session_id = str(uuid.uuid4())
    keys.set(memory_key(session_id), stored)

    async def work(memory: RedisMemory) -> None:
        assert await memory.load(session_id) is None

    run(work, access(trusted_redis))


async def check_refused(memory: RedisMemory) -> None:
    for call in (
        memory.check_ready(),
        memory.load("s"),
        memory.save("s", Memory(turn="t", messages=[])),
        memory.delete("s"),
        memory.lock("s"),
    ):
        with pytest.raises(MemoryUnavailableError) as refused:
            await call
        assert redis_server.PASSWORD not in str(refused.value)


def test_without_the_authority_nobody_is_trusted(redis: RedisServer) -> None:
    run(check_refused, access(redis))


def test_a_server_with_another_name_is_not_trusted(trusted_redis: RedisServer) -> None:
    elsewhere = trusted_redis.url.replace("127.0.0.1", "localhost")
    run(check_refused, replace(access(trusted_redis), url=elsewhere))


def test_with_a_wrong_password_nobody_is_let_in(trusted_redis: RedisServer) -> None:
    run(check_refused, replace(access(trusted_redis), password=redis_server.OTHER_PASSWORD))


def test_without_tls_there_is_no_connection(trusted_redis: RedisServer) -> None:
    with (
        SyncRedis(host="127.0.0.1", port=trusted_redis.port, retry=Retry(NoBackoff(), 0)) as plain,
        pytest.raises(RedisConnectionError),
    ):
        plain.ping()  # pyright: ignore[reportUnknownMemberType]


def test_another_clients_user_cannot_touch_the_keys(trusted_redis: RedisServer) -> None:
    other = replace(access(trusted_redis), username="other", password=redis_server.OTHER_PASSWORD)

    async def work(memory: RedisMemory) -> None:
        await memory.check_ready()
        for call in (memory.load("s"), memory.save("s", Memory(turn="t", messages=[])), memory.lock("s")):
            with pytest.raises(MemoryUnavailableError):
                await call

    run(work, other)


def test_a_server_that_is_away(trusted_redis: RedisServer) -> None:
    run(check_refused, replace(access(trusted_redis), url=f"rediss://127.0.0.1:{redis_server.free_port()}"))


def test_one_at_a_time_holds_a_lock(trusted_redis: RedisServer, keys: Any) -> None:
    session_id = str(uuid.uuid4())

    async def work(memory: RedisMemory) -> None:
        lock = await memory.lock(session_id)
        with pytest.raises(SessionBusyError):
            await memory.lock(session_id)
        other = await memory.lock(str(uuid.uuid4()))
        await lock.release()
        assert not keys.exists(lock_key(session_id))
        again = await memory.lock(session_id)
        await lock.release()
        assert keys.exists(lock_key(session_id)), "a former holder took the lock from its holder"
        await again.release()
        await other.release()

    run(work, access(trusted_redis))


def test_a_held_lock_is_renewed_and_an_abandoned_one_ends(trusted_redis: RedisServer, keys: Any) -> None:
    session_id = str(uuid.uuid4())

    async def work(memory: RedisMemory) -> None:
        lock = await memory.lock(session_id)
        await asyncio.sleep(1)
        assert not lock.is_lost
        assert 0 < keys.pttl(lock_key(session_id)) <= 300
        # Its holder dies: nothing renews it.
        lock._keeper.cancel()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        await asyncio.sleep(0.4)
        await (await memory.lock(session_id)).release()

    run(work, access(trusted_redis), lock_seconds=0.3)


def test_a_holder_learns_that_its_lock_is_lost(trusted_redis: RedisServer, keys: Any) -> None:
    session_id = str(uuid.uuid4())

    async def work(memory: RedisMemory) -> None:
        lock = await memory.lock(session_id)
        keys.set(lock_key(session_id), "somebody else")
        await asyncio.sleep(0.3)
        assert lock.is_lost
        await lock.release()
        assert keys.get(lock_key(session_id)) == b"somebody else"

    run(work, access(trusted_redis), lock_seconds=0.3)


def test_a_lock_whose_answer_was_lost_can_be_taken_again(trusted_redis: RedisServer) -> None:
    async def work(memory: RedisMemory) -> None:
        lock: Any = await memory.lock(str(uuid.uuid4()))
        assert await lock.acquire()
        await lock.release()

    run(work, access(trusted_redis))


def test_of_a_message_only_what_models_take_back_is_remembered() -> None:
    noted: Message = {
        **ANSWER,
        "metadata": {"usage": {}},
        "content": [*ANSWER["content"], {"reasoningContent": {}}],
    }
    assert remembered([QUESTION, noted]) == [QUESTION, ANSWER]


turns = st.lists(
    st.sampled_from(
        [[QUESTION, ANSWER], [QUESTION, USE, RESULT, ANSWER], [QUESTION, USE, RESULT, USE, RESULT, ANSWER]]
    ),
    max_size=6,
).map(lambda parts: [message for part in parts for message in part])


@given(turns, st.integers(0, 1500), st.integers(0, 5))
def test_a_memory_fits_and_begins_with_a_question(messages: list[Message], bytes_max: int, cut: int) -> None:
    kept = remembered(messages[cut:], bytes_max)
    assert not kept or kept == messages[-len(kept) :]
    assert not kept or kept[0] == QUESTION
    size = len(Memory(turn="", messages=kept).model_dump_json().encode()) if kept else 0
    assert size <= bytes_max + 100
    assert remembered(kept, bytes_max) == kept


def test_a_memory_is_rebuilt_from_questions_and_answers() -> None:
    bodies = [
        TurnBody(question="a", answer="b", tools=["x"]),
        TurnBody(question="", answer="", tools=[]),
        TurnBody(question="c", answer="d", tools=[]),
    ]
    assert [(message["role"], message["content"][0]["text"]) for message in rebuilt(bodies)] == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
        ("assistant", "d"),
    ]
