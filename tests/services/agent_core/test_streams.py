"""Streams over real connections: heartbeats, callers who go away, two messages at once, a task that stops."""

# ruff: noqa: ANN401 - clients of Redis are untyped

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from nova_agent_core import app as api
from nova_agent_core import memory
from nova_common.contracts.sessions import SESSION, TurnFailed
from nova_common.event_store import DynamoEventStore

from tests.services.agent_core.callers import LIMITS, check_problem, parse
from tests.services.agent_core.scripted import ScriptedModel, hold, say, use
from tests.services.support.stub_services import StubServices
from tests.services.support.tokens import ALICE, BOB, bearer

LIST: tuple[str, dict[str, Any]] = ("list_recordings", {})
PATIENT = replace(LIMITS, turn_seconds_max=30)


@contextlib.contextmanager
def serving(app: FastAPI) -> Generator[tuple[str, uvicorn.Server]]:
    """Serve an application on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server does not stop"


type Serve = Callable[..., httpx2.Client]


@pytest.fixture
def serve(make_app: Callable[..., FastAPI]) -> Iterator[Serve]:
    """Serve one instance; the result is a client of it."""
    with contextlib.ExitStack() as stack:

        def start_serving(**changes: str) -> httpx2.Client:
            address, _ = stack.enter_context(serving(make_app(PATIENT, **changes)))
            client = httpx2.Client(base_url=address, headers=bearer(), timeout=20, trust_env=False)
            return stack.enter_context(client)

        yield start_serving


def opened(client: httpx2.Client) -> str:
    return client.post("/api/sessions").json()["id"]


@contextlib.contextmanager
def streaming(client: httpx2.Client, session_id: str, text: str) -> Generator[httpx2.Response]:
    with client.stream(
        "POST",
        f"/api/sessions/{session_id}/messages",
        json={"text": text},
        headers={"Accept": "text/event-stream"},
    ) as response:
        assert response.status_code == 200
        yield response


def until[T](look: Callable[[], T | None], seconds_max: float = 5) -> T:
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def failures(store: DynamoEventStore, session_id: str) -> list[TurnFailed]:
    facts = [event.data for event in store.load(SESSION.key(session_id))]
    return [fact for fact in facts if isinstance(fact, TurnFailed)]


def test_tokens_come_as_they_are_made(serve: Serve, model: ScriptedModel) -> None:
    client = serve()
    session_id = opened(client)
    model.rounds.append(hold(0.6, "first"))
    begun = time.monotonic()
    with streaming(client, session_id, "?") as response:
        assert response.headers["cache-control"] == "no-store"
        pieces = response.iter_raw()
        assert b"first" in next(pieces)
        assert time.monotonic() - begun < 0.4
        rest = b"".join(pieces)
    assert parse(rest.decode())[-1][0] == "done"


def test_a_silent_stream_shows_life(serve: Serve, model: ScriptedModel) -> None:
    client = serve(HEARTBEAT_SECONDS="1")
    session_id = opened(client)
    model.rounds.append(hold(2.4, "first"))
    with streaming(client, session_id, "?") as response:
        text = response.read().decode()
    assert text.count(": heartbeat\n\n") == 2
    assert text.index("first") < text.index(": heartbeat") < text.index("late") < text.index("event: done")
    assert [name for name, _ in parse(text)] == ["token", "token", "done"]


def test_two_messages_at_once_are_refused(serve: Serve, model: ScriptedModel) -> None:
    first, second = serve(), serve()
    session_id = opened(first)
    model.rounds.append(hold(1, "first"))
    with streaming(first, session_id, "one") as response:
        pieces = response.iter_raw()
        next(pieces)
        url = f"/api/sessions/{session_id}/messages"
        for client in (first, second):
            for accept in ("text/event-stream", "application/json"):
                refused = client.post(url, json={"text": "two"}, headers={"Accept": accept})
                check_problem(refused, 409, "session-busy")
        other = opened(second)
        assert second.post(f"/api/sessions/{other}/messages", json={"text": "!"}).status_code == 200
        assert parse(b"".join(pieces).decode())[-1][0] == "done"
    assert first.post(url, json={"text": "two"}).status_code == 200


def test_the_next_message_may_come_as_soon_as_the_last_is_done(
    serve: Serve, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock: Any = memory._RedisLock  # pyright: ignore[reportPrivateUsage]
    release = lock.release

    async def release_slowly(self: Any) -> None:
        await asyncio.sleep(0.3)
        await release(self)

    monkeypatch.setattr(lock, "release", release_slowly)
    client = serve()
    session_id = opened(client)
    for number in range(3):
        with streaming(client, session_id, f"{number}") as response:
            assert any(line == "event: done" for line in response.iter_lines())
    assert len(model.seen) == 3


def test_a_turn_whose_lock_was_taken_over_ends(
    serve: Serve, model: ScriptedModel, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "RedisMemory", partial(memory.RedisMemory, lock_seconds=0.3))
    client = serve()
    session_id = opened(client)
    model.rounds.append(hold(1, "first"))
    with streaming(client, session_id, "?") as response:
        pieces = response.iter_raw()
        next(pieces)
        keys.set(memory.lock_key(session_id), "somebody else")
        name, problem = parse(b"".join(pieces).decode())[-1]
    assert (name, problem["type"]) == ("error", "urn:nova:problem:session-busy")
    assert keys.get(memory.lock_key(session_id)) == b"somebody else"


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_caller_who_goes_away_stops_the_turn(
    serve: Serve, model: ScriptedModel, store: DynamoEventStore, accept: str
) -> None:
    client = serve()
    session_id = opened(client)
    model.rounds.append(hold(20, "first"))
    with pytest.raises(httpx2.ReadTimeout):
        client.post(
            f"/api/sessions/{session_id}/messages",
            json={"text": "one"},
            headers={"Accept": accept},
            timeout=0.5,
        )
    (failed,) = until(lambda: failures(store, session_id))
    assert failed.reason == "the answer was interrupted before it was complete"
    answer = until(lambda: _accepted(client, session_id))
    assert answer["text"] == "ok"
    assert model.seen[-1] == [{"role": "user", "content": [{"text": "two"}]}]
    turns = client.get(f"/api/sessions/{session_id}").json()["turns"]
    assert [(turn["status"], turn["answer"]) for turn in turns] == [("failed", "first"), ("completed", "ok")]


def _accepted(client: httpx2.Client, session_id: str) -> dict[str, Any] | None:
    response = client.post(f"/api/sessions/{session_id}/messages", json={"text": "two"})
    return response.json() if response.status_code == 200 else None


def test_a_caller_who_goes_away_during_a_tool_stops_the_turn(
    serve: Serve, model: ScriptedModel, store: DynamoEventStore, services: StubServices
) -> None:
    client = serve()
    session_id = opened(client)
    services.answers["/api/audio"] = httpx2.ReadTimeout("slow")
    model.rounds += [use(("list_recordings", {})), hold(20), say("never")]
    with contextlib.suppress(httpx2.ReadTimeout), streaming(client, session_id, "?") as response:
        for line in response.iter_lines():
            if '"failed"' in line:
                break
    (failed,) = until(lambda: failures(store, session_id))
    assert "interrupted" in failed.reason
    assert len(model.rounds) == 1


def test_a_reader_who_is_slow_gets_everything(serve: Serve, model: ScriptedModel) -> None:
    client = serve()
    session_id = opened(client)
    words = [f"word-{number} " * 200 for number in range(2000)]
    model.rounds.append(say(*words))
    with streaming(client, session_id, "?") as response:
        time.sleep(0.5)
        events = parse(response.read().decode())
    assert "".join(data["text"] for name, data in events if name == "token") == "".join(words)
    assert events[-1][1]["text"] == "".join(words)


def test_a_task_answers_a_limited_number_of_messages_at_once(serve: Serve, model: ScriptedModel) -> None:
    client = serve()
    sessions = [opened(client) for _ in range(5)]
    model.rounds += [hold(4.5, "first")] * 4
    with contextlib.ExitStack() as stack:
        pieces = [
            stack.enter_context(streaming(client, session_id, "?")).iter_raw() for session_id in sessions[:4]
        ]
        assert all(next(piece) for piece in pieces)
        url = f"/api/sessions/{sessions[4]}/messages"
        refused = client.post(url, json={"text": "?"})
        check_problem(refused, 503, "too-busy")
        assert refused.headers["retry-after"] == "5"


def test_a_task_that_stops_notes_its_turns(
    make_app: Callable[..., FastAPI], model: ScriptedModel, store: DynamoEventStore
) -> None:
    app = make_app(PATIENT)
    model.rounds.append(hold(25, "first"))
    with serving(app) as (address, server), httpx2.Client(headers=bearer(ALICE), trust_env=False) as client:
        client.base_url = address
        session_id = opened(client)
        with contextlib.suppress(httpx2.HTTPError), streaming(client, session_id, "?") as response:
            pieces = response.iter_raw()
            next(pieces)
            server.should_exit = True
            list(pieces)
    (failed,) = until(lambda: failures(store, session_id))
    assert "interrupted" in failed.reason


class TestCancelling:
    """By the owner, in whatever task the message is answered."""

    def test_another_task_stops_the_answer(
        self, serve: Serve, model: ScriptedModel, store: DynamoEventStore
    ) -> None:
        answering, other = serve(), serve()
        session_id = opened(answering)
        model.rounds.append(hold(20, "first"))
        with streaming(answering, session_id, "?") as response:
            pieces = response.iter_raw()
            next(pieces)
            begun = time.monotonic()
            assert other.post(f"/api/sessions/{session_id}/cancel").status_code == 202
            name, problem = parse(b"".join(pieces).decode())[-1]
        assert time.monotonic() - begun < 3
        assert (name, problem["type"]) == ("error", "urn:nova:problem:turn-cancelled")
        (failed,) = failures(store, session_id)
        assert (failed.reason, failed.is_estimated) == ("the answer was cancelled", True)
        assert _accepted(other, session_id)

    def test_a_wish_stops_no_later_message(self, serve: Serve, model: ScriptedModel) -> None:
        client = serve()
        session_id = opened(client)
        for _ in range(2):
            model.rounds.append(hold(1.2, "first"))
            with streaming(client, session_id, "?") as response:
                pieces = response.iter_raw()
                next(pieces)
                if len(model.seen) == 1:
                    client.post(f"/api/sessions/{session_id}/cancel")
                last, _ = parse(b"".join(pieces).decode())[-1]
            assert last == ("error" if len(model.seen) == 1 else "done")

    def test_nothing_to_cancel_and_nobody_elses(self, serve: Serve, model: ScriptedModel) -> None:
        client = serve()
        session_id = opened(client)
        check_problem(client.post(f"/api/sessions/{session_id}/cancel"), 409, "nothing-to-cancel")
        model.rounds.append(hold(1, "first"))
        with streaming(client, session_id, "?") as response:
            pieces = response.iter_raw()
            next(pieces)
            strange = client.post(f"/api/sessions/{session_id}/cancel", headers=bearer(BOB))
            check_problem(strange, 404)
            assert parse(b"".join(pieces).decode())[-1][0] == "done"

    def test_no_further_tool_starts_and_those_that_run_are_left(
        self, serve: Serve, model: ScriptedModel, services: StubServices
    ) -> None:
        client = serve()
        session_id = opened(client)
        services.delay_seconds = 8
        model.rounds += [use(*[LIST] * 9), say("never")]
        with streaming(client, session_id, "?") as response:
            lines = response.iter_lines()
            assert any('"started"' in line for line in lines)
            until(lambda: len(services.requests) == 4)
            client.post(f"/api/sessions/{session_id}/cancel")
            assert any("turn-cancelled" in line for line in lines)
        assert services.running == 0
        assert len(services.requests) == 4
        assert len(model.rounds) == 1
