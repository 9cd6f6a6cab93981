"""Where spans are kept: one SQLite file with the newest of them."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_cloud.documents import Document, part

SPANS_MAX = 50_000
"""Some thousand requests with all that follows from them: about 40 MB."""
SPANS_SPARED = 1_000
"""How many more may be there, so that not every write has to look for the oldest."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (
    number INTEGER PRIMARY KEY AUTOINCREMENT, trace TEXT NOT NULL, span TEXT NOT NULL, begun INTEGER NOT NULL,
    document TEXT NOT NULL, UNIQUE (trace, span));
CREATE INDEX IF NOT EXISTS begun ON spans (begun);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span: ids in hexadecimal digits, its start in nanoseconds since 1970, all of it as X-Ray shows it."""

    trace: str
    span: str
    begun: int
    document: Document


class SpanStore:
    """The file. Used by one thread at a time; what it loses with the machine's power are spans."""

    def __init__(self, path: Path, spans_max: int = SPANS_MAX, spared: int = SPANS_SPARED) -> None:
        self._spans_max, self._spared = spans_max, spared
        self._database = sqlite3.connect(path, check_same_thread=False, autocommit=True)
        path.chmod(0o600)
        for setting in ("journal_mode = WAL", "synchronous = NORMAL"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def put(self, spans: Iterable[Span]) -> None:
        """Keep spans, each once, and forget the oldest where there are too many."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(
            "INSERT OR REPLACE INTO spans (trace, span, begun, document) VALUES (?, ?, ?, ?)",
            [(span.trace, span.span, span.begun, json.dumps(span.document)) for span in spans],
        )
        (count,) = self._database.execute("SELECT count(*) FROM spans").fetchone()
        if count > self._spans_max + self._spared:
            self._database.execute(
                "DELETE FROM spans WHERE number IN (SELECT number FROM spans ORDER BY number LIMIT ?)",
                (count - self._spans_max,),
            )
        self._database.execute("COMMIT")

    def traces(self, ids: Sequence[str]) -> dict[str, list[Span]]:
        """Return the spans of traces in the order in which they began, for those that are known."""
        found: dict[str, list[Span]] = {}
        marks = ", ".join("?" * len(ids))
        rows = self._database.execute(
            f"SELECT trace, span, begun, document FROM spans WHERE trace IN ({marks}) ORDER BY begun",  # noqa: S608 (marks only)
            tuple(ids),
        )
        for trace, span, begun, document in rows:
            found.setdefault(trace, []).append(
                Span(trace=trace, span=span, begun=begun, document=json.loads(document))
            )
        return found

    def noted(self, since: float, until: float, attributes: dict[str, str], limit: int) -> list[str]:
        """Return the traces, newest first, of spans that began in a time and have all of these attributes."""
        found: dict[str, None] = {}
        rows = self._database.execute(
            "SELECT trace, document FROM spans WHERE begun BETWEEN ? AND ? ORDER BY begun DESC",
            (int(since * 1e9), int(until * 1e9)),
        )
        for trace, document in rows:
            known = part(json.loads(document), "attributes")
            if attributes.items() <= known.items():
                found[trace] = None
            if len(found) == limit:
                break
        return list(found)
