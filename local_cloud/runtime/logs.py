"""Log files of services: one line per line a task writes, limited in size."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from local_cloud.documents import Document

MAXIMUM_BYTES = 5_000_000
KEPT_FILES = 2
"""A log takes at most (1 + KEPT_FILES) x MAXIMUM_BYTES of disk."""


def short_id(task: str) -> str:
    """Return what log lines tell of a task's id."""
    return task[:8]


class ServiceLog:
    """`home/logs/<service>.log`, rotated to `.1`, `.2`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, task: str, line: bytes) -> None:
        """Add one line with the time (UTC) and the task's id."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._file.write(f"{stamp} {short_id(task)} ".encode() + line + b"\n")
        if self._file.tell() > MAXIMUM_BYTES:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT_FILES, 0, -1):
            older = self._path.with_suffix(f".log.{number - 1}") if number > 1 else self._path
            if older.exists():
                older.replace(self._path.with_suffix(f".log.{number}"))
        self._file = self._path.open("ab", buffering=0)


def _entry(line: str) -> tuple[str, Document] | None:
    """Return a line's task and its event, None for a line that a kill cut off."""
    stamp, _, rest = line.partition(" ")
    task, separator, message = rest.partition(" ")
    if not separator or not stamp.endswith("Z"):
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return task, {"timestamp": round(moment.timestamp() * 1000), "message": message}


class Logs:
    """The logs directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, ServiceLog] = {}

    def of(self, name: str) -> ServiceLog:
        """Return the log of a service (or of a task family for tasks that run alone)."""
        if name not in self._open:
            self._open[name] = ServiceLog(self._directory / f"{name}.log")
        return self._open[name]

    def events(self, name: str) -> dict[str, list[Document]]:
        """Return a log's events (timestamp in ms, message), oldest first, by the short ids of its tasks."""
        path = self._directory / f"{name}.log"
        older = [path.with_suffix(f".log.{number}") for number in range(KEPT_FILES, 0, -1)]
        found: dict[str, list[Document]] = {}
        for file in [*older, path]:
            with contextlib.suppress(FileNotFoundError):
                for line in file.read_text(errors="replace").split("\n"):
                    if entry := _entry(line):
                        found.setdefault(entry[0], []).append(entry[1])
        return found
