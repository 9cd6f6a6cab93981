"""What a video is and what may happen to it: folding events into state, deciding events from state.

No I/O.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import (
    VIDEO,
    AnomalyDetected,
    CreateVideo,
    VideoAnalysis,
    VideoAnalysisFailed,
    VideoAnalysisStarted,
    VideoAnalyzed,
    VideoDeleted,
    VideoRequested,
    VideoStatus,
    VideoSummary,
)
from nova_common.events import Event, EventData, folded
from nova_common.uploads import upload_key

MEDIA = "video"
"""The kind of media, as it stands in keys of uploads."""

MEDIA_FORMATS = {
    "video/x-matroska": "mkv",
    "video/matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/x-m4v": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/flv": "flv",
    "video/mpeg": "mpeg",
    "video/mpg": "mpg",
    "video/x-mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/wmv": "wmv",
    "video/3gpp": "three_gp",
}
"""Content types that are accepted, and Amazon Bedrock's name for their format (Converse, VideoBlock)."""

DURATION_SECONDS_MAX = 30 * 60
"""What Amazon Nova is made for (user guide, multimodal support: "optimized for videos less than 30 minutes").

It looks at 960 pictures at most: beyond 16 minutes at less than one a second (video understanding).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video after some version of its history."""

    id: str
    user: str
    correlation: str
    created_at: datetime
    version: int
    status: VideoStatus
    filename: str
    content_type: str
    size_bytes: int
    duration_seconds: float | None = None
    reason: str | None = None
    analysis: DocumentReference | None = None
    key_frames: DocumentReference | None = None
    anomalies: int | None = None
    is_deleted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether an analysis may still come."""
        return not self.is_deleted and self.status in {"awaiting_upload", "processing"}

    @property
    def media_format(self) -> str:
        """Amazon Bedrock's name for the declared format."""
        return MEDIA_FORMATS[self.content_type]

    def summary(self) -> VideoSummary:
        """Describe the video to its owner."""
        return VideoSummary(
            id=self.id,
            status=self.status,
            reason=self.reason,
            filename=self.filename,
            duration_seconds=self.duration_seconds,
            anomalies=self.anomalies,
            created_at=self.created_at,
        )


def fold(history: Iterable[Event]) -> Video | None:
    """Return the state after a history, None for an empty one.

    ValueError when it does not begin with a request.
    """
    return folded(history, _begin, _apply)


def _begin(event: Event) -> Video:
    if not isinstance(event.data, VideoRequested) or event.user is None:
        message = f"the history of {event.aggregate} does not begin with somebody's request"
        raise ValueError(message)
    return Video(
        id=VIDEO.id_of(event.aggregate),
        user=event.user,
        correlation=event.correlation,
        created_at=event.occurred_at,
        version=event.version,
        status="awaiting_upload",
        # Empty for readers without the right, and for an owner who was erased.
        filename=str(event.private.get("filename", "")),
        content_type=event.data.content_type,
        size_bytes=event.data.size_bytes,
    )


def _apply(video: Video, event: Event) -> Video:
    video = replace(video, version=event.version)
    match event.data:
        case VideoAnalysisStarted(duration_seconds=duration):
            return replace(video, status="processing", duration_seconds=duration)
        case VideoAnalyzed(analysis=analysis, key_frames=key_frames, anomalies=anomalies):
            documents = {"analysis": analysis, "key_frames": key_frames}
            return replace(video, status="completed", anomalies=anomalies, **documents)
        case AnomalyDetected():
            return video
        case VideoAnalysisFailed(reason=reason):
            return replace(video, status="failed", reason=reason)
        case VideoDeleted():
            return replace(video, is_deleted=True)
        case _:
            message = f"{event.type} cannot follow in the history of {event.aggregate}"
            raise ValueError(message)


def request(body: CreateVideo, content_type: str) -> VideoRequested:
    """Accept a request to upload; `content_type` is the normalised one."""
    return VideoRequested(content_type=content_type, size_bytes=body.size_bytes)


def start(video: Video, duration_seconds: float) -> Sequence[EventData]:
    """Note that the model is being asked about a waiting video; nothing for one that is past that."""
    if video.is_deleted or video.status != "awaiting_upload":
        return []
    return [VideoAnalysisStarted(duration_seconds=duration_seconds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of looking at a video, and where it is stored."""

    analysis: VideoAnalysis
    reference: DocumentReference
    key_frames: DocumentReference | None
    frames: int


def complete(video: Video, outcome: Outcome) -> Sequence[EventData]:
    """Note the analysis of a video in work, and each anomaly; nothing for one that is settled or deleted."""
    analysis = outcome.analysis
    if video.is_deleted or video.status != "processing" or video.duration_seconds is None:
        return []
    analyzed = VideoAnalyzed(
        analysis=outcome.reference,
        duration_seconds=video.duration_seconds,
        scenes=len(analysis.scenes),
        anomalies=len(analysis.anomalies),
        key_frames=outcome.key_frames,
        frames=outcome.frames,
    )
    detected = [
        AnomalyDetected(kind=found.kind, level=found.severity, start=found.start, end=found.end)
        for found in analysis.anomalies
    ]
    return [analyzed, *detected]


def fail(video: Video, reason: str) -> Sequence[EventData]:
    """Note that there will be no analysis; nothing for a video that is settled or deleted."""
    return [VideoAnalysisFailed(reason=reason)] if video.is_open else []


def delete(video: Video) -> Sequence[EventData]:
    """Delete a video; nothing when it is deleted already."""
    return [] if video.is_deleted else [VideoDeleted()]


def duration_fault(seconds: float) -> str | None:
    """Return why a video of this duration cannot be analysed, None when it can."""
    if seconds <= 0:
        return "the video has no duration"
    if seconds > DURATION_SECONDS_MAX:
        return f"the video lasts {seconds:.0f} s, at most {DURATION_SECONDS_MAX} s are allowed"
    return None


def analysis_key(video_id: str) -> str:
    """Return the object key of the analysis document."""
    return f"analyses/{video_id}.json"


def key_frames_key(video_id: str) -> str:
    """Return the object key of the document of key frames."""
    return f"analyses/{video_id}.frames.json"


def content_keys(video_id: str) -> tuple[str, ...]:
    """Return all object keys that may hold content of a video."""
    return upload_key(MEDIA, video_id), analysis_key(video_id), key_frames_key(video_id)
