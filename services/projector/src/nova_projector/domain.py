"""The projection of a recording's events onto one row of the read model. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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

TOMBSTONE_LIFE = timedelta(days=30)
"""How long a deleted recording's row stays.

Longer than any message about it can be under way (SQS keeps 14 days).
"""


class GapError(RuntimeError):
    """An event does not follow the row's version; applying it would lose what lies between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """A recording in the read model at a version.

    Its owner and summary, or a tombstone when it was deleted.
    """

    aggregate: str
    version: int
    user: str | None
    summary: RecordingSummary | None
    expires_at: datetime | None = None


def project(row: RecordingRow | None, events: Iterable[Event]) -> RecordingRow | None:
    """Apply events in version order to a row, None for one that does not exist yet.

    Events that the row already holds change nothing. Raises GapError when one is missing in between.
    """
    for event in events:
        version = row.version if row else 0
        if event.version <= version:
            continue
        if event.version != version + 1:
            message = f"{event.aggregate} is at version {version}, the next event has version {event.version}"
            raise GapError(message)
        row = _apply(row, event)
    return row


def _apply(row: RecordingRow | None, event: Event) -> RecordingRow:
    if isinstance(event.data, RecordingRequested):
        return RecordingRow(
            aggregate=event.aggregate,
            version=event.version,
            user=event.user,
            summary=RecordingSummary(
                id=RECORDING.id_of(event.aggregate),
                status="awaiting_upload",
                filename=event.data.filename,
                language=event.data.language,
                created_at=event.occurred_at,
            ),
        )
    if row is None:
        message = f"the history of {event.aggregate} begins with {event.type}"
        raise GapError(message)
    if isinstance(event.data, RecordingDeleted):
        expires_at = event.occurred_at + TOMBSTONE_LIFE
        return replace(row, version=event.version, user=None, summary=None, expires_at=expires_at)
    if row.summary is None:
        return replace(row, version=event.version)
    return replace(row, version=event.version, summary=_changed(row.summary, event))


def _changed(summary: RecordingSummary, event: Event) -> RecordingSummary:
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
