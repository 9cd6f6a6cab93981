"""The coordinator as AgentCore Runtime calls it."""

# ruff: noqa: ANN401 - responses of the test client

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import Mock

import httpx2
import pytest
from fastapi.testclient import TestClient
from nova_agent_core import app as api
from nova_agent_core import runtime_app
from nova_agent_core.settings import ApiSettings
from nova_agent_core.storage import TurnDocuments
from nova_agent_tools.services import Services
from nova_common import aws
from nova_common.contracts.sessions import TurnCompleted
from nova_common.event_store import DynamoEventStore
from nova_common.settings import SettingsError

from tests.services.agent_core.callers import BEHAVIOUR, LIMITS, ask, check_problem, history, parse, start
from tests.services.agent_core.scripted import ScriptedModel, hold, say, use
from tests.services.support import tokens
from tests.services.support.stub_services import StubServices
from tests.services.support.tables import REGION
from tests.services.support.tokens import ALICE, BOB, bearer

ARRIVED = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization"
SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


@pytest.fixture
def make_machine(
    variables: dict[str, str],
    store: DynamoEventStore,
    documents: TurnDocuments,
    model: ScriptedModel,
    services: StubServices,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., TestClient]]:
    """Make one machine after another, as AgentCore does for a session that was silent."""
    del store, documents
    transport = httpx2.MockTransport(services.answer)
    monkeypatch.setattr(api, "Services", partial(Services, transport=transport))
    monkeypatch.setattr(api, "bedrock_model", Mock(return_value=model))
    with ExitStack() as stack:

        def make(**changes: str) -> TestClient:
            app = runtime_app.create_app(ApiSettings.from_env(variables | changes), LIMITS, BEHAVIOUR)
            app.state.verifier = tokens.verifier()
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield make


@pytest.fixture
def machine(make_machine: Callable[..., TestClient]) -> TestClient:
    return make_machine()


def invoke(machine: TestClient, session_id: str, text: str, user: str = ALICE, **headers: str) -> Any:
    sent = {ARRIVED: bearer(user)["Authorization"], SESSION: session_id, **headers}
    return machine.post("/invocations", json={"text": text}, headers=sent)


def test_a_machine_says_whether_it_is_at_work(
    machine: TestClient, client: TestClient, model: ScriptedModel
) -> None:
    session_id, begun = start(client), int(time.time())
    idle = machine.get("/ping")
    assert (idle.status_code, idle.json()["status"]) == (200, "Healthy")
    assert 0 <= begun - idle.json()["time_of_last_update"] < 60
    model.rounds.append(hold(1.5, "one "))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(invoke, machine, session_id, "Hello?")
        while not model.seen:
            time.sleep(0.01)
        busy = machine.get("/ping").json()
        assert busy["status"] == "HealthyBusy"
        assert begun <= busy["time_of_last_update"] <= time.time()
        time.sleep(0.3)
        assert machine.get("/ping").json() == busy, "time is that of the change, not of the question"
        assert asked.result().status_code == 200
    done = machine.get("/ping").json()
    assert done["status"] == "Healthy"
    assert done["time_of_last_update"] > busy["time_of_last_update"]


def test_a_refusal_is_told_in_the_stream_that_is_wanted(
    machine: TestClient, client: TestClient, subtests: pytest.Subtests
) -> None:
    """AgentCore makes RuntimeClientError of any other status, and keeps the problem to itself."""
    session_id = start(client)
    for name, status, (answer_session, text, more) in (
        ("no token", 401, (session_id, "Hello?", {ARRIVED: ""})),
        ("somebody else's session", 404, ("a" * 40, "Hello?", {})),
        ("no text", 422, (session_id, " ", {})),
    ):
        with subtests.test(name):
            response = invoke(machine, answer_session, text, Accept="text/event-stream", **more)
            assert response.status_code == 200
            assert response.headers["content-type"] == "text/event-stream"
            ((event, problem),) = parse(response.text)
            assert (event, problem["status"]) == ("error", status)
            assert problem["detail"]


def test_a_message_is_answered_and_noted(
    machine: TestClient, client: TestClient, model: ScriptedModel, store: DynamoEventStore
) -> None:
    session_id = start(client)
    model.rounds.append(say("Good ", "morning"))
    response = invoke(machine, session_id, "Hello?")
    assert response.status_code == 200
    assert (response.json()["text"], response.json()["stop_reason"]) == ("Good morning", "end_turn")
    (_, completed) = history(store, session_id)
    assert completed.user == ALICE
    assert isinstance(completed.data, TurnCompleted)
    # The same turn for both hosts: what one has answered, the other remembers.
    assert ask(client, session_id, "And now?").status_code == 200
    assert [message["content"][0]["text"] for message in model.seen[-1]] == [
        "Hello?",
        "Good morning",
        "And now?",
    ]


def test_an_answer_is_streamed_to_those_who_want_it(
    machine: TestClient, client: TestClient, model: ScriptedModel
) -> None:
    model.rounds.append(say("Good ", "morning"))
    response = invoke(machine, start(client), "Hello?", Accept="text/event-stream")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in parse(response.text)] == ["token", "token", "done"]


def test_tools_call_as_the_person_whose_token_arrived(
    machine: TestClient, client: TestClient, model: ScriptedModel, services: StubServices
) -> None:
    model.rounds.append(use(("list_recordings", {})))
    assert invoke(machine, start(client, BOB), "What is there?", BOB).status_code == 200
    (request,) = services.requests
    assert tokens.verifier().verify_authorization(request.headers["authorization"]).user_id == BOB
    assert ARRIVED not in request.headers


def test_no_forged_token_gets_an_answer(
    machine: TestClient, client: TestClient, subtests: pytest.Subtests
) -> None:
    session_id = start(client)
    for name, forged in tokens.forged_tokens().items():
        with subtests.test(name):
            answer = invoke(machine, session_id, "Hello?", **{ARRIVED: f"Bearer {forged}"})
            assert answer.status_code in {401, 403}


def test_a_token_elsewhere_does_not_count(machine: TestClient, client: TestClient) -> None:
    headers = {**bearer(), SESSION: start(client)}
    check_problem(machine.post("/invocations", json={"text": "Hello?"}, headers=headers), 401)


def test_somebody_elses_session_is_not_there(machine: TestClient, client: TestClient) -> None:
    check_problem(invoke(machine, start(client), "Hello?", BOB), 404)
    check_problem(invoke(machine, "a" * 40, "Hello?"), 404)


def test_a_message_needs_a_session_and_text(machine: TestClient, client: TestClient) -> None:
    headers = {ARRIVED: bearer()["Authorization"]}
    problem = check_problem(machine.post("/invocations", json={"text": "Hello?"}, headers=headers), 422)
    assert problem["errors"][0]["parameter"] == SESSION
    check_problem(invoke(machine, start(client), " "), 422)


def test_a_machine_has_no_other_routes(machine: TestClient) -> None:
    check_problem(machine.post("/api/sessions", headers=bearer()), 404)


class TestMemoryOfTheProcess:
    """A machine that has its session for itself and no Redis."""

    @pytest.fixture
    def machine(self, make_machine: Callable[..., TestClient]) -> TestClient:
        return make_machine(SESSION_MEMORY="process", REDIS_URL="", REDIS_USERNAME="", REDIS_PASSWORD="")

    def test_a_session_is_remembered_with_what_its_tools_said(
        self, machine: TestClient, client: TestClient, model: ScriptedModel
    ) -> None:
        session_id = start(client)
        model.rounds.append(use(("list_recordings", {})))
        assert invoke(machine, session_id, "What is there?").status_code == 200
        assert invoke(machine, session_id, "Sure?").status_code == 200
        kinds = [next(iter(message["content"][0])) for message in model.seen[-1]]
        assert kinds == ["text", "toolUse", "toolResult", "text", "text"]

    def test_a_new_machine_reads_the_documents(
        self, make_machine: Callable[..., TestClient], client: TestClient, model: ScriptedModel
    ) -> None:
        session_id = start(client)
        for question in ("First?", "Second?"):
            machine = make_machine(SESSION_MEMORY="process", REDIS_URL="")
            assert invoke(machine, session_id, question).status_code == 200
        assert [message["content"][0]["text"] for message in model.seen[-1]] == ["First?", "ok", "Second?"]

    def test_one_message_is_answered_at_a_time(
        self, machine: TestClient, client: TestClient, model: ScriptedModel
    ) -> None:
        session_id, other_id = start(client), start(client)
        model.rounds.append(hold(0.5, "one "))
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(invoke, machine, session_id, "First?")
            while not model.seen:
                time.sleep(0.01)
            check_problem(invoke(machine, session_id, "Second?"), 409, "session-busy")
            assert invoke(machine, other_id, "Another?").status_code == 200
            assert first.result().status_code == 200
        assert invoke(machine, session_id, "Third?").status_code == 200

    def test_the_last_sessions_are_remembered(
        self, machine: TestClient, client: TestClient, model: ScriptedModel
    ) -> None:
        first, *others = [start(client) for _ in range(9)]
        model.rounds.append(use(("list_recordings", {})))
        for session_id in (first, *others, first):
            assert invoke(machine, session_id, "?").status_code == 200
        # Read from its documents, which do not hold what tools said.
        assert [next(iter(message["content"][0])) for message in model.seen[-1]] == ["text"] * 3

    def test_other_kinds_are_refused(self, variables: dict[str, str]) -> None:
        with pytest.raises(SettingsError, match="SESSION_MEMORY is 'disk', allowed are redis, process"):
            ApiSettings.from_env(variables | {"SESSION_MEMORY": "disk"})


def test_secrets_are_read_at_the_start(
    variables: dict[str, str], cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del cloud
    made = aws.secretsmanager(REGION).create_secret(Name="password", SecretString="from-the-secret")
    environment = {name: value for name, value in variables.items() if name != "REDIS_PASSWORD"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REDIS_PASSWORD_SECRET", f"{made['ARN']}:::{made['VersionId']}")
    settings = runtime_app.read_settings()
    assert settings.memory is not None
    assert settings.memory.password == "from-the-secret"


def test_nothing_is_made_at_import() -> None:
    """A snapshot would share it with every session."""
    code = (
        "import threading, nova_agent_core.runtime_app; from nova_common import aws; "
        "print(aws.session.cache_info().currsize, threading.active_count())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert ran.stdout.split() == ["0", "1"]
