"""The conversation over a WebSocket, as AgentCore Runtime opens it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import Mock

import httpx2
import pytest
from fastapi.testclient import TestClient
from nova_agent_core import app as api
from nova_agent_core import runtime_app
from nova_agent_core.runtime_app import AUTHORIZATION_HEADER, SESSION_HEADER
from nova_agent_core.settings import ApiSettings
from nova_agent_tools.services import Services
from nova_common.contracts.sessions import TurnFailed
from nova_common.event_store import DynamoEventStore
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

from tests.services.agent_core.callers import BEHAVIOUR, LIMITS, history, start, view
from tests.services.agent_core.scripted import ScriptedModel, hold, say, use
from tests.services.support import tokens
from tests.services.support.stub_services import StubServices
from tests.services.support.tokens import ALICE, BOB, bearer

type Connect = Callable[..., WebSocketTestSession]


@pytest.fixture
def runtime(
    client: TestClient,
    variables: dict[str, str],
    model: ScriptedModel,
    services: StubServices,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TestClient]:
    """The second host, beside the API that sessions are opened with."""
    assert client
    monkeypatch.setattr(api, "bedrock_model", Mock(return_value=model))
    monkeypatch.setattr(api, "Services", partial(Services, transport=httpx2.MockTransport(services.answer)))
    app = runtime_app.create_app(ApiSettings.from_env(variables), LIMITS, BEHAVIOUR)
    app.state.verifier = tokens.verifier()
    with TestClient(app) as made:
        yield made


@pytest.fixture
def connect(runtime: TestClient) -> Iterator[Connect]:
    with ExitStack() as stack:

        def make(session_id: str, user: str = ALICE) -> WebSocketTestSession:
            headers = {SESSION_HEADER: session_id, AUTHORIZATION_HEADER: bearer(user)["Authorization"]}
            return stack.enter_context(runtime.websocket_connect("/ws", headers=headers))

        yield make


def answered(socket: WebSocketTestSession) -> list[tuple[str, dict[str, Any]]]:
    """Read to the end of a turn."""
    events: list[tuple[str, dict[str, Any]]] = []
    while not events or events[-1][0] not in {"done", "error"}:
        frame = socket.receive_json()
        events.append((frame["event"], frame["data"]))
    return events


def test_a_server_can_speak_it() -> None:
    assert AutoWebSocketsProtocol is not None


def test_messages_are_answered_one_after_another(
    client: TestClient, connect: Connect, model: ScriptedModel
) -> None:
    session_id = start(client)
    socket = connect(session_id)
    model.rounds += [use(("list_recordings", {})), say("None."), say("Bye.")]
    socket.send_json({"text": "What is there?"})
    assert [name for name, _ in answered(socket)] == ["tool", "tool", "token", "done"]
    socket.send_json({"text": "Thanks"})
    assert answered(socket)[-1][1]["text"] == "Bye."
    assert [turn["question"] for turn in view(client, session_id)["turns"]] == ["What is there?", "Thanks"]


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic abc"])
def test_nobody_comes_in_without_a_token(client: TestClient, runtime: TestClient, header: str | None) -> None:
    headers = {SESSION_HEADER: start(client)} | ({AUTHORIZATION_HEADER: header} if header else {})
    with pytest.raises(WebSocketDisconnect), runtime.websocket_connect("/ws", headers=headers):
        pass


def test_another_persons_session_is_not_there(client: TestClient, connect: Connect) -> None:
    socket = connect(start(client, BOB))
    socket.send_json({"text": "?"})
    ((name, problem),) = answered(socket)
    assert (name, problem["status"], problem["detail"]) == ("error", 404, "there is no such session")


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ("{", 422),
        ('{"text": " "}', 422),
        ('{"text": "a", "user": "bob"}', 422),
        ('{"cancel": false}', 422),
        ('{"cancel": true}', 409),
        ('{"text": "' + "x" * 131072 + '"}', 413),
    ],
)
def test_what_is_no_message_is_said_to_be_none(
    client: TestClient, connect: Connect, frame: str, status: int
) -> None:
    socket = connect(start(client))
    socket.send_text(frame)
    ((name, problem),) = answered(socket)
    assert (name, problem["status"]) == ("error", status)
    socket.send_json({"text": "And now?"})
    assert answered(socket)[-1][0] == "done"


def test_an_answer_can_be_stopped_and_another_message_waits(
    client: TestClient, connect: Connect, model: ScriptedModel
) -> None:
    socket = connect(start(client))
    model.rounds.append(hold(4, "first"))
    socket.send_json({"text": "?"})
    assert socket.receive_json()["data"] == {"text": "first"}
    socket.send_json({"text": "Are you there?"})
    assert answered(socket)[-1][1]["type"] == "urn:nova:problem:session-busy"
    socket.send_json({"cancel": True})
    assert answered(socket)[-1][1]["type"] == "urn:nova:problem:turn-cancelled"
    socket.send_json({"text": "And now?"})
    assert answered(socket)[-1][0] == "done"


def test_whoever_goes_away_stops_the_answer(
    client: TestClient, runtime: TestClient, model: ScriptedModel, store: DynamoEventStore
) -> None:
    session_id = start(client)
    headers = {SESSION_HEADER: session_id, AUTHORIZATION_HEADER: bearer(ALICE)["Authorization"]}
    model.rounds.append(hold(4, "first"))
    with runtime.websocket_connect("/ws", headers=headers) as socket:
        socket.send_json({"text": "?"})
        socket.receive_json()
    for _ in range(100):
        if len(history(store, session_id)) > 1:
            break
        time.sleep(0.05)
    failed = history(store, session_id)[-1].data
    assert isinstance(failed, TurnFailed)
    assert "interrupted" in failed.reason
