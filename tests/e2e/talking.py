"""Conversations by voice as a client of the site has them: spoken questions, and sound that comes back."""

import json
import socket
import subprocess
import time
import wave
from collections import deque
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import wsproto
import wsproto.events as ws
from nova_common.contracts.live import (
    INPUT_RATE,
    SAMPLE_BYTES,
    Closing,
    ServerMessage,
)
from pydantic import TypeAdapter

MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
FRAME_SECONDS = 0.1
FRAME = bytes(int(INPUT_RATE * FRAME_SECONDS) * SAMPLE_BYTES)
"""Silence, which a client sends as long as nobody speaks."""
WAIT_S = 30.0


class RefusedError(Exception):
    """The handshake was answered with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class Talk:
    """One conversation: what was received so far, in order, sound as its number of bytes."""

    def __init__(self, site: str, url: str, origin: str | None = None) -> None:
        parts = urlsplit(urljoin(site, url))
        self.got: list[ServerMessage | int] = []
        self.sound = bytearray()
        self.code: int | None = None
        self._events: deque[Any] = deque()
        self._text = ""
        self._protocol: Any = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=WAIT_S)
        headers = [(b"origin", (origin or f"{parts.scheme}://{parts.netloc}").encode())]
        target = f"{parts.path}?{parts.query}"
        self._send(ws.Request(host=parts.netloc, target=target, extra_headers=headers))
        answer = self._next(WAIT_S)
        if not isinstance(answer, ws.AcceptConnection):
            self._socket.close()
            raise RefusedError(getattr(answer, "status_code", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, sound: bytes) -> None:
        """Send sound at once: a client may be a few seconds ahead."""
        step = len(FRAME)
        for at in range(0, len(sound), step):
            self._send(ws.BytesMessage(sound[at : at + step]))

    def end(self) -> None:
        """Say goodbye."""
        self._send(ws.TextMessage(json.dumps({"type": "end"})))

    def until[M](self, kind: type[M]) -> M:
        """Receive up to a message of a kind, and return it; silence is sent meanwhile."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            event = self._next(FRAME_SECONDS)
            if event is None:
                self._send(ws.BytesMessage(FRAME))
            elif isinstance(event, ws.CloseConnection):
                raise AssertionError(f"closed with {event.code} after {self.got}")
            elif isinstance(event, ws.BytesMessage):
                self.sound += event.data
                self.got.append(len(event.data))
            elif isinstance(event, ws.TextMessage):
                self._text += event.data
                if event.message_finished:
                    self.got.append(MESSAGE.validate_json(self._text))
                    self._text = ""
            elif isinstance(event, ws.Ping):
                self._send(event.response())
            if self.got and isinstance(self.got[-1], kind) and event is not None:
                return self.got[-1]
        raise AssertionError(f"no {kind.__name__} within {WAIT_S} s: {self.got}")

    def closed(self) -> tuple[Closing, int]:
        """Receive to the end: the last message, and the code of the close frame."""
        last = self.until(Closing)
        while not isinstance(event := self._next(WAIT_S), ws.CloseConnection):
            assert event is not None
        return last, event.code

    def of[M](self, kind: type[M]) -> list[M]:
        """What was received of a kind."""
        return [message for message in self.got if isinstance(message, kind)]

    def _send(self, event: Any) -> None:  # noqa: ANN401 (wsproto has its own events)
        self._socket.sendall(self._protocol.send(event))

    def _next(self, seconds: float) -> Any:  # noqa: ANN401
        """Return the next event, None when there is none in so many seconds."""
        while not self._events:
            self._socket.settimeout(seconds)
            try:
                data = self._socket.recv(64 * 1024)
            except TimeoutError:
                return None
            if not data:
                return ws.CloseConnection(code=1006)
            self._protocol.receive_data(data)
            self._events.extend(self._protocol.events())
        return self._events.popleft()


def spoken(directory: Path, text: str) -> bytes:
    """Return a text as speech, with the pause that ends it."""
    path = directory / "spoken.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
    with wave.open(str(path)) as file:
        assert file.getframerate() == INPUT_RATE
        return file.readframes(file.getnframes()) + FRAME * 10
