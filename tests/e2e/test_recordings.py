"""Recordings become transcripts, whatever their format; what cannot be transcribed says why."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.e2e.queues import dead_letter_queues, depth, working_queues
from tests.e2e.recordings import FORMATS, transcode
from tests.e2e.running import CHECKOUT, Running, eventually, put, request_upload, send, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

WORDS = {"welcome", "team", "meeting", "budget", "year"}


def test_the_demo_prints_the_transcript_with_times(platform: Running, sample: Path) -> None:
    shown = platform.nova("demo", str(sample))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("0:0")
    assert set(shown.stdout.lower().replace(".", " ").split()) >= WORDS


def test_a_corrupt_recording_fails_with_a_reason_and_an_event(
    platform: Running, api: httpx2.Client, tmp_path: Path
) -> None:
    corrupt = tmp_path / "noise.mp3"
    corrupt.write_bytes(b"this is no recording" * 500)
    recording_id = send(api, corrupt, "audio/mpeg")
    recording = settled(api, recording_id)
    assert recording["status"] == "failed"
    assert recording["reason"]
    stored = platform.aws("dynamodb").query(
        TableName=platform.outputs()["event_store_table"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"Recording#{recording_id}"}},
    )["Items"]
    assert stored[-1]["type"]["S"] == "TranscriptionFailed"
    assert json.loads(stored[-1]["data"]["S"])["reason"] == recording["reason"]
    eventually(lambda: depth(platform) == (0, 0), "queues drained, dead-letter queues empty")


# The last of these tests runs after all others, so that a module's fixture would be made twice.
@pytest.fixture(scope="session")
def poisoned(platform: Running) -> list[str]:
    """Queues with a message that nobody can read; it takes half a minute until they set it aside."""
    # The worker for videos gives a busy model minutes between deliveries.
    queues = [url for url in working_queues(platform) if "/video-worker-" not in url]
    for url in queues:
        platform.aws("sqs").send_message(QueueUrl=url, MessageBody="{poison")
    return queues


@pytest.mark.usefixtures("poisoned")
def test_every_format_becomes_a_transcript(api: httpx2.Client, sample: Path, tmp_path: Path) -> None:
    sent: dict[str, str] = {}
    for suffix in FORMATS:
        file = tmp_path / f"recording.{suffix}"
        sent[suffix] = send(api, file, transcode(sample, file))
    for suffix, recording_id in sent.items():
        recording = settled(api, recording_id, timeout_s=90)
        assert recording["status"] == "completed", (suffix, recording)
        assert recording["duration_seconds"] == pytest.approx(4.3, abs=0.4), suffix
        transcript = api.get(f"/audio/{recording_id}/transcript").json()
        heard = set(transcript["text"].lower().replace(".", " ").replace(",", " ").split())
        assert len(WORDS & heard) >= 4, (suffix, transcript["text"])
        times = [(segment["start"], segment["end"]) for segment in transcript["segments"]]
        assert times == sorted(times)
        assert all(0 <= start < end <= 6 for start, end in times), times


def test_segments_tell_who_speaks_and_how_it_sounds(api: httpx2.Client) -> None:
    recording_id = send(api, CHECKOUT / "samples" / "bridge.wav", "audio/wav")
    assert settled(api, recording_id)["status"] == "completed"
    segments = api.get(f"/audio/{recording_id}/transcript").json()["segments"]
    assert [segment["speaker"] for segment in segments] == ["spk_0", "spk_1", "spk_0", "spk_1"]
    assert "bridge" in segments[0]["text"] and "spring" in segments[3]["text"]
    url = f"/audio/{recording_id}/transcript"
    eventually(lambda: "sentiment" in api.get(url).json(), "the transcript is judged")
    judged = api.get(url).json()
    labels = [segment["sentiment"]["label"] for segment in judged["segments"]]
    assert labels[1:] == ["positive", "negative", "neutral"]
    assert judged["sentiment"]["label"] == "mixed"
    assert "offline" in judged["sentiment"]["basis"]
    played = api.get(f"/audio/{recording_id}/content").json()
    part = httpx2.get(played["url"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"RIFF", "audio/wav")


def test_a_recording_is_not_there_before_its_upload(api: httpx2.Client, sample: Path) -> None:
    announced = request_upload(api, sample, "audio/wav")
    assert api.get(f"/audio/{announced['id']}").json()["status"] == "awaiting_upload"
    answer = api.get(f"/audio/{announced['id']}/transcript")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_size_than_declared_is_refused_or_fails(api: httpx2.Client, sample: Path) -> None:
    announced = request_upload(api, sample, "audio/wav")
    answer = put(announced["upload"], sample.read_bytes()[:1000])
    if answer.is_success:
        recording = settled(api, announced["id"])
        assert recording["status"] == "failed"
        assert "size" in recording["reason"] or "bytes" in recording["reason"]
    else:
        assert answer.status_code == 403
        assert api.get(f"/audio/{announced['id']}").json()["status"] == "awaiting_upload"


def test_an_unsupported_language_names_the_way_out(api: httpx2.Client, sample: Path) -> None:
    recording = settled(api, send(api, sample, "audio/wav", language="ja-JP"))
    assert recording["status"] == "failed"
    assert "models: aws" in recording["reason"]


@pytest.mark.ends
def test_a_poison_message_ends_in_its_dead_letter_queue_and_stops_nothing(
    platform: Running, api: httpx2.Client, sample: Path, poisoned: list[str]
) -> None:
    recording_id = send(api, sample, "audio/wav")
    assert settled(api, recording_id, timeout_s=90)["status"] == "completed"
    eventually(
        lambda: depth(platform) == (0, len(poisoned)), "all poison messages are dead letters", timeout_s=150
    )
    for url in dead_letter_queues(platform):
        platform.aws("sqs").purge_queue(QueueUrl=url)
