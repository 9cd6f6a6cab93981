"""What is indexed of a recording: the segments of its transcript. No I/O.

Segment n of the transcript has number n; the further parts of segments that are too long for one vector have
the numbers from the event's count of segments on, in their order. There are at most as many further parts as
`_further_parts_max` says; what would exceed them is not indexed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    Transcript,
    TranscriptionCompleted,
    TranscriptSegment,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.events import Event

from nova_search.sources import Passage, Plan, Source, UnexpectedContentError, vector_key

PASSAGE_CHARACTERS_MAX = 8192
"""Longest text that the embedding model takes in a request (Amazon Nova Multimodal Embeddings).

At up to four bytes a character it also fits the 40 KB of a vector's metadata (limits of Amazon S3 Vectors).
"""

PASSAGE_CHARACTERS_MIN = PASSAGE_CHARACTERS_MAX // 2
"""A part that is followed by another is cut between two words here or later, or at the very end."""

WORD_CHARACTERS_MAX = 64
"""More than a word and its space have on average in any transcript, whatever the language."""

WORDS_A_FURTHER_PART = PASSAGE_CHARACTERS_MIN // WORD_CHARACTERS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """A recording as far as the index is concerned."""

    id: str
    user: str
    created_at: datetime
    completed: TranscriptionCompleted | None = None
    is_deleted: bool = False

    @property
    def contents(self) -> Sequence[DocumentReference]:
        """The transcript."""
        return [self.completed.transcript] if self.completed else []


def _fold(history: Iterable[Event]) -> IndexedRecording | None:
    recording: IndexedRecording | None = None
    for event in history:
        if recording is None:
            if event.user is None:
                message = f"the history of {event.aggregate} does not begin with somebody's event"
                raise ValueError(message)
            recording = IndexedRecording(
                id=RECORDING.id_of(event.aggregate), user=event.user, created_at=event.occurred_at
            )
        if isinstance(event.data, TranscriptionCompleted):
            recording = replace(recording, completed=event.data)
        elif isinstance(event.data, RecordingDeleted):
            recording = replace(recording, is_deleted=True)
    return recording


def _further_parts_max(completed: TranscriptionCompleted) -> int:
    """Return how many parts beyond the first its long segments may have together.

    Each part that another one follows has at least `PASSAGE_CHARACTERS_MIN` characters, and all of them
    together no more than the words of the transcript.
    """
    return completed.words // WORDS_A_FURTHER_PART


def _keys(recording: IndexedRecording) -> list[str]:
    if recording.completed is None:
        return []
    count = recording.completed.segments + _further_parts_max(recording.completed)
    return [vector_key(recording.id, number) for number in range(count)]


def _plan(recording: IndexedRecording, contents: Sequence[bytes]) -> Plan:
    """Return the passages of a transcript; blank segments have none."""
    transcript = Transcript.model_validate_json(contents[0])
    expected = recording.completed.segments if recording.completed else 0
    if recording.completed is None or len(transcript.segments) != expected:
        message = (
            f"the transcript of {recording.id} has {len(transcript.segments)} segments, "
            f"its event counted {expected}"
        )
        raise UnexpectedContentError(message)
    passages: list[Passage] = []
    further: list[Passage] = []
    for number, segment in enumerate(transcript.segments):
        for place, text in enumerate(_parts(segment.text.strip())):
            if place == 0:
                passages.append(_passage(vector_key(recording.id, number), text, segment))
            else:
                key = vector_key(recording.id, expected + len(further))
                further.append(_passage(key, text, segment))
    fitting = further[: _further_parts_max(recording.completed)]
    return Plan(passages=[*passages, *fitting], left_out=len(further) - len(fitting))


def _passage(key: str, text: str, segment: TranscriptSegment) -> Passage:
    """Return a passage with the times of its segment, also for a part: where in it is not known."""
    return Passage(key=key, kind="transcript", text=text, start=segment.start, end=segment.end)


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


RECORDINGS = Source(aggregate=RECORDING, fold=_fold, keys=_keys, plan=_plan)
"""Recordings, by what is said in them."""
