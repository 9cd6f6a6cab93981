"""The audio worker: messages in any order and number lead to one transcript, or to one reason."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import contextlib
import io
import json
import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, override

import pytest
from aws_sdk_bedrock_runtime.models import ThrottlingException
from botocore.exceptions import ClientError
from fastapi.testclient import TestClient
from nova_audio import domain, worker
from nova_audio.dictation import Dictation, DictationLimits
from nova_audio.media import Media
from nova_audio.sentiment import InvalidSentimentError, SentimentModel
from nova_audio.settings import WorkerSettings
from nova_audio.transcription import TranscriptionService
from nova_audio.worker import JobUnfinishedError, Transcriber, create_app
from nova_common import content
from nova_common.content import ContentStore
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    Sentiment,
    Transcript,
    TranscriptionCompleted,
    TranscriptSegment,
    TranscriptSentiment,
)
from nova_common.documents import ContentMissingError
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.histories import UnknownAggregateError
from nova_common.media import UnusableMediaError
from pydantic import ValidationError

from tests.services.support.audio import CODECS, CONTENT_TYPES, silent_video, tone, without_duration
from tests.services.support.tables import (
    CONTENT_BUCKET,
    EVENT_STORE_TABLE,
    REGION,
    create_queue,
    poll_shortly,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

PREFIX = "nova-test-1234"
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/content"
USER = "alice"


def failure(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "operation")


class FakeTranscribe:
    """Amazon Transcribe's client as far as it is used: jobs end when the test says so."""

    def __init__(self, s3: "S3Client") -> None:
        self.s3 = s3
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.refusal: ClientError | None = None

    def start_transcription_job(self, **request: Any) -> Any:
        self.requests.append(request)
        if self.refusal:
            raise self.refusal
        name = request["TranscriptionJobName"]
        if name in self.jobs:
            raise failure("ConflictException")
        self.jobs[name] = {"TranscriptionJobStatus": "IN_PROGRESS", "request": request}

    def get_transcription_job(self, **request: Any) -> Any:
        return {"TranscriptionJob": self.jobs[request["TranscriptionJobName"]]}

    def finish(self, name: str, text: str = "hello world", job_name: str | None = None) -> None:
        job = self.jobs[name]
        items = [
            {
                "type": "pronunciation",
                "start_time": str(place),
                "end_time": str(place + 0.5),
                "alternatives": [{"confidence": "0.9", "content": word}],
            }
            for place, word in enumerate(text.split())
        ]
        results = {"transcripts": [{"transcript": text}], "items": items}
        body = json.dumps({"jobName": job_name or name, "status": "COMPLETED", "results": results})
        key = job["request"]["OutputKey"]
        self.s3.put_object(Bucket=CONTENT_BUCKET, Key=key, Body=body.encode())
        language = job["request"].get("LanguageCode", "en-US")
        job |= {"TranscriptionJobStatus": "COMPLETED", "LanguageCode": language}

    def fail(self, name: str, reason: str) -> None:
        self.jobs[name] |= {"TranscriptionJobStatus": "FAILED", "FailureReason": reason}


class FakeSentiment(SentimentModel):
    """A model that says what the test says; `failures` come first."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.asked = 0

    @override
    def judge(self, segments: Sequence[TranscriptSegment]) -> TranscriptSentiment:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        good = Sentiment(label="positive", score=0.5)
        return TranscriptSentiment(basis="test", overall=good, segments=[good] * len(segments))


class FakeDictation(Dictation):
    """A speech model that hears what the test says; `failures` come first."""

    def __init__(self, during: Callable[[], None] = lambda: None) -> None:
        super().__init__(lambda: pytest.fail("no session"), DictationLimits())
        self.failures: list[Exception] = []
        self.heard = 0
        self._during = during

    @override
    def transcribe(self, sound: Iterable[bytes], language: str | None) -> tuple[Transcript, int]:
        assert sum(map(len, sound)) > 1000
        self.heard += 1
        if self.failures:
            raise self.failures.pop(0)
        self._during()
        segments = [TranscriptSegment(start=0, end=1, text="hello world")]
        return Transcript(text="hello world", language=language or "und", segments=segments), 2


class World:
    """A worker with its surroundings."""

    def __init__(self, dynamodb: "DynamoDBClient", s3: "S3Client") -> None:
        self.s3 = s3
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING]))
        self.content = ContentStore(s3, CONTENT_BUCKET)
        self.transcribe = FakeTranscribe(s3)
        service = TranscriptionService(
            self.transcribe,  # pyright: ignore[reportArgumentType]
            CONTENT_BUCKET,
            KEY_ARN,
            speakers_max=10,
        )
        self.sentiment = FakeSentiment()
        self._service = service
        self.worker = self.hearing(None)

    def hearing(self, dictation: Dictation | None) -> Transcriber:
        """A worker with another engine."""
        return Transcriber(
            self.store,
            self.content,
            self._service,
            self.sentiment,
            PREFIX,
            CONTENT_BUCKET,
            dictation,
        )

    def request(self, size: int, content_type: str = "audio/wav", language: str | None = None) -> str:
        recording_id = str(uuid.uuid4())
        data = RecordingRequested(content_type=content_type, size_bytes=size, language=language)
        self.store.append([RECORDING.event(recording_id, data, user=USER, correlation="request-1")], 0)
        return recording_id

    def upload(self, recording_id: str, body: bytes) -> None:
        self.s3.put_object(Bucket=CONTENT_BUCKET, Key=f"uploads/audio/{recording_id}", Body=body)

    def uploaded(self, body: bytes | None = None, content_type: str = "audio/wav", **options: Any) -> str:
        body = tone("wav") if body is None else body
        recording_id = self.request(options.pop("size", len(body)), content_type, **options)
        self.upload(recording_id, body)
        return recording_id

    def delete(self, recording_id: str) -> None:
        version = len(self.types(recording_id))
        self.store.append(
            [RECORDING.event(recording_id, RecordingDeleted(), user=USER, correlation="c")], version
        )

    def recording(self, recording_id: str) -> domain.Recording:
        recording = domain.fold(self.store.load(RECORDING.key(recording_id)))
        assert recording is not None
        return recording

    def types(self, recording_id: str) -> list[str]:
        return [event.type for event in self.store.load(RECORDING.key(recording_id))]

    def object_keys(self) -> list[str]:
        versions = self.s3.list_object_versions(Bucket=CONTENT_BUCKET).get("Versions", [])
        return sorted({version.get("Key", "") for version in versions})


@pytest.fixture
def world(dynamodb: "DynamoDBClient", s3: "S3Client") -> World:
    return World(dynamodb, s3)


def object_created(recording_id: str, bucket: str = CONTENT_BUCKET) -> str:
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": f"uploads/audio/{recording_id}", "size": 5, "etag": "e", "sequencer": "1"},
    }
    return json.dumps({"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def job(recording_id: str) -> str:
    return f"{PREFIX}-{recording_id}"


def job_changed(recording_id: str, status: str = "COMPLETED") -> str:
    detail = {"TranscriptionJobName": job(recording_id), "TranscriptionJobStatus": status}
    envelope = {"source": "aws.transcribe", "detail-type": "Transcribe Job State Change"}
    return json.dumps(envelope | {"detail": detail})


@pytest.mark.parametrize("media_format", CODECS)
def test_a_recording_becomes_a_transcript(world: World, media_format: str) -> None:
    recording_id = world.uploaded(tone(media_format, 1.5), CONTENT_TYPES[media_format])
    world.worker.handle(object_created(recording_id))
    (request,) = world.transcribe.requests
    assert request["TranscriptionJobName"] == job(recording_id)
    assert request["MediaFormat"] == media_format
    assert request["IdentifyLanguage"] is True
    assert world.recording(recording_id).status == "processing"
    world.transcribe.finish(job(recording_id))
    world.worker.handle(job_changed(recording_id))
    recording = world.recording(recording_id)
    assert (recording.status, recording.language) == ("completed", "en-US")
    assert recording.duration_seconds == pytest.approx(1.5, abs=0.1)
    assert recording.transcript is not None
    document = Transcript.model_validate_json(world.content.read_document(recording.transcript))
    assert document.text == "hello world"
    *_, last = world.store.load(RECORDING.key(recording_id))
    assert isinstance(last.data, TranscriptionCompleted)
    assert (last.data.words, last.data.segments, last.user, last.correlation) == (2, 1, USER, "request-1")
    assert world.object_keys() == [f"transcripts/{recording_id}.json", f"uploads/audio/{recording_id}"]


def completed(recording_id: str) -> str:
    detail = {"aggregate": RECORDING.key(recording_id), "version": "3"}
    return json.dumps({"source": "nova.audio", "detail-type": "TranscriptionCompleted", "detail": detail})


def transcribed(world: World) -> str:
    recording_id = world.uploaded()
    world.worker.handle(object_created(recording_id))
    world.transcribe.finish(job(recording_id))
    world.worker.handle(job_changed(recording_id))
    return recording_id


def test_a_transcript_is_judged_once(world: World) -> None:
    recording_id = transcribed(world)
    for _ in range(3):
        world.worker.handle(completed(recording_id))
    recording = world.recording(recording_id)
    assert (recording.status, world.sentiment.asked) == ("completed", 1)
    assert recording.sentiment is not None
    judged = TranscriptSentiment.model_validate_json(world.content.read_document(recording.sentiment))
    assert (judged.overall.label, len(judged.segments)) == ("positive", 1)
    assert world.types(recording_id)[-2:] == ["TranscriptionCompleted", "SentimentAnalyzed"]
    *_, last = world.store.load(RECORDING.key(recording_id))
    assert "positive" not in last.model_dump_json()


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerException", "ModelTimeoutException"])
def test_a_model_that_fails_loses_no_transcript(world: World, code: str) -> None:
    recording_id = transcribed(world)
    world.sentiment.failures = [failure(code), failure(code)]
    for _ in range(2):
        with pytest.raises(ClientError, match=code):
            world.worker.handle(completed(recording_id))
        assert world.recording(recording_id).status == "completed"
        assert world.types(recording_id)[-1] == "TranscriptionCompleted"
    world.worker.handle(completed(recording_id))
    assert world.types(recording_id)[-1] == "SentimentAnalyzed"


def test_a_transcript_goes_without_sentiment_where_no_answer_makes_sense(world: World) -> None:
    recording_id = transcribed(world)
    world.sentiment.failures = [InvalidSentimentError("no sense")]
    for _ in range(2):
        world.worker.handle(completed(recording_id))
    recording = world.recording(recording_id)
    assert (recording.status, recording.sentiment, world.sentiment.asked) == ("completed", None, 1)
    assert world.types(recording_id)[-1] == "SentimentFailed"


def test_what_is_not_there_or_deleted_is_not_judged(world: World) -> None:
    early = world.uploaded()
    world.worker.handle(completed(early))
    deleted = transcribed(world)
    world.delete(deleted)
    world.worker.handle(completed(deleted))
    assert world.sentiment.asked == 0


def test_a_recording_deleted_while_it_is_judged_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = transcribed(world)
    judge = world.sentiment.judge

    def deleted_meanwhile(segments: Sequence[TranscriptSegment]) -> TranscriptSentiment:
        world.content.delete_all_versions(domain.content_keys(recording_id))
        world.delete(recording_id)
        return judge(segments)

    monkeypatch.setattr(world.sentiment, "judge", deleted_meanwhile)
    world.worker.handle(completed(recording_id))
    assert world.object_keys() == []
    assert world.types(recording_id)[-1] == "RecordingDeleted"


def test_a_declared_language_is_used(world: World) -> None:
    recording_id = world.uploaded(language="de-DE")
    world.worker.handle(object_created(recording_id))
    assert world.transcribe.requests[0]["LanguageCode"] == "de-DE"


@pytest.mark.parametrize(
    ("body", "content_type", "options", "reason"),
    [
        (bytes(5000), "audio/wav", {}, "corrupt"),
        (tone("wav"), "audio/wav", {"size": 7}, "bytes were uploaded, but 7 were declared"),
        (tone("flac"), "audio/wav", {}, "flac, but wav was declared"),
        (tone("wav", 0.2), "audio/wav", {}, "lasts 0.20 s"),
        (silent_video(), "video/mp4", {}, "no audio track"),
    ],
    ids=["corrupt", "another size", "another format", "too short", "no sound"],
)
def test_unusable_content_fails_with_a_reason(
    world: World, body: bytes, content_type: str, options: dict[str, Any], reason: str
) -> None:
    recording_id = world.uploaded(body, content_type, **options)
    for _ in range(2):
        world.worker.handle(object_created(recording_id))
    recording = world.recording(recording_id)
    assert recording.status == "failed"
    assert reason in (recording.reason or "")
    assert world.types(recording_id) == ["RecordingRequested", "TranscriptionFailed"]
    assert world.transcribe.requests == []


def test_a_refused_job_fails_with_the_services_reason(world: World) -> None:
    recording_id = world.uploaded(language="ja-JP")
    world.transcribe.refusal = failure("BadRequestException", "offline there is no ja-JP: set models: aws")
    world.worker.handle(object_created(recording_id))
    assert world.recording(recording_id).reason == "offline there is no ja-JP: set models: aws"


def test_a_service_that_is_busy_is_asked_again(world: World) -> None:
    recording_id = world.uploaded()
    world.transcribe.refusal = failure("LimitExceededException")
    with pytest.raises(ClientError):
        world.worker.handle(object_created(recording_id))
    assert world.recording(recording_id).status == "awaiting_upload"
    world.transcribe.refusal = None
    world.worker.handle(object_created(recording_id))
    assert world.recording(recording_id).status == "processing"


def test_a_failed_job_fails_with_its_reason(world: World) -> None:
    recording_id = world.uploaded()
    world.worker.handle(object_created(recording_id))
    world.transcribe.fail(job(recording_id), "unsupported sample rate")
    for _ in range(2):
        world.worker.handle(job_changed(recording_id, "FAILED"))
    assert world.recording(recording_id).reason == "unsupported sample rate"
    assert world.types(recording_id)[2:] == ["TranscriptionFailed"]


def test_a_result_of_another_recording_is_refused(world: World) -> None:
    recording_id = world.uploaded()
    world.worker.handle(object_created(recording_id))
    world.transcribe.finish(job(recording_id), job_name="nova-test-1234-other")
    world.worker.handle(job_changed(recording_id))
    assert "another recording" in (world.recording(recording_id).reason or "")
    assert world.object_keys() == [f"uploads/audio/{recording_id}"]


def test_an_end_that_the_service_does_not_confirm_is_not_believed(world: World) -> None:
    recording_id = world.uploaded()
    world.worker.handle(object_created(recording_id))
    with pytest.raises(JobUnfinishedError):
        world.worker.handle(job_changed(recording_id))
    assert world.recording(recording_id).status == "processing"


def test_a_result_that_is_not_there_yet_is_waited_for(world: World) -> None:
    recording_id = world.uploaded()
    world.worker.handle(object_created(recording_id))
    world.transcribe.finish(job(recording_id))
    raw = domain.raw_result_key(recording_id)
    world.content.delete_all_versions([raw])
    with pytest.raises(ContentMissingError):
        world.worker.handle(job_changed(recording_id))
    world.transcribe.finish(job(recording_id))
    world.worker.handle(job_changed(recording_id))
    assert world.recording(recording_id).status == "completed"


def test_an_end_that_overtakes_the_start_is_no_harm(world: World) -> None:
    recording_id = world.uploaded()
    world.transcribe.start_transcription_job(
        TranscriptionJobName=job(recording_id), OutputKey=domain.raw_result_key(recording_id)
    )
    world.transcribe.finish(job(recording_id))
    world.worker.handle(job_changed(recording_id))
    world.worker.handle(object_created(recording_id))
    assert world.types(recording_id) == [
        "RecordingRequested",
        "TranscriptionStarted",
        "TranscriptionCompleted",
    ]


def test_messages_in_any_order_and_number_give_the_same(world: World) -> None:
    for seed in range(25):
        shuffle = random.Random(seed)  # noqa: S311
        recording_id = world.uploaded()
        messages = [object_created(recording_id)] * shuffle.randint(1, 3)
        messages += [job_changed(recording_id)] * shuffle.randint(1, 3)
        shuffle.shuffle(messages)
        # What raises comes again, as the queue would have it.
        while messages:
            message = messages.pop(0)
            try:
                world.worker.handle(message)
            except (JobUnfinishedError, ContentMissingError):
                messages.append(message)
            name = job(recording_id)
            if name in world.transcribe.jobs and world.recording(recording_id).is_open:
                world.transcribe.finish(name)
        assert world.types(recording_id) == [
            "RecordingRequested",
            "TranscriptionStarted",
            "TranscriptionCompleted",
        ]
        assert domain.raw_result_key(recording_id) not in world.object_keys()


@pytest.mark.parametrize("late", [object_created, job_changed])
@pytest.mark.parametrize("started", [False, True])
def test_late_messages_of_a_deleted_recording_leave_nothing(
    world: World, late: Callable[[str], str], *, started: bool
) -> None:
    recording_id = world.uploaded()
    if started:
        world.worker.handle(object_created(recording_id))
        world.transcribe.finish(job(recording_id))
    world.delete(recording_id)
    before = world.types(recording_id)
    world.worker.handle(late(recording_id))
    assert world.types(recording_id) == before
    assert world.object_keys() == []


def test_a_deletion_during_the_work_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    recording_id = world.uploaded()
    world.worker.handle(object_created(recording_id))
    world.transcribe.finish(job(recording_id))
    write = world.content.write_document

    def write_and_lose(key: str, body: bytes) -> Any:
        reference = write(key, body)
        world.delete(recording_id)
        return reference

    monkeypatch.setattr(world.content, "write_document", write_and_lose)
    world.worker.handle(job_changed(recording_id))
    assert world.types(recording_id)[-1] == "RecordingDeleted"
    assert world.object_keys() == []


@pytest.mark.parametrize("succeeding", range(6))
def test_content_that_cannot_be_read_is_not_called_corrupt(
    world: World, monkeypatch: pytest.MonkeyPatch, succeeding: int
) -> None:
    # Without a duration in its header the content is read to the end, so that each block's failure counts.
    recording_id = world.uploaded(without_duration(tone("webm", 3.0)), "audio/webm")
    get_object = world.s3.get_object
    reads: list[str] = []

    def unreliable(**request: Any) -> Any:
        reads.append(request["Range"])
        if len(reads) > succeeding:
            raise failure("SlowDown", "S3 is busy")
        return get_object(**request)

    with monkeypatch.context() as broken:
        broken.setattr(content, "BLOCK_BYTES", 4096)
        broken.setattr(world.s3, "get_object", unreliable)
        with pytest.raises(ClientError, match="S3 is busy"):
            world.worker.handle(object_created(recording_id))
    assert world.recording(recording_id).status == "awaiting_upload"


@pytest.mark.parametrize("outcome", [UnusableMediaError("corrupt"), Media("wav", 5.0)])
def test_a_decoder_that_swallows_a_failed_read_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch, outcome: UnusableMediaError | Media
) -> None:
    recording_id = world.uploaded()

    def unreachable(**_: Any) -> Any:
        raise failure("SlowDown", "S3 is busy")

    def swallow(file: io.IOBase, declared: str) -> Media:
        del declared
        with contextlib.suppress(ClientError):
            file.read(1)
        if isinstance(outcome, UnusableMediaError):
            raise outcome
        return outcome

    monkeypatch.setattr(world.s3, "get_object", unreachable)
    monkeypatch.setattr(worker, "probe", swallow)
    with pytest.raises(ClientError, match="S3 is busy"):
        world.worker.handle(object_created(recording_id))
    assert world.recording(recording_id).status == "awaiting_upload"


def test_an_object_that_is_gone_is_asked_for_again(world: World) -> None:
    recording_id = world.request(5)
    with pytest.raises(ContentMissingError):
        world.worker.handle(object_created(recording_id))
    assert world.types(recording_id) == ["RecordingRequested"]


class TestDictation:
    """Where the speech model is the engine."""

    def test_a_recording_is_heard_once_however_often_its_message_comes(self, world: World) -> None:
        dictation = FakeDictation()
        worker = world.hearing(dictation)
        recording_id = world.uploaded(language="en-US")
        for _ in range(3):
            worker.handle_upload(recording_id)
        assert dictation.heard == 1
        assert world.types(recording_id) == [
            "RecordingRequested", "TranscriptionStarted", "TranscriptionCompleted"
        ]  # fmt: skip
        recording = world.recording(recording_id)
        assert (recording.status, recording.language, recording.job) == (
            "completed", "en-US", f"dictation-{recording_id}"
        )  # fmt: skip
        assert recording.transcript is not None
        kept = Transcript.model_validate_json(world.content.read_document(recording.transcript))
        assert kept.text == "hello world"
        assert world.transcribe.requests == []
        worker.handle_transcript(recording_id)
        assert world.sentiment.asked == 1

    def test_a_model_that_fails_is_asked_when_the_message_comes_again(self, world: World) -> None:
        dictation = FakeDictation()
        dictation.failures = [ThrottlingException("too many"), TimeoutError()]
        worker = world.hearing(dictation)
        recording_id = world.uploaded()
        for error in (ThrottlingException, TimeoutError):
            with pytest.raises(error):
                worker.handle_upload(recording_id)
            assert world.recording(recording_id).status == "processing"
        worker.handle_upload(recording_id)
        assert world.types(recording_id) == [
            "RecordingRequested", "TranscriptionStarted", "TranscriptionCompleted"
        ]  # fmt: skip

    @pytest.mark.parametrize("error", [UnusableMediaError("it lies"), None])
    def test_what_cannot_be_heard_fails_with_a_reason(self, world: World, error: Exception | None) -> None:
        dictation = FakeDictation()
        dictation.failures = [error] if error else []
        recording_id = world.uploaded(language=None if error else "ja-JP")
        world.hearing(dictation).handle_upload(recording_id)
        recording = world.recording(recording_id)
        assert recording.status == "failed"
        assert recording.reason == (str(error) if error else recording.reason)
        assert "lies" in str(recording.reason) or "ja-JP" in str(recording.reason)

    def test_a_deletion_while_it_is_heard_leaves_nothing(self, world: World) -> None:
        recording_id = world.uploaded()
        worker = world.hearing(FakeDictation(during=lambda: world.delete(recording_id)))
        worker.handle_upload(recording_id)
        assert world.recording(recording_id).is_deleted
        assert world.object_keys() == []

    def test_engines_may_change_while_recordings_are_in_work(self, world: World) -> None:
        dictation = FakeDictation()
        dictation.failures = [TimeoutError()]
        heard, transcribed = world.uploaded(), world.uploaded()
        with pytest.raises(TimeoutError):
            world.hearing(dictation).handle_upload(heard)
        # From Sonic to Transcribe: the message comes again, and again.
        for _ in range(2):
            world.worker.handle_upload(heard)
        # And the other way: a job that was started is followed to its end.
        world.worker.handle_upload(transcribed)
        for recording_id in (heard, transcribed):
            job = domain.job_name(PREFIX, recording_id)
            world.transcribe.finish(job)
            world.hearing(dictation).handle_job(recording_id)
            assert world.recording(recording_id).status == "completed"
        assert dictation.heard == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", ValidationError),
        ("not json", ValidationError),
        ("{}", ValidationError),
        ('{"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}}', ValidationError),
        (object_created(str(uuid.uuid4())), UnknownAggregateError),
        (job_changed(str(uuid.uuid4())), UnknownAggregateError),
        (object_created("../../etc/passwd"), ValueError),
        (object_created(str(uuid.uuid4()), bucket="somebody-elses"), ValueError),
        (job_changed("x"), ValueError),
    ],
)
def test_poison_raises(world: World, body: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.worker.handle(body)


@pytest.mark.parametrize(
    "engine", [{}, {"SONIC_MODEL": "amazon.nova-2-sonic-v1:0", "SONIC_REGION": "eu-north-1"}]
)
def test_the_worker_is_assembled_from_its_environment(
    world: World, sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch, engine: dict[str, str]
) -> None:
    poll_shortly(monkeypatch, worker)
    queue, _ = create_queue(sqs, receives_max=5)
    settings = WorkerSettings.from_env(
        {
            "SERVICE_NAME": "audio-worker",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "CONTENT_BUCKET": CONTENT_BUCKET,
            "QUEUE_URL": queue,
            "CONTENT_KEY_ARN": KEY_ARN,
            "TRANSCRIPTION_JOB_PREFIX": PREFIX,
            "SPEAKERS_MAX": "10",
            "SENTIMENT_MODEL": "us.amazon.nova-2-lite-v1:0",
            **engine,
        }
    )
    recording_id = world.uploaded(bytes(100))
    sqs.send_message(QueueUrl=queue, MessageBody=object_created(recording_id))
    with TestClient(create_app(settings)) as client:
        for _ in range(200):
            if world.recording(recording_id).status == "failed":
                break
            client.get("/health")
        assert world.recording(recording_id).status == "failed"
        assert client.get("/ready").json()["checks"] == {"queue": "ok", "event_store": "ok"}
