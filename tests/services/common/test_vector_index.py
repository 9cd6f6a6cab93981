"""The vector index: requests within the service's limits, and answers that are not taken on trust."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from nova_common.vector_index import IndexBusyError, Vector, VectorIndex

from tests.services.support.client_model import failure
from tests.services.support.embeddings import direction
from tests.services.support.vectors import VECTOR_BUCKET, VECTOR_INDEX, FakeVectors, busy


def index(fake: FakeVectors) -> VectorIndex:
    client: Any = fake
    return VectorIndex(client, VECTOR_BUCKET, VECTOR_INDEX)


def vector(number: int, user: str = "alice", text: str = "hello") -> Vector:
    return Vector(
        key=f"r#{number}", values=direction(f"{text} {number}"), metadata={"user": user, "text": text}
    )


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1200, [500, 500, 200])]
)
def test_vectors_are_put_and_deleted_in_batches(count: int, sizes: list[int]) -> None:
    fake = FakeVectors()
    index(fake).put(vector(number) for number in range(count))
    assert [len(request["vectors"]) for _, request in fake.calls] == sizes
    assert len(fake.vectors) == count
    fake.calls.clear()
    index(fake).delete(f"r#{number}" for number in range(count))
    assert [len(request["keys"]) for _, request in fake.calls] == sizes
    assert fake.vectors == {}


def test_a_request_stays_under_the_limit_of_bytes() -> None:
    fake = FakeVectors()
    # Each is about 100 kB as the client writes it, so that far fewer than 500 fit into 20 MiB.
    text = "\N{LINEAR B SYLLABLE B008 A}" * 8192
    index(fake).put(vector(number, text=text) for number in range(400))
    sizes = [len(request["vectors"]) for _, request in fake.calls]
    assert sizes == [208, 192]
    assert len(fake.vectors) == 400


def test_existing_keys_are_looked_up_a_hundred_at_a_time() -> None:
    fake = FakeVectors()
    index(fake).put(vector(number) for number in range(0, 250, 2))
    fake.calls.clear()
    found = index(fake).existing(f"r#{number}" for number in range(250))
    assert found == {f"r#{number}" for number in range(0, 250, 2)}
    assert [len(request["keys"]) for _, request in fake.calls] == [100, 100, 50]


def test_a_query_returns_the_nearest_first() -> None:
    fake = FakeVectors()
    index(fake).put([vector(1), vector(2), vector(3, user="bob")])
    matches = index(fake).query(direction("hello 2"), {"user": {"$eq": "alice"}}, 5)
    assert [match.key for match in matches] == ["r#2", "r#1"]
    assert matches[0].distance == pytest.approx(0, abs=1e-9)
    assert matches[0].metadata == {"user": "alice", "text": "hello"}
    ((_, request),) = [call for call in fake.calls if call[0] == "QueryVectors"]
    assert (request["topK"], request["returnMetadata"], request["returnDistance"]) == (5, True, True)
    assert request["filter"] == {"user": {"$eq": "alice"}}


def test_another_distance_is_refused() -> None:
    fake = FakeVectors()
    fake.metric = "euclidean"
    with pytest.raises(ValueError, match="measures euclidean, not cosine distance"):
        index(fake).query(direction("hello"), {"user": {"$eq": "alice"}}, 5)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (busy(), IndexBusyError),
        (failure("ServiceUnavailableException"), IndexBusyError),
        (EndpointConnectionError(endpoint_url="https://s3vectors.us-east-1.api.aws"), IndexBusyError),
        (failure("AccessDeniedException"), ClientError),
        (failure("NotFoundException"), ClientError),
    ],
)
def test_failures_are_told_apart(refusal: Exception, error: type[Exception]) -> None:
    fake = FakeVectors()
    fake.refusal = refusal
    with pytest.raises(error):
        index(fake).put([vector(1)])
    with pytest.raises(error):
        index(fake).delete(["r#1"])
    with pytest.raises(error):
        index(fake).query(direction("hello"), {"user": {"$eq": "alice"}}, 5)
    with pytest.raises(error):
        index(fake).check_ready()
