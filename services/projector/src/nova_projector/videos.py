"""The projection of videos: where each stands. No I/O."""

from nova_common.contracts.video import (
    VIDEO,
    VideoAnalysisFailed,
    VideoAnalysisStarted,
    VideoAnalyzed,
    VideoDeleted,
    VideoRequested,
    VideoSummary,
)
from nova_common.events import Event

from nova_projector.domain import Projection


def _begin(event: Event) -> VideoSummary | None:
    if not isinstance(event.data, VideoRequested):
        return None
    return VideoSummary(
        id=VIDEO.id_of(event.aggregate),
        status="awaiting_upload",
        filename=str(event.private.get("filename", "")),
        created_at=event.occurred_at,
    )


def _change(summary: VideoSummary, event: Event) -> VideoSummary:
    match event.data:
        case VideoAnalysisStarted(duration_seconds=duration):
            return summary.model_copy(update={"status": "processing", "duration_seconds": duration})
        case VideoAnalyzed(anomalies=anomalies):
            return summary.model_copy(update={"status": "completed", "anomalies": anomalies})
        case VideoAnalysisFailed(reason=reason):
            return summary.model_copy(update={"status": "failed", "reason": reason})
        case _:
            return summary


VIDEOS = Projection(
    aggregate=VIDEO,
    collection="videos",
    summary=VideoSummary,
    begin=_begin,
    change=_change,
    ended_by=VideoDeleted,
)
"""A user's videos."""
