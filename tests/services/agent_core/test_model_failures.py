"""The real client of Bedrock against an endpoint of this machine: answers, and every way to fail."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient
from nova_common.contracts.sessions import TurnFailed
from nova_common.event_store import DynamoEventStore

from tests.services.agent_core import bedrock
from tests.services.agent_core.bedrock import Bedrock, Behaviour
from tests.services.agent_core.callers import LIMITS, ask, check_problem, history, start, stream, view
from tests.services.agent_core.redis_server import free_port

BEDROCK = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
DENIED = "User: arn:aws:sts::111122223333:assumed-role/agent-core is not authorized: bedrock:InvokeModel"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Iterator[Bedrock]:
    del variables
    with bedrock.running() as (address, stub):
        monkeypatch.setenv(BEDROCK, address)
        yield stub


@pytest.fixture
def real_client(stub: Bedrock, make_client: Callable[..., TestClient]) -> TestClient:
    del stub
    return make_client(replace(LIMITS, turn_seconds_max=4), scripted=False)


def test_an_answer_of_bedrock(real_client: TestClient, stub: Bedrock, variables: dict[str, str]) -> None:
    session_id = start(real_client)
    events = stream(real_client, session_id, "Hello?")
    assert [name for name, _ in events] == ["token", "done"]
    usage = events[-1][1]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["is_estimated"]) == (7, 2, False)
    stream(real_client, session_id, "And now?")
    path, body = stub.requests[-1]
    assert unquote(path) == f"/model/{variables['MODEL_ID']}/converse-stream"
    assert body["inferenceConfig"] == {"maxTokens": 4096}
    assert [message["content"][0]["text"] for message in body["messages"]] == [
        "Hello?",
        "Good morning",
        "And now?",
    ]
    names = [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]]
    assert names == ["search_recordings", "get_transcript", "list_recordings"]
    assert "never an instruction" in body["system"][0]["text"]


FAILURES = {
    "throttled": (bedrock.refuse(429, "ThrottlingException"), 503, "model-throttled", 2),
    "throttled in the stream": (bedrock.break_off("Half", "throttlingException"), 503, "model-throttled", 1),
    "error": (bedrock.refuse(500, "InternalServerException"), 502, "model-error", 2),
    "model's error": (bedrock.refuse(424, "ModelErrorException"), 502, "model-error", 1),
    "error in the stream": (bedrock.break_off("Half", "modelStreamErrorException"), 502, "model-error", 1),
    "unavailable": (bedrock.refuse(503, "ServiceUnavailableException"), 503, "model-unavailable", 2),
    "unavailable in the stream": (
        bedrock.break_off("Half", "serviceUnavailableException"),
        503,
        "model-unavailable",
        1,
    ),
    "its own time-out": (bedrock.refuse(408, "ModelTimeoutException"), 504, "model-timeout", 1),
    "silence": (bedrock.silence(3), 504, "model-timeout", 2),
    "silence in the stream": (bedrock.silence(3, after="Half"), 504, "model-timeout", 1),
    "end of the stream": (bedrock.break_off("Half"), 502, "model-error", 1),
    "denied": (bedrock.refuse(403, "AccessDeniedException", DENIED), 502, "model-access-denied", 1),
    "refused": (bedrock.refuse(400, "ValidationException"), 502, "model-error", 1),
    "too long": (
        bedrock.refuse(400, "ValidationException", "prompt is too long"),
        413,
        "context-too-long",
        2,
    ),
}


@pytest.mark.parametrize(("behave", "status", "kind", "calls"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_clear_and_the_session_intact(
    real_client: TestClient,
    stub: Bedrock,
    store: DynamoEventStore,
    caplog: pytest.LogCaptureFixture,
    behave: Behaviour,
    status: int,
    kind: str,
    calls: int,
) -> None:
    session_id = start(real_client)
    stream(real_client, session_id, "one")
    stub.requests.clear()
    stub.behave = behave
    begun = time.monotonic()
    with caplog.at_level(logging.ERROR):
        events = stream(real_client, session_id, "two")
    assert time.monotonic() - begun < 4
    name, problem = events[-1]
    assert (name, problem["status"], problem["type"]) == ("error", status, f"urn:nova:problem:{kind}")
    assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id"}
    assert len(stub.requests) == calls
    for inner in ("inner words", "arn:aws", "127.0.0.1"):
        assert inner not in str(events)
    cause = DENIED if kind == "model-access-denied" else ""
    assert cause in caplog.text
    response = ask(real_client, session_id, "two")
    assert check_problem(response, status, kind)["detail"] == problem["detail"]
    assert ("retry-after" in response.headers) == (status == 503)
    failed = history(store, session_id)[-1].data
    assert isinstance(failed, TurnFailed)
    assert failed.reason == problem["detail"]
    stub.behave = bedrock.answer("Here I am")
    assert stream(real_client, session_id, "three")[-1][1]["text"] == "Here I am"
    asked = [message["content"][0]["text"] for message in stub.requests[-1][1]["messages"]]
    assert asked == ["one", "Good morning", "three"]
    statuses = [turn["status"] for turn in view(real_client, session_id)["turns"]]
    assert statuses == ["completed", "failed", "failed", "completed"]


def test_an_endpoint_that_is_away(
    make_client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BEDROCK, f"http://127.0.0.1:{free_port()}")
    client = make_client(scripted=False)
    check_problem(ask(client, start(client), "?"), 502, "model-error")


def test_a_model_that_talks_for_too_long_is_stopped(real_client: TestClient, stub: Bedrock) -> None:
    session_id = start(real_client)
    stub.behave = bedrock.trickle(0.2, 200)
    events = stream(real_client, session_id, "?")
    name, problem = events[-1]
    assert (name, problem["type"]) == ("error", "urn:nova:problem:model-timeout")
    assert len(events) > 5
    deadline = time.monotonic() + 5
    while not stub.broken_pipes and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stub.broken_pipes == 1, "the request goes on although nobody reads it"


def test_a_silent_model_is_left_at_once(stub: Bedrock, make_client: Callable[..., TestClient]) -> None:
    """The connection is closed although nothing comes by it: what is not read is not paid for."""
    client = make_client(replace(LIMITS, read_seconds_max=30, turn_seconds_max=1), scripted=False)
    gone = threading.Event()
    stub.behave = bedrock.stall("Half", gone)
    check_problem(ask(client, start(client), "?"), 504, "model-timeout")
    assert gone.wait(3), "the connection is open although nobody reads it"


def test_more_answers_at_once_than_the_loop_has_threads(
    stub: Bedrock, make_client: Callable[..., TestClient]
) -> None:
    patient = replace(LIMITS, turns_at_once_max=24, read_seconds_max=30, turn_seconds_max=60)
    client = make_client(patient, scripted=False, QUOTA_USD_PER_MONTH="100")
    everybody = threading.Barrier(20)
    trickle = bedrock.trickle(0.1, 8)

    def behave(exchange: bedrock.Exchange) -> None:
        # With the six threads that a loop has on two processors they would never come together.
        everybody.wait(timeout=20)
        trickle(exchange)

    stub.behave = behave
    sessions = [start(client) for _ in range(20)]
    threads = [threading.Thread(target=stream, args=(client, session_id, "?")) for session_id in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(view(client, session_id)["turns"][0]["status"] == "completed" for session_id in sessions)
