"""Refusals told in the stream that a caller wants, because AgentCore keeps other answers to itself.

Whatever a container answers with a status of 400 or more reaches the caller as `RuntimeClientError` (424),
without the problem that says what to do. In a stream it is the event `error`, as when a turn fails later.
"""

import json
from http import HTTPStatus

from nova_common.problems import MEDIA_TYPE as PROBLEM
from nova_common.problems import Problem
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nova_agent_core.sse import MEDIA_TYPE, encode, wants_stream


class RefusalsInStream:
    """Middleware for one path: a problem becomes a stream of one event where a stream is wanted."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] != self._path or not _streams(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = _Refusal(send)
        await self._app(scope, receive, refusal.send)


class _Refusal:
    """What is sent, held back from the start of a problem to its end."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._body: bytearray | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            is_problem = headers.get("content-type", "").startswith(PROBLEM)
            if message["status"] >= HTTPStatus.BAD_REQUEST and is_problem:
                self._body = bytearray()
                kept = [(name, value) for name, value in message["headers"] if name not in _DESCRIBING]
                kept += [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store")]
                await self._send({**message, "status": HTTPStatus.OK.value, "headers": kept})
                return
        elif self._body is not None:
            self._body.extend(message.get("body", b""))
            if not message.get("more_body"):
                event = encode("error", json.loads(bytes(self._body)))
                await self._send({"type": "http.response.body", "body": event})
            return
        await self._send(message)


_DESCRIBING = frozenset((b"content-type", b"content-length", b"cache-control"))
"""Headers that say of the problem what does not hold for the stream."""


def _streams(headers: Headers) -> bool:
    try:
        return wants_stream(headers.get("accept"))
    except Problem:  # it wants neither a stream nor JSON, and is told so
        return False
