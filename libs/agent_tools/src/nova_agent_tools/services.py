"""The services behind the tools, over HTTP: typed requests that carry the header of the person who asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, cast

import httpx2
from nova_common.contracts.audio import RecordingPage, Transcript
from nova_common.contracts.search import SearchRequest, SearchResult
from nova_common.contracts.video import VideoAnalysis, VideoPage
from nova_common.logs import correlation_id
from nova_common.middleware import REQUEST_ID_HEADER
from nova_common.settings import Environment
from nova_common.telemetry import spans
from nova_common.telemetry.context import HEADER as TRACE_HEADER
from pydantic import BaseModel, ValidationError

CALL_SECONDS_MAX = 10.0
"""Longest wait for a service: a search embeds the query (under 1 s) and asks the index."""

CONNECT_SECONDS_MAX = 2.0
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Several times the transcript of four hours, the longest recording that is accepted."""

CONNECTIONS_MAX = 128
"""Twice as many as messages are answered at a time."""

DETAIL_CHARACTERS_MAX = 300
"""What is passed on of another service's own explanation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUrls:
    """Where the services are that tools call."""

    search: str
    audio: str
    video: str
    projector: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """SEARCH_URL, AUDIO_URL, VIDEO_URL and PROJECTOR_URL."""
        return cls(
            search=environment.url("SEARCH_URL"),
            audio=environment.url("AUDIO_URL"),
            video=environment.url("VIDEO_URL"),
            projector=environment.url("PROJECTOR_URL"),
        )


class ToolFailedError(Exception):
    """A tool could not do what it was asked; the message is meant for the model and for people."""


class Services:
    """The services behind the tools: one client a process, with bounded time-outs, sizes and connections."""

    def __init__(self, urls: ServiceUrls, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._urls = urls
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(CALL_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
            # A token must not go anywhere but to the service that is named: neither to a proxy that the
            # environment may name, nor where a redirect points.
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def search(self, request: SearchRequest, authorization: str) -> SearchResult:
        """Return what is found of the caller's own; ToolFailedError."""
        url = f"{self._urls.search}/api/search"
        body = request.model_dump(mode="json", exclude_none=True)
        return await self._call("search", SearchResult, authorization, "POST", url, body)

    async def transcript(self, recording_id: str, authorization: str) -> Transcript:
        """Return the transcript of one of the caller's recordings; ToolFailedError."""
        url = f"{self._urls.audio}/api/audio/{recording_id}/transcript"
        return await self._call("audio", Transcript, authorization, "GET", url)

    async def recordings(self, authorization: str) -> RecordingPage:
        """Return the first page of the caller's recordings, newest first; ToolFailedError."""
        url = f"{self._urls.projector}/api/audio"
        return await self._call("projector", RecordingPage, authorization, "GET", url)

    async def video_analysis(self, video_id: str, authorization: str) -> VideoAnalysis:
        """Return the analysis of one of the caller's videos; ToolFailedError."""
        url = f"{self._urls.video}/api/video/{video_id}/analysis"
        return await self._call("video", VideoAnalysis, authorization, "GET", url)

    async def videos(self, authorization: str) -> VideoPage:
        """Return the first page of the caller's videos, newest first; ToolFailedError."""
        url = f"{self._urls.projector}/api/video"
        return await self._call("projector", VideoPage, authorization, "GET", url)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _call[A: BaseModel](
        self,
        service: str,
        answer: type[A],
        authorization: str,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
    ) -> A:
        headers = {"Authorization": authorization, REQUEST_ID_HEADER: correlation_id.get() or ""}
        try:
            with spans.calling(f"{method} {service}", {"http.request.method": method}) as span:
                if trace := spans.header():
                    headers[TRACE_HEADER] = trace
                async with self._client.stream(method, url, json=body, headers=headers) as response:
                    content = await _bounded(response, service)
                span.set_attribute("http.response.status_code", response.status_code)
        except httpx2.TimeoutException as error:
            message = f"the {service} service did not answer within {CALL_SECONDS_MAX:.0f} s"
            raise ToolFailedError(message) from error
        except httpx2.HTTPError as error:
            message = f"the {service} service cannot be reached"
            raise ToolFailedError(message) from error
        if response.status_code != HTTPStatus.OK:
            raise ToolFailedError(_refusal(service, response.status_code, content))
        try:
            return answer.model_validate_json(content)
        except ValidationError as error:
            message = f"the {service} service gave an answer that is not understood"
            raise ToolFailedError(message) from error


async def _bounded(response: httpx2.Response, service: str) -> bytes:
    """Return the body of a response, up to `ANSWER_BYTES_MAX`."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            message = f"the {service} service gave more than {ANSWER_BYTES_MAX} bytes"
            raise ToolFailedError(message)
    return bytes(content)


def _refusal(service: str, status: int, content: bytes) -> str:
    """Return what a service said instead of an answer: its problem's detail, which is meant for callers."""
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    detail = cast("dict[str, Any]", document).get("detail") if isinstance(document, dict) else None
    explained = f": {str(detail)[:DETAIL_CHARACTERS_MAX]}" if detail else ""
    return f"the {service} service answered {status}{explained}"
