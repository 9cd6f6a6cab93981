"""Contracts of the audio service: its HTTP models, its events and the transcript document."""

from typing import Literal

from pydantic import Field

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.uploads import UploadExpected, UploadRequest
from nova_common.contracts.wire import Contract, Timestamp, is_none
from nova_common.events import AggregateType, EventData, moved_to_private

type RecordingStatus = Literal["awaiting_upload", "processing", "completed", "failed"]
"""Where a recording stands; `completed` and `failed` are final."""

UPLOAD_BYTES_MAX = 2 * 1024**3
"""Amazon Transcribe's limit for a media file, 2 GB (quotas of Amazon Transcribe)."""


class CreateRecording(UploadRequest):
    """Body of `POST /api/audio`: what the caller is about to upload, and its language as BCP-47."""

    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}-[A-Z]{2}$")


class RecordingCreated(UploadExpected):
    """Answer of `POST /api/audio`."""


class RecordingSummary(Contract):
    """A recording as its owner sees it. `duration_seconds` is null until the content was inspected."""

    id: str
    status: RecordingStatus
    reason: str | None = Field(default=None, exclude_if=is_none)
    filename: str
    duration_seconds: float | None = None
    language: str | None = Field(default=None, exclude_if=is_none)
    created_at: Timestamp


class RecordingPage(Contract):
    """Answer of `GET /api/audio`: newest first. `next_cursor` is null on the last page."""

    items: list[RecordingSummary]
    next_cursor: str | None = None


type SentimentLabel = Literal["positive", "negative", "neutral", "mixed"]


class Sentiment(Contract):
    """How something sounds: a score from -1, very negative, to 1, very positive."""

    label: SentimentLabel
    score: float = Field(ge=-1, le=1)


class JudgedSentiment(Sentiment):
    """The sentiment of a whole transcript; `basis` says what judged it."""

    basis: str


class TranscriptSentiment(Contract):
    """The sentiment document: of the recording and of its segments in order; `basis` says what judges."""

    basis: str
    overall: Sentiment
    segments: list[Sentiment]


class TranscriptSegment(Contract):
    """A stretch of speech: seconds from the start of the recording, confidence from 0 to 1.

    Where Nova Sonic is the engine it is a part of up to a minute, without speaker and confidence.
    `sentiment` is there once it was judged, which follows the transcript.
    """

    start: float = Field(ge=0)
    end: float = Field(ge=0)
    text: str
    speaker: str | None = Field(default=None, exclude_if=is_none)
    confidence: float | None = Field(default=None, ge=0, le=1, exclude_if=is_none)
    sentiment: Sentiment | None = Field(default=None, exclude_if=is_none)


class Transcript(Contract):
    """The transcript document, stored in the content bucket and answered by the API.

    It is stored without sentiment, which has a document of its own and stands in the API's answer only.
    """

    text: str
    language: str
    segments: list[TranscriptSegment]
    sentiment: JudgedSentiment | None = Field(default=None, exclude_if=is_none)


class RecordingRequested(EventData):
    """Somebody is going to upload a recording.

    Private: `filename`, which the first version of the schema had among its data.
    """

    schema_version = 2
    upcasters = {1: moved_to_private("filename")}  # noqa: RUF012 - a ClassVar of the base
    private_fields = frozenset({"filename"})

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


class SentimentAnalyzed(EventData):
    """The transcript's sentiment was judged; `segments` is how many of its segments were."""

    sentiment: DocumentReference
    segments: int


class SentimentFailed(EventData):
    """The transcript goes without sentiment, as no model's answer made sense."""

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
        SentimentAnalyzed,
        SentimentFailed,
        RecordingDeleted,
    ),
)
"""One recording: from the request to upload until its deletion."""
