"""Amazon Transcribe: starting a recording's job, its state, and its result as our transcript document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError
from nova_common.aws import error_code, error_message
from nova_common.contracts.audio import Transcript, TranscriptSegment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from types_boto3_transcribe import TranscribeServiceClient

PAUSE_SECONDS = 1.5
"""A silence that ends a segment where the service gives no segments of its own."""

_SENTENCE_ENDS = frozenset(".?!。？！")  # noqa: RUF001 - full-width punctuation of Japanese and Chinese
_UNSPACED_LANGUAGES = frozenset({"ja", "zh", "th"})


class JobRejectedError(Exception):
    """The service refuses the job for good; the message is meant for the recording's owner."""


class InvalidResultError(Exception):
    """The service's result cannot be read or belongs to another job."""


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a transcription job stands.

    `language` and `failure_reason` are there when the service gives them.
    """

    status: str
    language: str | None
    failure_reason: str | None


class TranscriptionService:
    """Jobs of Amazon Transcribe on objects of one bucket."""

    def __init__(
        self, client: TranscribeServiceClient, bucket: str, key_arn: str, *, speakers_max: int
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key_arn = key_arn
        self._speakers_max = speakers_max

    def start(
        self, job: str, media_key: str, media_format: str, output_key: str, language: str | None
    ) -> None:
        """Start a job that writes its result to `output_key`; a job of this name that exists already is fine.

        Without a language the service identifies it. Raises JobRejectedError when the request cannot succeed.
        """
        request: dict[str, Any] = {
            "TranscriptionJobName": job,
            "Media": {"MediaFileUri": f"s3://{self._bucket}/{media_key}"},
            "MediaFormat": media_format,
            "OutputBucketName": self._bucket,
            "OutputKey": output_key,
            # Left out, the service asks S3 for its own key, whatever the bucket's default encryption is.
            "OutputEncryptionKMSKeyId": self._key_arn,
            "Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": self._speakers_max},
        }
        if language is None:
            request["IdentifyLanguage"] = True
        else:
            request["LanguageCode"] = language
        try:
            self._client.start_transcription_job(**request)
        except ClientError as error:
            if error_code(error) == "BadRequestException":
                raise JobRejectedError(error_message(error)) from error
            if error_code(error) != "ConflictException":
                raise

    def state(self, job: str) -> JobState:
        """Return where a job stands."""
        answer = self._client.get_transcription_job(TranscriptionJobName=job)
        found = answer["TranscriptionJob"]
        return JobState(
            status=found.get("TranscriptionJobStatus", ""),
            language=found.get("LanguageCode"),
            failure_reason=found.get("FailureReason"),
        )


class _Raw(BaseModel):
    """Base of the parts of the service's result; times and confidences are numbers in strings there."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Alternative(_Raw):
    content: str
    confidence: float | None = Field(default=None, ge=0, le=1)


class _Item(_Raw):
    type: Literal["pronunciation", "punctuation"]
    alternatives: list[_Alternative] = Field(min_length=1)
    start_time: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    end_time: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    speaker_label: str | None = None

    @property
    def is_word(self) -> bool:
        return self.type == "pronunciation"

    @property
    def content(self) -> str:
        return self.alternatives[0].content


class _AudioSegment(_Raw):
    transcript: str
    start_time: float = Field(ge=0, allow_inf_nan=False)
    end_time: float = Field(ge=0, allow_inf_nan=False)
    speaker_label: str | None = None
    items: list[int] = []


class _Text(_Raw):
    transcript: str


class _Results(_Raw):
    transcripts: list[_Text] = Field(min_length=1)
    items: list[_Item] = []
    audio_segments: list[_AudioSegment] = []
    language_code: str | None = None


class _Document(_Raw):
    job_name: str = Field(alias="jobName")
    results: _Results


def read_result(raw: bytes, job: str, language: str | None) -> tuple[Transcript, int]:
    """Convert the service's result of a job into our transcript; return it with its number of words.

    `language` is what the job's description says; an identified language may stand in the result only. Raises
    InvalidResultError.
    """
    try:
        document = _Document.model_validate_json(raw)
    except ValidationError as error:
        message = "the result of the transcription service could not be read"
        raise InvalidResultError(message) from error
    if document.job_name != job:
        message = "the result of the transcription service belongs to another recording"
        raise InvalidResultError(message)
    results = document.results
    spoken = language or results.language_code
    if spoken is None:
        message = "the transcription service did not say which language it heard"
        raise InvalidResultError(message)
    separator = "" if spoken.partition("-")[0] in _UNSPACED_LANGUAGES else " "
    if results.audio_segments:
        segments = [
            part
            for given in results.audio_segments
            for part in _given_segments(given, results.items, separator)
        ]
    else:
        segments = [_built_segment(group, separator) for group in _grouped(results.items)]
    transcript = Transcript(text=results.transcripts[0].transcript, language=spoken, segments=segments)
    return transcript, sum(item.is_word for item in results.items)


def _given_segments(
    segment: _AudioSegment, items: Sequence[_Item], separator: str
) -> Iterable[TranscriptSegment]:
    """Return a segment of the service as it is, or one for each speaker where several speak in it."""
    words = [items[index] for index in segment.items if 0 <= index < len(items)]
    if len({word.speaker_label for word in words if word.is_word}) > 1:
        return [_built_segment(group, separator) for group in _grouped(words)]
    given = TranscriptSegment(
        start=segment.start_time,
        end=max(segment.start_time, segment.end_time),
        text=segment.transcript,
        speaker=segment.speaker_label or _speaker(words),
        confidence=_confidence(words),
    )
    return [given]


def _grouped(items: Iterable[_Item]) -> list[list[_Item]]:
    """Split items where a sentence ends, somebody else speaks, or there is a pause; each group has a word."""
    groups: list[list[_Item]] = []
    last_word: _Item | None = None
    for item in items:
        if not item.is_word:
            if groups:
                groups[-1].append(item)
            continue
        if last_word is None or _begins_segment(item, last_word, groups[-1][-1]):
            groups.append([])
        groups[-1].append(item)
        last_word = item
    return groups


def _begins_segment(word: _Item, last_word: _Item, previous: _Item) -> bool:
    return (
        (not previous.is_word and previous.content in _SENTENCE_ENDS)
        or word.speaker_label != last_word.speaker_label
        or word.start_time - last_word.end_time > PAUSE_SECONDS
    )


def _built_segment(group: Sequence[_Item], separator: str) -> TranscriptSegment:
    text = ""
    for item in group:
        text += (separator if text and item.is_word else "") + item.content
    words = [item for item in group if item.is_word]
    return TranscriptSegment(
        start=words[0].start_time,
        end=max(words[0].start_time, words[-1].end_time),
        text=text,
        speaker=_speaker(words),
        confidence=_confidence(words),
    )


def _speaker(words: Sequence[_Item]) -> str | None:
    return next((word.speaker_label for word in words if word.speaker_label), None)


def _confidence(items: Sequence[_Item]) -> float | None:
    """Return the mean confidence of the words; punctuation has none of its own."""
    known = [item.alternatives[0].confidence for item in items if item.is_word]
    values = [value for value in known if value is not None]
    return round(sum(values) / len(values), 3) if values else None
