"""Where S3 Vectors' buckets, indexes and vectors are kept: one SQLite file, durable when a call returns."""

import json
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.documents import Document
from local_cloud.gateway.bedrock.embedder import Array, numpy
from local_cloud.gateway.s3_vectors.filter import Predicate
from local_cloud.gateway.s3_vectors.index import Matrix, Vector

MATRICES_MAX = 8
"""Indexes kept in memory: a stack asks one, and 10,000 vectors of 384 numbers take 15 MiB."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    id INTEGER PRIMARY KEY, region TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL,
    encryption TEXT NOT NULL, policy TEXT, UNIQUE (region, name));
CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL REFERENCES buckets, name TEXT NOT NULL,
    created REAL NOT NULL, dimension INTEGER NOT NULL, metric TEXT NOT NULL, hidden TEXT NOT NULL,
    encryption TEXT NOT NULL, UNIQUE (bucket, name));
CREATE TABLE IF NOT EXISTS vectors (
    owner INTEGER NOT NULL REFERENCES indexes ON DELETE CASCADE, key TEXT NOT NULL, data BLOB NOT NULL,
    metadata TEXT NOT NULL, UNIQUE (owner, key));
CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key));
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A vector bucket; `created` in epoch seconds."""

    id: int
    name: str
    created: float
    encryption: Document
    policy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A vector index; `hidden` are the metadata keys that it cannot filter by."""

    id: int
    name: str
    created: float
    dimension: int
    metric: str
    hidden: Sequence[str]
    encryption: Document


class VectorStore:
    """The file and the matrices of the indexes that were asked last. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, autocommit=True)
        path.chmod(0o600)
        self._database.row_factory = sqlite3.Row
        # FULL: a commit is on disk before its call returns, also when the machine loses power. What
        # is deleted is overwritten.
        for setting in (
            "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON",
        ):  # fmt: skip
            self._database.execute(f"PRAGMA {setting}")
        self._database.executescript(SCHEMA)
        self._matrices: OrderedDict[int, Matrix] = OrderedDict()

    def close(self) -> None:
        """Close the file; what it holds is durable already."""
        self._database.close()

    def add_bucket(self, region: str, name: str, encryption: Document) -> bool:
        """Add a bucket; whether the name was free."""
        return self._insert(
            "INSERT INTO buckets (region, name, created, encryption) VALUES (?, ?, ?, ?)",
            (region, name, time.time(), json.dumps(encryption)),
        )

    def bucket(self, region: str, name: str) -> Bucket | None:
        """Return the bucket of this name."""
        found = self._database.execute(
            "SELECT * FROM buckets WHERE region = ? AND name = ?", (region, name)
        ).fetchone()
        return None if found is None else _bucket(found)

    def buckets(self, region: str, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Return the buckets after a name, in their order."""
        found = self._database.execute(
            "SELECT * FROM buckets WHERE region = ? AND name > ? AND substr(name, 1, ?) = ? "
            "ORDER BY name LIMIT ?",
            (region, after, len(prefix), prefix, limit),
        )
        return [_bucket(row) for row in found]

    def delete_bucket(self, bucket: Bucket) -> bool:
        """Delete a bucket; whether it was empty."""
        try:
            self._database.execute("DELETE FROM buckets WHERE id = ?", (bucket.id,))
        except sqlite3.IntegrityError:
            return False
        return True

    def set_policy(self, bucket: Bucket, policy: str | None) -> None:
        """Replace a bucket's policy, or remove it."""
        self._database.execute("UPDATE buckets SET policy = ? WHERE id = ?", (policy, bucket.id))

    def add_index(
        self,
        bucket: Bucket,
        name: str,
        dimension: int,
        metric: str,
        hidden: Sequence[str],
        encryption: Document,
    ) -> bool:
        """Add an index; whether the name was free."""
        return self._insert(
            "INSERT INTO indexes (bucket, name, created, dimension, metric, hidden, encryption) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (bucket.id, name, time.time(), dimension, metric, json.dumps(hidden), json.dumps(encryption)),
        )

    def index(self, bucket: Bucket, name: str) -> Index | None:
        """Return the index of this name."""
        found = self._database.execute(
            "SELECT * FROM indexes WHERE bucket = ? AND name = ?", (bucket.id, name)
        ).fetchone()
        return None if found is None else _index(found)

    def indexes(self, bucket: Bucket, prefix: str, after: str, limit: int) -> list[Index]:
        """Return the indexes after a name, in their order."""
        found = self._database.execute(
            "SELECT * FROM indexes WHERE bucket = ? AND name > ? AND substr(name, 1, ?) = ? "
            "ORDER BY name LIMIT ?",
            (bucket.id, after, len(prefix), prefix, limit),
        )
        return [_index(row) for row in found]

    def delete_index(self, index: Index) -> None:
        """Delete an index with its vectors."""
        self._database.execute("DELETE FROM indexes WHERE id = ?", (index.id,))
        self._matrices.pop(index.id, None)

    def put(self, index: Index, vectors: Sequence[Vector]) -> None:
        """Put vectors, all of them or none; those of the same keys are replaced."""
        self._in_one_step(
            "INSERT INTO vectors (owner, key, data, metadata) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (owner, key) DO UPDATE SET data = excluded.data, metadata = excluded.metadata",
            [
                (index.id, vector.key, vector.data.tobytes(), json.dumps(vector.metadata))
                for vector in vectors
            ],
        )
        if index.id in self._matrices:
            self._matrices[index.id].put(vectors)

    def delete(self, index: Index, keys: Sequence[str]) -> None:
        """Delete the vectors of these keys, as far as there are any."""
        self._in_one_step(
            "DELETE FROM vectors WHERE owner = ? AND key = ?", [(index.id, key) for key in keys]
        )
        # The log of changes would keep what was deleted until it is full.
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if index.id in self._matrices:
            self._matrices[index.id].delete(keys)

    def get(self, index: Index, keys: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of these keys, as far as there are any."""
        marks = ", ".join("?" * len(keys))
        found = self._database.execute(
            f"SELECT key, data, metadata FROM vectors WHERE owner = ? AND key IN ({marks})",  # noqa: S608 (marks only)
            (index.id, *keys),
        )
        return {row["key"]: _vector(row) for row in found}

    def listed(self, index: Index, after: str, limit: int) -> list[Vector]:
        """Return the vectors after a key, in the order of their keys."""
        found = self._database.execute(
            "SELECT key, data, metadata FROM vectors WHERE owner = ? AND key > ? ORDER BY key LIMIT ?",
            (index.id, after, limit),
        )
        return [_vector(row) for row in found]

    def nearest(
        self, index: Index, query: Array, limit: int, predicate: Predicate | None
    ) -> list[tuple[str, float]]:
        """Return keys and distances of the nearest vectors that meet the predicate, nearest first."""
        return self._matrix(index).nearest(query, limit, predicate)

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource."""
        found = self._database.execute("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn,))
        return {row["key"]: row["value"] for row in found}

    def set_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add tags to a resource, or replace their values."""
        self._in_one_step(
            "INSERT OR REPLACE INTO tags (arn, key, value) VALUES (?, ?, ?)",
            [(arn, key, value) for key, value in tags.items()],
        )

    def remove_tags(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags of a resource, as far as it has them."""
        self._in_one_step("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])

    def _insert(self, statement: str, values: tuple[Any, ...]) -> bool:
        try:
            self._database.execute(statement, values)
        except sqlite3.IntegrityError:
            return False
        return True

    def _in_one_step(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany(statement, rows)
        except sqlite3.Error:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _matrix(self, index: Index) -> Matrix:
        if index.id not in self._matrices:
            matrix = Matrix(index.dimension, index.metric, index.hidden)
            found = self._database.execute(
                "SELECT key, data, metadata FROM vectors WHERE owner = ? ORDER BY key", (index.id,)
            )
            matrix.put(_vector(row) for row in found)
            self._matrices[index.id] = matrix
            if len(self._matrices) > MATRICES_MAX:
                self._matrices.popitem(last=False)
        self._matrices.move_to_end(index.id)
        return self._matrices[index.id]


def _bucket(row: sqlite3.Row) -> Bucket:
    return Bucket(
        id=row["id"],
        name=row["name"],
        created=row["created"],
        encryption=json.loads(row["encryption"]),
        policy=row["policy"],
    )


def _index(row: sqlite3.Row) -> Index:
    return Index(
        id=row["id"],
        name=row["name"],
        created=row["created"],
        dimension=row["dimension"],
        metric=row["metric"],
        hidden=json.loads(row["hidden"]),
        encryption=json.loads(row["encryption"]),
    )


def _vector(row: sqlite3.Row) -> Vector:
    np = numpy()
    return Vector(row["key"], np.frombuffer(row["data"], np.float32), json.loads(row["metadata"]))
