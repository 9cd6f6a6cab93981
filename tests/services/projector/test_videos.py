"""The list of videos: projected from their histories, shown to their owners alone."""

import uuid
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import (
    VIDEO,
    AnomalyDetected,
    VideoAnalysisFailed,
    VideoAnalysisStarted,
    VideoAnalyzed,
    VideoDeleted,
    VideoRequested,
    VideoSummary,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry
from nova_projector.app import create_app
from nova_projector.read_model import DynamoReadModel
from nova_projector.settings import ApiSettings
from nova_projector.videos import VIDEOS
from nova_projector.worker import RowKeeper

from tests.services.support import tokens
from tests.services.support.private import Private
from tests.services.support.tables import EVENT_STORE_TABLE, READ_MODEL_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REQUESTED = VideoRequested(content_type="video/mp4", size_bytes=5)
STARTED = VideoAnalysisStarted(duration_seconds=2.5)
ANALYZED = VideoAnalyzed(
    analysis=DocumentReference(key="k", version_id="v", sha256="0" * 64),
    duration_seconds=2.5,
    scenes=2,
    anomalies=1,
)
ANOMALY = AnomalyDetected(kind="black_picture", level="HIGH", start=0, end=1)


class World:
    """An event store, a read model, and what keeps the one in step with the other."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        private = Private(dynamodb)
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([VIDEO]), private.data)
        self.rows: DynamoReadModel[VideoSummary] = DynamoReadModel(dynamodb, READ_MODEL_TABLE, VIDEOS)
        self.keeper = RowKeeper(self.store, self.rows)
        settings = ApiSettings.from_env(
            {
                "SERVICE_NAME": "projector",
                "USER_POOL_ISSUER": tokens.ISSUER,
                "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
                "DATA_KEYS_TABLE": "unused",
                "AWS_REGION": REGION,
                "READ_MODEL_TABLE": READ_MODEL_TABLE,
            }
        )
        app = create_app(settings)
        app.state.verifier = tokens.verifier()
        self.client = TestClient(app)

    def happened(self, *facts: EventData, user: str = ALICE) -> str:
        video_id = str(uuid.uuid4())
        events = [
            VIDEO.event(
                video_id,
                fact,
                user=user,
                correlation="c",
                private={"filename": "ü.mp4"} if fact == REQUESTED else {},
            )
            for fact in (REQUESTED, *facts)
        ]
        self.store.append(events, 0)
        self.keeper.catch_up(VIDEO.key(video_id))
        return video_id

    def listed(self, user: str = ALICE) -> dict[str, dict[str, object]]:
        answer = self.client.get("/api/video", headers=bearer(user))
        assert answer.status_code == 200
        return {item["id"]: item for item in answer.json()["items"]}


@pytest.fixture
def world(dynamodb: "DynamoDBClient") -> World:
    return World(dynamodb)


def test_a_video_is_listed_as_its_history_has_it(world: World) -> None:
    waiting, done = world.happened(), world.happened(STARTED, ANALYZED, ANOMALY)
    failed = world.happened(VideoAnalysisFailed(reason="the content has no video track"))
    deleted = world.happened(STARTED, VideoDeleted())
    listed = world.listed()
    assert set(listed) == {waiting, done, failed}
    assert deleted not in listed
    assert (listed[waiting]["status"], listed[waiting]["duration_seconds"]) == ("awaiting_upload", None)
    assert listed[done] == {
        "id": done,
        "status": "completed",
        "filename": "ü.mp4",
        "duration_seconds": 2.5,
        "anomalies": 1,
        "created_at": listed[done]["created_at"],
    }
    assert (listed[failed]["status"], listed[failed]["reason"]) == (
        "failed",
        "the content has no video track",
    )


def test_nobody_sees_anothers(world: World) -> None:
    mine, theirs = world.happened(), world.happened(user=BOB)
    assert set(world.listed()) == {mine}
    assert set(world.listed(BOB)) == {theirs}
    assert world.client.get("/api/video").status_code == 401
