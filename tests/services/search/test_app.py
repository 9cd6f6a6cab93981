"""Search as a caller sees it: one's own passages and nobody else's."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from nova_common import aws
from nova_common.contracts.search import SearchFilter, SearchRequest, SearchResult
from nova_common.embeddings import EmbeddingModel
from nova_common.vector_index import IndexMismatchError, Vector, VectorIndex
from nova_search.app import Searches, create_app
from nova_search.settings import ApiSettings

from tests.services.support import tokens
from tests.services.support.api_checks import check_api
from tests.services.support.client_model import failure
from tests.services.support.embeddings import MODEL, FakeBedrock, direction
from tests.services.support.pictures import picture
from tests.services.support.private import Private
from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer
from tests.services.support.vectors import DIMENSION, VECTOR_BUCKET, VECTOR_INDEX, FakeVectors, busy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

ENVIRONMENT = {
    "SERVICE_NAME": "search",
    "USER_POOL_ISSUER": tokens.ISSUER,
    "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
    "AWS_REGION": REGION,
    "VECTOR_BUCKET": VECTOR_BUCKET,
    "VECTOR_INDEX": VECTOR_INDEX,
    "EMBEDDING_MODEL": MODEL,
    "EMBEDDING_REGION": "eu-north-1",
    "EMBEDDING_DIMENSION": str(DIMENSION),
    "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
    "CONTENT_BUCKET": CONTENT_BUCKET,
}


@pytest.fixture
def vectors() -> FakeVectors:
    return FakeVectors()


@pytest.fixture
def bedrock() -> FakeBedrock:
    return FakeBedrock()


@pytest.fixture
def environment(dynamodb: "DynamoDBClient", s3: "S3Client") -> dict[str, str]:
    del s3  # there has to be a bucket
    return ENVIRONMENT | Private(dynamodb).environment


@pytest.fixture
def client(
    vectors: FakeVectors,
    bedrock: FakeBedrock,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> TestClient:

    def vectors_client(region: str) -> Any:
        assert region == REGION
        return vectors

    def bedrock_client(region: str, *, read_timeout_seconds: float) -> Any:
        assert region == "eu-north-1"
        assert read_timeout_seconds == 5
        return bedrock

    monkeypatch.setattr(aws, "s3vectors", vectors_client)
    monkeypatch.setattr(aws, "bedrock_runtime", bedrock_client)
    app = create_app(ApiSettings.from_env(environment))
    app.state.verifier = tokens.verifier()
    return TestClient(app, raise_server_exceptions=False)


def add(vectors: FakeVectors, user: str, key: str, text: str, media_id: str = "m1", **said: Any) -> None:
    index(vectors).put([passage(user, key, text, media_id, **said)])


def index(vectors: FakeVectors) -> VectorIndex:
    fake: Any = vectors
    return VectorIndex(fake, VECTOR_BUCKET, VECTOR_INDEX)


def passage(user: str, key: str, text: str, media_id: str, **said: Any) -> Vector:
    metadata = {
        "user": user,
        "media_id": media_id,
        "kind": "transcript",
        "start": 1.5,
        "end": 3,
        "text": text,
    }
    return Vector(key=key, values=direction(text), metadata=metadata | said)


def ask(client: TestClient, user: str = ALICE, **body: Any) -> Any:
    return client.post("/api/search", json=body, headers=bearer(user))


def found(client: TestClient, user: str = ALICE, **body: Any) -> list[str]:
    response = ask(client, user, **body)
    assert response.status_code == 200
    return [hit["id"] for hit in response.json()["hits"]]


def check_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


def test_a_hit_has_the_fields_of_the_contract(client: TestClient, vectors: FakeVectors) -> None:
    add(vectors, ALICE, "m1#0", "the budget was approved")
    response = ask(client, text="the budget was approved")
    (hit,) = response.json()["hits"]
    assert hit == {
        "id": "m1#0",
        "media_id": "m1",
        "kind": "transcript",
        "score": pytest.approx(1),
        "text": "the budget was approved",
        "start": 1.5,
        "end": 3,
    }
    assert SearchResult.model_validate_json(response.text).hits[0].media_id == "m1"


def test_the_nearest_come_first_up_to_the_limit(client: TestClient, vectors: FakeVectors) -> None:
    add(vectors, ALICE, "far", "pasta with tomatoes")
    add(vectors, ALICE, "near", "the budget was approved")
    add(vectors, ALICE, "exact", "budget approved")
    assert found(client, text="budget approved") == ["exact", "near", "far"]
    assert found(client, text="budget approved", limit=2) == ["exact", "near"]
    assert found(client, text="Budget APPROVED", limit=100) == ["exact", "near", "far"]
    for number in range(12):
        add(vectors, ALICE, f"more{number}", "budget approved")
    assert len(found(client, text="budget")) == 10


def test_the_filter_narrows_ones_own(client: TestClient, vectors: FakeVectors) -> None:
    add(vectors, ALICE, "m1#0", "hello there")
    add(vectors, ALICE, "m2#0", "hello here", "m2")
    add(vectors, BOB, "m3#0", "hello hello", "m3")
    assert found(client, text="hello", filter={"media_id": "m2"}) == ["m2#0"]
    assert set(found(client, text="hello", filter={"kind": "transcript"})) == {"m1#0", "m2#0"}
    assert set(found(client, text="hello", filter={})) == {"m1#0", "m2#0"}
    assert set(found(client, text="hello", filter=None)) == {"m1#0", "m2#0"}
    assert found(client, text="hello", filter={"media_id": "m3"}) == []
    assert found(client, text="hello", filter={"media_id": "../x"}) == []
    assert found(client, BOB, text="hello") == ["m3#0"]


def test_nothing_indexed_is_no_hits(client: TestClient) -> None:
    assert ask(client, text="anything").json() == {"hits": [], "next_cursor": None}


def test_a_match_that_is_somebody_elses_is_dropped_whatever_the_index_says(
    client: TestClient, vectors: FakeVectors, caplog: pytest.LogCaptureFixture
) -> None:
    add(vectors, ALICE, "mine", "hello")
    add(vectors, BOB, "theirs", "hello")
    vectors.filters = False
    assert found(client, text="hello") == ["mine"]
    (record,) = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert record.__dict__["fields"] == {"key": "theirs"}
    assert "hello" not in caplog.text


def test_a_vector_of_a_newer_release_is_passed_over(client: TestClient, vectors: FakeVectors) -> None:
    add(vectors, ALICE, "known", "hello")
    add(vectors, ALICE, "unknown", "hello", kind="scent")
    assert found(client, text="hello") == ["known"]


USERS = st.sampled_from(["alice", "bob", "carol", 'al"ice', "alice#", "$eq", ""])
VOCABULARY = ["budget", "meeting", "pasta", "music", "tests", "hello"]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=4)
ITEMS = st.lists(st.tuples(USERS, WORDS.map(" ".join), st.sampled_from(["m1", "m2", "m3"])), max_size=25)


@examples(max_examples=200, deadline=None)
@given(
    items=ITEMS,
    user=USERS,
    text=WORDS.map(" ".join),
    limit=st.integers(1, 100),
    media_id=st.sampled_from([None, "m1", "m2"]),
    honest=st.booleans(),
)
def test_hits_are_only_and_all_of_the_callers_own(
    items: list[tuple[str, str, str]],
    user: str,
    text: str,
    limit: int,
    media_id: str | None,
    honest: bool,
) -> None:
    vectors = FakeVectors()
    vectors.filters = honest
    stored = {f"v{number}": item for number, item in enumerate(items)}
    index(vectors).put(passage(owner, key, words, media) for key, (owner, words, media) in stored.items())
    model: Any = FakeBedrock()
    searches = Searches(EmbeddingModel(model, MODEL, DIMENSION), index(vectors))
    wanted = None if media_id is None else SearchFilter(media_id=media_id)
    hits = searches.search(user, SearchRequest(text=text, limit=limit, filter=wanted)).hits
    assert all(stored[hit.id][0] == user for hit in hits)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    if honest:
        matching = {
            key for key, (owner, _, media) in stored.items() if owner == user and media_id in {None, media}
        }
        assert {hit.id for hit in hits} <= matching
        assert len(hits) == min(limit, len(matching))


def test_bad_requests_are_refused_with_a_reason(
    client: TestClient, bedrock: FakeBedrock, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "#"),
        ({"text": "a", "image": "YQ=="}, "#"),
        ({"image": "no base64!"}, "#/image"),
        ({"image": ""}, "#/image"),
        ({"text": "a", "cursor": ""}, "#/cursor"),
        ({"text": "a", "filter": {"since": "2026-02-01"}}, "#/filter"),
        ({"text": ""}, "#/text"),
        ({"text": " \n\t"}, "#/text"),
        ({"text": "x" * 2001}, "#/text"),
        ({"text": None}, "#"),
        ({"text": 5}, "#/text"),
        ({"text": "a\ud800"}, "#/text"),
        ({"text": "a", "limit": 0}, "#/limit"),
        ({"text": "a", "limit": 101}, "#/limit"),
        ({"text": "a", "limit": "5"}, "#/limit"),
        ({"text": "a", "limit": 5.5}, "#/limit"),
        ({"text": "a", "limit": True}, "#/limit"),
        ({"text": "a", "user": BOB}, "#/user"),
        ({"text": "a", "filter": []}, "#/filter"),
        ({"text": "a", "filter": {"user": BOB}}, "#/filter/user"),
        ({"text": "a", "filter": {"$or": []}}, "#/filter/$or"),
        ({"text": "a", "filter": {"media_id": ""}}, "#/filter/media_id"),
        ({"text": "a", "filter": {"media_id": "x" * 65}}, "#/filter/media_id"),
        ({"text": "a", "filter": {"media_id": {"$ne": "x"}}}, "#/filter/media_id"),
        ({"text": "a", "filter": {"kind": "scent"}}, "#/filter/kind"),
    ]
    headers = {**bearer(), "Content-Type": "application/json"}
    for body, pointer in cases:
        with subtests.test(body=body):
            # Written by hand, because the client refuses to send half a character.
            response = client.post("/api/search", content=json.dumps(body), headers=headers)
            (fault,) = check_problem(response, 422)["errors"]
            assert fault["pointer"] == pointer
            assert bedrock.texts == []


def test_limits_are_still_allowed(client: TestClient, bedrock: FakeBedrock) -> None:
    assert found(client, text="ü" * 2000, limit=1, filter={"media_id": "x" * 64}) == []
    assert bedrock.texts == [("GENERIC_RETRIEVAL", "ü" * 2000)]


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [("image", "IMAGE_RETRIEVAL"), ("transcript", "TEXT_RETRIEVAL"), ("document", "TEXT_RETRIEVAL")],
)
def test_what_is_wanted_decides_what_the_question_is_embedded_for(
    client: TestClient, bedrock: FakeBedrock, kind: str, purpose: str
) -> None:
    assert found(client, text="a tree", filter={"kind": kind}) == []
    assert bedrock.texts == [(purpose, "a tree")]


def test_pages_follow_each_other(client: TestClient, vectors: FakeVectors) -> None:
    for number in range(7):
        add(vectors, ALICE, f"v{number}", "hello " * (number + 1) + "world")
    first = ask(client, text="hello world", limit=3).json()
    second = ask(client, text="hello world", limit=3, cursor=first["next_cursor"]).json()
    last = ask(client, text="hello world", limit=3, cursor=second["next_cursor"]).json()
    shown = [hit["id"] for page in (first, second, last) for hit in page["hits"]]
    assert shown == found(client, text="hello world", limit=100)
    assert (len(shown), last["next_cursor"]) == (7, None)


def test_a_cursor_of_another_search_is_refused(client: TestClient, vectors: FakeVectors) -> None:
    for number in range(3):
        add(vectors, ALICE, f"v{number}", "hello")
    cursor = ask(client, text="hello", limit=1).json()["next_cursor"]
    problem = check_problem(ask(client, text="goodbye", limit=1, cursor=cursor), 400)
    assert problem["errors"][0]["code"] == "invalid_cursor"


def test_a_period_narrows_a_search(client: TestClient, vectors: FakeVectors) -> None:
    add(vectors, ALICE, "old", "hello", created_at=1_700_000_000)
    add(vectors, ALICE, "new", "hello", created_at=1_800_000_000)
    add(vectors, ALICE, "of an earlier release", "hello")
    assert found(client, text="hello", filter={"since": "2026-01-01T00:00:00Z"}) == ["new"]
    assert found(client, text="hello", filter={"until": "2026-01-01T00:00:00Z"}) == ["old"]


def test_a_search_by_image(client: TestClient, bedrock: FakeBedrock) -> None:
    assert found(client, image=encoded(picture("WEBP"))) == []
    asked = json.loads(bedrock.requests[0]["body"])["singleEmbeddingParams"]
    assert (asked["embeddingPurpose"], asked["image"]["format"]) == ("GENERIC_RETRIEVAL", "webp")
    check_problem(ask(client, image=encoded(b"GIF89a and no more")), 415)
    check_problem(ask(client, image=encoded(b"text")), 415)


def test_a_document_is_kept_for_its_owner(client: TestClient) -> None:
    added = post(client, title=" A plan ", text="We meet.\n")
    assert added.status_code == 201
    path = added.headers["location"]
    assert path == f"/api/documents/{added.json()['id']}"
    kept = client.get(path, headers=bearer()).json()
    assert (kept["title"], kept["text"]) == ("A plan", "We meet.\n")
    for verb in (client.get, client.delete):
        check_problem(verb(path, headers=bearer(BOB)), 404)
        check_problem(verb("/api/documents/unknown", headers=bearer()), 404)
    assert client.delete(path, headers=bearer()).status_code == 204
    check_problem(client.get(path, headers=bearer()), 404)
    check_problem(client.delete(path, headers=bearer()), 404)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_image_is_what_it_is_whatever_its_title(client: TestClient, kind: str) -> None:
    added = post(client, title="tree.bmp", image=encoded(picture(kind)))
    kept = client.get(added.headers["location"], headers=bearer()).json()
    assert (kept["image_format"], kept["image"]) == (kind.lower(), encoded(picture(kind)))
    assert "text" not in kept


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (lambda: b"no image", "no image"),
        (lambda: picture("JPEG")[:-20], "damaged"),
        (lambda: picture("BMP"), "no image"),
        (lambda: picture("GIF", size=(10_000, 5_001)), "more than 50000000 pixels"),
    ],
)
def test_what_is_no_image_is_refused(client: TestClient, content: Callable[[], bytes], detail: str) -> None:
    problem = check_problem(post(client, title="a", image=encoded(content())), 415)
    assert detail in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"title": "a"},
        {"title": "a", "text": "b", "image": "YQ=="},
        {"title": " ", "text": "b"},
        {"title": "x" * 201, "text": "b"},
        {"title": "a", "text": " \n"},
        {"title": "a", "text": "x" * 200_001},
        {"title": "a", "text": "b", "owner": BOB},
    ],
)
def test_bad_documents_are_refused(client: TestClient, body: dict[str, Any]) -> None:
    check_problem(post(client, **body), 422)


def test_an_index_for_another_model_stops_the_start(
    vectors: FakeVectors, client: TestClient, environment: dict[str, str]
) -> None:
    assert client.get("/health").status_code == 200
    vectors.dimension = 1024
    with pytest.raises(
        IndexMismatchError, match=r"takes 1024 numbers.*EMBEDDING_DIMENSION is 384.*nova reindex"
    ):
        create_app(ApiSettings.from_env(environment))
    vectors.refusal = busy()
    create_app(ApiSettings.from_env(environment))


def post(client: TestClient, user: str = ALICE, **body: Any) -> Any:
    return client.post("/api/documents", json=body, headers=bearer(user))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"\xff", 400), (b"[]", 422), (b"null", 422)])
def test_bodies_that_are_no_request(client: TestClient, body: bytes, status: int) -> None:
    headers = {**bearer(), "Content-Type": "application/json"}
    check_problem(client.post("/api/search", content=body, headers=headers), status)


def test_a_token_is_needed(client: TestClient, bedrock: FakeBedrock) -> None:
    check_problem(client.post("/api/search", json={"text": "hello"}), 401)
    for forged in tokens.forged_tokens().values():
        headers = {"Authorization": f"Bearer {forged}"}
        check_problem(client.post("/api/search", json={"text": "hello"}, headers=headers), 401)
    assert bedrock.texts == []
    assert client.get("/api/search", headers=bearer()).status_code == 405


@pytest.mark.parametrize(
    ("refusal", "status", "detail"),
    [
        (failure("ThrottlingException", "Too many tokens"), 503, "search is busy at the moment"),
        (failure("ModelTimeoutException"), 504, "the embedding model did not answer in time"),
        (ReadTimeoutError(endpoint_url="https://bedrock"), 504, "did not answer in time"),
        (failure("ModelErrorException", "the secret cause"), 502, "the embedding model failed"),
        (failure("AccessDeniedException", "the secret cause"), 500, "an unexpected error occurred"),
    ],
)
def test_a_model_that_fails_is_a_problem(
    client: TestClient, bedrock: FakeBedrock, refusal: Exception, status: int, detail: str
) -> None:
    bedrock.refusal = refusal
    response = ask(client, text="hello")
    problem = check_problem(response, status)
    assert detail in problem["detail"]
    assert "secret" not in response.text
    assert response.headers.get("retry-after") == ("5" if status == 503 else None)


def test_an_answer_of_the_wrong_dimension_is_a_502(client: TestClient, bedrock: FakeBedrock) -> None:
    bedrock.answer = b'{"embeddings": [{"embedding": [0.5]}]}'
    check_problem(ask(client, text="hello"), 502)


def test_an_index_that_is_busy_is_a_503(client: TestClient, vectors: FakeVectors) -> None:
    vectors.refusal = busy()
    response = ask(client, text="hello")
    check_problem(response, 503)
    assert response.headers["retry-after"] == "5"


def test_health_and_readiness(client: TestClient, vectors: FakeVectors) -> None:
    assert client.get("/ready").json() == {
        "status": "ok",
        "checks": {"vector_index": "ok", "event_store": "ok", "identity": "ok"},
    }
    vectors.refusal = failure("NotFoundException")
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200


def test_the_api_does_what_it_says(client: TestClient) -> None:
    check_api(client)
