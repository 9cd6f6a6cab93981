"""The projection, and its promise: any order and number of messages gives the same rows."""

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.events import Event, EventData, NewEvent
from nova_projector.domain import GapError, RecordingRow, project
from nova_projector.read_model import StaleRowError
from nova_projector.worker import Projector

START = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = TranscriptionStarted(job="j", duration_seconds=2.5)
COMPLETED = TranscriptionCompleted(
    transcript=DocumentReference(key="k", version_id="v", sha256="0" * 64),
    language="en-US",
    duration_seconds=2.5,
    words=1,
    segments=1,
)
FAILED = TranscriptionFailed(reason="no speech")
DELETED = RecordingDeleted()
LIVES: Sequence[Sequence[EventData]] = [
    [],
    [STARTED],
    [STARTED, COMPLETED],
    [STARTED, FAILED],
    [FAILED],
    [DELETED],
    [STARTED, COMPLETED, DELETED],
]


def history(number: int, *facts: EventData) -> list[Event]:
    recording_id = str(uuid.UUID(int=number))
    requested = RecordingRequested(filename=f"{number}.wav", content_type="audio/wav", size_bytes=5)
    return [
        Event.of(
            RECORDING.event(
                recording_id,
                fact,
                user="alice",
                correlation="c",
                event_id=f"{number}-{version}",
                occurred_at=START + timedelta(minutes=number, seconds=version),
            ),
            version,
        )
        for version, fact in enumerate([requested, *facts], start=1)
    ]


class MemoryStore:
    """An event store that shows events only once they have happened."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = {}

    def happen(self, event: Event) -> None:
        self.events.setdefault(event.aggregate, []).append(event)

    def append(self, events: Sequence[NewEvent], expected_version: int) -> list[Event]:
        raise NotImplementedError

    def load(self, aggregate: str, after_version: int = 0) -> Iterator[Event]:
        yield from self.events.get(aggregate, [])[after_version:]


class MemoryReadModel:
    """A read model that refuses stale writes; now and then somebody else projects in between."""

    def __init__(self, store: MemoryStore | None = None, chance: random.Random | None = None) -> None:
        self.rows: dict[str, RecordingRow] = {}
        self._store = store
        self._chance = chance

    def get(self, aggregate: str) -> RecordingRow | None:
        return self.rows.get(aggregate)

    def put(self, row: RecordingRow, expected_version: int) -> None:
        if self._store and self._chance and self._chance.random() < 0.2:
            other = project(self.rows.get(row.aggregate), self._store.load(row.aggregate))
            assert other is not None
            self.rows[row.aggregate] = other
        current = self.rows.get(row.aggregate)
        if (current.version if current else 0) != expected_version:
            raise StaleRowError
        self.rows[row.aggregate] = row


def rows_after(seed: int, histories: Sequence[Sequence[Event]]) -> dict[str, RecordingRow]:
    """Let events happen in their order, and their messages arrive late, repeated and shuffled in between."""
    chance = random.Random(seed)  # noqa: S311
    store = MemoryStore()
    read_model = MemoryReadModel(store, chance)
    projector = Projector(store, read_model, sleep=lambda _: None)
    coming = [list(events) for events in histories]
    messages: list[str] = []
    while any(coming) or messages:
        waiting = [events for events in coming if events]
        if waiting and (not messages or chance.random() < 0.5):
            event = chance.choice(waiting).pop(0)
            store.happen(event)
            body = json.dumps({"detail": {"aggregate": event.aggregate, "version": str(event.version)}})
            messages += [body] * chance.randint(1, 3)
        else:
            projector.handle(messages.pop(chance.randrange(len(messages))))
    return read_model.rows


def test_a_thousand_orders_give_equal_rows() -> None:
    histories = [history(number, *facts) for number, facts in enumerate(LIVES)]
    expected = {events[0].aggregate: project(None, events) for events in histories}
    for seed in range(1000):
        assert rows_after(seed, histories) == expected, f"seed {seed}"


@pytest.mark.parametrize("facts", LIVES)
def test_projecting_in_parts_equals_projecting_at_once(facts: Sequence[EventData]) -> None:
    events = history(1, *facts)
    whole = project(None, events)
    for cut in range(len(events) + 1):
        part = project(None, events[:cut])
        assert project(part, events[cut:]) == whole
        assert project(part, events) == whole
        assert project(whole, events[cut:]) == whole


def test_rows_show_what_happened() -> None:
    row = project(None, history(1, STARTED, COMPLETED))
    assert row is not None
    assert row.summary is not None
    assert row.summary.model_dump() == {
        "id": str(uuid.UUID(int=1)),
        "status": "completed",
        "filename": "1.wav",
        "duration_seconds": 2.5,
        "language": "en-US",
        "created_at": "2026-01-01T00:01:01.000000Z",
    }
    assert (row.user, row.version, row.expires_at) == ("alice", 3, None)
    failed = project(None, history(1, FAILED))
    assert failed is not None
    assert failed.summary is not None
    assert (failed.summary.status, failed.summary.reason) == ("failed", "no speech")


def test_a_deleted_recording_leaves_a_tombstone_for_thirty_days() -> None:
    events = history(1, STARTED, DELETED)
    row = project(None, events)
    assert row == RecordingRow(
        aggregate=events[0].aggregate,
        version=3,
        user=None,
        summary=None,
        expires_at=events[-1].occurred_at + timedelta(days=30),
    )


def test_a_gap_is_not_projected_over() -> None:
    events = history(1, STARTED, COMPLETED)
    with pytest.raises(GapError, match="version 1, the next event has version 3"):
        project(None, [events[0], events[2]])
    with pytest.raises(GapError):
        project(None, events[1:])
    late = [event.model_copy(update={"version": 1}) for event in events[1:2]]
    with pytest.raises(GapError, match="begins with TranscriptionStarted"):
        project(None, late)


def test_a_row_that_keeps_changing_is_given_up_and_comes_again() -> None:
    class Busy(MemoryReadModel):
        attempts = 0

        def put(self, row: RecordingRow, expected_version: int) -> None:
            del row, expected_version
            self.attempts += 1
            raise StaleRowError

    store = MemoryStore()
    (event,) = history(1)
    store.happen(event)
    busy = Busy()
    with pytest.raises(StaleRowError):
        Projector(store, busy, sleep=lambda _: None).catch_up(event.aggregate)
    assert busy.attempts == 10
