"""The audio API as a caller sees it."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import itertools
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
import requests
from fastapi.testclient import TestClient
from nova_audio import domain
from nova_audio.app import Recordings, create_app
from nova_audio.settings import ApiSettings
from nova_common import aws
from nova_common.content import ContentStore
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    Transcript,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
    TranscriptSegment,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry

from tests.services.support import tokens
from tests.services.support.api_checks import check_api
from tests.services.support.audio import tone
from tests.services.support.private import Private
from tests.services.support.tables import (
    CONTENT_BUCKET,
    EVENT_STORE_TABLE,
    LIVE_TABLE,
    REGION,
    create_table,
)
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

BODY: dict[str, Any] = {"filename": "talk.wav", "content_type": "audio/wav", "size_bytes": 5}
TRANSCRIPT = Transcript(
    text="hello",
    language="en-US",
    segments=[TranscriptSegment(start=0.5, end=1, text="hello", speaker="spk_0")],
)


@pytest.fixture
def private(dynamodb: "DynamoDBClient") -> Private:
    create_table(dynamodb, LIVE_TABLE)
    return Private(dynamodb)


@pytest.fixture
def store(dynamodb: "DynamoDBClient", private: Private) -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING]), private.data)


@pytest.fixture
def content(s3: "S3Client") -> ContentStore:
    return ContentStore(s3, CONTENT_BUCKET)


@pytest.fixture
def client(private: Private, store: DynamoEventStore, content: ContentStore) -> TestClient:
    del store, content
    settings = ApiSettings.from_env(
        {
            "SERVICE_NAME": "audio",
            "USER_POOL_ISSUER": tokens.ISSUER,
            "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "CONTENT_BUCKET": CONTENT_BUCKET,
            "LIVE_TABLE": LIVE_TABLE,
        }
        | private.environment
    )
    app = create_app(settings)
    app.state.verifier = tokens.verifier()
    return TestClient(app, raise_server_exceptions=False)


def create(client: TestClient, user: str = ALICE, **changes: Any) -> str:
    response = client.post("/api/audio", json=BODY | changes, headers=bearer(user))
    assert response.status_code == 201
    return response.json()["id"]


def happen(store: DynamoEventStore, recording_id: str, *facts: EventData) -> None:
    key = RECORDING.key(recording_id)
    events = [RECORDING.event(recording_id, fact, user=ALICE, correlation="c") for fact in facts]
    store.append(events, len(list(store.load(key))))


def complete(store: DynamoEventStore, content: ContentStore, recording_id: str) -> TranscriptionCompleted:
    reference = content.write_document(
        domain.transcript_key(recording_id), TRANSCRIPT.model_dump_json().encode()
    )
    completed = TranscriptionCompleted(
        transcript=reference, language="en-US", duration_seconds=1.25, words=1, segments=1
    )
    happen(store, recording_id, TranscriptionStarted(job="j", duration_seconds=1.25), completed)
    return completed


def check_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


def test_a_recording_is_announced_and_uploaded(
    client: TestClient, s3: "S3Client", store: DynamoEventStore
) -> None:
    audio = tone("wav")
    body = BODY | {"size_bytes": len(audio), "content_type": "audio/X-wav; codecs=1", "language": "en-US"}
    headers = {**bearer(), "X-Request-Id": "request-7"}
    response = client.post("/api/audio", json=body, headers=headers)
    assert response.status_code == 201
    answer = response.json()
    assert response.headers["location"] == f"/api/audio/{answer['id']}"
    upload = answer["upload"]
    assert upload["headers"] == {"Content-Type": "audio/x-wav"}
    assert requests.request(
        upload["method"], upload["url"], data=audio, headers=upload["headers"], timeout=5
    ).ok
    stored = s3.get_object(Bucket=CONTENT_BUCKET, Key=f"uploads/audio/{answer['id']}")
    assert stored["Body"].read() == audio
    (event,) = store.load(RECORDING.key(answer["id"]))
    assert (event.type, event.user, event.correlation) == ("RecordingRequested", ALICE, "request-7")
    assert event.private == {"filename": "talk.wav"}


def test_the_owner_sees_each_state_at_once(
    client: TestClient, store: DynamoEventStore, content: ContentStore
) -> None:
    recording_id = create(client)
    url = f"/api/audio/{recording_id}"
    first = client.get(url, headers=bearer()).json()
    assert first == {
        "id": recording_id,
        "status": "awaiting_upload",
        "filename": "talk.wav",
        "duration_seconds": None,
        "created_at": first["created_at"],
    }
    assert first["created_at"].endswith("Z")
    complete(store, content, recording_id)
    done = client.get(url, headers=bearer()).json()
    assert done == first | {"status": "completed", "duration_seconds": 1.25, "language": "en-US"}
    failing = create(client)
    happen(store, failing, TranscriptionFailed(reason="the content is corrupt"))
    failed = client.get(f"/api/audio/{failing}", headers=bearer()).json()
    assert (failed["status"], failed["reason"]) == ("failed", "the content is corrupt")


def test_the_transcript_is_there_when_it_is_completed(
    client: TestClient, store: DynamoEventStore, content: ContentStore
) -> None:
    recording_id = create(client)
    url = f"/api/audio/{recording_id}/transcript"
    problem = check_problem(client.get(url, headers=bearer()), 409)
    assert problem["type"] == "urn:nova:problem:transcript-not-available"
    assert "awaiting_upload" in problem["detail"]
    complete(store, content, recording_id)
    # A later version of the object is not what was completed.
    content.write_document(domain.transcript_key(recording_id), b"{}")
    response = client.get(url, headers=bearer())
    assert response.json() == {
        "text": "hello",
        "language": "en-US",
        "segments": [{"start": 0.5, "end": 1.0, "text": "hello", "speaker": "spk_0"}],
    }


def test_what_was_uploaded_is_played_once_it_is_there(
    client: TestClient, store: DynamoEventStore, s3: "S3Client"
) -> None:
    recording_id = create(client)
    url = f"/api/audio/{recording_id}/content"
    problem = check_problem(client.get(url, headers=bearer()), 409)
    assert problem["type"] == "urn:nova:problem:content-not-available"
    s3.put_object(Bucket=CONTENT_BUCKET, Key=f"uploads/audio/{recording_id}", Body=b"12345")
    happen(store, recording_id, TranscriptionFailed(reason="nobody can hear it"))
    response = client.get(url, headers=bearer())
    assert response.headers["cache-control"] == "no-store"
    played = requests.get(response.json()["url"], timeout=5)
    assert (played.content, played.headers["content-type"]) == (b"12345", "audio/wav")


def test_a_failed_recording_has_no_transcript_and_says_why(
    client: TestClient, store: DynamoEventStore
) -> None:
    recording_id = create(client)
    happen(store, recording_id, TranscriptionFailed(reason="needs models: aws"))
    problem = check_problem(client.get(f"/api/audio/{recording_id}/transcript", headers=bearer()), 409)
    assert "needs models: aws" in problem["detail"]


def test_a_transcript_that_was_tampered_with_is_not_handed_out(
    client: TestClient, store: DynamoEventStore, content: ContentStore
) -> None:
    recording_id = create(client)
    reference = content.write_document(
        domain.transcript_key(recording_id), TRANSCRIPT.model_dump_json().encode()
    )
    lie = reference.model_copy(update={"sha256": "0" * 64})
    completed = TranscriptionCompleted(
        transcript=lie, language="en-US", duration_seconds=1, words=1, segments=1
    )
    happen(store, recording_id, TranscriptionStarted(job="j", duration_seconds=1), completed)
    response = client.get(f"/api/audio/{recording_id}/transcript", headers=bearer())
    check_problem(response, 500)
    assert "hello" not in response.text


def test_deletion_leaves_nothing_and_is_final(
    client: TestClient, store: DynamoEventStore, content: ContentStore, s3: "S3Client"
) -> None:
    recording_id = create(client)
    s3.put_object(Bucket=CONTENT_BUCKET, Key=f"uploads/audio/{recording_id}", Body=b"12345")
    complete(store, content, recording_id)
    url = f"/api/audio/{recording_id}"
    response = client.delete(url, headers=bearer())
    assert (response.status_code, response.content) == (204, b"")
    left = s3.list_object_versions(Bucket=CONTENT_BUCKET)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    for path in (url, f"{url}/content", f"{url}/transcript"):
        check_problem(client.get(path, headers=bearer()), 404)
    check_problem(client.delete(url, headers=bearer()), 404)
    assert [event.type for event in store.load(RECORDING.key(recording_id))][-1] == "RecordingDeleted"


def test_what_the_worker_writes_during_a_deletion_goes_too(
    client: TestClient, store: DynamoEventStore, content: ContentStore, s3: "S3Client"
) -> None:
    recording_id = create(client)
    calls: list[Sequence[str]] = []

    class Interrupted(ContentStore):
        def delete_all_versions(self, keys: Any) -> int:
            deleted = super().delete_all_versions(keys)
            calls.append(keys)
            if len(calls) == 1:
                complete(store, content, recording_id)
            return deleted

    Recordings(store, Interrupted(s3, CONTENT_BUCKET)).delete(ALICE, recording_id)
    assert len(calls) == 2
    assert not s3.list_object_versions(Bucket=CONTENT_BUCKET).get("Versions")
    assert [event.type for event in store.load(RECORDING.key(recording_id))][-1] == "RecordingDeleted"


def test_a_deletion_that_failed_can_be_repeated(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    recording_id = create(client)

    def fail(_self: ContentStore, _keys: Any) -> None:
        message = "S3 is away"
        raise OSError(message)

    with monkeypatch.context() as broken:
        broken.setattr(ContentStore, "delete_all_versions", fail)
        check_problem(client.delete(f"/api/audio/{recording_id}", headers=bearer()), 500)
    assert client.delete(f"/api/audio/{recording_id}", headers=bearer()).status_code == 204


def test_what_is_not_the_callers_does_not_exist(
    client: TestClient, store: DynamoEventStore, subtests: pytest.Subtests
) -> None:
    mine = create(client)
    bobs = create(client, BOB)
    deleted = create(client)
    happen(store, deleted, RecordingDeleted())
    foreign = {
        "unknown": str(uuid.uuid4()),
        "another user's": bobs,
        "deleted": deleted,
        "malformed": "not-an-id",
        "upper case": mine.upper() if mine.upper() != mine else "A" * 36,
        "path": "%2e%2e",
        "long": "a" * 3000,
    }
    requests = [("GET", ""), ("GET", "/content"), ("GET", "/transcript"), ("DELETE", "")]
    for (kind, recording_id), (method, suffix) in itertools.product(foreign.items(), requests):
        with subtests.test(kind=kind, method=method, suffix=suffix):
            response = client.request(method, f"/api/audio/{recording_id}{suffix}", headers=bearer())
            problem = check_problem(response, 404)
            assert (problem["title"], problem["type"]) == ("Not Found", "about:blank")
            if kind != "path":
                assert problem["detail"] == "there is no such recording"
    assert client.get(f"/api/audio/{bobs}", headers=bearer(BOB)).status_code == 200


def test_bad_requests_are_refused_with_a_reason(client: TestClient, subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "audio/midi"}, 415),
        ({"size_bytes": 2 * 1024**3 + 1}, 413),
        ({"size_bytes": 10**30}, 413),
        ({"size_bytes": 0}, 422),
        ({"size_bytes": -1}, 422),
        ({"size_bytes": "5"}, 422),
        ({"size_bytes": 5.5}, 422),
        ({"size_bytes": True}, 422),
        ({"size_bytes": None}, 422),
        ({"filename": ""}, 422),
        ({"filename": "x" * 256}, 422),
        ({"filename": "a\nb"}, 422),
        ({"filename": 5}, 422),
        ({"language": "english"}, 422),
        ({"language": "en_US"}, 422),
        ({"langauge": "en-US"}, 422),
        ({"content_type": "a" * 200}, 422),
    ]
    for changes, status in cases:
        with subtests.test(changes=changes):
            problem = check_problem(client.post("/api/audio", json=BODY | changes, headers=bearer()), status)
            if status == 422:
                (fault,) = problem["errors"]
                assert fault["pointer"] == f"#/{next(iter(changes))}"


def test_a_limit_is_still_allowed(client: TestClient) -> None:
    assert create(client, size_bytes=2 * 1024**3, filename="x" * 255)


def test_bodies_that_are_no_request(client: TestClient, subtests: pytest.Subtests) -> None:
    headers = {**bearer(), "Content-Type": "application/json"}
    bodies = {b"{": 400, b"\xff": 400, b"[]": 422, b"null": 422, b"5": 422, b"{}": 422}
    for body, status in bodies.items():
        with subtests.test(body=body):
            check_problem(client.post("/api/audio", content=body, headers=headers), status)


def test_every_route_needs_a_token(client: TestClient) -> None:
    recording_id = create(client)
    for method, path in [
        ("POST", "/api/audio"),
        ("GET", f"/api/audio/{recording_id}"),
        ("GET", f"/api/audio/{recording_id}/content"),
        ("GET", f"/api/audio/{recording_id}/transcript"),
        ("DELETE", f"/api/audio/{recording_id}"),
    ]:
        check_problem(client.request(method, path), 401)
        forged = {"Authorization": f"Bearer {tokens.forged_tokens()['tampered']}"}
        check_problem(client.request(method, path, headers=forged), 401)


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/health").status_code == 200
    assert client.get("/ready").json() == {"status": "ok", "checks": {"event_store": "ok", "identity": "ok"}}
    aws.dynamodb(REGION).delete_table(TableName=EVENT_STORE_TABLE)
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200


def test_the_api_does_what_it_says(client: TestClient) -> None:
    check_api(client)
