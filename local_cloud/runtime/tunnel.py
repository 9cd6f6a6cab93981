"""WebSockets passed on to a loopback address: opened there first, then message by message, both ways."""

import asyncio
import contextlib
import importlib
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from local_cloud.gateway.asgi import Message, Receive, Scope, Send
from local_cloud.runtime.proxy import CONNECT_SECONDS, Headers

READ_BYTES = 64 * 1024
GOING_AWAY, ABNORMAL = 1001, 1011
"""Close codes (RFC 6455 7.4.1): the client has left; the target broke off."""
HANDSHAKE = "sec-websocket-"
"""Headers that begin so belong to one connection; the handshake there has its own."""

wsproto: Any = importlib.import_module("wsproto")
events: Any = importlib.import_module("wsproto.events")
RemoteProtocolError: type[Exception] = importlib.import_module("wsproto.utilities").RemoteProtocolError


class Tunnel:
    """One WebSocket from a client to `url`; `idle_seconds` without a message in either direction end it."""

    def __init__(self, url: str, headers: Headers, subprotocols: list[str], idle_seconds: float) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._target = parts.path + (f"?{parts.query}" if parts.query else "")
        fields = [(name, value) for name, value in headers if not _own(name)]
        named = [value for name, value in headers if name.lower() == b"host"]
        self._request = events.Request(
            host=named[0].decode("latin-1") if named else parts.netloc,
            target=self._target,
            extra_headers=fields,
            subprotocols=subprotocols,
        )
        self._idle_seconds = idle_seconds
        self._protocol: Any = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)

    async def run(self, receive: Receive, send: Send) -> None:
        """Serve the client's WebSocket until either side ends it."""
        await receive()  # the client's wish to connect
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(self._host, self._port), CONNECT_SECONDS
            )
        except (OSError, TimeoutError):
            await refuse(send, HTTPStatus.BAD_GATEWAY)
            return
        try:
            writer.write(self._protocol.send(self._request))
            answer = await asyncio.wait_for(self._opened(reader), self._idle_seconds)
            if not isinstance(answer, events.AcceptConnection):
                await refuse(send, getattr(answer, "status_code", HTTPStatus.BAD_GATEWAY))
                return
            await send({"type": "websocket.accept", "subprotocol": answer.subprotocol})
            await self._exchange(reader, writer, receive, send)
        except (RemoteProtocolError, OSError, TimeoutError):
            with contextlib.suppress(RuntimeError):
                await refuse(send, HTTPStatus.BAD_GATEWAY)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _opened(self, reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 (wsproto has its own events)
        """Return how the target answers the handshake; None where it ends without one."""
        while True:
            data = await reader.read(READ_BYTES)
            self._protocol.receive_data(data or None)
            found = next(iter(self._protocol.events()), None)
            if found is not None or not data:
                return found

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receive: Receive, send: Send
    ) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._idle_seconds) as limit:

                def heard() -> None:
                    limit.reschedule(loop.time() + self._idle_seconds)

                there = asyncio.create_task(self._outward(receive, writer, heard))
                back = asyncio.create_task(self._inward(reader, writer, send, heard))
                try:
                    await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (there, back):
                        task.cancel()
                    await asyncio.gather(there, back, return_exceptions=True)
                if back.done() and not back.cancelled() and back.exception() is None and back.result():
                    return  # the client was told
        with contextlib.suppress(RuntimeError, OSError):
            await send({"type": "websocket.close", "code": ABNORMAL})

    async def _outward(self, receive: Receive, writer: asyncio.StreamWriter, heard: Any) -> None:  # noqa: ANN401
        """Pass the client's messages on until it leaves."""
        while True:
            message = await receive()
            heard()
            if message["type"] == "websocket.disconnect":
                # The server does not tell with which code the client closed.
                writer.write(self._protocol.send(events.CloseConnection(code=GOING_AWAY)))
                await writer.drain()
                return
            text: str | None = message.get("text")
            made = events.TextMessage(text) if text is not None else events.BytesMessage(message["bytes"])
            writer.write(self._protocol.send(made))
            await writer.drain()

    async def _inward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        send: Send,
        heard: Any,  # noqa: ANN401
    ) -> bool:
        """Pass the target's messages back; true when it closed and the client was told."""
        parts: list[Any] = []
        while True:
            for event in self._protocol.events():
                heard()
                if isinstance(event, events.CloseConnection):
                    await send({"type": "websocket.close", "code": event.code, "reason": event.reason or ""})
                    writer.write(self._protocol.send(event.response()))
                    return True
                if isinstance(event, events.Ping):
                    writer.write(self._protocol.send(event.response()))
                elif isinstance(event, (events.TextMessage, events.BytesMessage)):
                    parts.append(event.data)
                    if event.message_finished:
                        await send(_message(parts))
                        parts = []
            data = await reader.read(READ_BYTES)
            if not data:
                return False
            self._protocol.receive_data(data)


async def refuse(send: Send, status: int) -> None:
    """Answer the handshake with a status instead of opening."""
    await send({"type": "websocket.http.response.start", "status": int(status), "headers": []})
    await send({"type": "websocket.http.response.body", "body": b"", "more_body": False})


def _own(name: bytes) -> bool:
    lower = name.decode("latin-1").lower()
    return lower == "host" or lower.startswith(HANDSHAKE)


def _message(parts: list[Any]) -> Message:
    if isinstance(parts[0], str):
        return {"type": "websocket.send", "text": "".join(parts)}
    return {"type": "websocket.send", "bytes": b"".join(bytes(part) for part in parts)}


async def pass_on(
    scope: Scope, receive: Receive, send: Send, url: str, headers: Headers, idle_seconds: float
) -> None:
    """Open a client's WebSocket at `url` too, and pass messages on."""
    await Tunnel(url, headers, list(scope.get("subprotocols") or ()), idle_seconds).run(receive, send)
