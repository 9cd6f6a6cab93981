"""Every flow with its model, queue or store failing first: it succeeds in the end, with its effects once."""

import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from nova_common.contracts.live import Ready, Retrying, Said, Spoken

from tests.e2e.conversations import asked, opened, searched
from tests.e2e.queues import depth
from tests.e2e.running import CHECKOUT, Running, eventually, send, settled
from tests.e2e.talking import Talk, spoken

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SAMPLES = CHECKOUT / "samples"
FAULTS = "/_nova/faults"
BEYOND_CLIENT = 5
"""More failures in a row than a client of AWS makes attempts (4): the message has to come again."""

type Plan = Callable[..., None]


@pytest.fixture
def faults(platform: Running) -> Generator[httpx2.Client]:
    """The control surface of planned faults; nothing is planned before and after a test."""
    url = platform.credentials["AWS_ENDPOINT_URL"]
    headers = {"X-Nova-Admin": platform.credentials["AWS_SECRET_ACCESS_KEY"]}
    with httpx2.Client(base_url=url, headers=headers, trust_env=False) as client:
        client.delete(FAULTS)
        yield client
        client.delete(FAULTS)


@pytest.fixture
def fails(faults: httpx2.Client) -> Plan:
    """Let the next calls of an operation fail."""

    def plan(operation: str, fault: str, times: int = BEYOND_CLIENT, seconds: float = 0) -> None:
        body = {"operation": operation, "fault": fault, "times": times, "seconds": seconds}
        answer = faults.post(FAULTS, json=body)
        assert answer.status_code == 201, answer.text

    return plan


@pytest.fixture(scope="module", autouse=True)
def dead_before(platform: Running) -> int:
    """How many dead letters there were before any of these tests."""
    return depth(platform)[1]


@pytest.fixture(scope="module")
def unlucky(platform: Running) -> Generator[httpx2.Client]:
    with platform.api(platform.token_of_new_user("unlucky")) as client:
        yield client


def all_happened(faults: httpx2.Client) -> bool:
    """Whether every planned failure was met."""
    return all(plan["left"] == 0 for plan in faults.get(FAULTS).json()["faults"])


def events_of(platform: Running, aggregate: str) -> list[str]:
    """The types of an aggregate's events, in order."""
    items: list[dict[str, Any]] = platform.aws("dynamodb").query(
        TableName=platform.outputs()["event_store_table"],
        KeyConditionExpression="pk = :aggregate",
        ExpressionAttributeValues={":aggregate": {"S": aggregate}},
    )["Items"]
    return [item["type"]["S"] for item in items]


def versions_of(platform: Running, aggregate_id: str) -> Counter[str]:
    """How many versions each object of an aggregate has."""
    found: Counter[str] = Counter()
    for page in (
        platform.aws("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=platform.outputs()["content_bucket"])
    ):
        found.update(each["Key"] for each in page.get("Versions", []) if aggregate_id in each["Key"])
    return found


def indexed(api: httpx2.Client, media_id: str, count: int) -> None:
    """Wait until so much of something is found, and see that it stays so."""
    eventually(
        lambda: len(searched(api, "anything", limit=50, filter={"media_id": media_id})) == count,
        "it is indexed",
        timeout_s=60,
    )


def test_a_recording(platform: Running, unlucky: httpx2.Client, faults: httpx2.Client, fails: Plan) -> None:
    fails("sqs:ReceiveMessage", "internal-error")
    fails("s3:GetObject", "throttle-error")
    fails("transcribe:StartTranscriptionJob", "throttle-error")
    fails("bedrock-runtime:Converse", "internal-error")
    fails("bedrock-runtime:InvokeModel", "throttle-error")
    fails("dynamodb:PutItem", "internal-error", times=2)
    fails("sqs:DeleteMessage", "unavailable-error", times=2)
    recording_id = send(unlucky, SAMPLES / "trains.wav", "audio/wav")
    assert settled(unlucky, recording_id)["status"] == "completed"

    def judged() -> bool:
        return "SentimentAnalyzed" in events_of(platform, f"Recording#{recording_id}")

    eventually(judged, "the sentiment follows", timeout_s=60)
    transcript = unlucky.get(f"/audio/{recording_id}/transcript").json()
    indexed(unlucky, recording_id, len(transcript["segments"]))
    assert all_happened(faults), faults.get(FAULTS).text
    assert events_of(platform, f"Recording#{recording_id}") == [
        "RecordingRequested",
        "TranscriptionStarted",
        "TranscriptionCompleted",
        "SentimentAnalyzed",
    ]
    assert set(versions_of(platform, recording_id).values()) == {1}


def test_a_video(platform: Running, unlucky: httpx2.Client, faults: httpx2.Client, fails: Plan) -> None:
    fails("bedrock-runtime:Converse", "throttle-error", times=1)
    fails("bedrock-runtime:Converse", "timeout-error", times=1)
    fails("s3vectors:PutVectors", "throttle-error")
    fails("bedrock-runtime:InvokeModel", "internal-error")
    video_id = send(unlucky, SAMPLES / "yard.mp4", "video/mp4", "/video")
    assert settled(unlucky, video_id, path="/video")["status"] == "completed"
    indexed(unlucky, video_id, 11)
    assert all_happened(faults), faults.get(FAULTS).text
    assert events_of(platform, f"Video#{video_id}") == [
        "VideoRequested",
        "VideoAnalysisStarted",
        "VideoAnalyzed",
        "AnomalyDetected",
        "AnomalyDetected",
    ]
    assert set(versions_of(platform, video_id).values()) == {1}


def test_a_document_and_a_question(
    platform: Running, unlucky: httpx2.Client, faults: httpx2.Client, fails: Plan
) -> None:
    fails("s3:PutObject", "unavailable-error", times=2)
    fails("dynamodb:PutItem", "internal-error", times=2)
    fails("s3:GetObjectVersion", "internal-error")
    added = unlucky.post("/documents", json={"title": "Ferry", "text": "The ferry leaves at noon."})
    assert added.status_code == 201, added.text
    fails("dynamodb:Query", "throttle-error")
    document_id = added.json()["id"]
    indexed(unlucky, document_id, 1)
    eventually(
        lambda: [item["id"] for item in unlucky.get("/documents").json()["items"]] == [document_id],
        "the list follows",
    )
    assert all_happened(faults), faults.get(FAULTS).text
    assert events_of(platform, f"Document#{document_id}") == ["DocumentAdded"]
    assert set(versions_of(platform, document_id).values()) == {1}
    # The model is silent for longer than a search waits for it (5 s), and then answers.
    fails("bedrock-runtime:InvokeModel", "silence", times=1, seconds=7)
    begun = time.monotonic()
    hits = searched(unlucky, "When does the ferry leave?", filter={"media_id": document_id})
    assert [hit["media_id"] for hit in hits] == [document_id]
    assert 5 <= time.monotonic() - begun < 20


def test_a_turn_of_a_conversation(unlucky: httpx2.Client, faults: httpx2.Client, fails: Plan) -> None:
    session = opened(unlucky)
    spent = turns_of_today(unlucky)
    fails("bedrock-runtime:ConverseStream", "throttle-error", times=1)
    assert asked(unlucky, session, "Hello!").events[-1][0] == "done"
    # A model that stays away is told to whoever waits; the session is as it was, and goes on.
    fails("bedrock-runtime:ConverseStream", "unavailable-error", times=BEYOND_CLIENT)
    path, question = f"/sessions/{session}/messages", {"text": "Thank you!"}
    refused = unlucky.post(path, json=question, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:nova:problem:model-unavailable")
    faults.delete(FAULTS)
    assert unlucky.post(path, json=question, headers={"Accept": "application/json"}).status_code == 200
    turns = unlucky.get(f"/sessions/{session}").json()["turns"]
    assert [(turn["question"], turn["status"]) for turn in turns] == [
        ("Hello!", "completed"),
        ("Thank you!", "failed"),
        ("Thank you!", "completed"),
    ]
    assert turns_of_today(unlucky) - spent == len(turns)


def test_a_conversation_by_voice(
    platform: Running, faults: httpx2.Client, fails: Plan, tmp_path: Path
) -> None:
    fails("bedrock-runtime:InvokeModelWithBidirectionalStream", "throttle-error", times=2)
    # Somebody without recordings: nobody has to listen to a list of them.
    with platform.api(platform.token_of_new_user("unlucky-speaker")) as speaker:
        ticket = speaker.post("/audio/live").json()["url"]
    with Talk(platform.outputs()["site_url"], ticket) as talk:
        conversation = talk.until(Ready).conversation
        assert [retry.attempt for retry in talk.of(Retrying)] == [1, 2]
        talk.say(spoken(tmp_path, "Which recordings do I have?"))
        talk.until(Spoken)
        while [turn.role for turn in talk.of(Said)] != ["user", "assistant"]:
            talk.until(Said)
        talk.end()
        talk.closed()
    assert all_happened(faults)
    began, turn, ended = "LiveConversationStarted", "LiveConversationTurn", "LiveConversationEnded"
    expected = [began, turn, turn, ended]
    eventually(lambda: events_of(platform, f"LiveConversation#{conversation}") == expected, "its end is kept")


def turns_of_today(api: httpx2.Client) -> int:
    days: list[dict[str, Any]] = api.get("/usage").json()["days"]
    return days[-1]["turns"] if days else 0


def test_no_message_became_a_dead_letter(platform: Running, dead_before: int) -> None:
    assert depth(platform)[1] == dead_before
