"""An HTTP proxy that streams both ways and notices when the client goes away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx2

from local_cloud.gateway.asgi import Message, Receive, Scope, Send

CONNECT_SECONDS = 10.0
"""How long a load balancer waits for a target's connection (ELB user guide, HTTP 504)."""
HOP_BY_HOP = frozenset((
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
))  # fmt: skip
"""Header fields that concern one connection only (RFC 9110 7.6.1)."""

type Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take: before it begins, silent while it is streamed, altogether.

    With `buffer_bytes` it is passed on when it is whole, and may be no larger; without, as it comes.
    """

    answer_seconds: float
    idle_seconds: float
    total_seconds: float | None = None
    buffer_bytes: int | None = None


class Unreachable(Exception):  # noqa: N818 (an outcome that each caller answers in its own way)
    """The target cannot be connected to, broke off before it answered, or answers too much."""


class TimedOut(Exception):  # noqa: N818
    """The target did not answer in time."""


def passing(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that a proxy passes on."""
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


async def _request_body(receive: Receive, ended: asyncio.Event) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpx2.ReadError("the client went away")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            ended.set()
            return


class Proxy:
    """Forwards requests to loopback addresses."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
        self._client = httpx2.AsyncClient(timeout=CONNECT_SECONDS, limits=limits, trust_env=False)

    async def forward(
        self, scope: Scope, receive: Receive, send: Send, url: str, headers: Headers, limits: Limits
    ) -> None:
        """Forward a request to `url` and send its answer back; a client that leaves ends the request there.

        Raises:
            Unreachable: nothing was sent to the client yet.
            TimedOut: the answer took longer than its limits; nothing was sent to the client yet.

        """
        ended, begun = asyncio.Event(), asyncio.Event()
        content: AsyncIterator[bytes] | None = None
        names = {name.lower() for name, _ in scope["headers"]}
        if b"content-length" in names or b"transfer-encoding" in names:
            content = _request_body(receive, ended)
        else:
            await receive()
            ended.set()
        request = httpx2.Request(scope["method"], url, headers=headers, content=content)
        answering = asyncio.create_task(self._answer(request, send, limits, begun))
        leaving = asyncio.create_task(_gone(receive, ended))
        try:
            done, _ = await asyncio.wait(
                {answering, leaving}, timeout=limits.total_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        if answering in done:
            answering.result()
        elif leaving not in done and not begun.is_set():
            raise TimedOut

    async def _answer(
        self, request: httpx2.Request, send: Send, limits: Limits, begun: asyncio.Event
    ) -> None:
        """Send the request and pass its answer on; `begun` is set once the client was sent something."""
        wait = limits.answer_seconds
        timeout = {"connect": CONNECT_SECONDS, "read": wait, "write": wait, "pool": None}
        request.extensions["timeout"] = timeout
        try:
            response = await self._client.send(request, stream=True)
            timeout["read"] = limits.idle_seconds  # the connection looks here before each chunk
            async with contextlib.aclosing(response):
                if limits.buffer_bytes is None:
                    begun.set()
                    await _pump(response, send)
                else:
                    body = await _whole(response, limits.buffer_bytes)
                    begun.set()
                    await _send_whole(response, body, send)
        except httpx2.HTTPError as error:
            if begun.is_set():
                return  # the server breaks the connection off: the answer has no end
            raise (TimedOut if isinstance(error, httpx2.TimeoutException) else Unreachable) from error

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()


async def _gone(receive: Receive, ended: asyncio.Event) -> None:
    await ended.wait()
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()


async def _pump(response: httpx2.Response, send: Send) -> None:
    headers = passing(response.headers.raw)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    # The server holds headers back until the first body message.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _whole(response: httpx2.Response, limit_bytes: int) -> bytes:
    """Return an answer's body; raises Unreachable when it is too large to be kept back."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit_bytes:
            raise Unreachable
    return bytes(body)


async def _send_whole(response: httpx2.Response, body: bytes, send: Send) -> None:
    headers = passing(response.headers.raw)
    if body:
        length = (b"content-length", str(len(body)).encode())
        headers = [*((name, value) for name, value in headers if name.lower() != length[0]), length]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
