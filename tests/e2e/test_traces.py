"""One trace leads from an upload to what search finds; `nova trace` shows it, and names nobody."""

import base64
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.running import CHECKOUT, Running, eventually, send, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

FILE = "annas-birthday-party.wav"


def shown(platform: Running, *arguments: str) -> list[dict[str, Any]]:
    result = platform.nova("trace", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    spans: list[dict[str, Any]] = json.loads(result.stdout)["spans"]
    return spans


def has(spans: list[dict[str, Any]], service: str, name: str) -> bool:
    return any(span["service"] == service and re.search(name, span["name"]) for span in spans)


def test_one_trace_leads_from_the_upload_to_the_search_hit(
    platform: Running, api: httpx2.Client, tmp_path: Path
) -> None:
    file = tmp_path / FILE
    file.write_bytes((CHECKOUT / "samples" / "trains.wav").read_bytes())
    recording_id = send(api, file, "audio/wav")
    assert settled(api, recording_id)["status"] == "completed"
    body = {"text": "when does the last train leave", "filter": {"media_id": recording_id}}
    eventually(lambda: bool(api.post("/search", json=body).json()["hits"]), "the recording is found")
    expected = (
        ("audio", "^POST /api/audio$"),
        ("audio", "^dynamodb/PutItem$"),
        ("audio-worker", "^process audio-worker"),
        ("audio-worker", "^transcribe "),
        ("audio-worker", "^chat "),
        ("projector-worker", "^process projector-worker"),
        ("search-indexer", "^process search-indexer"),
        ("search-indexer", "^embeddings "),
        ("search-indexer", "^s3vectors/PutVectors$"),
    )

    def is_whole() -> bool:
        found = shown(platform, recording_id)
        return all(has(found, service, name) for service, name in expected)

    eventually(is_whole, "the trace has all its spans")
    spans = shown(platform, recording_id)
    # One tree: every span but the public API's own has its parent in it.
    assert [span["name"] for span in spans if span["depth"] == 0] == [spans[0]["name"]]
    assert spans[0]["name"].endswith("/api")
    (posted,) = [span for span in spans if span["name"] == "POST /api/audio"]
    assert posted["attributes"]["nova.aggregate"] == f"Recording#{recording_id}"
    (judged,) = [span for span in spans if span["name"].startswith("chat ")]
    assert judged["attributes"]["gen_ai.usage.input_tokens"] > 0
    by_request = shown(platform, posted["attributes"]["nova.request_id"])
    assert {span["id"] for span in by_request} >= {posted["id"]}
    drawn = platform.nova("trace", recording_id).stdout
    assert "audio: POST /api/audio" in drawn
    assert re.search(r"chat .* \(\d+ tokens in, \d+ out\)", drawn)
    # Who searches under the id of the upload has the hit in its trace, too.
    trace = json.loads(platform.nova("trace", recording_id, "--json").stdout)["trace"]
    hit = api.post("/search", json=body, headers={"X-Amzn-Trace-Id": f"Root={trace};Sampled=1"})
    assert [found["media_id"] for found in hit.json()["hits"]]
    eventually(
        lambda: has(shown(platform, trace), "search", "^POST /api/search$"), "the search is in the trace"
    )
    _says_nothing_personal(platform)


def _says_nothing_personal(platform: Running) -> None:
    claims = platform.nova("token").stdout.split(".")[1]
    user = str(json.loads(base64.urlsafe_b64decode(claims + "==="))["sub"])
    assert len(user) > 10
    with sqlite3.connect(platform.home / "traces.sqlite") as database:
        documents = [str(row[0]) for row in database.execute("SELECT document FROM spans")]
    assert len(documents) > 20
    for document in documents:
        for personal in ("annas", "birthday", "seven in the morning", "last train", user):
            assert personal not in document.lower(), document


def test_a_question_is_one_trace_over_the_services_that_answer_it(
    platform: Running, api: httpx2.Client
) -> None:
    session = api.post("/sessions", json={}).json()["id"]
    trace = "1-6b01dfea-ee7a87f151058e0a75261606"
    header = {"X-Amzn-Trace-Id": f"Root={trace};Parent=53995c3f42cd8ad8;Sampled=1"}
    answer = api.post(
        f"/sessions/{session}/messages", json={"text": "What was said about the train?"}, headers=header
    )
    assert answer.status_code == 200
    expected = (
        ("agent-core", "^POST /api/sessions/{session_id}/messages$"),
        ("agent-core", "^chat "),
        ("agent-core", "^POST search$"),
        ("search", "^POST /api/search$"),
        ("search", "^embeddings "),
    )

    def is_whole() -> bool:
        result = platform.nova("trace", trace, "--json")
        if result.returncode != 0:
            return False
        found: list[dict[str, Any]] = json.loads(result.stdout)["spans"]
        return all(has(found, service, name) for service, name in expected)

    eventually(is_whole, "the trace has all its spans")
    spans = shown(platform, trace)
    (call,) = [span for span in spans if span["name"] == "POST search"]
    (asked,) = [span for span in spans if span["name"] == "POST /api/search"]
    assert asked["parent"] == call["id"]
    chats = [span for span in spans if span["name"].startswith("chat ")]
    assert chats[0]["attributes"]["gen_ai.response.finish_reason"] == "tool_use"
    assert chats[-1]["attributes"]["gen_ai.usage.output_tokens"] > 0
    lines = [
        json.loads(line[line.index("{") :])
        for line in (platform.home / "logs" / "search.log").read_text().splitlines()
        if trace in line
    ]
    assert any(line["message"] == "request" and line["trace_id"] == trace for line in lines)


def test_an_unknown_id_says_what_could_be_known(platform: Running) -> None:
    result = platform.nova("trace", "nothing-of-this-name")
    assert result.returncode == 1
    assert "no trace, recording, video, session, document or request" in result.stderr
