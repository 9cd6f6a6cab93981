"""What a recording is and what may happen to it: folding events into state, deciding events from state.

No I/O.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

from nova_common.contracts.audio import (
    RECORDING,
    CreateRecording,
    JudgedSentiment,
    RecordingDeleted,
    RecordingRequested,
    RecordingStatus,
    RecordingSummary,
    SentimentAnalyzed,
    SentimentFailed,
    Transcript,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
    TranscriptSentiment,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.events import Event, EventData, folded, is_aggregate_id
from nova_common.uploads import upload_key

MEDIA = "audio"
"""The kind of media, as it stands in keys of uploads."""

MEDIA_FORMATS = {
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-mp3": "mp3",
    "audio/mp4": "mp4",
    "audio/m4a": "mp4",
    "audio/x-m4a": "mp4",
    "video/mp4": "mp4",
    "audio/webm": "webm",
    "video/webm": "webm",
    "audio/ogg": "ogg",
    "application/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
}
"""Content types that are accepted, and Amazon Transcribe's name for their media format."""

DURATION_SECONDS_MIN = 0.5
DURATION_SECONDS_MAX = 4 * 60 * 60
"""Amazon Transcribe takes recordings of half a second to four hours (its quotas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording after some version of its history."""

    id: str
    user: str
    correlation: str
    created_at: datetime
    version: int
    status: RecordingStatus
    filename: str
    content_type: str
    size_bytes: int
    language: str | None
    duration_seconds: float | None = None
    job: str | None = None
    """What transcribes it, or did."""
    reason: str | None = None
    transcript: DocumentReference | None = None
    sentiment: DocumentReference | None = None
    is_judged: bool = False
    """Whether the transcript's sentiment was judged, or will not be."""
    is_deleted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a transcript may still come."""
        return not self.is_deleted and self.status in {"awaiting_upload", "processing"}

    @property
    def is_dictated(self) -> bool:
        """Whether a worker hears it, or should: it is in work, and no job of Transcribe's."""
        return self.is_open and self.status == "processing" and self.job == dictation(self.id)

    @property
    def awaits_judgement(self) -> bool:
        """Whether there is a transcript whose sentiment may still be judged."""
        return not self.is_deleted and self.transcript is not None and not self.is_judged

    @property
    def media_format(self) -> str:
        """Amazon Transcribe's name for the declared media format."""
        return MEDIA_FORMATS[self.content_type]

    def summary(self) -> RecordingSummary:
        """Describe the recording to its owner."""
        return RecordingSummary(
            id=self.id,
            status=self.status,
            reason=self.reason,
            filename=self.filename,
            duration_seconds=self.duration_seconds,
            language=self.language,
            created_at=self.created_at,
        )


def fold(history: Iterable[Event]) -> Recording | None:
    """Return the state after a history, None for an empty one.

    ValueError when it does not begin with a request.
    """
    return folded(history, _begin, _apply)


def _begin(event: Event) -> Recording:
    if not isinstance(event.data, RecordingRequested) or event.user is None:
        message = f"the history of {event.aggregate} does not begin with somebody's request"
        raise ValueError(message)
    return Recording(
        id=RECORDING.id_of(event.aggregate),
        user=event.user,
        correlation=event.correlation,
        created_at=event.occurred_at,
        version=event.version,
        status="awaiting_upload",
        # Empty for readers without the right, and for an owner who was erased.
        filename=str(event.private.get("filename", "")),
        content_type=event.data.content_type,
        size_bytes=event.data.size_bytes,
        language=event.data.language,
    )


def _apply(recording: Recording, event: Event) -> Recording:
    recording = replace(recording, version=event.version)
    match event.data:
        case TranscriptionStarted(job=job, duration_seconds=duration):
            return replace(recording, status="processing", duration_seconds=duration, job=job)
        case TranscriptionCompleted(transcript=transcript, language=language, duration_seconds=duration):
            return replace(
                recording,
                status="completed",
                transcript=transcript,
                language=language,
                duration_seconds=duration,
            )
        case TranscriptionFailed(reason=reason):
            return replace(recording, status="failed", reason=reason)
        case SentimentAnalyzed(sentiment=sentiment):
            return replace(recording, sentiment=sentiment, is_judged=True)
        case SentimentFailed():
            return replace(recording, is_judged=True)
        case RecordingDeleted():
            return replace(recording, is_deleted=True)
        case _:
            message = f"{event.type} cannot follow in the history of {event.aggregate}"
            raise ValueError(message)


def request(body: CreateRecording, content_type: str) -> RecordingRequested:
    """Accept a request to upload; `content_type` is the normalised one."""
    return RecordingRequested(
        content_type=content_type,
        size_bytes=body.size_bytes,
        language=body.language,
    )


def start(recording: Recording, job: str, duration_seconds: float) -> Sequence[EventData]:
    """Note that the job of a waiting recording was started; nothing for one that is past that."""
    if recording.is_deleted or recording.status != "awaiting_upload":
        return []
    return [TranscriptionStarted(job=job, duration_seconds=duration_seconds)]


def complete(
    recording: Recording, transcript: DocumentReference, language: str, words: int, segments: int
) -> Sequence[EventData]:
    """Note the transcript of a recording in work; nothing for one that is settled or deleted."""
    if recording.is_deleted or recording.status != "processing" or recording.duration_seconds is None:
        return []
    return [
        TranscriptionCompleted(
            transcript=transcript,
            language=language,
            duration_seconds=recording.duration_seconds,
            words=words,
            segments=segments,
        )
    ]


def fail(recording: Recording, reason: str) -> Sequence[EventData]:
    """Note that there will be no transcript; nothing for a recording that is settled or deleted."""
    return [TranscriptionFailed(reason=reason)] if recording.is_open else []


def judge(recording: Recording, outcome: SentimentAnalyzed | SentimentFailed) -> Sequence[EventData]:
    """Note what came of judging the sentiment; nothing where that was noted, or there is nothing to judge."""
    return [outcome] if recording.awaits_judgement else []


def delete(recording: Recording) -> Sequence[EventData]:
    """Delete a recording; nothing when it is deleted already."""
    return [] if recording.is_deleted else [RecordingDeleted()]


def duration_fault(seconds: float) -> str | None:
    """Return why a recording of this duration cannot be transcribed, None when it can."""
    if seconds < DURATION_SECONDS_MIN:
        return f"the recording lasts {seconds:.2f} s, at least {DURATION_SECONDS_MIN} s are needed"
    if seconds > DURATION_SECONDS_MAX:
        return f"the recording lasts {seconds:.0f} s, at most {DURATION_SECONDS_MAX} s are allowed"
    return None


def with_sentiment(transcript: Transcript, judged: TranscriptSentiment) -> Transcript:
    """Return the transcript as it is answered, with its sentiment."""
    segments = [
        segment.model_copy(update={"sentiment": sentiment})
        for segment, sentiment in zip_longest(
            transcript.segments, judged.segments[: len(transcript.segments)]
        )
    ]
    return Transcript(
        text=transcript.text,
        language=transcript.language,
        segments=segments,
        sentiment=JudgedSentiment(label=judged.overall.label, score=judged.overall.score, basis=judged.basis),
    )


def raw_result_key(recording_id: str) -> str:
    """Return the object key of the transcription service's own output."""
    return f"transcribe/{recording_id}.json"


def transcript_key(recording_id: str) -> str:
    """Return the object key of our transcript document."""
    return f"transcripts/{recording_id}.json"


def sentiment_key(recording_id: str) -> str:
    """Return the object key of the document with the transcript's sentiment."""
    return f"transcripts/{recording_id}.sentiment.json"


def content_keys(recording_id: str) -> tuple[str, ...]:
    """Return all object keys that may hold content of a recording."""
    return (
        upload_key(MEDIA, recording_id),
        raw_result_key(recording_id),
        transcript_key(recording_id),
        sentiment_key(recording_id),
    )


def job_name(prefix: str, recording_id: str) -> str:
    """Return the name of a recording's transcription job, the same whenever it is asked for."""
    return f"{prefix}-{recording_id}"


def dictation(recording_id: str) -> str:
    """Return what stands in a recording's history in place of a job where a worker hears it itself."""
    return f"dictation-{recording_id}"


def transcribed_recording_id(prefix: str, job: str) -> str:
    """Return the recording that a job transcribes; ValueError for a job that is not ours."""
    recording_id = job.removeprefix(f"{prefix}-")
    if recording_id == job or not is_aggregate_id(recording_id):
        message = f"{job[:80]!r} is not a transcription job of {prefix}"
        raise ValueError(message)
    return recording_id
