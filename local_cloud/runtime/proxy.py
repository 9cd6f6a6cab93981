"""An HTTP proxy that streams both ways and notices when the client goes away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

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


class Unreachable(Exception):  # noqa: N818 (an outcome that each caller answers in its own way)
    """The target cannot be connected to, or broke off before it answered."""


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
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        url: str,
        headers: Headers,
        answer_seconds: float,
        idle_seconds: float,
    ) -> int:
        """Forward a request to `url` and stream the answer back; return its status.

        Raises:
            Unreachable: nothing was sent to the client yet.
            TimedOut: no answer within `answer_seconds` of silence; nothing was sent to the client yet.

        """
        ended = asyncio.Event()
        content: AsyncIterator[bytes] | None = None
        names = {name.lower() for name, _ in scope["headers"]}
        if b"content-length" in names or b"transfer-encoding" in names:
            content = _request_body(receive, ended)
        else:
            await receive()
            ended.set()
        timeout = {"connect": CONNECT_SECONDS, "read": answer_seconds, "write": answer_seconds, "pool": None}
        request = httpx2.Request(
            scope["method"], url, headers=headers, content=content, extensions={"timeout": timeout}
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.TimeoutException as error:
            raise TimedOut from error
        except httpx2.HTTPError as error:
            raise Unreachable from error
        timeout["read"] = idle_seconds  # the dictionary that the connection reads before each chunk
        async with contextlib.aclosing(response):
            pumping = asyncio.create_task(_pump(response, send))
            leaving = asyncio.create_task(_gone(receive, ended))
            await asyncio.wait({pumping, leaving}, return_when=asyncio.FIRST_COMPLETED)
            for task in (pumping, leaving):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx2.HTTPError):
                await pumping
        return response.status_code

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
