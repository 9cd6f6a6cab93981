"""Aggregates of owners: others do not find them, repeated causes change nothing, deletion is final."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from nova_common.event_store import DynamoEventStore
from nova_common.events import AggregateType, Event, EventData, EventRegistry, is_aggregate_id
from nova_common.histories import Histories, UnknownAggregateError
from nova_common.logs import correlation_id
from nova_common.problems import Problem

from tests.services.support.tables import EVENT_STORE_TABLE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

UNKNOWN = "6f1c2c4e-8a51-4c2b-9a52-6f1b4a6f1c2c"


class Begun(EventData):
    """A note was begun."""


class LineAdded(EventData):
    """A line was added."""

    text: str


class Ended(EventData):
    """The note is deleted."""


NOTE = AggregateType(name="Note", source="nova.notes", events=(Begun, LineAdded, Ended))


@dataclass(frozen=True)
class Note:
    id: str
    user: str
    correlation: str
    version: int
    status: str = "open"
    lines: tuple[str, ...] = ()
    is_deleted: bool = False


def fold(history: Iterable[Event]) -> Note | None:
    note: Note | None = None
    for event in history:
        if note is None:
            note = Note(NOTE.id_of(event.aggregate), event.user or "", event.correlation, event.version)
        note = replace(note, version=event.version)
        if isinstance(event.data, LineAdded):
            note = replace(note, lines=(*note.lines, event.data.text))
        if isinstance(event.data, Ended):
            note = replace(note, is_deleted=True)
    return note


@pytest.fixture
def store(dynamodb: "DynamoDBClient") -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([NOTE]))


@pytest.fixture
def notes(store: DynamoEventStore) -> Histories[Note]:
    return Histories(store, NOTE, fold, "note")


def lines(*texts: str) -> Sequence[EventData]:
    return [LineAdded(text=text) for text in texts]


def test_it_begins_with_its_owner_and_the_request(notes: Histories[Note]) -> None:
    token = correlation_id.set("request-7")
    try:
        note_id = notes.begin(Begun(), "alice")
    finally:
        correlation_id.reset(token)
    assert is_aggregate_id(note_id)
    assert notes.owned("alice", note_id) == Note(note_id, "alice", "request-7", 1)
    assert notes.load(note_id).user == "alice"


@pytest.mark.parametrize("user", ["bob", "", "alic"])
def test_another_user_finds_nothing(notes: Histories[Note], user: str) -> None:
    note_id = notes.begin(Begun(), "alice")
    erased: list[int] = []
    with pytest.raises(Problem, match="no such note") as refused:
        notes.owned(user, note_id)
    assert refused.value.status_code == 404
    with pytest.raises(Problem, match="no such note"):
        notes.delete(user, note_id, lambda: erased.append(1), lambda _: [Ended()])
    assert erased == []


@pytest.mark.parametrize("note_id", [UNKNOWN, "x", "", f"{UNKNOWN}#"])
def test_what_is_not_there_is_the_same_404(notes: Histories[Note], note_id: str) -> None:
    with pytest.raises(Problem, match="there is no such note"):
        notes.owned("alice", note_id)


def test_a_worker_is_told_that_nobody_asked(notes: Histories[Note]) -> None:
    with pytest.raises(UnknownAggregateError, match="never requested"):
        notes.load(UNKNOWN)
    with pytest.raises(UnknownAggregateError):
        notes.record(UNKNOWN, "cause", lambda _: lines("a"))


def test_a_cause_that_comes_twice_has_its_consequences_once(
    notes: Histories[Note], store: DynamoEventStore
) -> None:
    note_id = notes.begin(Begun(), "alice")
    state = notes.record(note_id, "message 1", lambda _: lines("a", "b", "c"))
    assert state.lines == ("a", "b", "c")
    assert notes.record(note_id, "message 1", lambda _: lines("a", "b", "c")) == state
    assert notes.record(note_id, "message 2", lambda _: lines("d")).lines == ("a", "b", "c", "d")
    assert {(event.user, event.correlation) for event in store.load(NOTE.key(note_id))} == {
        ("alice", state.correlation)
    }


def test_deletion_erases_again_what_was_written_meanwhile(notes: Histories[Note]) -> None:
    note_id = notes.begin(Begun(), "alice")
    erased: list[int] = []

    def erase() -> None:
        erased.append(len(erased))
        if len(erased) == 1:
            notes.record(note_id, "a worker", lambda _: lines("late"))

    notes.delete("alice", note_id, erase, lambda note: [] if note.is_deleted else [Ended()])
    assert len(erased) == 2
    assert notes.load(note_id).is_deleted
    with pytest.raises(Problem, match="no such note"):
        notes.owned("alice", note_id)
    with pytest.raises(Problem, match="no such note"):
        notes.delete("alice", note_id, erase, lambda _: [Ended()])


def test_an_erasure_that_fails_leaves_the_aggregate(notes: Histories[Note]) -> None:
    note_id = notes.begin(Begun(), "alice")

    def fail() -> None:
        raise OSError("S3 is busy")

    with pytest.raises(OSError, match="busy"):
        notes.delete("alice", note_id, fail, lambda _: [Ended()])
    assert not notes.owned("alice", note_id).is_deleted
