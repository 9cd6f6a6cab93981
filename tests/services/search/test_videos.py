"""What of a video can be found, under which keys."""

import uuid
from datetime import UTC, datetime

import pytest
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import (
    VIDEO,
    Anomaly,
    KeyFrame,
    KeyFrames,
    Scene,
    VideoAnalysis,
    VideoAnalysisFailed,
    VideoAnalyzed,
    VideoDeleted,
    VideoRequested,
)
from nova_common.embeddings import Image
from nova_common.events import Event, EventData
from nova_search.sources import UnexpectedContentError
from nova_search.videos import VIDEOS, IndexedVideo

from tests.services.support.pictures import picture

ID = str(uuid.UUID(int=7))
BEGUN = datetime(2026, 1, 2, tzinfo=UTC)
REFERENCE = DocumentReference(key=f"analyses/{ID}.json", version_id="v", sha256="0" * 64)
PICTURES = REFERENCE.model_copy(update={"key": f"analyses/{ID}.frames.json"})
ANALYSIS = VideoAnalysis(
    summary="A yard at night.",
    scenes=[Scene(start=0, end=4, description="A gate."), Scene(start=4, end=9, description="A truck.")],
    anomalies=[Anomaly(kind="open_gate", severity="LOW", start=5, end=6, description="It is open.")],
)
JPEG = picture("JPEG")
FRAMES = KeyFrames(frames=[KeyFrame(at=6.5, scene=1, image=JPEG), KeyFrame(at=1.0, image=JPEG)])
REQUESTED = VideoRequested(content_type="video/mp4", size_bytes=5)


def analyzed(scenes: int = 2, anomalies: int = 1, frames: int = 2) -> VideoAnalyzed:
    return VideoAnalyzed(
        analysis=REFERENCE,
        duration_seconds=9.0,
        scenes=scenes,
        anomalies=anomalies,
        key_frames=PICTURES if frames else None,
        frames=frames,
    )


def video(*facts: EventData) -> IndexedVideo:
    folded = VIDEOS.fold(history(REQUESTED, *facts))
    assert folded is not None
    return folded


def history(*facts: EventData, user: str | None = "alice") -> list[Event]:
    return [
        Event.of(VIDEO.event(ID, fact, user=user, correlation="c", occurred_at=BEGUN), version)
        for version, fact in enumerate(facts, start=1)
    ]


def contents(frames: KeyFrames | None = FRAMES) -> list[bytes]:
    documents = [ANALYSIS, *([] if frames is None else [frames])]
    return [document.model_dump_json().encode() for document in documents]


def test_what_is_said_and_shown_becomes_passages_with_times() -> None:
    passages = VIDEOS.plan(video(analyzed()), contents()).passages
    assert [
        (passage.key, passage.kind, passage.text, passage.start, passage.end) for passage in passages
    ] == [
        (f"{ID}#0", "video", "A yard at night.", 0, 9),
        (f"{ID}#1", "video", "A gate.", 0, 4),
        (f"{ID}#2", "video", "A truck.", 4, 9),
        (f"{ID}#3", "video", "Open gate: It is open.", 5, 6),
        (f"{ID}#4", "frame", "A truck.", 6.5, 6.5),
        (f"{ID}#5", "frame", "A yard at night.", 1, 1),
    ]
    assert [passage.image for passage in passages[3:]] == [None, *[Image(content=JPEG, format="jpeg")] * 2]
    assert [passage.key for passage in passages] == VIDEOS.keys(video(analyzed()))


def test_a_video_without_pictures_is_found_by_what_is_said() -> None:
    without = video(analyzed(frames=0))
    assert without.contents == [REFERENCE]
    assert len(VIDEOS.plan(without, contents(None)).passages) == 4 == len(VIDEOS.keys(without))


def test_there_is_nothing_to_index_before_the_analysis() -> None:
    for facts in ([], [VideoAnalysisFailed(reason="no picture")]):
        assert (video(*facts).contents, VIDEOS.keys(video(*facts))) == ([], [])
    assert video(analyzed()).contents == [REFERENCE, PICTURES]
    assert VIDEOS.fold([]) is None
    gone = video(analyzed(), VideoDeleted())
    assert gone.is_deleted
    assert len(VIDEOS.keys(gone)) == 6
    with pytest.raises(ValueError, match="does not begin"):
        VIDEOS.fold(history(REQUESTED, user=None))


@pytest.mark.parametrize("other", [analyzed(scenes=3), analyzed(anomalies=0), analyzed(frames=1)])
def test_content_that_the_event_did_not_count_is_refused(other: VideoAnalyzed) -> None:
    with pytest.raises(UnexpectedContentError):
        VIDEOS.plan(video(other), contents())
