"""What is indexed of a recording, under which keys, and what a hit is. No I/O.

The invariant of the keys: all keys that a recording can ever have follow from its `TranscriptionCompleted`
event, so that they can be deleted when the transcript itself is gone (S3 Vectors lists no keys by prefix).
Key `<recording>#<number>`: segment n of the transcript has number n; the further parts of segments that are
too long for one vector have the numbers from the event's count of segments on, in their order. There are at
most as many further parts as `further_parts_max` says; what would exceed them is not indexed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    Transcript,
    TranscriptionCompleted,
    TranscriptSegment,
)
from nova_common.contracts.search import HitKind, SearchFilter, SearchHit
from nova_common.events import Event
from pydantic import BaseModel, ConfigDict

PASSAGE_CHARACTERS_MAX = 8192
"""Longest text that the embedding model takes in a request (Amazon Nova Multimodal Embeddings).

At up to four bytes a character it also fits the 40 KB of a vector's metadata (limits of Amazon S3 Vectors).
"""

PASSAGE_CHARACTERS_MIN = PASSAGE_CHARACTERS_MAX // 2
"""A part that is followed by another is cut between two words here or later, or at the very end."""

WORD_CHARACTERS_MAX = 64
"""More than a word and its space have on average in any transcript, whatever the language."""

WORDS_A_FURTHER_PART = PASSAGE_CHARACTERS_MIN // WORD_CHARACTERS_MAX


class UnexpectedTranscriptError(Exception):
    """The transcript is not the one that the event describes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """A recording as far as the index is concerned."""

    id: str
    user: str
    completed: TranscriptionCompleted | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A stretch of a transcript that becomes one vector: times in seconds from the start."""

    key: str
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be indexed of a recording, and how many passages found no key."""

    passages: Sequence[Passage]
    left_out: int


class VectorMetadata(BaseModel):
    """What a vector says about itself; all but `text` can be filtered by."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    user: str
    media_id: str
    kind: HitKind
    start: float
    end: float
    text: str


def fold(history: Iterable[Event]) -> IndexedRecording | None:
    """Return the state after a history, None for an empty one.

    ValueError when it does not begin with somebody's event.
    """
    recording: IndexedRecording | None = None
    for event in history:
        if recording is None:
            if event.user is None:
                message = f"the history of {event.aggregate} does not begin with somebody's event"
                raise ValueError(message)
            recording = IndexedRecording(id=RECORDING.id_of(event.aggregate), user=event.user)
        if isinstance(event.data, TranscriptionCompleted):
            recording = replace(recording, completed=event.data)
        elif isinstance(event.data, RecordingDeleted):
            recording = replace(recording, is_deleted=True)
    return recording


def further_parts_max(completed: TranscriptionCompleted) -> int:
    """Return how many parts beyond the first its long segments may have together.

    Each part that another one follows has at least `PASSAGE_CHARACTERS_MIN` characters, and all of them
    together no more than the words of the transcript.
    """
    return completed.words // WORDS_A_FURTHER_PART


def vector_keys(recording_id: str, completed: TranscriptionCompleted) -> list[str]:
    """Return every key that a vector of the recording can have, whether or not there is one."""
    count = completed.segments + further_parts_max(completed)
    return [_key(recording_id, number) for number in range(count)]


def plan(recording_id: str, completed: TranscriptionCompleted, transcript: Transcript) -> Plan:
    """Return the passages of a transcript, each under a key of `vector_keys`; blank segments have none.

    UnexpectedTranscriptError when the event counted other segments.
    """
    if len(transcript.segments) != completed.segments:
        message = (
            f"the transcript of {recording_id} has {len(transcript.segments)} segments, "
            f"its event counted {completed.segments}"
        )
        raise UnexpectedTranscriptError(message)
    passages: list[Passage] = []
    further: list[Passage] = []
    for number, segment in enumerate(transcript.segments):
        for place, text in enumerate(_parts(segment.text.strip())):
            if place == 0:
                passages.append(_passage(_key(recording_id, number), text, segment))
            else:
                key = _key(recording_id, completed.segments + len(further))
                further.append(_passage(key, text, segment))
    fitting = further[: further_parts_max(completed)]
    return Plan(passages=[*passages, *fitting], left_out=len(further) - len(fitting))


def metadata(recording: IndexedRecording, passage: Passage) -> dict[str, Any]:
    """Return what a passage's vector says about itself."""
    return VectorMetadata(
        user=recording.user,
        media_id=recording.id,
        kind="transcript",
        start=passage.start,
        end=passage.end,
        text=passage.text,
    ).model_dump()


def query_filter(user: str, wanted: SearchFilter | None) -> dict[str, Any]:
    """Return the filter of a query: always the user's own, and what else is wanted."""
    conditions: list[dict[str, Any]] = [{"user": {"$eq": user}}]
    if wanted is not None:
        conditions += [{name: {"$eq": value}} for name, value in wanted.model_dump(exclude_none=True).items()]
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


def hit(key: str, distance: float, said: Mapping[str, Any]) -> tuple[str, SearchHit]:
    """Return whose a vector is, and the hit it makes. ValueError when its metadata cannot be read.

    `distance` is the cosine distance, 0 to 2; rounding may leave that range by a little.
    """
    found = VectorMetadata.model_validate(said)
    return found.user, SearchHit(
        id=key,
        media_id=found.media_id,
        kind=found.kind,
        score=max(-1.0, min(1.0, 1.0 - distance)),
        text=found.text,
        start=found.start,
        end=found.end,
    )


def _key(recording_id: str, number: int) -> str:
    return f"{recording_id}#{number}"


def _passage(key: str, text: str, segment: TranscriptSegment) -> Passage:
    """Return a passage with the times of its segment, also for a part: where in it is not known."""
    return Passage(key=key, text=text, start=segment.start, end=segment.end)


def _parts(text: str) -> Iterator[str]:
    """Cut a text into parts that fit, between words where there are any; a blank text has none."""
    while len(text) > PASSAGE_CHARACTERS_MAX:
        window = text[: PASSAGE_CHARACTERS_MAX + 1]
        space = max(window.rfind(blank) for blank in " \n\t")
        cut = space if space >= PASSAGE_CHARACTERS_MIN else PASSAGE_CHARACTERS_MAX
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    if text:
        yield text
