"""One vector index in memory: exact nearest neighbours by brute force."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.documents import Document
from local_cloud.gateway.bedrock.embedder import Array, numpy
from local_cloud.gateway.s3_vectors.filter import Predicate

FIRST_CAPACITY = 256
"""Rows of a new matrix; it doubles when it is full."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A stored vector: its key, `dimension` float32 numbers, and its metadata."""

    key: str
    data: Array
    metadata: Document


class Matrix:
    """The vectors of an index as the rows of one matrix, and the metadata that they are filtered by.

    For cosine distance the rows are scaled to length 1. Deleting moves the last row into the gap.
    """

    def __init__(self, dimension: int, metric: str, non_filterable: Sequence[str]) -> None:
        self._cosine = metric == "cosine"
        self._hidden = frozenset(non_filterable)
        self._rows: dict[str, int] = {}
        self._keys: list[str] = []
        self._filterable: list[Document] = []
        self._values: Array = numpy().empty((FIRST_CAPACITY, dimension), numpy().float32)

    def put(self, vectors: Iterable[Vector]) -> None:
        """Add vectors, or replace those of the same keys."""
        np = numpy()
        for vector in vectors:
            row = self._rows.setdefault(vector.key, len(self._keys))
            if row == len(self._keys):
                self._keys.append(vector.key)
                self._filterable.append({})
                if row == len(self._values):
                    self._values = np.concatenate([self._values, np.empty_like(self._values)])
            self._filterable[row] = {
                name: value for name, value in vector.metadata.items() if name not in self._hidden
            }
            self._values[row] = vector.data / np.linalg.norm(vector.data) if self._cosine else vector.data

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the vectors of these keys, as far as there are any."""
        for key in keys:
            row = self._rows.pop(key, None)
            if row is None:
                continue
            last_key, last_metadata = self._keys.pop(), self._filterable.pop()
            if last_key != key:
                self._rows[last_key] = row
                self._keys[row], self._filterable[row] = last_key, last_metadata
                self._values[row] = self._values[len(self._keys)]

    def nearest(self, query: Array, limit: int, predicate: Predicate | None) -> list[tuple[str, float]]:
        """Return keys and distances of the nearest vectors that meet the predicate, nearest first.

        The cosine distance is 0 (same direction) to 2 (opposite); the other is the Euclidean one.
        """
        np = numpy()
        values = self._values[: len(self._keys)]
        if self._cosine:
            distances: Any = 1 - values @ (query / np.linalg.norm(query))
            np.clip(distances, 0, 2, out=distances)
        else:
            distances = np.sqrt(np.square(values - query).sum(axis=1))
        candidates = range(len(self._keys))
        if predicate is not None:
            candidates = [row for row in candidates if predicate(self._filterable[row])]
        rows: Any = np.fromiter(candidates, np.intp)
        if len(rows) > limit:
            rows = rows[np.argpartition(distances[rows], limit - 1)[:limit]]
        nearest: list[int] = rows.tolist()
        found = [(float(distances[row]), self._keys[row]) for row in nearest]
        return [(key, distance) for distance, key in sorted(found)]
