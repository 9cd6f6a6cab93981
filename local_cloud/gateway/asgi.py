"""The few ASGI pieces that the gateway and the runtime's servers share."""

import asyncio
import importlib
import json
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LISTEN_BACKLOG = 1024
"""Pending connections of one listener; the usual ceiling of net.core.somaxconn on older kernels."""
CANCELS = 4
STOP_SECONDS = 2.0
"""After `stop`, what is being answered has so long, and then connections have to be closed."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the request's headers by lower-case name; repeated ones are joined as RFC 9110 5.2 says."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class UnreadBodyError(Exception):
    """A request's body is not there as a whole."""


class ClientLeftError(UnreadBodyError):
    """Its client has gone."""


class BodyTooLongError(UnreadBodyError):
    """It has more bytes than are taken."""


async def read_body(receive: Receive, most: int) -> bytes:
    """Return a request's body; UnreadBodyError for one of more than `most` bytes, or whose client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientLeftError
        body += message.get("body", b"")
        if len(body) > most:
            raise BodyTooLongError
        if not message.get("more_body"):
            return bytes(body)


async def respond(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Send one complete response."""
    fields = {name.lower(): value for name, value in headers.items()} | {"content-length": str(len(body))}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def respond_json(
    send: Send, status: int, payload: object, headers: Mapping[str, str] | None = None
) -> None:
    """Send one complete JSON response."""
    await respond(
        send, status, {"content-type": "application/json", **(headers or {})}, json.dumps(payload).encode()
    )


async def answered(application: Application, scope: Scope, body: bytes) -> list[Message]:
    """Return what an application answers to a request with this body."""
    answer: list[Message] = []

    async def whole_body() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Message) -> None:
        answer.append(message)

    await application(scope, whole_body, keep)
    return answer


def bind(port: int) -> socket.socket:
    """Return a socket that listens on this loopback port (0: any free one).

    Raises:
        OSError: the port is taken.

    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(LISTEN_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


async def serve(
    application: Application,
    listener: socket.socket,
    stop: asyncio.Event,
    certificate: tuple[Path, Path] | None = None,
) -> None:
    """Serve an application, and its lifespan, on a listening socket (taken over) until `stop` is set.

    With a certificate and its key it speaks TLS, and with it HTTP/2 too. Answers that are not at their end
    `STOP_SECONDS` after `stop` break off, and so do connections: Hypercorn would wait for them without end.
    """
    hypercorn: Any = importlib.import_module("hypercorn.asyncio")
    config: Any = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"fd://{listener.detach()}"]
    if certificate is not None:
        for name, path in zip(("certfile", "keyfile"), certificate, strict=True):
            setattr(config, name, str(path))
    config.loglevel = "ERROR"
    config.errorlog = None
    config.keep_alive_timeout = 75  # longer than the 60 s idle timeout of a load balancer in front of it
    config.graceful_timeout = STOP_SECONDS
    config.shutdown_timeout = 10
    at_work: set[asyncio.Task[Any]] = set()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if task is not None and scope["type"] != "lifespan":
            at_work.add(task)
            task.add_done_callback(at_work.discard)
        await application(scope, receive, send)

    serving = asyncio.create_task(hypercorn.serve(answer, config, shutdown_trigger=stop.wait))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({serving}, timeout=STOP_SECONDS)
        # Once more for what says goodbye to a client that takes nothing any more.
        for _ in range(CANCELS):
            for task in at_work:
                task.cancel()
            await asyncio.wait({serving}, timeout=STOP_SECONDS / CANCELS)
    finally:
        stopping.cancel()
        serving.cancel()
    # Hypercorn may go on waiting although it is cancelled; the end of the loop ends that, too.
    await asyncio.wait({serving}, timeout=STOP_SECONDS)
    if serving.done() and not serving.cancelled():
        serving.result()
