"""Prints the logs of services, and follows them."""

import time
from collections.abc import Iterator
from pathlib import Path

from cli.errors import NovaError
from cli.home import Home

FOLLOW_INTERVAL_S = 0.3
LINES_SHOWN = 200


def log_files(home: Home, service: str | None) -> dict[str, Path]:
    """Return the log file of one service, or of all, by service name."""
    files = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
    if service is None:
        return files
    if service not in files:
        known = ", ".join(files) or "none yet"
        raise NovaError(f"there is no log of {service!r}; logs: {known}")
    return {service: files[service]}


def last_lines(files: dict[str, Path]) -> Iterator[str]:
    """Return the end of each file, with the service in front of each line when there are several."""
    for name, path in files.items():
        for line in path.read_text("utf-8", errors="replace").splitlines()[-LINES_SHOWN:]:
            yield _labelled(name, line, files)


def follow(files: dict[str, Path]) -> Iterator[str]:
    """Lines as they are written, for ever. A file that shrinks was rotated and is read from its start."""
    positions = {name: path.stat().st_size for name, path in files.items()}
    rest = dict.fromkeys(files, "")
    while True:
        for name, path in files.items():
            size = path.stat().st_size if path.exists() else 0
            if size < positions[name]:
                positions[name] = 0
            if size > positions[name]:
                with path.open("rb") as file:
                    file.seek(positions[name])
                    chunk = file.read(size - positions[name])
                positions[name] += len(chunk)
                *lines, rest[name] = (rest[name] + chunk.decode("utf-8", errors="replace")).split("\n")
                yield from (_labelled(name, line, files) for line in lines)
        time.sleep(FOLLOW_INTERVAL_S)


def _labelled(name: str, line: str, files: dict[str, Path]) -> str:
    return line if len(files) == 1 else f"{name:<18} {line}"
