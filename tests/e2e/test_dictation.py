"""Recordings heard by Nova Sonic, by setting, on the second platform: also when the model fails first."""

import wave
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.neighbour import Neighbour
from tests.e2e.running import CHECKOUT, Running, send, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SAMPLES = CHECKOUT / "samples"
OPERATION = "bedrock-runtime:InvokeModelWithBidirectionalStream"


@pytest.fixture(scope="module")
def platform(second: Neighbour) -> Running:
    """A platform of a checkout whose stack has the other engine."""
    return second.running()


@pytest.fixture(scope="module")
def api(platform: Running) -> Generator[httpx2.Client]:
    """Somebody of these tests alone."""
    with platform.api(platform.token_of_new_user("dictating")) as client:
        yield client


def throttled(platform: Running, times: int) -> None:
    """Let the next sessions be refused."""
    answer = httpx2.post(
        f"{platform.credentials['AWS_ENDPOINT_URL']}/_nova/faults",
        json={"operation": OPERATION, "fault": "throttle-error", "times": times},
        headers={"X-Nova-Admin": platform.credentials["AWS_SECRET_ACCESS_KEY"]},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text


def repeated(source: Path, target: Path, times: int) -> Path:
    """A recording, so many times over."""
    with wave.open(str(source)) as said, wave.open(str(target), "wb") as written:
        written.setparams(said.getparams())
        written.writeframes(said.readframes(said.getnframes()) * times)
    return target


def test_a_recording_is_heard_by_the_speech_model(
    platform: Running, api: httpx2.Client, sample: Path
) -> None:
    # More than the worker tries at a time: the message has to come again.
    throttled(platform, 4)
    short = send(api, sample, "audio/wav")
    refused = send(api, sample, "audio/wav", language="ja-JP")
    assert "ja-JP is not understood" in settled(api, refused)["reason"]
    assert settled(api, short, timeout_s=120)["status"] == "completed"
    transcript = api.get(f"/audio/{short}/transcript").json()
    assert {"team", "meeting", "budget"} <= {word.strip(".,") for word in transcript["text"].lower().split()}
    assert transcript["language"] == "und"
    (segment,) = transcript["segments"]
    assert segment["start"] == 0
    assert segment["end"] == pytest.approx(4.4, abs=0.1)
    assert "speaker" not in segment
    assert_heard_once(platform, short)
    assert platform.aws("transcribe").list_transcription_jobs()["TranscriptionJobSummaries"] == []


@pytest.mark.exhaustive
def test_a_long_recording_is_heard_in_parts(platform: Running, api: httpx2.Client, tmp_path: Path) -> None:
    recording = repeated(SAMPLES / "bridge.wav", tmp_path / "long.wav", 5)
    long = send(api, recording, "audio/wav", language="en-US")
    assert settled(api, long, timeout_s=200)["status"] == "completed"
    heard = api.get(f"/audio/{long}/transcript").json()
    first, second = heard["segments"]
    # Longer than a session is given: cut where nobody speaks, and nothing is lost.
    assert 50 <= first["end"] == second["start"] <= 60
    assert heard["text"].lower().count("bridge") >= 4
    assert heard["language"] == "en-US"
    assert_heard_once(platform, long)


def assert_heard_once(platform: Running, recording: str) -> None:
    """However often its message came."""
    items = platform.aws("dynamodb").scan(TableName=platform.outputs()["event_store_table"])["Items"]
    types = [item["type"]["S"] for item in items if item["pk"]["S"] == f"Recording#{recording}"]
    assert types.count("TranscriptionStarted") == types.count("TranscriptionCompleted") == 1
