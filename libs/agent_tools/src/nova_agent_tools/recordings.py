"""Tools about a person's recordings: search them, read one, list them."""

from collections.abc import Mapping, Sequence
from typing import Any, override

from nova_common.contracts.audio import TranscriptSegment
from nova_common.contracts.search import HITS_MAX, QUERY_CHARACTERS_MAX, HitKind, SearchFilter, SearchRequest
from nova_common.events import AGGREGATE_ID_PATTERN
from pydantic import Field

from nova_agent_tools.tool import Arguments, CallersTool, NoArguments

TRANSCRIPT_CHARACTERS_MAX = 24_000
"""What a model gets of a transcript: about half an hour of speech, or 6,000 tokens."""

HITS_DEFAULT = 5
"""Passages of a search unless the model asks for more: enough to quote from, few enough to read."""

ID_NAMES: Mapping[HitKind, str] = {
    "transcript": "recording_id",
    "document": "document_id",
    "image": "document_id",
    "video": "video_id",
    "frame": "video_id",
}
"""What the id of a hit is called, so that a model knows which tool takes it."""

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
        "said, mentioned, decided or explained. What is seen in their videos and written in their documents "
        "is found, too, with the id of the video or document."
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
                    ID_NAMES[hit.kind]: hit.media_id,
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
