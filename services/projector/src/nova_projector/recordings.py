"""The projection of recordings: where each stands. No I/O."""

from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    RecordingSummary,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.events import Event

from nova_projector.domain import Projection


def _begin(event: Event) -> RecordingSummary | None:
    if not isinstance(event.data, RecordingRequested):
        return None
    return RecordingSummary(
        id=RECORDING.id_of(event.aggregate),
        status="awaiting_upload",
        filename=str(event.private.get("filename", "")),
        language=event.data.language,
        created_at=event.occurred_at,
    )


def _change(summary: RecordingSummary, event: Event) -> RecordingSummary:
    match event.data:
        case TranscriptionStarted(duration_seconds=duration):
            return summary.model_copy(update={"status": "processing", "duration_seconds": duration})
        case TranscriptionCompleted(language=language, duration_seconds=duration):
            changes = {"status": "completed", "language": language, "duration_seconds": duration}
            return summary.model_copy(update=changes)
        case TranscriptionFailed(reason=reason):
            return summary.model_copy(update={"status": "failed", "reason": reason})
        case _:
            return summary


RECORDINGS = Projection(
    aggregate=RECORDING,
    collection="recordings",
    summary=RecordingSummary,
    begin=_begin,
    change=_change,
    ended_by=RecordingDeleted,
)
"""A user's recordings."""
