"""The coordinator's API as a caller sees it."""

# ruff: noqa: ANN401 - clients of Redis are untyped

import itertools
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nova_agent_core import sessions
from nova_agent_core.app import BODY_BYTES_MAX
from nova_agent_core.storage import TurnDocuments
from nova_common import aws
from nova_common.contracts.sessions import SessionDeleted
from nova_common.event_store import DynamoEventStore

from tests.services.agent_core import redis_server
from tests.services.agent_core.callers import ask, check_problem, history, start, stream, view
from tests.services.agent_core.scripted import ScriptedModel
from tests.services.support import tokens
from tests.services.support.api_checks import check_api
from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

USERS = [ALICE, BOB, "44444444-4444-4444-8444-444444444444"]


@pytest.mark.parametrize("body", [b"", b"{}", b"null"])
def test_a_session_is_started(client: TestClient, store: DynamoEventStore, body: bytes) -> None:
    headers = {**bearer(), "Content-Type": "application/json", "X-Request-Id": "request-7"}
    response = client.post("/api/sessions", content=body, headers=headers)
    assert response.status_code == 201
    session = response.json()
    assert response.headers["location"] == f"/api/sessions/{session['id']}"
    (event,) = history(store, session["id"])
    assert (event.type, event.user, event.correlation) == ("SessionStarted", ALICE, "request-7")
    assert view(client, session["id"]) == {**session, "turns": []}


def test_a_session_takes_no_choices(client: TestClient) -> None:
    response = client.post("/api/sessions", json={"user": BOB}, headers=bearer())
    assert check_problem(response, 422)["errors"][0]["pointer"] == "#/user"


def test_the_last_turns_are_shown(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sessions.TURNS_SHOWN_MAX == 50
    monkeypatch.setattr(sessions, "TURNS_SHOWN_MAX", 10)
    session_id = start(client)
    for number in range(12):
        assert ask(client, session_id, f"question {number}").status_code == 200
    turns = view(client, session_id)["turns"]
    assert [turn["question"] for turn in turns] == [f"question {number}" for number in range(2, 12)]


def test_deletion_leaves_nothing_and_is_final(
    client: TestClient, store: DynamoEventStore, s3: "S3Client", keys: Any
) -> None:
    session_id, other_id = start(client), start(client)
    for one in (session_id, session_id, other_id):
        stream(client, one, "something private")
    # A document whose turn was never noted goes too.
    s3.put_object(Bucket=CONTENT_BUCKET, Key=f"sessions/{session_id}/lost.json", Body=b"{}")
    s3.delete_object(Bucket=CONTENT_BUCKET, Key=f"sessions/{session_id}/lost.json")
    url = f"/api/sessions/{session_id}"
    response = client.delete(url, headers=bearer())
    assert (response.status_code, response.content) == (204, b"")
    left = s3.list_object_versions(Bucket=CONTENT_BUCKET)
    assert [entry.get("Key", "").split("/")[1] for entry in left.get("Versions", [])] == [other_id]
    assert not left.get("DeleteMarkers")
    assert not keys.exists(f"agent-core:session:{session_id}")
    assert keys.exists(f"agent-core:session:{other_id}")
    assert history(store, session_id)[-1].type == "SessionDeleted"
    check_problem(client.get(url, headers=bearer()), 404)
    check_problem(client.delete(url, headers=bearer()), 404)
    check_problem(ask(client, session_id, "?"), 404)
    assert len(view(client, other_id)["turns"]) == 1


def test_a_turn_that_ends_during_a_deletion_is_erased_too(
    client: TestClient, store: DynamoEventStore, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = start(client)
    stream(client, session_id, "one")
    erase, calls = TurnDocuments.erase, list[str]()

    def erase_slowly(self: TurnDocuments, erased: str) -> None:
        erase(self, erased)
        calls.append(erased)
        if len(calls) == 1:
            stream(client, session_id, "two")

    monkeypatch.setattr(TurnDocuments, "erase", erase_slowly)
    assert client.delete(f"/api/sessions/{session_id}", headers=bearer()).status_code == 204
    assert len(calls) == 2
    assert not s3.list_object_versions(Bucket=CONTENT_BUCKET).get("Versions")
    assert [event.type for event in history(store, session_id)][-2:] == ["TurnCompleted", "SessionDeleted"]


def test_a_session_that_is_deleted_during_a_turn_keeps_nothing_of_it(
    client: TestClient, s3: "S3Client", keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = start(client)
    write = TurnDocuments.write
    deletions: list[int] = []

    def write_late(self: TurnDocuments, *args: Any) -> Any:
        deletions.append(client.delete(f"/api/sessions/{session_id}", headers=bearer()).status_code)
        return write(self, *args)

    monkeypatch.setattr(TurnDocuments, "write", write_late)
    (*_, (name, problem)) = stream(client, session_id, "one")
    assert (name, problem["status"], problem["detail"]) == ("error", 404, "there is no such session")
    assert deletions == [204]
    assert not s3.list_object_versions(Bucket=CONTENT_BUCKET).get("Versions")
    assert not keys.exists(f"agent-core:session:{session_id}")


def test_a_deletion_that_failed_can_be_repeated(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = start(client)
    stream(client, session_id, "one")
    erase = TurnDocuments.erase

    def fail(self: TurnDocuments, erased: str) -> None:
        erase(self, erased)
        message = "S3 is away"
        raise OSError(message)

    with monkeypatch.context() as broken:
        broken.setattr(TurnDocuments, "erase", fail)
        check_problem(client.delete(f"/api/sessions/{session_id}", headers=bearer()), 500)
    assert [turn["question"] for turn in view(client, session_id)["turns"]] == [""]
    assert ask(client, session_id, "two").status_code == 200
    assert client.delete(f"/api/sessions/{session_id}", headers=bearer()).status_code == 204


def test_what_is_not_the_callers_does_not_exist(
    client: TestClient, model: ScriptedModel, subtests: pytest.Subtests
) -> None:
    bobs, deleted = start(client, BOB), start(client)
    client.delete(f"/api/sessions/{deleted}", headers=bearer())
    foreign = {
        "unknown": str(uuid.uuid4()),
        "another user's": bobs,
        "deleted": deleted,
        "malformed": "not-an-id",
        "upper case": "A" * 8 + "-AAAA-4AAA-8AAA-" + "A" * 12,
        "long": "a" * 3000,
    }
    requests = [("GET", ""), ("DELETE", ""), ("POST", "/messages")]
    for (kind, session_id), (method, suffix) in itertools.product(foreign.items(), requests):
        with subtests.test(kind=kind, method=method, suffix=suffix):
            body = {"text": "?"} if suffix else None
            url = f"/api/sessions/{session_id}{suffix}"
            problem = check_problem(client.request(method, url, headers=bearer(), json=body), 404)
            assert problem["detail"] == "there is no such session"
            assert model.seen == []
    assert view(client, bobs, BOB)["turns"] == []


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(
        st.tuples(st.sampled_from(USERS), st.text(st.characters(categories=["L"]), min_size=8, max_size=20)),
        min_size=1,
        max_size=6,
    ),
    viewer=st.sampled_from(USERS),
)
def test_nobody_sees_what_others_said(
    client: TestClient, model: ScriptedModel, asked: list[tuple[str, str]], viewer: str
) -> None:
    begun = [(user, start(client, user), text) for user, text in asked]
    for user, session_id, text in begun:
        model.seen.clear()
        stream(client, session_id, text, user)
        (request,) = model.seen
        assert request == [{"role": "user", "content": [{"text": text}]}]
    for user, session_id, text in begun:
        if user == viewer:
            assert [turn["question"] for turn in view(client, session_id, viewer)["turns"]] == [text]
            continue
        model.seen.clear()
        url = f"/api/sessions/{session_id}"
        for response in (
            client.get(url, headers=bearer(viewer)),
            client.delete(url, headers=bearer(viewer)),
            ask(client, session_id, "and then?", viewer),
        ):
            assert text not in response.text
            assert check_problem(response, 404)["detail"] == "there is no such session"
        assert model.seen == []
        assert len(view(client, session_id, user)["turns"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text": ""}, 422),
        ({"text": " \n\t"}, 422),
        ({"text": "x" * 8001}, 422),
        ({"text": 5}, 422),
        ({"text": None}, 422),
        ({"text": "x", "role": "system"}, 422),
        ({"text": "x" * BODY_BYTES_MAX}, 413),
    ],
)
def test_messages_that_are_none(
    client: TestClient, model: ScriptedModel, body: dict[str, Any], status: int
) -> None:
    url = f"/api/sessions/{start(client)}/messages"
    check_problem(client.post(url, json=body, headers=bearer()), status)
    assert model.seen == []


def test_a_limit_is_still_allowed(client: TestClient, model: ScriptedModel) -> None:
    text = "\U0001f5e3" * 8000
    assert ask(client, start(client), text).status_code == 200
    assert model.seen[0][0]["content"] == [{"text": text}]


def test_an_answer_of_another_kind_is_refused_before_anything_happens(
    client: TestClient, store: DynamoEventStore
) -> None:
    session_id = start(client)
    check_problem(ask(client, session_id, "?", Accept="text/html"), 406)
    assert len(history(store, session_id)) == 1
    assert ask(client, session_id, "?", Accept="*/*").headers["content-type"] == "application/json"


def test_the_tools_that_the_model_is_given(client: TestClient, model: ScriptedModel) -> None:
    listed = client.get("/api/tools", headers=bearer()).json()["tools"]
    stream(client, start(client), "?")
    assert [tool["name"] for tool in listed] == model.tool_names
    assert listed[1]["name"] == "get_transcript"
    assert listed[1]["input_schema"]["required"] == ["recording_id"]
    assert set(listed[1]) == {"name", "description", "input_schema"}


def test_every_route_needs_a_token(client: TestClient) -> None:
    session_id = start(client)
    forged = {"Authorization": f"Bearer {tokens.forged_tokens()['tampered']}"}
    for method, path in [
        ("POST", "/api/sessions"),
        ("GET", f"/api/sessions/{session_id}"),
        ("DELETE", f"/api/sessions/{session_id}"),
        ("POST", f"/api/sessions/{session_id}/messages"),
        ("GET", "/api/tools"),
    ]:
        check_problem(client.request(method, path), 401)
        check_problem(client.request(method, path, headers=forged), 401)


def test_without_memory_sessions_can_be_read(
    client: TestClient, make_client: Callable[..., TestClient], store: DynamoEventStore
) -> None:
    session_id = start(client)
    stream(client, session_id, "one")
    without = make_client(REDIS_URL=f"rediss://127.0.0.1:{redis_server.free_port()}")
    problem = check_problem(ask(without, session_id, "two"), 503, "session-memory-unavailable")
    assert problem["detail"] == "the session memory is not available at the moment"
    refused = ask(without, session_id, "two", Accept="text/event-stream")
    check_problem(refused, 503, "session-memory-unavailable")
    assert refused.headers["retry-after"] == "5"
    assert [turn["question"] for turn in view(without, session_id)["turns"]] == ["one"]
    assert start(without)
    deletion = without.delete(f"/api/sessions/{session_id}", headers=bearer())
    check_problem(deletion, 503, "session-memory-unavailable")
    assert without.get("/ready").json()["checks"] == {
        "event_store": "ok",
        "session_memory": "failed",
        "usage_ledger": "ok",
        "identity": "ok",
    }
    assert without.get("/health").status_code == 200
    assert SessionDeleted.__name__ not in [event.type for event in history(store, session_id)]
    assert stream(client, session_id, "two")[-1][0] == "done"


def test_readiness(client: TestClient) -> None:
    assert client.get("/ready").json() == {
        "status": "ok",
        "checks": {
            "event_store": "ok",
            "session_memory": "ok",
            "usage_ledger": "ok",
            "identity": "ok",
        },
    }
    aws.dynamodb(REGION).delete_table(TableName=EVENT_STORE_TABLE)
    assert client.get("/ready").json()["checks"] == {
        "event_store": "failed",
        "session_memory": "ok",
        "usage_ledger": "ok",
        "identity": "ok",
    }


def test_the_api_does_what_it_says(client: TestClient) -> None:
    check_api(client)
