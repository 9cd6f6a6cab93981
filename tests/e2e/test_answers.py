"""A person asks about recordings and gets answers that quote them; nobody else's ever show."""

import os
import re
import signal
import time
from collections.abc import Generator

import httpx2
import psutil
import pytest

from tests.e2e.conversations import asked, opened, searched
from tests.e2e.running import CHECKOUT, Running, eventually, send, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

FIRST_TOKEN_SECONDS_MAX = 0.3
ROUNDS_MAX = 6
"""Rounds of questions until as many answers as one round has began in time: the limit is for the platform,
and what else the machine does at some moment is not the platform's."""
MEMORY_BYTES_MAX = 2.5 * 1024**3

QUESTIONS = {
    "trains": ("When does the last train leave?", "ten"),
    "order": ("What would the customer like to drink?", "coffee"),
    "meeting": ("Which topic is on the agenda?", "budget"),
}


def words_of(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


@pytest.fixture(scope="module")
def listener(platform: Running) -> Generator[httpx2.Client]:
    """A person with the three samples, transcribed and indexed."""
    with platform.api(platform.token_of_new_user("listener")) as client:
        sent = {name: send(client, CHECKOUT / "samples" / f"{name}.wav", "audio/wav") for name in QUESTIONS}
        for recording_id in sent.values():
            assert settled(client, recording_id)["status"] == "completed"
            indexed(client, recording_id)
        yield client


def indexed(api: httpx2.Client, recording_id: str) -> None:
    """Wait until a recording can be found."""
    eventually(
        lambda: bool(searched(api, "anything", filter={"media_id": recording_id})), "the recording is indexed"
    )


def test_the_demo_answers_with_a_sentence_of_the_transcript(platform: Running) -> None:
    shown = platform.nova("demo", str(CHECKOUT / "samples" / "trains.wav"), QUESTIONS["trains"][0])
    assert shown.returncode == 0, shown.stdout + shown.stderr
    lines = shown.stdout.splitlines()
    transcript = [line for line in lines if re.match(r"\d+:\d\d\.\d - \d+:\d\d\.\d  (spk_\d+: )?\w", line)]
    hits = [line for line in lines if re.match(r"\d+:\d\d\.\d - \d+:\d\d\.\d  \[-?\d\.\d\d\] ", line)]
    assert transcript, shown.stdout
    assert hits, shown.stdout
    answer = "\n".join(lines[lines.index(hits[-1]) + 1 :])
    quotes = [words_of(quote) for quote in re.findall(r'["“](.+?)["”]', answer)]
    assert any(quote and quote in words_of(" ".join(transcript)) for quote in quotes), shown.stdout
    assert "offline model" in answer.lower()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_finds_the_recording_that_answers_it(listener: httpx2.Client, name: str) -> None:
    question, expected = QUESTIONS[name]
    hit = searched(listener, question, limit=1)[0]
    assert expected in hit["text"].lower()
    assert hit["kind"] == "transcript"
    assert 0 <= hit["start"] < hit["end"]
    answer = asked(listener, opened(listener), question)
    assert expected in answer.text.lower(), answer.events
    assert answer.events[-1][0] == "done"
    assert answer.events[-1][1]["text"] == answer.text
    called = [data["name"] for data in answer.of("tool") if data["status"] == "completed"]
    assert "search_recordings" in called


def test_the_first_token_comes_at_once(listener: httpx2.Client) -> None:
    times: list[float] = []
    quick = 0
    while quick < len(QUESTIONS) and len(times) < ROUNDS_MAX * len(QUESTIONS):
        times += [asked(listener, opened(listener), text).first_token_s for text, _ in QUESTIONS.values()]
        quick = sum(0 < seconds < FIRST_TOKEN_SECONDS_MAX for seconds in times)
    assert quick >= len(QUESTIONS), times


def test_the_same_message_can_be_answered_as_json(listener: httpx2.Client) -> None:
    answer = listener.post(
        f"/sessions/{opened(listener)}/messages",
        json={"text": QUESTIONS["order"][0]},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "coffee" in body["text"].lower()
    assert body["usage"]["output_tokens"] > 0


def test_a_conversation_goes_on_after_its_process_was_killed(
    platform: Running, listener: httpx2.Client
) -> None:
    session = opened(listener)
    first = asked(listener, session, QUESTIONS["order"][0])
    killed = [
        process.pid
        for process in psutil.process_iter()
        if (
            process.status() != psutil.STATUS_ZOMBIE
            and "nova_agent_core.app" in process.cmdline()
            and process.environ().get("HOME", "").startswith(str(platform.home))
        )
    ]
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(killed) & set(psutil.pids()), "the process is gone")
    eventually(lambda: listener.get("/tools").status_code == 200, "the service is back", timeout_s=60)
    second = asked(listener, session, QUESTIONS["trains"][0])
    assert "ten" in second.text.lower(), second.events
    turns = listener.get(f"/sessions/{session}").json()["turns"]
    assert [turn["question"] for turn in turns] == [QUESTIONS["order"][0], QUESTIONS["trains"][0]]
    assert [turn["answer"] for turn in turns] == [first.text, second.text]
    eventually(
        lambda: any(
            item["id"] == session and item["turns"] == 2 for item in listener.get("/sessions").json()["items"]
        ),
        "the list shows both turns",
    )


def test_a_deleted_session_is_gone_for_everybody(platform: Running, listener: httpx2.Client) -> None:
    session = opened(listener)
    asked(listener, session, "Hello!")
    assert listener.delete(f"/sessions/{session}").status_code == 204
    assert listener.get(f"/sessions/{session}").status_code == 404
    assert listener.post(f"/sessions/{session}/messages", json={"text": "Hello?"}).status_code == 404
    left = platform.aws("s3").list_object_versions(
        Bucket=platform.outputs()["content_bucket"], Prefix=f"sessions/{session}/"
    )
    assert not left.get("Versions")


def test_foreign_recordings_and_sessions_do_not_exist(platform: Running, listener: httpx2.Client) -> None:
    session = opened(listener)
    recordings = [item["id"] for item in listener.get("/audio").json()["items"]]
    with platform.api(platform.token_of_new_user("eavesdropper")) as stranger:
        for question, expected in QUESTIONS.values():
            assert searched(stranger, question, limit=100) == []
            assert expected not in asked(stranger, opened(stranger), question).text.lower()
        for recording_id in recordings:
            assert searched(stranger, "anything", filter={"media_id": recording_id}) == []
        assert stranger.get(f"/sessions/{session}").status_code == 404
        assert stranger.delete(f"/sessions/{session}").status_code == 404
        assert stranger.post(f"/sessions/{session}/messages", json={"text": "Hi"}).status_code == 404
    assert listener.get(f"/sessions/{session}").status_code == 200


def test_what_was_deleted_is_found_no_more(listener: httpx2.Client) -> None:
    recording_id = send(listener, CHECKOUT / "samples" / "trains.wav", "audio/wav")
    assert settled(listener, recording_id)["status"] == "completed"
    indexed(listener, recording_id)
    assert listener.delete(f"/audio/{recording_id}").status_code == 204
    eventually(
        lambda: not searched(listener, "anything", filter={"media_id": recording_id}), "the index forgets it"
    )


def test_the_whole_platform_fits_in_its_memory(platform: Running) -> None:
    total = 0
    for process in psutil.process_iter():
        try:
            marks = [*process.cmdline(), process.environ().get("HOME", "")]
            if any(mark.startswith(str(platform.home)) for mark in marks):
                total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    assert 0 < total < MEMORY_BYTES_MAX, f"{total / 1024**2:.0f} MiB"


def test_nothing_was_refused_on_the_way(platform: Running, listener: httpx2.Client) -> None:
    before = platform.status()["refused"]["total"]
    session = opened(listener)
    asked(listener, session, QUESTIONS["meeting"][0])
    listener.delete(f"/sessions/{session}")
    time.sleep(1)
    refused = platform.status()["refused"]
    assert refused["total"] == before, refused["recent"]
