"""The tools: what they ask, as whom, and what they make of answers and failures."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_agent_tools import services as service_calls
from nova_agent_tools.catalog import TOOLS, tools_for
from nova_agent_tools.recordings import trimmed
from nova_agent_tools.services import Services, ServiceUrls
from nova_common.contracts.audio import TranscriptSegment

from tests.services.support.stub_services import RECORDING_ID, StubServices

URLS = ServiceUrls(
    search="http://search", audio="http://audio", video="http://video", projector="http://projector"
)


def used(name: str, arguments: dict[str, Any], stub: StubServices) -> dict[str, Any]:
    """Use one tool as a caller."""

    async def main() -> dict[str, Any]:
        services = Services(URLS, httpx2.MockTransport(stub.answer))
        (tool,) = (tool for tool in tools_for(services, "Bearer alice") if tool.tool_name == name)
        use: Any = {"toolUseId": "u1", "name": name, "input": arguments}
        (result,) = [event async for event in tool.stream(use, {})]
        await services.close()
        return result

    return asyncio.run(main())


def failure(result: dict[str, Any]) -> str:
    assert (result["toolUseId"], result["status"]) == ("u1", "error")
    (block,) = result["content"]
    return block["text"]


def found(result: dict[str, Any]) -> dict[str, Any]:
    assert (result["toolUseId"], result["status"]) == ("u1", "success")
    (block,) = result["content"]
    return block["json"]


def test_a_search_is_the_shared_contracts(services: StubServices) -> None:
    arguments = {"query": "harbour", "limit": 3, "recording_id": RECORDING_ID}
    assert found(used("search_recordings", arguments, services)) == {
        "passages": [
            {
                "recording_id": RECORDING_ID,
                "start_seconds": 1.5,
                "end_seconds": 3.25,
                "score": 0.75,
                "text": "The harbour opens at nine.",
            }
        ]
    }
    (request,) = services.requests
    assert str(request.url) == "http://search/api/search"
    assert request.headers["authorization"] == "Bearer alice"
    assert json.loads(request.content) == {
        "text": "harbour",
        "limit": 3,
        "filter": {"media_id": RECORDING_ID},
    }


def test_a_search_without_choices(services: StubServices) -> None:
    found(used("search_recordings", {"query": "harbour"}, services))
    assert json.loads(services.requests[0].content) == {"text": "harbour", "limit": 5}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("document", "document_id"), ("image", "document_id"), ("video", "video_id"), ("frame", "video_id")],
)
def test_an_id_is_called_by_what_it_is_the_id_of(services: StubServices, kind: str, name: str) -> None:
    services.answers["/api/search"]["hits"][0]["kind"] = kind
    (passage,) = found(used("search_recordings", {"query": "harbour"}, services))["passages"]
    assert passage[name] == RECORDING_ID
    assert "recording_id" not in passage


def analysis(scenes: int, characters: int = 20) -> dict[str, Any]:
    stretches = [{"start": n, "end": n + 1, "description": "x" * characters} for n in range(scenes)]
    anomalies = [stretch | {"kind": "fire", "severity": "HIGH"} for stretch in stretches[:50]]
    return {"summary": "A yard.", "scenes": stretches, "anomalies": anomalies}


def test_an_analysis_is_read_with_times(services: StubServices) -> None:
    services.answers[f"/api/video/{RECORDING_ID}/analysis"] = analysis(1)
    part = {"start_seconds": 0, "end_seconds": 1, "description": "x" * 20}
    assert found(used("get_video_analysis", {"video_id": RECORDING_ID}, services)) == {
        "video_id": RECORDING_ID,
        "summary": "A yard.",
        "scenes": [part],
        "anomalies": [part | {"kind": "fire", "severity": "HIGH"}],
    }
    (request,) = services.requests
    assert str(request.url) == f"http://video/api/video/{RECORDING_ID}/analysis"
    assert request.headers["authorization"] == "Bearer alice"


def test_a_long_analysis_is_cut_and_says_so(services: StubServices) -> None:
    services.answers[f"/api/video/{RECORDING_ID}/analysis"] = analysis(200, 1000)
    read = found(used("get_video_analysis", {"video_id": RECORDING_ID}, services))
    assert (len(read["scenes"]), len(read["anomalies"])) == (24, 12)
    assert read["cut"].startswith("cut after 24 of 200 scenes and 12 of 50 anomalies")


def test_videos_are_listed(services: StubServices) -> None:
    item = {
        "id": RECORDING_ID,
        "status": "completed",
        "filename": "a.mp4",
        "created_at": "2026-01-01T00:00:00Z",
    }
    services.answers["/api/video"] = {"items": [item], "next_cursor": None}
    listed = found(used("list_videos", {}, services))
    assert listed["there_are_more"] is False
    assert listed["videos"][0]["filename"] == "a.mp4"
    assert str(services.requests[0].url) == "http://projector/api/video"


def test_the_list_says_whether_there_are_more(services: StubServices) -> None:
    item = {
        "id": RECORDING_ID,
        "status": "completed",
        "filename": "a.wav",
        "created_at": "2026-01-01T00:00:00Z",
    }
    services.answers["/api/audio"] = {"items": [item], "next_cursor": "more"}
    listed = found(used("list_recordings", {}, services))
    assert listed["there_are_more"] is True
    assert listed["recordings"][0]["filename"] == "a.wav"


@pytest.mark.parametrize(
    ("name", "arguments", "place"),
    [
        ("search_recordings", {}, "query"),
        ("search_recordings", {"query": ""}, "query"),
        ("search_recordings", {"query": "x" * 2001}, "query"),
        ("search_recordings", {"query": "x", "limit": 101}, "limit"),
        ("search_recordings", {"query": "x", "recording_id": "x/../y"}, "recording_id"),
        ("search_recordings", {"query": "x", "user": "bob"}, "user"),
        ("get_transcript", {"recording_id": RECORDING_ID + "/.."}, "recording_id"),
        ("get_transcript", {"recording_id": RECORDING_ID + "\n"}, "recording_id"),
        ("list_recordings", {"user": "bob"}, "user"),
        ("get_video_analysis", {"video_id": "../" + RECORDING_ID}, "video_id"),
        ("list_videos", {"user": "bob"}, "user"),
    ],
)
def test_arguments_are_checked_before_anybody_is_asked(
    services: StubServices, name: str, arguments: dict[str, Any], place: str
) -> None:
    text = failure(used(name, arguments, services))
    assert text.startswith(f"{name} cannot be used so: {place}: ")
    assert services.requests == []


class Endless(httpx2.AsyncByteStream):
    def __init__(self) -> None:
        self.chunks = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.chunks += 1
            yield b" " * 65536


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (httpx2.Response(503, json={"detail": "x" * 500}), "the search service answered 503: " + "x" * 300),
        (httpx2.Response(401, text="no"), "the search service answered 401"),
        (httpx2.Response(500, json=["no"]), "the search service answered 500"),
        (httpx2.Response(302, headers={"Location": "http://evil"}), "the search service answered 302"),
        (httpx2.Response(200, text="no"), "the search service gave an answer that is not understood"),
        (httpx2.Response(200, json={}), "the search service gave an answer that is not understood"),
        (httpx2.ReadTimeout("slow"), "the search service did not answer within 10 s"),
        (httpx2.ConnectError("10.0.3.7 refused"), "the search service cannot be reached"),
    ],
)
def test_what_failed_is_said(services: StubServices, answer: httpx2.Response | Exception, text: str) -> None:
    services.answers["/api/search"] = answer
    assert failure(used("search_recordings", {"query": "x"}, services)) == f"search_recordings failed: {text}"
    assert len(services.requests) == 1


def test_an_endless_answer_is_not_read(services: StubServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_calls, "ANSWER_BYTES_MAX", 1_000_000)
    endless = Endless()
    services.answers["/api/search"] = httpx2.Response(200, stream=endless)
    text = failure(used("search_recordings", {"query": "x"}, services))
    assert text.endswith("gave more than 1000000 bytes")
    assert endless.chunks == 16


def test_a_recording_that_is_not_the_callers_is_not_there(services: StubServices) -> None:
    text = failure(used("get_transcript", {"recording_id": RECORDING_ID}, services))
    assert text == "get_transcript failed: the audio service answered 404: there is no such recording"


def test_a_long_transcript_is_cut_and_says_so(services: StubServices) -> None:
    segments = [{"start": n, "end": n + 1, "text": "word " * 20, "speaker": "spk_0"} for n in range(1000)]
    services.answers[f"/api/audio/{RECORDING_ID}/transcript"] = {
        "text": "",
        "language": "en-US",
        "segments": segments,
    }
    read = found(used("get_transcript", {"recording_id": RECORDING_ID}, services))
    assert len(read["segments"]) == 240
    assert read["cut"].startswith("cut after 240 of 1000 segments")
    assert read["segments"][0]["speaker"] == "spk_0"


@given(st.lists(st.text(max_size=30), max_size=20), st.integers(0, 200))
def test_a_transcript_is_cut_at_a_segment(texts: list[str], characters_max: int) -> None:
    segments = [TranscriptSegment(start=n, end=n + 1, text=text) for n, text in enumerate(texts)]
    cut = trimmed(segments, characters_max)
    kept = [entry["text"] for entry in cut["segments"]]
    assert kept == texts[: len(kept)]
    assert sum(map(len, kept)) <= characters_max
    assert ("cut" in cut) == (len(kept) < len(texts))
    if len(kept) < len(texts):
        assert sum(map(len, texts[: len(kept) + 1])) > characters_max


def test_what_a_model_is_told_is_plain(services: StubServices) -> None:
    told: dict[str, Any] = {
        tool.tool_name: tool.tool_spec
        for tool in tools_for(Services(URLS, httpx2.MockTransport(services.answer)), "Bearer alice")
    }
    assert list(told) == list(TOOLS)
    schema: dict[str, Any] = told["search_recordings"]["inputSchema"]["json"]
    properties = schema["properties"]
    assert schema["required"] == ["query"]
    assert properties["recording_id"]["type"] == "string"
    assert properties["limit"]["type"] == "integer"
    assert (properties["limit"]["minimum"], properties["limit"]["maximum"]) == (1, 100)
    for spec in told.values():
        assert "anyOf" not in json.dumps(spec)
        assert len(spec["description"]) > 100
