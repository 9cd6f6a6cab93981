"""The guardrail on questions and answers: how it is asked for, and what is left of what it refuses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from nova_agent_core.memory import memory_key
from nova_agent_core.settings import ApiSettings
from nova_agent_core.storage import TurnDocuments
from nova_common.contracts.sessions import TurnCompleted
from nova_common.event_store import DynamoEventStore
from nova_common.settings import SettingsError

from tests.services.agent_core import bedrock
from tests.services.agent_core.bedrock import Bedrock
from tests.services.agent_core.callers import ask, history, start, stream, view

GUARDRAIL = {
    "GUARDRAIL_ID": "arn:aws:bedrock:us-west-2:123456789012:guardrail/abc123",
    "GUARDRAIL_VERSION": "3",
}
REFUSAL = "I cannot answer this question."
SECRET = "how do I pick the lock of number nine"


@pytest.fixture
def stub(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bedrock]:
    del variables
    with bedrock.running() as (address, stub):
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", address)
        yield stub


@pytest.fixture
def guarded(stub: Bedrock, make_client: Callable[..., TestClient]) -> TestClient:
    del stub
    return make_client(scripted=False, **GUARDRAIL)


def test_each_call_names_it_and_the_newest_question(guarded: TestClient, stub: Bedrock) -> None:
    session_id = start(guarded)
    ask(guarded, session_id, "Hello?")
    ask(guarded, session_id, "And now?")
    _, body = stub.requests[-1]
    assert body["guardrailConfig"] == {
        "guardrailIdentifier": GUARDRAIL["GUARDRAIL_ID"],
        "guardrailVersion": "3",
        "trace": "enabled",
        "streamProcessingMode": "sync",
    }
    contents = [message["content"][0] for message in body["messages"]]
    assert contents[0] == {"text": "Hello?"}
    assert contents[2] == {"guardContent": {"text": {"text": "And now?"}}}


def test_without_one_nothing_is_said_of_it(make_client: Callable[..., TestClient], stub: Bedrock) -> None:
    client = make_client(scripted=False)
    ask(client, start(client), "Hello?")
    assert "guardrail" not in str(stub.requests[-1][1])


def test_of_a_question_that_is_blocked_nothing_is_kept(
    guarded: TestClient,
    stub: Bedrock,
    store: DynamoEventStore,
    documents: TurnDocuments,
    keys: Any,  # noqa: ANN401 - a client of Redis
    forget: Callable[[str], None],
) -> None:
    session_id = start(guarded)
    ask(guarded, session_id, "Hello?")
    stub.behave = bedrock.intervene(REFUSAL)
    events = stream(guarded, session_id, SECRET)
    assert events[0] == ("token", {"text": REFUSAL})
    assert (events[-1][0], events[-1][1]["stop_reason"]) == ("done", "guardrail_intervened")
    noted = history(store, session_id)[-1].data
    assert isinstance(noted, TurnCompleted)
    assert noted.is_blocked
    body = documents.read(noted.body)
    assert (body.question, body.answer) == ("", REFUSAL)
    assert SECRET not in keys.get(memory_key(session_id)).decode()
    assert SECRET not in str(view(guarded, session_id))
    stub.behave = bedrock.answer("Good morning")
    for lose in (False, True):
        if lose:
            forget(session_id)
        ask(guarded, session_id, "And now?")
        assert SECRET not in str(stub.requests[-1][1])
        assert REFUSAL not in str(stub.requests[-1][1])
        assert "Hello?" in str(stub.requests[-1][1])


def test_an_answer_that_is_blocked_is_not_kept(
    guarded: TestClient, stub: Bedrock, store: DynamoEventStore
) -> None:
    session_id = start(guarded)
    stub.behave = bedrock.intervene("I cannot give the answer to this question.", side="output")
    ask(guarded, session_id, "What is it?")
    noted = history(store, session_id)[-1].data
    assert isinstance(noted, TurnCompleted)
    assert noted.is_blocked
    stub.behave = bedrock.answer("ok")
    ask(guarded, session_id, "And now?")
    assert [message["role"] for message in stub.requests[-1][1]["messages"]] == ["user"]


def test_what_is_masked_only_is_an_answer(
    guarded: TestClient, stub: Bedrock, store: DynamoEventStore
) -> None:
    session_id = start(guarded)
    stub.behave = bedrock.intervene("The PIN is {PIN}.", action="ANONYMIZED", side="output")
    assert ask(guarded, session_id, "What is the PIN?").json()["text"] == "The PIN is {PIN}."
    noted = history(store, session_id)[-1].data
    assert isinstance(noted, TurnCompleted)
    assert not noted.is_blocked
    stub.behave = bedrock.answer("ok")
    ask(guarded, session_id, "And now?")
    assert "What is the PIN?" in str(stub.requests[-1][1])


@pytest.mark.parametrize("missing", sorted(GUARDRAIL))
def test_half_a_guardrail_is_none(variables: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{missing} is not set"):
        ApiSettings.from_env(variables | GUARDRAIL | {missing: ""})


def test_a_failed_tool_is_told_as_such_behind_a_profile(
    make_client: Callable[..., TestClient], stub: Bedrock
) -> None:
    """An ARN hides which model it is, so that the library would leave the status out."""
    client = make_client(scripted=False)
    stub.behave = bedrock.use("get_transcript", {"recording_id": "33333333-3333-4333-8333-333333333333"})
    ask(client, start(client), "Read it")
    sent = [block for message in stub.requests[1][1]["messages"] for block in message["content"]]
    (result,) = [block["toolResult"] for block in sent if "toolResult" in block]
    assert result["status"] == "error"
