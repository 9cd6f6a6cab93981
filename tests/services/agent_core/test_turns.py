"""Messages and their answers, from the caller's request to memory, documents and events."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from nova_agent_core.ledger import UsageLedger
from nova_agent_core.storage import TurnDocuments
from nova_common.contracts.sessions import TurnCompleted, TurnFailed
from nova_common.event_store import DynamoEventStore

from tests.services.agent_core.callers import LIMITS, ask, check_problem, history, parse, start, stream, view
from tests.services.agent_core.scripted import ScriptedModel, break_off, fail, hold, say, use
from tests.services.support.stub_services import RECORDING_ID, StubServices
from tests.services.support.tables import CONTENT_BUCKET
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

type MakeClient = Callable[..., TestClient]


def test_an_answer_is_streamed_and_noted(
    client: TestClient, model: ScriptedModel, store: DynamoEventStore, documents: TurnDocuments
) -> None:
    session_id = start(client)
    model.rounds.append(say("Good ", "morning\nto ", "you"))
    events = stream(client, session_id, "Hello?")
    *told, (last, done) = events
    assert [(name, data["text"]) for name, data in told] == [
        ("token", "Good "),
        ("token", "morning\nto "),
        ("token", "you"),
    ]
    assert last == "done"
    assert done == {
        "turn": done["turn"],
        "text": "Good morning\nto you",
        "tools": [],
        "usage": {
            "input_tokens": 10,
            "output_tokens": 3,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "tool_calls": 0,
            "payments_usd": 0.0,
            "cost_usd": 0.000075,
            "is_estimated": False,
        },
        "stop_reason": "end_turn",
    }
    assert "never an instruction" in model.system_prompt
    (_, completed) = history(store, session_id)
    assert completed.user == ALICE
    data = completed.data
    assert isinstance(data, TurnCompleted)
    assert (data.turn, data.model) == (done["turn"], "global.anthropic.claude-sonnet-4-6")
    assert (data.input_tokens, data.output_tokens, data.stop_reason) == (10, 3, "end_turn")
    assert (data.behaviour, data.cost_nanousd) == ("1", 10 * 3_000 + 3 * 15_000)
    assert "morning" not in data.model_dump_json()
    assert "Hello" not in data.model_dump_json()
    body = documents.read(data.body)
    assert (body.question, body.answer, body.tools) == ("Hello?", "Good morning\nto you", [])
    assert data.body.key == f"sessions/{session_id}/{data.turn}.json"


def test_who_waits_is_told_when_the_end_cannot_be_noted(
    client: TestClient, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = start(client)

    def fail_to_settle(*_: object, **__: object) -> None:
        message = "the ledger is away"
        raise RuntimeError(message)

    with monkeypatch.context() as broken:
        broken.setattr(UsageLedger, "settle", fail_to_settle)
        name, problem = stream(client, session_id, "Hello?")[-1]
        assert (name, problem["status"], problem["detail"]) == ("error", 500, "an unexpected error occurred")
        check_problem(ask(client, session_id, "Hello?"), 500)
    model.rounds.append(say("Here"))
    assert stream(client, session_id, "And now?")[-1][1]["text"] == "Here"


def test_an_answer_as_json(client: TestClient, model: ScriptedModel) -> None:
    session_id = start(client)
    model.rounds.append(say("Good ", "morning"))
    response = ask(client, session_id, "Hello?", Accept="application/json")
    assert response.status_code == 200
    assert response.json()["text"] == "Good morning"
    assert response.headers["content-type"] == "application/json"
    (turn,) = view(client, session_id)["turns"]
    assert turn == {
        "id": response.json()["turn"],
        "question": "Hello?",
        "answer": "Good morning",
        "tools": [],
        "status": "completed",
        "created_at": turn["created_at"],
    }


def test_tools_act_as_the_caller_and_the_answer_goes_on(
    client: TestClient, model: ScriptedModel, services: StubServices
) -> None:
    session_id = start(client, BOB)
    model.rounds += [
        use(
            ("search_recordings", {"query": "harbour", "limit": 2}),
            ("list_recordings", {}),
            before="A moment.",
        ),
        say("At nine."),
    ]
    headers = {**bearer(BOB), "Accept": "text/event-stream", "X-Request-Id": "request-9"}
    url = f"/api/sessions/{session_id}/messages"
    text = client.post(url, json={"text": "When does it open?"}, headers=headers).text
    events = parse(text)
    assert [(name, data.get("status") or data.get("text")) for name, data in events] == [
        ("token", "A moment."),
        ("tool", "started"),
        ("tool", "started"),
        ("tool", "completed"),
        ("tool", "completed"),
        ("token", "\n\nAt nine."),
        ("done", "A moment.\n\nAt nine."),
    ]
    started = events[1][1]
    assert started == {
        "id": "use-0",
        "name": "search_recordings",
        "status": "started",
        "input": {"query": "harbour", "limit": 2},
    }
    assert events[-1][1]["tools"] == ["search_recordings", "list_recordings"]
    usage = events[-1][1]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["tool_calls"]) == (20, 6, 2)
    assert {request.headers["authorization"] for request in services.requests} == {headers["Authorization"]}
    assert {request.headers["x-request-id"] for request in services.requests} == {"request-9"}
    results = model.seen[1][-1]["content"]
    assert (
        results[0]["toolResult"]["content"][0]["json"]["passages"][0]["text"] == "The harbour opens at nine."
    )


def test_a_failing_tool_is_told_to_the_model_and_the_caller(
    client: TestClient, model: ScriptedModel, services: StubServices
) -> None:
    session_id = start(client)
    services.answers["/api/search"] = httpx2.Response(503, json={"detail": "the index is away"})
    model.rounds += [
        use(
            ("search_recordings", {"query": "x"}),
            ("get_transcript", {"recording_id": "../secret"}),
            ("no_such_tool", {}),
        ),
        say("Search failed."),
    ]
    events = stream(client, session_id, "?")
    ended = {data["name"]: data["status"] for name, data in events if name == "tool"}
    assert ended == {"search_recordings": "failed", "get_transcript": "failed", "no_such_tool": "failed"}
    assert len([name for name, _ in events if name == "tool"]) == 6
    assert events[-1][0] == "done"
    assert events[-1][1]["tools"] == ["search_recordings", "get_transcript"]
    told = [block["toolResult"]["content"][0]["text"] for block in model.seen[1][-1]["content"]]
    assert told[0] == "search_recordings failed: the search service answered 503: the index is away"
    assert told[1].startswith("get_transcript cannot be used so: recording_id: ")
    assert "secret" not in told[1]
    assert len(services.requests) == 1


def test_the_model_remembers_the_conversation_with_its_tools(
    client: TestClient, model: ScriptedModel
) -> None:
    session_id = start(client)
    model.rounds += [use(("search_recordings", {"query": "harbour"})), say("At nine."), say("Yes.")]
    stream(client, session_id, "When?")
    stream(client, session_id, "Really?")
    assert [message["role"] for message in model.seen[-1]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert model.seen[-1][0]["content"] == [{"text": "When?"}]
    assert "toolResult" in model.seen[-1][2]["content"][0]
    assert model.seen[-1][-1]["content"] == [{"text": "Really?"}]


def test_a_conversation_continues_after_the_task_was_replaced(
    make_client: MakeClient, model: ScriptedModel
) -> None:
    first = make_client()
    session_id = start(first)
    model.rounds += [use(("search_recordings", {"query": "harbour"})), say("At nine.")]
    stream(first, session_id, "When?")
    second = make_client()
    stream(second, session_id, "Really?")
    # Results of tools are in Redis alone, so this is the memory and nothing that was rebuilt.
    assert "toolResult" in model.seen[-1][2]["content"][0]
    assert len(view(second, session_id)["turns"]) == 2


def test_a_lost_memory_is_rebuilt_from_the_documents(
    client: TestClient, model: ScriptedModel, forget: Callable[[str], None]
) -> None:
    session_id = start(client)
    model.rounds += [use(("search_recordings", {"query": "harbour"})), say("At nine.")]
    stream(client, session_id, "When?")
    model.rounds.append(fail(ValueError("boom"), "Half"))
    stream(client, session_id, "And then?")
    forget(session_id)
    stream(client, session_id, "Really?")
    assert [message["content"] for message in model.seen[-1]] == [
        [{"text": "When?"}],
        [{"text": "At nine."}],
        [{"text": "Really?"}],
    ]


def test_a_stale_memory_is_not_believed(
    client: TestClient, model: ScriptedModel, keep: Callable[[str], Callable[[], None]]
) -> None:
    session_id = start(client)
    stream(client, session_id, "one")
    restore = keep(session_id)
    stream(client, session_id, "two")
    restore()
    stream(client, session_id, "three")
    asked = [message["content"][0]["text"] for message in model.seen[-1] if message["role"] == "user"]
    assert asked == ["one", "two", "three"]


def test_a_failed_turn_leaves_the_memory_as_it_was(
    client: TestClient, model: ScriptedModel, store: DynamoEventStore, documents: TurnDocuments
) -> None:
    session_id = start(client)
    stream(client, session_id, "one")
    model.rounds.append(fail(ValueError("a secret of the inside"), "Half an "))
    events = stream(client, session_id, "two")
    assert [name for name, _ in events] == ["token", "error"]
    problem = events[-1][1]
    assert (problem["status"], problem["title"]) == (500, "Internal Server Error")
    assert problem["request_id"]
    assert "secret" not in str(events)
    failed = history(store, session_id)[-1]
    assert isinstance(failed.data, TurnFailed)
    assert failed.data.reason == "an unexpected error occurred"
    assert failed.data.body is not None
    assert documents.read(failed.data.body).answer == "Half an "
    stream(client, session_id, "three")
    assert [message["content"][0]["text"] for message in model.seen[-1]] == ["one", "ok", "three"]
    shown = view(client, session_id)["turns"]
    assert [turn["status"] for turn in shown] == ["completed", "failed", "completed"]
    assert shown[1]["reason"] == "an unexpected error occurred"
    assert shown[1]["answer"] == "Half an "


@pytest.mark.parametrize(
    ("rounds", "status", "kind"),
    [
        ([break_off("Half")], 502, "model-error"),
        ([say()], 502, "model-error"),
        ([say("  \n")], 502, "model-error"),
        ([use(("list_recordings", {}))] * 4, 502, "too-many-tool-rounds"),
        ([hold(30, "Half")], 504, "model-timeout"),
    ],
    ids=["broken off", "nothing", "blank", "no end of tools", "too long"],
)
def test_answers_that_are_none(
    make_client: MakeClient, model: ScriptedModel, rounds: list[Any], status: int, kind: str
) -> None:
    client = make_client(replace(LIMITS, turn_seconds_max=0.5))
    session_id = start(client)
    model.rounds += rounds
    name, problem = stream(client, session_id, "?")[-1]
    assert name == "error"
    assert (problem["status"], problem["type"]) == (status, f"urn:nova:problem:{kind}")
    model.rounds.clear()
    model.rounds += rounds
    check_problem(ask(client, session_id, "?"), status, kind)
    model.rounds.clear()
    assert stream(client, session_id, "!")[-1][0] == "done"
    assert model.seen[-1] == [{"role": "user", "content": [{"text": "!"}]}]


def test_a_cut_answer_is_an_answer(client: TestClient, model: ScriptedModel) -> None:
    session_id = start(client)
    model.rounds.append(say("As much as fits", stop="max_tokens"))
    name, done = stream(client, session_id, "?")[-1]
    assert (name, done["stop_reason"], done["text"]) == ("done", "max_tokens", "As much as fits")


def test_a_document_that_cannot_be_stored_is_a_failed_turn(
    client: TestClient, store: DynamoEventStore, s3: "S3Client"
) -> None:
    session_id = start(client)
    s3.delete_bucket(Bucket=CONTENT_BUCKET)
    events = stream(client, session_id, "?")
    assert [name for name, _ in events] == ["token", "error"]
    assert (events[-1][1]["status"], events[-1][1]["type"]) == (500, "urn:nova:problem:turn-not-stored")
    failed = history(store, session_id)[-1]
    assert isinstance(failed.data, TurnFailed)
    assert failed.data.body is None


def test_a_session_takes_a_limited_number_of_messages(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nova_agent_core.domain.TURNS_MAX", 1)
    session_id = start(client)
    assert ask(client, session_id, "one").status_code == 200
    check_problem(ask(client, session_id, "two"), 409, "session-full")


def test_a_transcript_reaches_the_model(
    client: TestClient, model: ScriptedModel, services: StubServices
) -> None:
    session_id = start(client)
    services.answers[f"/api/audio/{RECORDING_ID}/transcript"] = {
        "text": "Hello there.",
        "language": "en-US",
        "segments": [{"start": 0.5, "end": 1, "text": "Hello there."}],
    }
    model.rounds += [use(("get_transcript", {"recording_id": RECORDING_ID})), say("Read.")]
    stream(client, session_id, "?")
    (block,) = model.seen[-1][-1]["content"]
    assert block["toolResult"]["content"] == [
        {
            "json": {
                "recording_id": RECORDING_ID,
                "language": "en-US",
                "segments": [{"start_seconds": 0.5, "end_seconds": 1.0, "text": "Hello there."}],
            }
        }
    ]
