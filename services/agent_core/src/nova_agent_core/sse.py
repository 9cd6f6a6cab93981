"""Server-sent events: whether a caller wants them, and how a turn becomes a stream of them.

The format is that of the HTML standard (section 9.2, server-sent events).
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, override

from nova_common.contracts.sessions import TokenEvent, ToolEvent, TurnAnswer
from nova_common.problems import Problem, problem_document
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from nova_agent_core.turn import Turn, TurnEvent

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": heartbeat\n\n"
"""A comment, which readers ignore and connections count as life."""


def wants_stream(accept: str | None) -> bool:
    """Whether an Accept header (RFC 9110, 12.5.1) asks for a stream, not JSON; a Problem 406 for neither.

    Of two that are liked alike the stream wins where it is named, JSON where only a wildcard is.
    """
    ranges = _ranges(accept or "*/*")
    stream, named = _quality(ranges, "text", "event-stream")
    whole, _ = _quality(ranges, "application", "json")
    if max(stream, whole) <= 0:
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, f"answers are {MEDIA_TYPE} or application/json")
    return stream > whole or (stream == whole and named)


def _ranges(accept: str) -> dict[str, float]:
    """Return the quality of each media range; one that cannot be read counts as not acceptable."""
    ranges: dict[str, float] = {}
    for entry in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        try:
            ranges[media_range] = float(quality)
        except ValueError:
            ranges[media_range] = 0
    return ranges


def _quality(ranges: dict[str, float], kind: str, subtype: str) -> tuple[float, bool]:
    """Return how much a media type is liked, and whether it is named: the most specific range decides."""
    for media_range in (f"{kind}/{subtype}", f"{kind}/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range], media_range != "*/*"
    return 0, False


def encode(event: str, data: dict[str, Any]) -> bytes:
    """Return one event; as ASCII, because readers take more characters for line breaks than the standard."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode("ascii")


def named(event: TurnEvent, instance: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what readers are told of an event: names and data; a problem names the path `instance`."""
    match event:
        case TokenEvent():
            return [("token", event.model_dump(mode="json"))]
        case ToolEvent():
            return [("tool", event.model_dump(mode="json"))]
        case TurnAnswer():
            warning = [] if event.quota is None else [("quota", event.quota.model_dump(mode="json"))]
            return [*warning, ("done", event.model_dump(mode="json"))]
        case Problem():
            document = problem_document(event.status_code, event.detail, instance, kind=event.kind)
            return [("error", document)]


async def frames(turn: Turn, heartbeat_seconds: float, instance: str) -> AsyncGenerator[bytes]:
    """Return the bytes of a turn's stream: its events, and a heartbeat whenever it is silent for so long.

    `instance` is the request's path, which a problem names.
    """
    while True:
        try:
            event = await asyncio.wait_for(turn.next(), heartbeat_seconds)
        except TimeoutError:
            yield HEARTBEAT
            continue
        yield b"".join(encode(name, data) for name, data in named(event, instance))
        if isinstance(event, TurnAnswer | Problem):
            return


class TurnStream(StreamingResponse):
    """The stream of a turn, which is interrupted when its reader goes away."""

    def __init__(self, turn: Turn, heartbeat_seconds: float, instance: str) -> None:
        super().__init__(
            frames(turn, heartbeat_seconds, instance),
            media_type=MEDIA_TYPE,
            headers={"Cache-Control": "no-store"},
        )
        self._turn = turn

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turn.interrupt()
