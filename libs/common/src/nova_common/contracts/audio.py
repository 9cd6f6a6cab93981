"""Contracts of the audio service: its HTTP models, its events and the transcript document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from nova_common.contracts.documents import DocumentReference
from nova_common.events import AggregateType, EventData, format_timestamp

type RecordingStatus = Literal["awaiting_upload", "processing", "completed", "failed"]
"""Where a recording stands; `completed` and `failed` are final."""

type Timestamp = Annotated[datetime, PlainSerializer(format_timestamp, return_type=str)]
"""A moment, written as ISO-8601 in UTC with microseconds."""

UPLOAD_BYTES_MAX = 2 * 1024**3
"""Amazon Transcribe's limit for a media file, 2 GB (quotas of Amazon Transcribe)."""

FILENAME_CHARACTERS_MAX = 255
"""The longest file name of the usual file systems."""


def _is_none(value: object) -> bool:
    return value is None


class Contract(BaseModel):
    """Base of the models on the wire: immutable; errors do not show inputs, which may be personal."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class CreateRecording(Contract):
    """Body of `POST /api/audio`: what the caller is about to upload. Sizes in bytes, language as BCP-47."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filename: str = Field(min_length=1, max_length=FILENAME_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
    content_type: str = Field(min_length=1, max_length=128)
    size_bytes: int = Field(gt=0)
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}-[A-Z]{2}$")


class Upload(Contract):
    """How to send the content: one request with this method, URL and headers, body of the declared size.

    The size is signed too; every HTTP client sends `Content-Length` by itself, and browsers forbid setting
    it.
    """

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]


class RecordingCreated(Contract):
    """Answer of `POST /api/audio`."""

    id: str
    upload: Upload


class RecordingSummary(Contract):
    """A recording as its owner sees it. `duration_seconds` is null until the content was inspected."""

    id: str
    status: RecordingStatus
    reason: str | None = Field(default=None, exclude_if=_is_none)
    filename: str
    duration_seconds: float | None = None
    language: str | None = Field(default=None, exclude_if=_is_none)
    created_at: Timestamp


class RecordingPage(Contract):
    """Answer of `GET /api/audio`: newest first. `next_cursor` is null on the last page."""

    items: list[RecordingSummary]
    next_cursor: str | None = None


class TranscriptSegment(Contract):
    """A stretch of speech: seconds from the start of the recording, confidence from 0 to 1."""

    start: float = Field(ge=0)
    end: float = Field(ge=0)
    text: str
    speaker: str | None = Field(default=None, exclude_if=_is_none)
    confidence: float | None = Field(default=None, ge=0, le=1, exclude_if=_is_none)


class Transcript(Contract):
    """The transcript document, stored in the content bucket and answered by the API."""

    text: str
    language: str
    segments: list[TranscriptSegment]


class RecordingRequested(EventData):
    """Somebody is going to upload a recording."""

    filename: str
    content_type: str
    size_bytes: int
    language: str | None = None


class TranscriptionStarted(EventData):
    """The content was found usable and a transcription job was started."""

    job: str
    duration_seconds: float


class TranscriptionCompleted(EventData):
    """The transcript is there. `words` and `segments` are counts."""

    transcript: DocumentReference
    language: str
    duration_seconds: float
    words: int
    segments: int


class TranscriptionFailed(EventData):
    """There will be no transcript; the reason is meant for the owner."""

    severity = "warning"

    reason: str


class RecordingDeleted(EventData):
    """The owner deleted the recording; its content and transcript are gone."""


RECORDING = AggregateType(
    name="Recording",
    source="nova.audio",
    events=(
        RecordingRequested,
        TranscriptionStarted,
        TranscriptionCompleted,
        TranscriptionFailed,
        RecordingDeleted,
    ),
)
"""One recording: from the request to upload until its deletion."""
