"""The applier's output: one JSON object a line, with every known secret blotted out."""

import json
import threading
from typing import Any, TextIO, cast

# Shorter strings would blot out ordinary words; a structure with a secret in it holds such words as well.
SECRET_LENGTH_MIN = 4
NESTED_SECRET_LENGTH_MIN = 12
MASK = "[secret]"


class Reporter:
    """Writes events to a stream; safe for threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self.counts: dict[str, int] = {}

    def hide(self, value: object, length_min: int = SECRET_LENGTH_MIN) -> None:
        """From now on replace `value` (or the long strings inside it) wherever it would be printed."""
        if isinstance(value, str) and len(value) >= length_min:
            with self._lock:
                self._secrets.add(value)
                self._secrets.add(json.dumps(value)[1:-1])
        elif isinstance(value, dict):
            for item in cast("dict[str, object]", value).values():
                self.hide(item, NESTED_SECRET_LENGTH_MIN)
        elif isinstance(value, list):
            for item in cast("list[object]", value):
                self.hide(item, NESTED_SECRET_LENGTH_MIN)

    def resource(self, operation: str, kind: str, name: str) -> None:
        """Report what happened to one resource: same, create, update, replace, delete or record."""
        with self._lock:
            self.counts[operation] = self.counts.get(operation, 0) + 1
        self._emit({"event": "resource", "op": operation, "type": kind, "name": name})

    def log(self, message: str, level: str = "info") -> None:
        """Report a message for the person who runs the program."""
        self._emit({"event": "log", "level": level, "message": message})

    def done(self, outputs: dict[str, Any], recorded: list[str]) -> None:
        """Report success; the last line."""
        self._emit({"event": "done", "outputs": outputs, "counts": self.counts, "recorded": recorded})

    def error(self, message: str) -> None:
        """Report failure; the last line."""
        self._emit({"event": "error", "message": message})

    def _emit(self, event: dict[str, Any]) -> None:
        line = json.dumps(event)
        with self._lock:
            for secret in self._secrets:
                line = line.replace(secret, MASK)
            self._stream.write(f"{line}\n")
            self._stream.flush()
