"""The coordinator's tools: typed calls of the other services, made as the caller whose message is answered.

A tool is bound to one request: it carries that caller's Authorization header, so that each service decides by
itself what this caller may see. Whatever goes wrong becomes a result with the status `error` that says what
failed, and the model can go on.
"""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, cast, override

import httpx2
from nova_common.contracts.audio import RecordingPage, Transcript, TranscriptSegment
from nova_common.contracts.search import (
    HITS_MAX,
    QUERY_CHARACTERS_MAX,
    SearchFilter,
    SearchRequest,
    SearchResult,
)
from nova_common.contracts.sessions import ToolDescription
from nova_common.events import AGGREGATE_ID_PATTERN
from nova_common.logs import correlation_id
from nova_common.middleware import REQUEST_ID_HEADER
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from strands.types.tools import AgentTool, ToolGenerator, ToolResult, ToolSpec, ToolUse

from nova_agent_core.settings import ServiceUrls

CALL_SECONDS_MAX = 10.0
"""Longest wait for a service: a search embeds the query (under 1 s) and asks the index."""

CONNECT_SECONDS_MAX = 2.0
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Several times the transcript of four hours, the longest recording that is accepted."""

CONNECTIONS_MAX = 128
"""Twice as many as messages are answered at a time."""

TRANSCRIPT_CHARACTERS_MAX = 24_000
"""What a model gets of a transcript: about half an hour of speech, or 6,000 tokens."""

HITS_DEFAULT = 5
"""Passages of a search unless the model asks for more: enough to quote from, few enough to read."""

DETAIL_CHARACTERS_MAX = 300
"""What is passed on of another service's own explanation."""

logger = logging.getLogger(__name__)


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
        """Return passages of the caller's recordings; ToolFailedError."""
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
            async with self._client.stream(method, url, json=body, headers=headers) as response:
                content = await _bounded(response, service)
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


class Arguments(BaseModel):
    """Base of the arguments of tools, as a model fills them in; whatever is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CallersTool[A: Arguments](AgentTool, ABC):
    """A tool that acts as one caller. Subclasses say what it is for, and do it."""

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: type[A]

    def __init__(self, services: Services, authorization: str) -> None:
        super().__init__()
        self._services = services
        self._authorization = authorization

    @abstractmethod
    async def run(self, arguments: A) -> dict[str, Any]:
        """Return the result as JSON; ToolFailedError."""

    def describe(self) -> ToolDescription:
        """Return what a model is told about this tool."""
        schema = _plain_schema(self.arguments)
        return ToolDescription(name=self.name, description=self.description, input_schema=schema)

    @property
    @override
    def tool_name(self) -> str:
        return self.name

    @property
    @override
    def tool_type(self) -> str:
        return "service"

    @property
    @override
    def tool_spec(self) -> ToolSpec:
        told = self.describe()
        return {
            "name": told.name,
            "description": told.description,
            "inputSchema": {"json": told.input_schema},
        }

    @override
    async def stream(
        self, tool_use: ToolUse, invocation_state: dict[str, Any], **kwargs: Any
    ) -> ToolGenerator:
        """Use the tool once; its only event is the result."""
        del invocation_state, kwargs
        use_id = tool_use["toolUseId"]
        try:
            arguments = self.arguments.model_validate(tool_use["input"])
            found = await self.run(arguments)
        except ValidationError as error:
            yield _failed(use_id, f"{self.name} cannot be used so: {_faults(error)}")
        except ToolFailedError as error:
            logger.warning("a tool failed", extra={"fields": {"tool": self.name, "cause": str(error)}})
            yield _failed(use_id, f"{self.name} failed: {error}")
        else:
            yield ToolResult(toolUseId=use_id, status="success", content=[{"json": found}])


def _failed(use_id: str, explanation: str) -> ToolResult:
    return {"toolUseId": use_id, "status": "error", "content": [{"text": explanation}]}


def _faults(error: ValidationError) -> str:
    """Return what is wrong with which argument, without what was given."""
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in faults)


def _plain_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the JSON schema of arguments as models read it best: an optional one is just not required."""
    schema = arguments.model_json_schema()
    properties: dict[str, Any] = {}
    for name, described in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).items():
        choices = [choice for choice in described.get("anyOf", [{}]) if choice.get("type") != "null"]
        ignored = {"anyOf", "title", "default"}
        properties[name] = {
            **choices[0],
            **{key: value for key, value in described.items() if key not in ignored},
        }
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


RECORDING_ID = f"^{AGGREGATE_ID_PATTERN.pattern}$"


class SearchArguments(Arguments):
    """Arguments of `search_recordings`."""

    query: str = Field(
        min_length=1,
        max_length=QUERY_CHARACTERS_MAX,
        pattern=r"\S",
        description="What to look for, in the words of the person who asks or of the topic",
    )
    limit: int = Field(
        default=HITS_DEFAULT,
        ge=1,
        le=HITS_MAX,
        description=f"How many passages at most; {HITS_DEFAULT} unless given",
    )
    recording_id: str | None = Field(
        default=None, pattern=RECORDING_ID, description="The id of one recording, to look in that one only"
    )


class SearchRecordings(CallersTool[SearchArguments]):
    """Passages near in meaning to a question."""

    name = "search_recordings"
    description = (
        "Search what was said in the person's own recordings and find the passages nearest in meaning to a "
        "question or topic. Returns for each passage its text word for word, the id of the recording, start "
        "and end in seconds, and a score (1 is nearest). Use it to answer questions about what somebody "
        "said, mentioned, decided or explained."
    )
    arguments = SearchArguments

    @override
    async def run(self, arguments: SearchArguments) -> dict[str, Any]:
        """Ask the search service."""
        within = SearchFilter(media_id=arguments.recording_id) if arguments.recording_id else None
        request = SearchRequest(text=arguments.query, limit=arguments.limit, filter=within)
        result = await self._services.search(request, self._authorization)
        return {
            "passages": [
                {
                    "recording_id": hit.media_id,
                    "start_seconds": hit.start,
                    "end_seconds": hit.end,
                    "score": round(hit.score, 3),
                    "text": hit.text,
                }
                for hit in result.hits
            ]
        }


class TranscriptArguments(Arguments):
    """Arguments of `get_transcript`."""

    recording_id: str = Field(pattern=RECORDING_ID, description="The id of the recording, a UUID")


class GetTranscript(CallersTool[TranscriptArguments]):
    """The transcript of one recording."""

    name = "get_transcript"
    description = (
        "Read the whole transcript of one recording whose id is known: every sentence with its start and end "
        "in seconds, and the language. Use it to summarise a recording, or to read what was said before and "
        "after a passage. A very long transcript is cut at the end and says so."
    )
    arguments = TranscriptArguments

    @override
    async def run(self, arguments: TranscriptArguments) -> dict[str, Any]:
        """Ask the audio service, and keep what a model can read."""
        transcript = await self._services.transcript(arguments.recording_id, self._authorization)
        return {
            "recording_id": arguments.recording_id,
            "language": transcript.language,
            **trimmed(transcript.segments),
        }


def trimmed(
    segments: Sequence[TranscriptSegment], characters_max: int = TRANSCRIPT_CHARACTERS_MAX
) -> dict[str, Any]:
    """Return the first segments whose texts fit, and what was left out."""
    kept: list[dict[str, Any]] = []
    left = characters_max
    for segment in segments:
        left -= len(segment.text)
        if left < 0:
            break
        entry = {"start_seconds": segment.start, "end_seconds": segment.end, "text": segment.text}
        kept.append(entry | ({"speaker": segment.speaker} if segment.speaker else {}))
    if len(kept) == len(segments):
        return {"segments": kept}
    note = (
        f"cut after {len(kept)} of {len(segments)} segments; the rest is too long to read at once: "
        "use search_recordings with this recording_id for it"
    )
    return {"segments": kept, "cut": note}


class NoArguments(Arguments):
    """A tool that takes none."""


class ListRecordings(CallersTool[NoArguments]):
    """The caller's recordings."""

    name = "list_recordings"
    description = (
        "List the person's own recordings, newest first: id, file name, status (awaiting_upload, processing, "
        "completed or failed), duration in seconds and when it was made. Use it to find out which recordings "
        "there are, how many, how long or how old they are, or to find the id of one by its file name."
    )
    arguments = NoArguments

    @override
    async def run(self, arguments: NoArguments) -> dict[str, Any]:
        """Ask the projector for the first page."""
        del arguments
        page = await self._services.recordings(self._authorization)
        recordings = [recording.model_dump(mode="json", exclude_none=True) for recording in page.items]
        return {"recordings": recordings, "there_are_more": page.next_cursor is not None}


def tools_for(services: Services, authorization: str) -> list[CallersTool[Any]]:
    """Return the tools of one request; `authorization` is its Authorization header, already verified."""
    return [tool(services, authorization) for tool in (SearchRecordings, GetTranscript, ListRecordings)]
