"""InvokeModelWithBidirectionalStream: event streams both ways over HTTP/2, which takes TLS and its own door.

The door serves every other request as the gateway does, because clients have one address for a service.
"""

import asyncio
import base64
import binascii
import json
import logging
import re
import socket
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway.asgi import Application, Receive, Scope, Send, answered, serve
from local_cloud.gateway.bedrock.frames import CONTENT_TYPE, CorruptFrame, event, exception, payloads
from local_cloud.gateway.bedrock.language import OfflineModel
from local_cloud.gateway.bedrock.sonic import SESSION_SECONDS_MAX, Refused, Session

PATH = re.compile(r"/model/.+/invoke-with-bidirectional-stream")
BUFFER_BYTES_MAX = 32 * 1024 * 1024

logger = logging.getLogger(__name__)


class Duplex:
    """The ASGI application behind the TLS door."""

    def __init__(self, gateway: Application, model: OfflineModel) -> None:
        self._gateway = gateway
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a session, or pass a request on."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http" and PATH.fullmatch(scope["path"]) and scope["method"] == "POST":
            if await self._admitted(scope, send):
                await self._serve(receive, send)
        else:
            await self._gateway(scope, receive, send)

    async def _admitted(self, scope: Scope, send: Send) -> bool:
        """Ask the gateway whether the caller may; its refusal is the answer."""
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
        answer = await answered(self._gateway, {**scope, "headers": kept}, b"")
        if answer and answer[0].get("status") == 200:  # noqa: PLR2004 (HTTP: OK)
            return True
        for message in answer:
            await send(message)
        return False

    async def _serve(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", CONTENT_TYPE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        writing = asyncio.Lock()

        async def write(data: bytes) -> None:
            async with writing:
                await send({"type": "http.response.body", "body": data, "more_body": True})

        async def emit(name: str, body: Document) -> None:
            inner = json.dumps({"event": {name: body}}).encode()
            await write(event("chunk", {"bytes": base64.b64encode(inner).decode()}))

        # The server holds the headers back until there is a body.
        await write(b"")
        session = Session(self._model, emit)
        reading = asyncio.create_task(_read(receive, session))
        try:
            async with asyncio.timeout(SESSION_SECONDS_MAX):
                await asyncio.wait({reading, session.failure}, return_when=asyncio.FIRST_COMPLETED)
            if session.failure.done():
                raise session.failure.result()
            reading.result()
        except TimeoutError:
            await write(exception("modelTimeoutException", "The session lasted eight minutes, its limit."))
        except (Refused, CorruptFrame, KeyError, TypeError, ValueError, binascii.Error) as error:
            await write(exception("validationException", str(error) or repr(error)))
        except Exception as error:
            logger.exception("a speech session broke off")
            await write(exception("internalServerException", f"The offline model failed: {error!r}"))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await session.close()
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class Door:
    """A server with TLS on a listening socket, which it takes over."""

    def __init__(
        self, application: Application, listener: socket.socket, certificate: tuple[Path, Path]
    ) -> None:
        self.url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        self._stop = asyncio.Event()
        self._server = asyncio.create_task(serve(application, listener, self._stop, certificate))

    async def close(self) -> None:
        """Serve no more."""
        self._stop.set()
        await asyncio.gather(self._server, return_exceptions=True)


async def _read(receive: Receive, session: Session) -> None:
    """Take the client's events until it has no more."""
    buffer = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        buffer += message.get("body", b"")
        if len(buffer) > BUFFER_BYTES_MAX:
            raise CorruptFrame("more bytes than a frame may have")
        # A frame with the signature of its chunk holds the frame proper; the last one holds nothing.
        for signed in payloads(buffer):
            for payload in payloads(bytearray(signed)):
                chunk = json.loads(base64.b64decode(json.loads(payload)["bytes"]))
                for name, body in chunk["event"].items():
                    await session.on(name, body)
        if not message.get("more_body"):
            return


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
