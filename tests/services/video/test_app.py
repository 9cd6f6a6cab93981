"""The video API as a caller sees it."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import base64
import itertools
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests
from fastapi.testclient import TestClient
from nova_common.content import ContentStore
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import (
    UPLOAD_BYTES_MAX,
    VIDEO,
    KeyFrame,
    KeyFrames,
    VideoAnalysis,
    VideoAnalysisFailed,
    VideoAnalysisStarted,
    VideoDeleted,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry
from nova_video import domain
from nova_video.app import create_app
from nova_video.settings import ApiSettings

from tests.services.support import tokens
from tests.services.support.api_checks import check_api
from tests.services.support.converse import described
from tests.services.support.private import Private
from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer
from tests.services.support.video import clip

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

BODY: dict[str, Any] = {"filename": "yard.mp4", "content_type": "video/mp4", "size_bytes": 5}
ANALYSIS = VideoAnalysis.model_validate(described())


@pytest.fixture
def private(dynamodb: "DynamoDBClient") -> Private:
    return Private(dynamodb)


@pytest.fixture
def store(dynamodb: "DynamoDBClient", private: Private) -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([VIDEO]), private.data)


@pytest.fixture
def content(s3: "S3Client") -> ContentStore:
    return ContentStore(s3, CONTENT_BUCKET)


@pytest.fixture
def client(private: Private, store: DynamoEventStore, content: ContentStore) -> TestClient:
    del store, content
    settings = ApiSettings.from_env(
        {
            "SERVICE_NAME": "video",
            "USER_POOL_ISSUER": tokens.ISSUER,
            "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "CONTENT_BUCKET": CONTENT_BUCKET,
        }
        | private.environment
    )
    app = create_app(settings)
    app.state.verifier = tokens.verifier()
    return TestClient(app, raise_server_exceptions=False)


def create(client: TestClient, user: str = ALICE, **changes: Any) -> str:
    response = client.post("/api/video", json=BODY | changes, headers=bearer(user))
    assert response.status_code == 201, response.text
    return response.json()["id"]


def happen(store: DynamoEventStore, video_id: str, *facts: EventData) -> None:
    events = [VIDEO.event(video_id, fact, user=ALICE, correlation="c") for fact in facts]
    store.append(events, len(list(store.load(VIDEO.key(video_id)))))


def complete(
    store: DynamoEventStore,
    content: ContentStore,
    video_id: str,
    key_frames: DocumentReference | None = None,
    frames: int = 0,
) -> None:
    happen(store, video_id, VideoAnalysisStarted(duration_seconds=2.0))
    reference = content.write_document(domain.analysis_key(video_id), ANALYSIS.model_dump_json().encode())
    current = domain.fold(store.load(VIDEO.key(video_id)))
    assert current is not None
    outcome = domain.Outcome(analysis=ANALYSIS, reference=reference, key_frames=key_frames, frames=frames)
    happen(store, video_id, *domain.complete(current, outcome))


def check_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


def test_a_video_is_announced_and_uploaded(
    client: TestClient, s3: "S3Client", store: DynamoEventStore
) -> None:
    video = clip()
    body = BODY | {"size_bytes": len(video), "content_type": "Video/MP4; codecs=avc1"}
    response = client.post("/api/video", json=body, headers={**bearer(), "X-Request-Id": "request-7"})
    assert response.status_code == 201
    answer = response.json()
    assert response.headers["location"] == f"/api/video/{answer['id']}"
    upload = answer["upload"]
    assert upload["headers"] == {"Content-Type": "video/mp4"}
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in upload["url"]
    assert requests.request(
        upload["method"], upload["url"], data=video, headers=upload["headers"], timeout=5
    ).ok
    stored = s3.get_object(Bucket=CONTENT_BUCKET, Key=f"uploads/video/{answer['id']}")
    assert stored["Body"].read() == video
    (event,) = store.load(VIDEO.key(answer["id"]))
    assert (event.type, event.user, event.correlation) == ("VideoRequested", ALICE, "request-7")
    assert event.private == {"filename": "yard.mp4"}


def test_the_owner_sees_each_state_at_once(
    client: TestClient, store: DynamoEventStore, content: ContentStore
) -> None:
    video_id = create(client)
    url = f"/api/video/{video_id}"
    first = client.get(url, headers=bearer()).json()
    assert first == {
        "id": video_id,
        "status": "awaiting_upload",
        "filename": "yard.mp4",
        "duration_seconds": None,
        "created_at": first["created_at"],
    }
    problem = check_problem(client.get(f"{url}/analysis", headers=bearer()), 409)
    assert problem["type"] == "urn:nova:problem:analysis-not-available"
    complete(store, content, video_id)
    done = client.get(url, headers=bearer()).json()
    assert done == first | {"status": "completed", "duration_seconds": 2.0, "anomalies": 2}
    # A later version of the object is not what was completed.
    content.write_document(domain.analysis_key(video_id), b"{}")
    assert client.get(f"{url}/analysis", headers=bearer()).json() == ANALYSIS.model_dump()


def test_what_was_uploaded_is_played_once_it_is_there(
    client: TestClient, store: DynamoEventStore, content: ContentStore, s3: "S3Client"
) -> None:
    video_id = create(client)
    url = f"/api/video/{video_id}/content"
    problem = check_problem(client.get(url, headers=bearer()), 409)
    assert problem["type"] == "urn:nova:problem:content-not-available"
    s3.put_object(Bucket=CONTENT_BUCKET, Key=f"uploads/video/{video_id}", Body=b"12345")
    complete(store, content, video_id)
    response = client.get(url, headers=bearer())
    assert response.headers["cache-control"] == "no-store"
    played = requests.get(response.json()["url"], timeout=5)
    assert (played.content, played.headers["content-type"]) == (b"12345", "video/mp4")


def test_key_frames_are_those_of_the_analysis(
    client: TestClient, store: DynamoEventStore, content: ContentStore
) -> None:
    without, pictured = create(client), create(client)
    check_problem(client.get(f"/api/video/{pictured}/key-frames", headers=bearer()), 409)
    complete(store, content, without)
    assert client.get(f"/api/video/{without}/key-frames", headers=bearer()).json() == {"frames": []}
    taken = KeyFrames(frames=[KeyFrame(at=1.5, scene=0, image=b"a picture")])
    document = content.write_document(domain.key_frames_key(pictured), taken.model_dump_json().encode())
    complete(store, content, pictured, key_frames=document, frames=1)
    assert client.get(f"/api/video/{pictured}/key-frames", headers=bearer()).json() == {
        "frames": [{"at": 1.5, "scene": 0, "image": base64.b64encode(b"a picture").decode()}]
    }


def test_a_failed_video_has_no_analysis_and_says_why(client: TestClient, store: DynamoEventStore) -> None:
    video_id = create(client)
    happen(store, video_id, VideoAnalysisFailed(reason="the content has no video track"))
    assert client.get(f"/api/video/{video_id}", headers=bearer()).json()["status"] == "failed"
    problem = check_problem(client.get(f"/api/video/{video_id}/analysis", headers=bearer()), 409)
    assert "the video is failed: the content has no video track" in problem["detail"]


def test_deletion_leaves_nothing_and_is_final(
    client: TestClient, store: DynamoEventStore, content: ContentStore, s3: "S3Client"
) -> None:
    video_id = create(client)
    s3.put_object(Bucket=CONTENT_BUCKET, Key=f"uploads/video/{video_id}", Body=b"12345")
    complete(store, content, video_id)
    url = f"/api/video/{video_id}"
    response = client.delete(url, headers=bearer())
    assert (response.status_code, response.content) == (204, b"")
    left = s3.list_object_versions(Bucket=CONTENT_BUCKET)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    for path in (url, f"{url}/analysis", f"{url}/content", f"{url}/key-frames"):
        check_problem(client.get(path, headers=bearer()), 404)
    check_problem(client.delete(url, headers=bearer()), 404)
    assert [event.type for event in store.load(VIDEO.key(video_id))][-1] == "VideoDeleted"


def test_what_is_not_the_callers_does_not_exist(
    client: TestClient, store: DynamoEventStore, subtests: pytest.Subtests
) -> None:
    bobs, deleted = create(client, BOB), create(client)
    happen(store, deleted, VideoDeleted())
    foreign = {
        "unknown": str(uuid.uuid4()),
        "another user's": bobs,
        "deleted": deleted,
        "malformed": "not-an-id",
    }
    paths = ("", "/analysis", "/content", "/key-frames")
    requests = [*(("GET", path) for path in paths), ("DELETE", "")]
    for (kind, video_id), (method, suffix) in itertools.product(foreign.items(), requests):
        with subtests.test(kind=kind, method=method, suffix=suffix):
            response = client.request(method, f"/api/video/{video_id}{suffix}", headers=bearer())
            assert check_problem(response, 404)["detail"] == "there is no such video"
    assert client.get(f"/api/video/{bobs}", headers=bearer(BOB)).status_code == 200


def test_bad_requests_are_refused_with_a_reason(client: TestClient, subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({"content_type": "audio/wav"}, 415),
        ({"content_type": "video/x-msvideo"}, 415),
        ({"size_bytes": UPLOAD_BYTES_MAX + 1}, 413),
        ({"size_bytes": 0}, 422),
        ({"size_bytes": True}, 422),
        ({"filename": "a\nb"}, 422),
        ({"language": "en-US"}, 422),
    ]
    for changes, status in cases:
        with subtests.test(changes=changes):
            problem = check_problem(client.post("/api/video", json=BODY | changes, headers=bearer()), status)
            if status == 422:
                assert problem["errors"][0]["pointer"] == f"#/{next(iter(changes))}"
    assert create(client, size_bytes=UPLOAD_BYTES_MAX)


def test_every_route_needs_a_token(client: TestClient) -> None:
    video_id = create(client)
    for method, path in [
        ("POST", "/api/video"),
        ("GET", f"/api/video/{video_id}"),
        ("GET", f"/api/video/{video_id}/analysis"),
        ("GET", f"/api/video/{video_id}/content"),
        ("GET", f"/api/video/{video_id}/key-frames"),
        ("DELETE", f"/api/video/{video_id}"),
    ]:
        check_problem(client.request(method, path), 401)


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/health").status_code == 200
    assert client.get("/ready").json() == {"status": "ok", "checks": {"event_store": "ok", "identity": "ok"}}


def test_the_api_does_what_it_says(client: TestClient) -> None:
    check_api(client)
