"""What is indexed of a video: what its analysis says, and its key frames. No I/O.

The vectors' numbers follow each other: the summary has 0, then come the scenes, the anomalies, and the key
frames, as many of each as the event counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import (
    VIDEO,
    Anomaly,
    KeyFrames,
    VideoAnalysis,
    VideoAnalyzed,
    VideoDeleted,
)
from nova_common.embeddings import Image
from nova_common.events import Event

from nova_search.sources import Passage, Plan, Source, UnexpectedContentError, vector_key


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedVideo:
    """A video as far as the index is concerned."""

    id: str
    user: str
    created_at: datetime
    analyzed: VideoAnalyzed | None = None
    is_deleted: bool = False

    @property
    def contents(self) -> Sequence[DocumentReference]:
        """The analysis, and the key frames where there are any."""
        if self.analyzed is None:
            return []
        found = (self.analyzed.analysis, self.analyzed.key_frames)
        return [reference for reference in found if reference is not None]


def _fold(history: Iterable[Event]) -> IndexedVideo | None:
    video: IndexedVideo | None = None
    for event in history:
        if video is None:
            if event.user is None:
                message = f"the history of {event.aggregate} does not begin with somebody's event"
                raise ValueError(message)
            video = IndexedVideo(
                id=VIDEO.id_of(event.aggregate), user=event.user, created_at=event.occurred_at
            )
        if isinstance(event.data, VideoAnalyzed):
            video = replace(video, analyzed=event.data)
        elif isinstance(event.data, VideoDeleted):
            video = replace(video, is_deleted=True)
    return video


def _keys(video: IndexedVideo) -> list[str]:
    if video.analyzed is None:
        return []
    count = 1 + video.analyzed.scenes + video.analyzed.anomalies + video.analyzed.frames
    return [vector_key(video.id, number) for number in range(count)]


def _plan(video: IndexedVideo, contents: Sequence[bytes]) -> Plan:
    analysis = VideoAnalysis.model_validate_json(contents[0])
    pictures = KeyFrames.model_validate_json(contents[1]) if len(contents) > 1 else KeyFrames(frames=[])
    keys = _keys(video)
    found = (len(analysis.scenes), len(analysis.anomalies), len(pictures.frames))
    analyzed = video.analyzed
    if analyzed is None or found != (analyzed.scenes, analyzed.anomalies, analyzed.frames):
        message = f"video {video.id} has {found} scenes, anomalies and key frames; its event counted others"
        raise UnexpectedContentError(message)
    texts = iter(keys)
    passages = [
        Passage(
            key=next(texts), kind="video", text=analysis.summary, start=0.0, end=analyzed.duration_seconds
        )
    ]
    passages += [
        Passage(key=next(texts), kind="video", text=scene.description, start=scene.start, end=scene.end)
        for scene in analysis.scenes
    ]
    passages += [
        Passage(key=next(texts), kind="video", text=_said(anomaly), start=anomaly.start, end=anomaly.end)
        for anomaly in analysis.anomalies
    ]
    passages += [
        Passage(
            key=next(texts),
            kind="frame",
            text=_shown(analysis, frame.scene),
            image=Image(content=frame.image, format="jpeg"),
            start=frame.at,
            end=frame.at,
        )
        for frame in pictures.frames
    ]
    return Plan(passages=passages)


def _said(anomaly: Anomaly) -> str:
    """Return an anomaly as a sentence: its kind is often what people call it."""
    return f"{anomaly.kind.replace('_', ' ').capitalize()}: {anomaly.description}"


def _shown(analysis: VideoAnalysis, scene: int | None) -> str:
    """Return what a key frame shows: what is said of its scene, or else of the video."""
    if scene is None or scene >= len(analysis.scenes):
        return analysis.summary
    return analysis.scenes[scene].description


VIDEOS = Source(aggregate=VIDEO, fold=_fold, keys=_keys, plan=_plan)
"""Videos, by what their analyses say and by what their key frames show."""
