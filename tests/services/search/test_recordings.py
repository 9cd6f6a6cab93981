"""Which vectors a recording has, and that deletion knows all their keys without its transcript."""

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    Transcript,
    TranscriptionCompleted,
    TranscriptSegment,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.events import Event, EventData
from nova_search.recordings import RECORDINGS, IndexedRecording
from nova_search.sources import Plan, UnexpectedContentError

ID = str(uuid.UUID(int=1))
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
REQUESTED = RecordingRequested(content_type="audio/wav", size_bytes=5)


def completed(segments: int, words: int) -> TranscriptionCompleted:
    return TranscriptionCompleted(
        transcript=DocumentReference(key="k", version_id="v", sha256="0" * 64),
        language="en-US",
        duration_seconds=60,
        words=words,
        segments=segments,
    )


def transcript(*texts: str) -> Transcript:
    segments = [
        TranscriptSegment(start=place, end=place + 0.5, text=text) for place, text in enumerate(texts)
    ]
    return Transcript(text=" ".join(texts), language="en-US", segments=segments)


def recording(event: TranscriptionCompleted | None = None, *, is_deleted: bool = False) -> IndexedRecording:
    return IndexedRecording(id=ID, user="alice", created_at=BEGUN, completed=event, is_deleted=is_deleted)


def planned(event: TranscriptionCompleted, *texts: str) -> Plan:
    return RECORDINGS.plan(recording(event), [transcript(*texts).model_dump_json().encode()])


def plan(*texts: str, words: int | None = None) -> Plan:
    counted = sum(len(text.split()) for text in texts) if words is None else words
    return planned(completed(len(texts), counted), *texts)


def history(*facts: EventData, user: str | None = "alice") -> list[Event]:
    return [
        Event.of(RECORDING.event(ID, fact, user=user, correlation="c", occurred_at=BEGUN), version)
        for version, fact in enumerate(facts, start=1)
    ]


def test_each_segment_with_words_is_a_passage() -> None:
    passages = plan("hello world", " \n ", "", "  bye ").passages
    assert [(passage.key, passage.text, passage.start, passage.end) for passage in passages] == [
        (f"{ID}#0", "hello world", 0, 0.5),
        (f"{ID}#3", "bye", 3, 3.5),
    ]


def test_a_long_segment_is_cut_between_words_and_keeps_its_times() -> None:
    long = "abcdefg " * 2100
    passages = plan("first", long, "last").passages
    assert [passage.key for passage in passages] == [f"{ID}#0", f"{ID}#1", f"{ID}#2", f"{ID}#3", f"{ID}#4"]
    parts = [passages[1], *passages[3:]]
    assert passages[2].text == "last"
    assert [len(part.text) for part in parts] == [8191, 8191, 415]
    assert " ".join(part.text for part in parts) == long.strip()
    assert {(part.start, part.end) for part in parts} == {(1, 1.5)}


def test_a_text_of_exactly_the_limit_is_one_passage() -> None:
    assert len(plan("a" * 8192, words=200).passages) == 1
    one, other = plan("a" * 8193, words=200).passages
    assert (len(one.text), len(other.text)) == (8192, 1)
    one, other = plan("a" * 8193 + " b", words=200).passages
    assert (len(one.text), other.text) == (8192, "a b")
    one, other = plan("a" * 8192 + " b", words=200).passages
    assert (len(one.text), other.text) == (8192, "b")


def test_text_without_spaces_is_cut_anywhere() -> None:
    text = "語" * 20000
    passages = plan(text, words=20000).passages
    assert [len(passage.text) for passage in passages] == [8192, 8192, 3616]
    assert "".join(passage.text for passage in passages) == text
    # A cut at an early space would make more parts than there are keys.
    early = plan("a " + text, words=20000).passages
    assert [len(passage.text) for passage in early] == [8192, 8192, 3618]


@st.composite
def spoken(draw: st.DrawFn) -> list[str]:
    """Segments whose words are up to 63 characters long, in number up to what makes several parts."""
    words = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=63)
    segments: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        chosen = draw(st.lists(words, max_size=4))
        segments.append(" ".join(chosen * draw(st.integers(1, 300))))
    return segments


@settings(max_examples=150, deadline=None)
@given(spoken())
def test_deletion_knows_every_key_and_no_word_is_lost(texts: list[str]) -> None:
    event = completed(len(texts), sum(len(text.split()) for text in texts))
    made = planned(event, *texts)
    keys = [passage.key for passage in made.passages]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= set(RECORDINGS.keys(recording(event)))
    assert made.left_out == 0
    assert all(1 <= len(passage.text) <= 8192 for passage in made.passages)
    said = sorted("".join(texts).replace(" ", ""))
    assert sorted("".join(passage.text for passage in made.passages).replace(" ", "")) == said
    assert planned(event, *texts) == made


def test_what_finds_no_key_is_counted_and_not_indexed() -> None:
    made = plan("a" * 8192 * 4, words=130)
    assert [passage.key for passage in made.passages] == [f"{ID}#0", f"{ID}#1", f"{ID}#2"]
    assert made.left_out == 1
    assert RECORDINGS.keys(recording(completed(1, 130))) == [f"{ID}#0", f"{ID}#1", f"{ID}#2"]


def test_a_transcript_of_other_segments_is_refused() -> None:
    with pytest.raises(UnexpectedContentError, match="has 1 segments, its event counted 2"):
        planned(completed(2, 5), "hello")


def test_a_history_tells_what_to_index() -> None:
    done = completed(1, 1)
    assert RECORDINGS.fold([]) is None
    requested = RECORDINGS.fold(history(REQUESTED))
    assert requested == recording()
    ready = RECORDINGS.fold(history(REQUESTED, done))
    assert ready == recording(done)
    gone = RECORDINGS.fold(history(REQUESTED, done, RecordingDeleted()))
    assert gone == recording(done, is_deleted=True)
    with pytest.raises(ValueError, match="does not begin with somebody's event"):
        RECORDINGS.fold(history(REQUESTED, user=None))
