"""The vector index in Amazon S3 Vectors: put, look up and delete by key, and query by direction.

Guarantees: what was put is found at once; putting a key again replaces its vector; deleting a key that does
not exist is fine. The limits are those of the service ("Limitations and restrictions" of Amazon S3 Vectors).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from nova_common.aws import UNREACHABLE, error_code
from nova_common.settings import Environment

if TYPE_CHECKING:
    from types_boto3_s3vectors import S3VectorsClient
    from types_boto3_s3vectors.type_defs import PutInputVectorTypeDef

PUT_VECTORS_MAX = 500
DELETE_KEYS_MAX = 500
GET_KEYS_MAX = 100
PUT_BYTES_MAX = 20 * 1024 * 1024 - 64 * 1024
"""Vectors of one request as JSON: 20 MiB less what stands around them."""

_BUSY = frozenset({"ServiceUnavailableException", "TooManyRequestsException", "ThrottlingException"})
_DISTANCE = "cosine"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSettings:
    """Where the vectors are."""

    bucket: str
    index: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """VECTOR_BUCKET and VECTOR_INDEX, both names."""
        return cls(bucket=environment.text("VECTOR_BUCKET"), index=environment.text("VECTOR_INDEX"))


class IndexBusyError(Exception):
    """The index takes no more requests at the moment."""


class IndexMismatchError(Exception):
    """The index does not hold what this service's embedding model makes; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A vector to be put: as many numbers as the index has dimensions, and what it says about itself."""

    key: str
    values: Sequence[float]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A vector that a query found; `distance` is the cosine distance, 0 (same direction) to 2 (opposite)."""

    key: str
    distance: float
    metadata: Mapping[str, Any]


class VectorIndex:
    """One index with cosine distance."""

    def __init__(self, client: S3VectorsClient, bucket: str, index: str) -> None:
        self._client = client
        self._bucket = bucket
        self._index = index

    def check_ready(self) -> None:
        """Raise unless the index answers; needs no permission beyond reading vectors."""
        self.existing(["readiness#check"])

    def check_in_step(self, dimension: int) -> None:
        """Raise IndexMismatchError unless the index takes vectors of so many numbers; IndexBusyError.

        Vectors of another model are in another index: the program names each index after its model.
        """
        try:
            found = self._client.get_index(vectorBucketName=self._bucket, indexName=self._index)["index"]
        except (ClientError, *UNREACHABLE) as error:
            raise _translated(error) from error
        if (found["dimension"], found["distanceMetric"]) != (dimension, _DISTANCE):
            message = (
                f"the index {self._index} takes {found['dimension']} numbers of {found['distanceMetric']} "
                f"distance, EMBEDDING_DIMENSION is {dimension} of {_DISTANCE} distance: deploy the stack, "
                "which makes an index for each embedding model, and fill it with `nova reindex`"
            )
            raise IndexMismatchError(message)

    def put(self, vectors: Iterable[Vector]) -> None:
        """Put vectors, in as few requests as the limits allow; IndexBusyError."""
        for batch in _batches(vectors):
            try:
                self._client.put_vectors(vectorBucketName=self._bucket, indexName=self._index, vectors=batch)
            except (ClientError, *UNREACHABLE) as error:
                raise _translated(error) from error

    def existing(self, keys: Iterable[str]) -> set[str]:
        """Return which of these keys have a vector; IndexBusyError."""
        found: set[str] = set()
        for batch in batched(keys, GET_KEYS_MAX, strict=False):
            try:
                answer = self._client.get_vectors(
                    vectorBucketName=self._bucket, indexName=self._index, keys=list(batch)
                )
            except (ClientError, *UNREACHABLE) as error:
                raise _translated(error) from error
            found |= {vector["key"] for vector in answer["vectors"]}
        return found

    def delete(self, keys: Iterable[str]) -> None:
        """Delete the vectors of these keys, where there are any; IndexBusyError."""
        for batch in batched(keys, DELETE_KEYS_MAX, strict=False):
            try:
                self._client.delete_vectors(
                    vectorBucketName=self._bucket, indexName=self._index, keys=list(batch)
                )
            except (ClientError, *UNREACHABLE) as error:
                raise _translated(error) from error

    def query(self, values: Sequence[float], condition: Mapping[str, Any], limit: int) -> list[Match]:
        """Return the vectors nearest to a direction that meet a condition, nearest first; IndexBusyError."""
        try:
            answer = self._client.query_vectors(
                vectorBucketName=self._bucket,
                indexName=self._index,
                topK=limit,
                queryVector={"float32": list(values)},
                filter=dict(condition),
                returnMetadata=True,
                returnDistance=True,
            )
        except (ClientError, *UNREACHABLE) as error:
            raise _translated(error) from error
        if answer["distanceMetric"] != _DISTANCE:
            message = f"the index {self._index} measures {answer['distanceMetric']}, not {_DISTANCE} distance"
            raise ValueError(message)
        return [
            Match(
                key=found["key"],
                distance=found.get("distance", 0.0),
                metadata=dict(found.get("metadata", {})),
            )
            for found in answer["vectors"]
        ]


def in_step(client: S3VectorsClient, place: VectorSettings, dimension: int) -> VectorIndex:
    """Return the index, unless it does not fit the embedding model: IndexMismatchError.

    An index that does not answer now is looked at by the readiness check, again and again.
    """
    index = VectorIndex(client, place.bucket, place.index)
    try:
        index.check_in_step(dimension)
    except IndexBusyError:
        logger.warning("the vector index does not answer yet", exc_info=True)
    return index


def _batches(vectors: Iterable[Vector]) -> Iterator[list[PutInputVectorTypeDef]]:
    """Group vectors so that each request keeps both limits, of number and of bytes."""
    batch: list[PutInputVectorTypeDef] = []
    size = 0
    for vector in vectors:
        entry: PutInputVectorTypeDef = {
            "key": vector.key,
            "data": {"float32": list(vector.values)},
            "metadata": dict(vector.metadata),
        }
        # The client writes the request with the same encoder.
        entry_size = len(json.dumps(entry)) + 2
        if batch and (len(batch) == PUT_VECTORS_MAX or size + entry_size > PUT_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry_size
    if batch:
        yield batch


def _translated(error: ClientError | BotoCoreError) -> Exception:
    """Return IndexBusyError when waiting may help, the error itself otherwise."""
    if not isinstance(error, ClientError):
        return IndexBusyError("the vector index cannot be reached")
    code = error_code(error)
    return IndexBusyError(f"the vector index is busy: {code}") if code in _BUSY else error
