"""ASGI middleware of every application.

Traces, request context with access log and last-resort errors, body limit.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nova_common.logs import correlation_id
from nova_common.problems import Problem, problem_response
from nova_common.telemetry import spans
from nova_common.telemetry.context import HEADER as TRACE_HEADER

BODY_BYTES_MAX = 64 * 1024
"""Default limit of a request body.

All bodies of the API are small JSON documents, content goes to S3 directly.
"""

REQUEST_ID_HEADER = "X-Request-Id"
PROBES = frozenset({"/health", "/ready"})
"""Paths that are asked every few seconds, and are neither logged as requests nor traced."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._=:+/-]{1,128}")

logger = logging.getLogger("nova.access")


class TraceMiddleware:
    """Serves each request and each WebSocket under the trace that its header names, or a new one.

    What is noted of it is the method, the route's template, the status, and the request's id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        with spans.serving(
            method, Headers(scope=scope).get(TRACE_HEADER), {"http.request.method": method}
        ) as span:

            async def send_noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                        spans.failed(span, str(status))
                await send(message)

            try:
                await self._app(scope, receive, send_noted)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)


class RequestContextMiddleware:
    """Gives each request an id, logs one line for it, and turns an unexpected exception into a problem.

    A valid `X-Request-Id` of the caller is kept, another one is replaced; the answer always carries the id.
    """

    def __init__(self, app: ASGIApp, *, is_draining: Callable[[], bool]) -> None:
        self._app = app
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = stated if _REQUEST_ID.fullmatch(stated) else str(uuid.uuid4())
        token = correlation_id.set(request_id)
        spans.note({"nova.request_id": request_id, "aws.xray.annotations": ("nova.request_id",)})
        begun = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                if self._is_draining():
                    headers["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            logger.exception("unexpected error")
            if status:
                # The answer has begun: all that is left is to break the connection, so that nobody trusts it.
                raise
            failure = HTTPStatus.INTERNAL_SERVER_ERROR
            response = problem_response(failure, "an unexpected error occurred", scope["path"])
            await response(scope, receive, send_with_id)
        finally:
            self._log(scope, status, begun)
            correlation_id.reset(token)

    def _log(self, scope: Scope, status: int, begun: float) -> None:
        """Write the access log: it has the route's template, never the path or query that somebody typed."""
        route = getattr(scope.get("route"), "path", None)
        level = logging.DEBUG if route in PROBES else logging.INFO
        fields = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_ms": round((time.perf_counter() - begun) * 1000, 1),
        }
        logger.log(level, "request", extra={"fields": fields})


class BodyLimitMiddleware:
    """Refuses a request body over a limit with 413, by its declared length or while it is read."""

    def __init__(self, app: ASGIApp, *, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > self._bytes_max:
            response = problem_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._detail, scope["path"])
            await response(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._bytes_max:
                # An HTTP exception passes through the framework's body parsing; others would become a 400.
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._detail)
            return message

        await self._app(scope, receive_within_limit, send)

    @property
    def _detail(self) -> str:
        return f"the body may have at most {self._bytes_max} bytes"
