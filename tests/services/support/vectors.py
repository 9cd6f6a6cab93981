"""Amazon S3 Vectors' client as far as it is used: one index in memory, with the service's limits."""

# ruff: noqa: ANN401 - a stand-in takes whatever the real thing takes

import json
import math
from operator import eq, ge, le
from typing import Any

from botocore.exceptions import ClientError

from tests.services.support.client_model import check_answer, check_request, failure

VECTOR_BUCKET = "nova-vectors"
VECTOR_INDEX = "search-384"
INDEX_ARN = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{VECTOR_BUCKET}/index/{VECTOR_INDEX}"
DIMENSION = 384
UNFILTERED = frozenset({"text"})


class FakeVectors:
    """An index of cosine distance; `refusal` is raised by the next calls, `calls` remembers all."""

    def __init__(self) -> None:
        self.vectors: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusal: Exception | None = None
        self.metric = "cosine"
        self.dimension = DIMENSION
        self.filters = True

    def get_index(self, **request: Any) -> Any:
        self._begin("GetIndex", request)
        index = {
            "vectorBucketName": VECTOR_BUCKET,
            "indexName": VECTOR_INDEX,
            "indexArn": INDEX_ARN,
            "creationTime": 0,
            "dataType": "float32",
            "dimension": self.dimension,
            "distanceMetric": self.metric,
        }
        return check_answer("s3vectors", "GetIndex", {"index": index})

    def put_vectors(self, **request: Any) -> Any:
        self._begin("PutVectors", request)
        assert 1 <= len(request["vectors"]) <= 500
        assert len(json.dumps(request)) <= 20 * 1024 * 1024
        for vector in request["vectors"]:
            _check_vector(vector)
        for vector in request["vectors"]:
            self.vectors[vector["key"]] = json.loads(json.dumps(vector))
        return {}

    def get_vectors(self, **request: Any) -> Any:
        self._begin("GetVectors", request)
        assert 1 <= len(request["keys"]) <= 100
        found = [{"key": key} for key in request["keys"] if key in self.vectors]
        return check_answer("s3vectors", "GetVectors", {"vectors": found})

    def delete_vectors(self, **request: Any) -> Any:
        self._begin("DeleteVectors", request)
        assert 1 <= len(request["keys"]) <= 500
        for key in request["keys"]:
            self.vectors.pop(key, None)
        return {}

    def query_vectors(self, **request: Any) -> Any:
        self._begin("QueryVectors", request)
        assert 1 <= request["topK"] <= 100
        direction = request["queryVector"]["float32"]
        _check_values(direction)
        found = [
            {"key": key, "metadata": vector["metadata"], "distance": _distance(direction, vector)}
            for key, vector in self.vectors.items()
            if not self.filters or _meets(vector["metadata"], request["filter"])
        ]
        found.sort(key=lambda match: match["distance"])
        answer = {"vectors": found[: request["topK"]], "distanceMetric": self.metric}
        return check_answer("s3vectors", "QueryVectors", answer)

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def _begin(self, operation: str, request: dict[str, Any]) -> None:
        check_request("s3vectors", operation, request)
        assert (request["vectorBucketName"], request["indexName"]) == (VECTOR_BUCKET, VECTOR_INDEX)
        self.calls.append((operation, request))
        if self.refusal is not None:
            raise self.refusal


def busy() -> ClientError:
    return failure("TooManyRequestsException", "Please reduce your request rate")


def _check_vector(vector: dict[str, Any]) -> None:
    assert 1 <= len(vector["key"]) <= 1024
    _check_values(vector["data"]["float32"])
    metadata = vector["metadata"]
    filterable = {name: value for name, value in metadata.items() if name not in UNFILTERED}
    assert len(metadata) <= 50
    assert len(json.dumps(filterable, ensure_ascii=False).encode()) <= 2 * 1024
    assert len(json.dumps(metadata, ensure_ascii=False).encode()) <= 40 * 1024


def _check_values(values: list[float]) -> None:
    assert len(values) == DIMENSION
    assert all(math.isfinite(value) for value in values)
    assert any(values)


def _distance(direction: list[float], vector: dict[str, Any]) -> float:
    values = vector["data"]["float32"]
    dot = sum(a * b for a, b in zip(direction, values, strict=True))
    return 1 - dot / (math.hypot(*direction) * math.hypot(*values))


def _meets(metadata: dict[str, Any], condition: dict[str, Any]) -> bool:
    """Evaluate the operators that are used; another one is a KeyError."""
    ((name, operand),) = condition.items()
    if name == "$and":
        return all(_meets(metadata, part) for part in operand)
    assert name not in UNFILTERED
    ((operator, value),) = operand.items()
    compare = {"$eq": eq, "$gte": ge, "$lte": le}[operator]
    return name in metadata and compare(metadata[name], value)
