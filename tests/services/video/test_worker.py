"""The video worker: messages in any order and number lead to one analysis, or to one reason."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import json
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from fastapi.testclient import TestClient
from nova_common import aws
from nova_common.content import ContentStore
from nova_common.contracts.video import (
    VIDEO,
    KeyFrame,
    KeyFrames,
    VideoAnalysis,
    VideoDeleted,
    VideoRequested,
)
from nova_common.documents import ContentMissingError
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.histories import UnknownAggregateError
from nova_common.media import UnusableMediaError
from nova_common.queue_worker import delivery
from nova_video import domain, worker
from nova_video.analysis import AnalysisModel, ModelUnavailableError
from nova_video.settings import WorkerSettings
from nova_video.worker import Analyzer, create_app
from pydantic import ValidationError

from tests.services.support.audio import tone
from tests.services.support.converse import FakeConverse, described, refusal, reported
from tests.services.support.tables import (
    CONTENT_BUCKET,
    EVENT_STORE_TABLE,
    REGION,
    create_queue,
    poll_shortly,
    queue_depth,
)
from tests.services.support.video import CODECS, CONTENT_TYPES, clip

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

USER = "alice"
DONE = ["VideoRequested", "VideoAnalysisStarted", "VideoAnalyzed", "AnomalyDetected", "AnomalyDetected"]


class World:
    """A worker with its surroundings."""

    def __init__(self, dynamodb: "DynamoDBClient", s3: "S3Client") -> None:
        self.s3 = s3
        self.dynamodb = dynamodb
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([VIDEO]))
        self.content = ContentStore(s3, CONTENT_BUCKET)
        self.bedrock = FakeConverse(reported(described()))
        self.pauses: list[float] = []
        model = AnalysisModel(
            self.bedrock,  # pyright: ignore[reportArgumentType]
            "us.amazon.nova-2-lite-v1:0",
            CONTENT_BUCKET,
            "123456789012",
            sleep=self.pauses.append,
        )
        self.worker = Analyzer(self.store, self.content, model, CONTENT_BUCKET)

    def request(self, size: int, content_type: str = "video/mp4") -> str:
        video_id = str(uuid.uuid4())
        data = VideoRequested(content_type=content_type, size_bytes=size)
        self.store.append([VIDEO.event(video_id, data, user=USER, correlation="request-1")], 0)
        return video_id

    def uploaded(self, body: bytes | None = None, content_type: str = "video/mp4", size: int = 0) -> str:
        body = clip() if body is None else body
        video_id = self.request(size or len(body), content_type)
        self.s3.put_object(Bucket=CONTENT_BUCKET, Key=f"uploads/video/{video_id}", Body=body)
        return video_id

    def delete(self, video_id: str) -> None:
        event = VIDEO.event(video_id, VideoDeleted(), user=USER, correlation="c")
        self.store.append([event], len(self.types(video_id)))

    def video(self, video_id: str) -> domain.Video:
        video = domain.fold(self.store.load(VIDEO.key(video_id)))
        assert video is not None
        return video

    def types(self, video_id: str) -> list[str]:
        return [event.type for event in self.store.load(VIDEO.key(video_id))]

    def object_keys(self) -> list[str]:
        versions = self.s3.list_object_versions(Bucket=CONTENT_BUCKET).get("Versions", [])
        return sorted(version.get("Key", "") for version in versions)


@pytest.fixture
def world(dynamodb: "DynamoDBClient", s3: "S3Client") -> World:
    return World(dynamodb, s3)


def kept(video_id: str) -> list[str]:
    """All objects of an analysed video."""
    return [f"analyses/{video_id}.frames.json", f"analyses/{video_id}.json", f"uploads/video/{video_id}"]


def object_created(video_id: str, bucket: str = CONTENT_BUCKET) -> str:
    detail = {"bucket": {"name": bucket}, "object": {"key": f"uploads/video/{video_id}", "size": 5}}
    return json.dumps({"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail})


@contextmanager
def delivered(times: int) -> Generator[None]:
    token = delivery.set(times)
    try:
        yield
    finally:
        delivery.reset(token)


@pytest.mark.parametrize("media_format", CODECS)
def test_a_video_becomes_an_analysis(world: World, media_format: str) -> None:
    video_id = world.uploaded(clip(media_format), CONTENT_TYPES[media_format])
    world.worker.handle(object_created(video_id))
    assert world.types(video_id) == DONE
    video = world.video(video_id)
    assert (video.status, video.anomalies) == ("completed", 2)
    assert video.duration_seconds == pytest.approx(2.0, abs=0.2)
    assert video.analysis is not None
    document = VideoAnalysis.model_validate_json(world.content.read_document(video.analysis))
    assert document.summary == "A yard at night."
    assert video.key_frames is not None
    taken = KeyFrames.model_validate_json(world.content.read_document(video.key_frames))
    assert [frame.scene for frame in taken.frames] == [0, 1]
    assert [frame.at for frame in taken.frames] == pytest.approx([0.5, 1.5], abs=0.2)
    (request,) = world.bedrock.requests
    assert request["messages"][0]["content"][0]["video"]["format"] == media_format
    assert world.object_keys() == kept(video_id)


def test_an_anomalys_severity_is_what_rules_route_by(world: World) -> None:
    video_id = world.uploaded()
    world.worker.handle(object_created(video_id))
    items = world.dynamodb.query(
        TableName=EVENT_STORE_TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"Video#{video_id}"}},
    )["Items"]
    assert [item.get("severity", {}).get("S") for item in items] == [None, None, None, "HIGH", "LOW"]
    # What an anomaly looks like may be personal, and stands in the analysis alone.
    assert not [item for item in items if "Nothing is seen" in item.get("data", {}).get("S", "")]


def test_a_message_that_comes_again_changes_nothing(world: World) -> None:
    video_id = world.uploaded()
    for _ in range(3):
        world.worker.handle(object_created(video_id))
    assert world.types(video_id) == DONE
    assert len(world.bedrock.requests) == 1


def test_two_deliveries_at_once_leave_one_analysis(world: World) -> None:
    video_id = world.uploaded()
    converse = world.bedrock.converse

    def overtaken(**_: Any) -> dict[str, Any]:
        world.bedrock.converse = converse  # pyright: ignore[reportAttributeAccessIssue]
        world.worker.handle(object_created(video_id))
        return reported(described(summary="Another description."))

    world.bedrock.converse = overtaken  # pyright: ignore[reportAttributeAccessIssue]
    world.worker.handle(object_created(video_id))
    assert world.types(video_id) == DONE
    newest = world.content.read(domain.analysis_key(video_id))
    assert VideoAnalysis.model_validate_json(newest).summary == "A yard at night."
    assert world.object_keys() == kept(video_id)


@pytest.mark.parametrize(
    ("body", "content_type", "size", "reason"),
    [
        (bytes(5000), "video/mp4", 0, "corrupt"),
        (clip(), "video/mp4", 7, "bytes were uploaded, but 7 were declared"),
        (clip("webm"), "video/mp4", 0, "but mp4 was declared"),
        (tone("mp4"), "video/mp4", 0, "no video track"),
    ],
    ids=["corrupt", "another size", "another format", "no picture"],
)
def test_unusable_content_fails_with_a_reason(
    world: World, body: bytes, content_type: str, size: int, reason: str
) -> None:
    video_id = world.uploaded(body, content_type, size)
    for _ in range(2):
        world.worker.handle(object_created(video_id))
    assert world.video(video_id).status == "failed"
    assert reason in (world.video(video_id).reason or "")
    assert world.types(video_id) == ["VideoRequested", "VideoAnalysisFailed"]
    assert world.bedrock.requests == []


def test_a_video_that_is_too_long_is_not_sent_to_the_model(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_file: object, _format: str) -> float:
        return 1800.5

    monkeypatch.setattr(worker, "probe_seconds", endless)
    video_id = world.uploaded()
    world.worker.handle(object_created(video_id))
    assert "at most 1800 s are allowed" in (world.video(video_id).reason or "")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([refusal("ValidationException", "The codec is not supported.")], "The codec is not supported"),
        ([reported({}), reported({})], "a form that can be used"),
    ],
)
def test_a_video_that_the_model_cannot_describe_fails_with_a_reason(
    world: World, answers: list[Any], reason: str
) -> None:
    world.bedrock.will(*answers)
    video_id = world.uploaded()
    for _ in range(2):
        world.worker.handle(object_created(video_id))
    assert reason in (world.video(video_id).reason or "")
    assert world.types(video_id)[2:] == ["VideoAnalysisFailed"]


@pytest.mark.parametrize(
    "failure",
    [
        refusal("ThrottlingException"),
        refusal("InternalServerException"),
        refusal("ModelTimeoutException"),
        ReadTimeoutError(endpoint_url="https://bedrock"),
    ],
)
def test_a_model_that_fails_first_and_then_succeeds_has_one_result(world: World, failure: Exception) -> None:
    video_id = world.uploaded()
    world.bedrock.will(failure)
    for times in range(1, worker.DELIVERIES_MAX):
        with delivered(times), pytest.raises(ModelUnavailableError):
            world.worker.handle(object_created(video_id))
        assert world.video(video_id).status == "processing"
    world.bedrock.will(reported(described()))
    with delivered(worker.DELIVERIES_MAX):
        world.worker.handle(object_created(video_id))
    assert world.types(video_id) == DONE


def test_a_model_that_stays_away_is_told_to_the_owner(world: World) -> None:
    video_id = world.uploaded()
    world.bedrock.will(refusal("ThrottlingException"))
    with delivered(worker.DELIVERIES_MAX):
        world.worker.handle(object_created(video_id))
    assert world.types(video_id)[2:] == ["VideoAnalysisFailed"]
    assert "upload the video once more later" in (world.video(video_id).reason or "")


def test_missing_rights_are_not_blamed_on_the_video(world: World) -> None:
    video_id = world.uploaded()
    world.bedrock.will(refusal("AccessDeniedException"))
    with delivered(9), pytest.raises(ClientError):
        world.worker.handle(object_created(video_id))
    assert world.video(video_id).status == "processing"


@pytest.mark.parametrize("succeeding", [0, 1])
def test_content_that_cannot_be_read_is_not_called_corrupt(
    world: World, monkeypatch: pytest.MonkeyPatch, succeeding: int
) -> None:
    video_id = world.uploaded()
    get_object, reads = world.s3.get_object, list[str]()

    def unreliable(**request: Any) -> Any:
        reads.append(request["Range"])
        if len(reads) > succeeding:
            raise refusal("SlowDown", "S3 is busy")
        return get_object(**request)

    with monkeypatch.context() as broken:
        broken.setattr("nova_common.content.BLOCK_BYTES", 1024)
        broken.setattr(world.s3, "get_object", unreliable)
        with pytest.raises(ClientError, match="S3 is busy"):
            world.worker.handle(object_created(video_id))
    assert world.video(video_id).status == "awaiting_upload"


def test_late_messages_of_a_deleted_video_leave_nothing(world: World) -> None:
    video_id = world.uploaded()
    world.worker.handle(object_created(video_id))
    world.delete(video_id)
    world.worker.handle(object_created(video_id))
    assert world.types(video_id) == [*DONE, "VideoDeleted"]
    assert world.object_keys() == []


def test_a_deletion_while_the_model_looks_wins(world: World) -> None:
    video_id = world.uploaded()

    def look_and_lose(**_: Any) -> dict[str, Any]:
        world.delete(video_id)
        return reported(described())

    world.bedrock.converse = look_and_lose  # pyright: ignore[reportAttributeAccessIssue]
    world.worker.handle(object_created(video_id))
    assert world.types(video_id) == ["VideoRequested", "VideoAnalysisStarted", "VideoDeleted"]
    assert world.object_keys() == []


def test_a_video_of_which_no_picture_can_be_taken_has_its_analysis(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unusable(*_: object) -> list[KeyFrame]:
        raise UnusableMediaError("the content is corrupt")

    monkeypatch.setattr(worker, "take_key_frames", unusable)
    video_id = world.uploaded()
    world.worker.handle(object_created(video_id))
    assert world.types(video_id) == DONE
    assert world.video(video_id).key_frames is None
    assert world.object_keys() == [f"analyses/{video_id}.json", f"uploads/video/{video_id}"]


def test_an_object_that_is_gone_is_asked_for_again(world: World) -> None:
    video_id = world.request(5)
    with pytest.raises(ContentMissingError):
        world.worker.handle(object_created(video_id))
    assert world.types(video_id) == ["VideoRequested"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", ValidationError),
        ("{}", ValidationError),
        ('{"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}}', ValidationError),
        (object_created(str(uuid.uuid4())), UnknownAggregateError),
        (object_created("../../etc/passwd"), ValueError),
        (object_created(str(uuid.uuid4()), bucket="somebody-elses"), ValueError),
    ],
)
def test_poison_raises(world: World, body: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.worker.handle(body)


def environment(queue: str) -> dict[str, str]:
    return {
        "SERVICE_NAME": "video-worker",
        "AWS_REGION": REGION,
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "CONTENT_BUCKET": CONTENT_BUCKET,
        "CONTENT_OWNER": "123456789012",
        "QUEUE_URL": queue,
        "MODEL_ID": "us.amazon.nova-2-lite-v1:0",
        "MODEL_REGION": "eu-west-1",
    }


def test_a_bad_message_ends_as_a_dead_letter_and_stops_nothing(
    world: World, sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    def bedrock(*_: Any, **__: Any) -> FakeConverse:
        return world.bedrock

    monkeypatch.setattr(aws, "bedrock_runtime", bedrock)
    monkeypatch.setattr(worker, "LIMITS", replace(worker.LIMITS, retry_first=1.0, poll=1))
    queue, dead = create_queue(sqs, receives_max=1)
    video_id = world.uploaded()
    for body in ("poison", object_created("../../etc/passwd"), object_created(video_id)):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    with TestClient(create_app(WorkerSettings.from_env(environment(queue)))):
        deadline = time.monotonic() + 20
        while (
            queue_depth(sqs, dead) < 2 or world.video(video_id).status != "completed"
        ) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (queue_depth(sqs, queue), queue_depth(sqs, dead)) == (0, 2)
    assert world.types(video_id) == DONE


def test_the_worker_is_assembled_from_its_environment(
    world: World, sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_shortly(monkeypatch, worker)
    asked: list[dict[str, Any]] = []

    def bedrock(region: str, **limits: Any) -> FakeConverse:
        asked.append({"region": region, **limits})
        return world.bedrock

    monkeypatch.setattr(aws, "bedrock_runtime", bedrock)
    queue, _ = create_queue(sqs, receives_max=5)
    settings = WorkerSettings.from_env(environment(queue))
    video_id = world.uploaded()
    sqs.send_message(QueueUrl=queue, MessageBody=object_created(video_id))
    with TestClient(create_app(settings)) as client:
        for _ in range(200):
            if world.video(video_id).status == "completed":
                break
            client.get("/health")
        assert world.video(video_id).status == "completed"
        assert client.get("/ready").json()["checks"] == {"queue": "ok", "event_store": "ok"}
    assert asked == [{"region": "eu-west-1", "read_timeout_seconds": 3600, "attempts_max": 1}]
