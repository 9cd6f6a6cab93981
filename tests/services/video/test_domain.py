"""A video's history: what may follow what, and what no longer may."""

import uuid
from datetime import UTC, datetime

import pytest
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import (
    ANOMALIES_MAX,
    VIDEO,
    Anomaly,
    AnomalyDetected,
    CreateVideo,
    Scene,
    VideoAnalysis,
    VideoAnalysisFailed,
    VideoAnalysisStarted,
    VideoAnalyzed,
    VideoDeleted,
    VideoRequested,
)
from nova_common.event_store import APPEND_EVENTS_MAX
from nova_common.events import Event, EventData
from nova_video import domain
from pydantic import ValidationError

ID = str(uuid.uuid4())
REQUESTED = VideoRequested(content_type="video/mp4", size_bytes=5)
REFERENCE = DocumentReference(key="analyses/a.json", version_id="v", sha256="0" * 64)
ANALYSIS = VideoAnalysis(
    summary="A yard at night.",
    scenes=[Scene(start=0, end=4, description="A gate."), Scene(start=4, end=9, description="A truck.")],
    anomalies=[
        Anomaly(kind="black_picture", severity="HIGH", start=2, end=4, description="Nothing is seen."),
        Anomaly(kind="open_gate", severity="LOW", start=5, end=6, description="The gate is open."),
    ],
)


def history(*facts: EventData, user: str | None = "alice") -> list[Event]:
    return [
        Event.of(
            VIDEO.event(
                ID,
                fact,
                correlation="c",
                user=user,
                occurred_at=datetime.now(UTC),
                private={"filename": "a.mp4"} if fact == REQUESTED and user else {},
            ),
            version,
        )
        for version, fact in enumerate(facts, start=1)
    ]


def video(*facts: EventData) -> domain.Video:
    folded = domain.fold(history(REQUESTED, *facts))
    assert folded is not None
    return folded


STARTED = VideoAnalysisStarted(duration_seconds=9.0)
PICTURES = REFERENCE.model_copy(update={"key": "analyses/a.frames.json"})
OUTCOME = domain.Outcome(analysis=ANALYSIS, reference=REFERENCE, key_frames=PICTURES, frames=2)
ANALYZED = domain.complete(video(STARTED), OUTCOME)
FAILED = VideoAnalysisFailed(reason="no picture")


def test_a_history_leads_to_its_state() -> None:
    assert domain.fold([]) is None
    assert video().status == "awaiting_upload"
    assert (video(STARTED).status, video(STARTED).duration_seconds) == ("processing", 9.0)
    done = video(STARTED, *ANALYZED)
    assert (done.status, done.analysis, done.anomalies, done.version) == ("completed", REFERENCE, 2, 5)
    assert done.key_frames == PICTURES
    assert done.summary().model_dump(exclude={"created_at"}) == {
        "id": ID,
        "status": "completed",
        "filename": "a.mp4",
        "duration_seconds": 9.0,
        "anomalies": 2,
    }
    assert (video(FAILED).status, video(FAILED).reason) == ("failed", "no picture")
    assert video(STARTED, VideoDeleted()).is_deleted


def test_a_history_without_a_beginning_is_none_of_ours() -> None:
    with pytest.raises(ValueError, match="does not begin"):
        domain.fold(history(STARTED))
    with pytest.raises(ValueError, match="does not begin"):
        domain.fold(history(REQUESTED, user=None))
    with pytest.raises(ValueError, match="cannot follow"):
        domain.fold(history(REQUESTED, REQUESTED))


def test_an_analysis_is_told_once_with_an_event_for_each_anomaly() -> None:
    assert [
        VideoAnalyzed(
            analysis=REFERENCE, duration_seconds=9.0, scenes=2, anomalies=2, key_frames=PICTURES, frames=2
        ),
        AnomalyDetected(kind="black_picture", level="HIGH", start=2, end=4),
        AnomalyDetected(kind="open_gate", level="LOW", start=5, end=6),
    ] == ANALYZED
    assert [fact.attention for fact in ANALYZED] == [None, "HIGH", "LOW"]
    for settled in (video(), video(STARTED, *ANALYZED), video(FAILED), video(STARTED, VideoDeleted())):
        assert domain.complete(settled, OUTCOME) == []


def test_an_analysis_with_all_its_anomalies_is_one_transaction() -> None:
    assert 1 + ANOMALIES_MAX <= APPEND_EVENTS_MAX


def test_work_begins_and_fails_only_while_it_is_open() -> None:
    assert domain.start(video(), 9.0) == [STARTED]
    assert domain.start(video(STARTED), 9.0) == []
    assert domain.start(video(VideoDeleted()), 9.0) == []
    assert domain.fail(video(), "no picture") == domain.fail(video(STARTED), "no picture") == [FAILED]
    assert domain.fail(video(STARTED, *ANALYZED), "late") == domain.fail(video(VideoDeleted()), "late") == []


def test_deletion_ends_it_in_any_state() -> None:
    assert domain.delete(video()) == domain.delete(video(STARTED, *ANALYZED)) == [VideoDeleted()]
    assert domain.delete(video(VideoDeleted())) == []


def test_a_request_keeps_the_normal_content_type() -> None:
    body = CreateVideo(filename="a.mp4", content_type="Video/MP4; codecs=avc1", size_bytes=5)
    assert domain.request(body, "video/mp4") == REQUESTED
    assert video().media_format == "mp4"


def test_all_content_of_a_video_is_known() -> None:
    assert domain.content_keys(ID) == (
        f"uploads/video/{ID}",
        f"analyses/{ID}.json",
        f"analyses/{ID}.frames.json",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": -1},
        {"end": 1},
        {"end": float("inf")},
        {"severity": "high"},
        {"kind": "Black Picture"},
        {"kind": ""},
        {"description": " "},
        {"description": "x" * 1001},
    ],
)
def test_an_anomaly_of_another_shape_is_none(wrong: dict[str, object]) -> None:
    fields = ANALYSIS.anomalies[0].model_dump()
    assert Anomaly.model_validate(fields)
    with pytest.raises(ValidationError):
        Anomaly.model_validate(fields | wrong)
