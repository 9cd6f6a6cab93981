"""The audio worker: an upload starts a transcription, a finished job becomes a transcript, which is judged.

Messages may come twice, late, or in any order: what is done depends on the recording's history alone, and the
ids of the events derive from their causes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.content import ContentStore, StoredObject
from nova_common.contracts.audio import RECORDING, SentimentAnalyzed, SentimentFailed, Transcript
from nova_common.documents import ContentCorruptError, ContentMissingError
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventData, EventRegistry
from nova_common.histories import Histories
from nova_common.media import UnusableMediaError
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application
from nova_common.uploads import ObjectCreated, upload_key, uploaded_id
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from nova_audio import domain
from nova_audio.media import probe, speech
from nova_audio.sentiment import InvalidSentimentError, SentimentModel
from nova_audio.settings import WorkerSettings
from nova_audio.transcription import (
    InvalidResultError,
    JobRejectedError,
    JobState,
    TranscriptionService,
    read_result,
)

if TYPE_CHECKING:
    from nova_audio.dictation import Dictation

LIMITS = WorkerLimits(concurrency=4)
"""Messages handled at a time: each may hold three blocks of an upload (12 MB) and a result in memory."""


JUDGEMENT_SECONDS_MAX = 60
"""Time-out of one request to the model: the answer about a full batch has some 1,500 tokens."""


class JobUnfinishedError(RuntimeError):
    """A message says that a job has ended, and the service does not say so (yet)."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _JobDetail(_Message):
    job: str = Field(alias="TranscriptionJobName")


class JobStateChanged(_Message):
    """EventBridge's notification that a transcription job ended."""

    source: Literal["aws.transcribe"]
    detail_type: Literal["Transcribe Job State Change"] = Field(alias="detail-type")
    detail: _JobDetail


class _Completed(_Message):
    aggregate: str


class TranscriptCompleted(_Message):
    """Our own event on the bus: a wake-up that names a recording whose transcript is there."""

    source: Literal["nova.audio"]
    detail_type: Literal["TranscriptionCompleted"] = Field(alias="detail-type")
    detail: _Completed


type Message = ObjectCreated | JobStateChanged | TranscriptCompleted

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="detail_type")])


class Transcriber:
    """Handles the worker's messages; every method may be repeated."""

    def __init__(
        self,
        store: EventStore,
        content: ContentStore,
        transcription: TranscriptionService,
        sentiment: SentimentModel,
        job_prefix: str,
        bucket: str,
        dictation: Dictation | None = None,
    ) -> None:
        self._histories = Histories(store, RECORDING, domain.fold, "recording")
        self._content = content
        self._transcription = transcription
        self._sentiment = sentiment
        self._job_prefix = job_prefix
        self._bucket = bucket
        self._dictation = dictation

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        message = _MESSAGE.validate_json(body)
        if isinstance(message, ObjectCreated):
            self.handle_upload(uploaded_id(domain.MEDIA, message.key_in(self._bucket)))
        elif isinstance(message, TranscriptCompleted):
            self.handle_transcript(RECORDING.id_of(message.detail.aggregate))
        else:
            self.handle_job(domain.transcribed_recording_id(self._job_prefix, message.detail.job))

    def handle_upload(self, recording_id: str) -> None:
        """Start the transcription of an uploaded recording, unless that was done before.

        A worker that hears recordings itself does so here, and again where that did not come to its end.
        """
        recording = self._histories.load(recording_id)
        if recording.is_deleted:
            self._delete_content(recording_id)
            return
        if recording.status == "awaiting_upload":
            recording = self._begin(recording)
        if recording.is_dictated:
            self._hear_out(recording)

    def handle_job(self, recording_id: str) -> None:
        """Settle a recording whose job ended, and delete the service's own output."""
        recording = self._histories.load(recording_id)
        if recording.is_open and recording.status == "awaiting_upload":
            # The end of the job overtook the note of its start: catch up first, starting again changes
            # nothing.
            recording = self._begin(recording)
        if recording.is_deleted:
            self._delete_content(recording_id)
            return
        if recording.is_open:
            self._settle(recording)
        self._content.delete_all_versions([domain.raw_result_key(recording_id)])

    def handle_transcript(self, recording_id: str) -> None:
        """Judge the sentiment of a transcript, unless that was done before.

        A model that fails makes this come again; the transcript is there all the while.
        """
        recording = self._histories.load(recording_id)
        if not recording.awaits_judgement or recording.transcript is None:
            return
        cause = f"transcript {recording_id} {recording.transcript.sha256}"
        try:
            transcript = Transcript.model_validate_json(self._content.read_document(recording.transcript))
            judged = self._sentiment.judge(transcript.segments)
        except InvalidSentimentError as error:
            failed = SentimentFailed(reason=str(error))
            self._record(recording_id, cause, lambda current: domain.judge(current, failed))
            return
        except ContentMissingError:
            # A deletion erases the transcript before it becomes an event; until then this comes again.
            if not self._histories.load(recording_id).is_deleted:
                raise
            return
        reference = self._content.write_document(
            domain.sentiment_key(recording_id), judged.model_dump_json().encode()
        )
        analyzed = SentimentAnalyzed(sentiment=reference, segments=len(judged.segments))
        self._record(recording_id, cause, lambda current: domain.judge(current, analyzed))

    def _begin(self, recording: domain.Recording) -> domain.Recording:
        stored = self._content.describe(upload_key(domain.MEDIA, recording.id))
        cause = f"upload {recording.id} {stored.etag}"
        try:
            duration_seconds = self._inspect(recording, stored)
            if self._dictation is None:
                job = self._start_job(recording, stored.key)
            else:
                self._dictation.check(recording.language, duration_seconds)
                job = domain.dictation(recording.id)
        except (UnusableMediaError, JobRejectedError) as error:
            reason = str(error)
            return self._record(recording.id, cause, lambda current: domain.fail(current, reason))
        return self._record(recording.id, cause, lambda current: domain.start(current, job, duration_seconds))

    def _start_job(self, recording: domain.Recording, key: str) -> str:
        """Start a recording's job, or find it started, and return its name; JobRejectedError."""
        job = domain.job_name(self._job_prefix, recording.id)
        self._transcription.start(
            job, key, recording.media_format, domain.raw_result_key(recording.id), recording.language
        )
        return job

    def _hear_out(self, recording: domain.Recording) -> None:
        """Have the speech model hear a recording; where it no longer is the engine, a job does it."""
        stored = self._content.describe(upload_key(domain.MEDIA, recording.id))
        cause = f"dictation {recording.id} {stored.etag}"
        try:
            if self._dictation is None:
                self._start_job(recording, stored.key)
                return
            with self._content.open(stored) as reader:
                try:
                    sound = speech(reader, recording.media_format)
                    transcript, words = self._dictation.transcribe(sound, recording.language)
                finally:
                    reader.check()
        except (UnusableMediaError, JobRejectedError) as error:
            reason = str(error)
            self._record(recording.id, cause, lambda current: domain.fail(current, reason))
            return
        self._keep(recording, transcript, words, cause)

    def _inspect(self, recording: domain.Recording, stored: StoredObject) -> float:
        """Return the duration in seconds of what was uploaded.

        UnusableMediaError names what is wrong with it.
        """
        if stored.size_bytes != recording.size_bytes:
            message = f"{stored.size_bytes} bytes were uploaded, but {recording.size_bytes} were declared"
            raise UnusableMediaError(message)
        with self._content.open(stored) as reader:
            try:
                media = probe(reader, recording.media_format)
            finally:
                # A failed read is not the content's fault, whatever came of it: it may succeed the next time.
                reader.check()
        fault = domain.duration_fault(media.duration_seconds)
        if fault:
            raise UnusableMediaError(fault)
        return media.duration_seconds

    def _settle(self, recording: domain.Recording) -> None:
        job = domain.job_name(self._job_prefix, recording.id)
        state = self._transcription.state(job)
        cause = f"job {job} {state.status}"
        if state.status == "FAILED":
            reason = state.failure_reason or "the transcription service gave no reason"
            self._record(recording.id, cause, lambda current: domain.fail(current, reason))
        elif state.status == "COMPLETED":
            self._complete(recording, job, state, cause)
        else:
            message = f"the job {job} is {state.status or 'unknown'}"
            raise JobUnfinishedError(message)

    def _complete(self, recording: domain.Recording, job: str, state: JobState, cause: str) -> None:
        try:
            raw = self._content.read(domain.raw_result_key(recording.id))
            transcript, words = read_result(raw, job, state.language)
        except (InvalidResultError, ContentCorruptError) as error:
            reason = str(error)
            self._record(recording.id, cause, lambda current: domain.fail(current, reason))
            return
        self._keep(recording, transcript, words, cause)

    def _keep(self, recording: domain.Recording, transcript: Transcript, words: int, cause: str) -> None:
        reference = self._content.write_document(
            domain.transcript_key(recording.id), transcript.model_dump_json().encode()
        )
        self._record(
            recording.id,
            cause,
            lambda current: domain.complete(
                current, reference, transcript.language, words, len(transcript.segments)
            ),
        )

    def _record(
        self,
        recording_id: str,
        cause: str,
        decide: Callable[[domain.Recording], Sequence[EventData]],
    ) -> domain.Recording:
        """Append what follows from the state, and return the state afterwards.

        A recording that was deleted meanwhile loses what this worker may just have written.
        """
        recording = self._histories.record(recording_id, cause, decide)
        if recording.is_deleted:
            self._delete_content(recording_id)
        return recording

    def _delete_content(self, recording_id: str) -> None:
        self._content.delete_all_versions(domain.content_keys(recording_id))


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the worker from what its environment names."""
    store = DynamoEventStore(
        aws.dynamodb(settings.region), settings.event_store_table, EventRegistry([RECORDING])
    )
    transcriber = Transcriber(
        store,
        ContentStore(aws.s3(settings.region), settings.content_bucket),
        TranscriptionService(
            aws.transcribe(settings.region),
            settings.content_bucket,
            settings.content_key_arn,
            speakers_max=settings.speakers_max,
        ),
        SentimentModel(
            aws.bedrock_runtime(settings.region, read_timeout_seconds=JUDGEMENT_SECONDS_MAX),
            settings.sentiment_model,
        ),
        settings.transcription_job_prefix,
        settings.content_bucket,
        _dictation(settings),
    )
    queue = aws.sqs(settings.region)
    return create_worker_application(
        "Nova audio worker",
        lambda: QueueWorker(queue, settings.queue_url, transcriber.handle, LIMITS),
        checks={"event_store": store.check_ready},
    )


def _dictation(settings: WorkerSettings) -> Dictation | None:
    """Return the engine where it is Nova Sonic; None where it is Amazon Transcribe."""
    if not settings.sonic_model:
        return None
    # Not before it is needed: the speech client is half of what a worker would load.
    from boto3.session import Session  # noqa: PLC0415

    from nova_audio.dictation import Dictation, DictationLimits  # noqa: PLC0415
    from nova_audio.live.sonic import DictationModel  # noqa: PLC0415

    session = Session(region_name=settings.sonic_region)
    return Dictation(lambda: DictationModel(session, settings.sonic_model), DictationLimits())


def main() -> None:
    """Consume the queue until the task is stopped."""
    server.main(WorkerSettings.from_env, lambda settings: settings.server, create_app, drain_seconds=0)


if __name__ == "__main__":
    main()
