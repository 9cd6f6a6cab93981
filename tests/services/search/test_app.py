"""Search as a caller sees it: one's own passages and nobody else's."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from nova_common import aws
from nova_common.contracts.search import SearchFilter, SearchRequest, SearchResult
from nova_search.app import Searches, create_app
from nova_search.embeddings import EmbeddingModel
from nova_search.settings import ApiSettings
from nova_search.vectors import Vector, VectorIndex

from tests.services.support import tokens
from tests.services.support.client_model import failure
from tests.services.support.embeddings import MODEL, FakeBedrock, direction
from tests.services.support.tables import REGION
from tests.services.support.tokens import ALICE, BOB, bearer
from tests.services.support.vectors import DIMENSION, VECTOR_BUCKET, VECTOR_INDEX, FakeVectors, busy

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
}


@pytest.fixture
def vectors() -> FakeVectors:
    return FakeVectors()


@pytest.fixture
def bedrock() -> FakeBedrock:
    return FakeBedrock()


@pytest.fixture
def client(vectors: FakeVectors, bedrock: FakeBedrock, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    def vectors_client(region: str) -> Any:
        assert region == REGION
        return vectors

    def bedrock_client(region: str, *, read_timeout_seconds: float) -> Any:
        assert region == "eu-north-1"
        assert read_timeout_seconds == 5
        return bedrock

    monkeypatch.setattr(aws, "s3vectors", vectors_client)
    monkeypatch.setattr(aws, "bedrock_runtime", bedrock_client)
    app = create_app(ApiSettings.from_env(ENVIRONMENT))
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
    assert ask(client, text="anything").json() == {"hits": []}


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


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/text"),
        ({"text": ""}, "#/text"),
        ({"text": " \n\t"}, "#/text"),
        ({"text": "x" * 2001}, "#/text"),
        ({"text": None}, "#/text"),
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
    ],
)
def test_bad_requests_are_refused_with_a_reason(
    client: TestClient, bedrock: FakeBedrock, body: dict[str, Any], pointer: str
) -> None:
    headers = {**bearer(), "Content-Type": "application/json"}
    # Written by hand, because the client refuses to send half a character.
    response = client.post("/api/search", content=json.dumps(body), headers=headers)
    problem = check_problem(response, 422)
    (fault,) = problem["errors"]
    assert fault["pointer"] == pointer
    assert bedrock.texts == []


def test_limits_are_still_allowed(client: TestClient, bedrock: FakeBedrock) -> None:
    assert found(client, text="ü" * 2000, limit=1, filter={"media_id": "x" * 64}) == []
    assert bedrock.texts == [("TEXT_RETRIEVAL", "ü" * 2000)]


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
    assert client.get("/ready").json() == {"status": "ok", "checks": {"vector_index": "ok", "identity": "ok"}}
    vectors.refusal = failure("NotFoundException")
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200
