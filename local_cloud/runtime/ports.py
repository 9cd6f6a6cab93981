"""Loopback ports: stable ones for what clients keep addresses of, free ones for tasks."""

import socket
from collections.abc import Callable

from local_cloud.documents import Document
from local_cloud.gateway.asgi import bind

BLOCK = 99
"""Stable ports are the gateway's port + 1 .. + 99."""


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ports:
    """Stable ports by key (a listener's ARN, an API's id, a private name), kept in a persisted document."""

    def __init__(self, first: int, document: Document, touch: Callable[[], None]) -> None:
        self._first = first
        self._document = document
        self._touch = touch

    def listen(self, key: str) -> socket.socket:
        """Return a listening socket on this key's port; another one only if that is taken by a stranger.

        Raises:
            OSError: no port of the block is free.

        """
        known: int | None = self._document.get(key)
        used = set(self._document.values())
        candidates = ([known] if known else []) + [
            port for port in range(self._first, self._first + BLOCK) if port not in used
        ]
        for port in candidates:
            try:
                listener = bind(port)
            except OSError:
                continue
            if port != known:
                self._document[key] = port
                self._touch()
            return listener
        raise OSError(f"no free port in {self._first}..{self._first + BLOCK - 1} for {key}")

    def reserve(self, key: str) -> int:
        """Return this key's port for a process of its own to listen on.

        Raises:
            OSError: no port of the block is free.

        """
        with self.listen(key) as listener:
            return listener.getsockname()[1]

    def forget(self, key: str) -> None:
        """Give a key's port back."""
        if self._document.pop(key, None) is not None:
            self._touch()
