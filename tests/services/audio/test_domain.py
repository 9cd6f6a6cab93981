"""The rules of a recording, without any I/O."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from nova_audio import domain
from nova_common.contracts.audio import (
    RECORDING,
    CreateRecording,
    RecordingDeleted,
    RecordingRequested,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.events import Event, EventData

ID = str(uuid.UUID(int=7))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
REFERENCE = DocumentReference(key=f"transcripts/{ID}.json", version_id="v", sha256="0" * 64)
REQUESTED = RecordingRequested(content_type="audio/x-wav", size_bytes=5)
STARTED = TranscriptionStarted(job="nova-1", duration_seconds=2.5)
COMPLETED = TranscriptionCompleted(
    transcript=REFERENCE, language="en-US", duration_seconds=2.5, words=2, segments=1
)
FAILED = TranscriptionFailed(reason="no speech")
DELETED = RecordingDeleted()


def history(*facts: EventData, user: str | None = "alice") -> list[Event]:
    return [
        Event.of(RECORDING.event(ID, fact, correlation="c", user=user, occurred_at=NOW), version)
        for version, fact in enumerate(facts, start=1)
    ]


def recording(*facts: EventData) -> domain.Recording:
    folded = domain.fold(history(REQUESTED, *facts))
    assert folded is not None
    return folded


def test_folding_follows_the_life_of_a_recording() -> None:
    assert domain.fold([]) is None
    waiting = recording()
    assert (waiting.status, waiting.media_format, waiting.version) == ("awaiting_upload", "wav", 1)
    assert recording(STARTED).summary().duration_seconds == 2.5
    done = recording(STARTED, COMPLETED)
    assert (done.status, done.language, done.transcript) == ("completed", "en-US", REFERENCE)
    failed = recording(FAILED)
    assert (failed.status, failed.reason) == ("failed", "no speech")
    assert recording(STARTED, DELETED).is_deleted


def test_a_history_begins_with_somebodys_request() -> None:
    with pytest.raises(ValueError, match="request"):
        domain.fold(history(STARTED))
    with pytest.raises(ValueError, match="request"):
        domain.fold(history(REQUESTED, user=None))
    with pytest.raises(ValueError, match="cannot follow"):
        domain.fold(history(REQUESTED, REQUESTED))


STATES: dict[str, Sequence[EventData]] = {
    "waiting": [],
    "processing": [STARTED],
    "completed": [STARTED, COMPLETED],
    "failed": [FAILED],
    "failed in work": [STARTED, FAILED],
    "deleted waiting": [DELETED],
    "deleted in work": [STARTED, DELETED],
}


@pytest.mark.parametrize("state", STATES)
def test_decisions_happen_in_their_state_only(state: str) -> None:
    current = recording(*STATES[state])
    assert bool(domain.start(current, "j", 1.0)) == (state == "waiting")
    assert bool(domain.complete(current, REFERENCE, "en-US", 1, 1)) == (state == "processing")
    assert bool(domain.fail(current, "r")) == (state in {"waiting", "processing"})
    assert bool(domain.delete(current)) == (not state.startswith("deleted"))


def test_completing_keeps_the_duration_that_was_measured() -> None:
    (completed,) = domain.complete(recording(STARTED), REFERENCE, "de-DE", 3, 2)
    assert completed == TranscriptionCompleted(
        transcript=REFERENCE, language="de-DE", duration_seconds=2.5, words=3, segments=2
    )


def test_a_request_keeps_the_normal_content_type() -> None:
    body = CreateRecording(
        filename="a.webm", content_type="audio/webm; codecs=opus", size_bytes=3, language="de-DE"
    )
    assert domain.request(body, "audio/webm") == RecordingRequested(
        content_type="audio/webm", size_bytes=3, language="de-DE"
    )


def test_durations_have_limits() -> None:
    assert domain.duration_fault(0.5) is None
    assert domain.duration_fault(14_400) is None
    assert domain.duration_fault(0.49) == "the recording lasts 0.49 s, at least 0.5 s are needed"
    assert domain.duration_fault(14_401) == "the recording lasts 14401 s, at most 14400 s are allowed"


def test_names_of_jobs_lead_back_to_the_recording() -> None:
    assert domain.transcribed_recording_id("nova-dev", domain.job_name("nova-dev", ID)) == ID
    for job in ("nova-dev", f"nova-prod-{ID}", f"nova-dev-2-{ID}", ID):
        with pytest.raises(ValueError, match="not a transcription job"):
            domain.transcribed_recording_id("nova-dev", job)
