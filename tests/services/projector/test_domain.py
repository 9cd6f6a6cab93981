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
    RecordingSummary,
    TranscriptionCompleted,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.sessions import (
    SESSION,
    SessionDeleted,
    SessionStarted,
    SessionSummary,
    TurnCompleted,
    TurnFailed,
)
from nova_common.events import AggregateType, Event, EventData, NewEvent
from nova_projector.domain import GapError, Projection, Row, Summary, project
from nova_projector.generations import Generations
from nova_projector.read_model import StaleRowError
from nova_projector.recordings import RECORDINGS
from nova_projector.sessions import SESSIONS
from nova_projector.worker import Keeper, Projector, RowKeeper

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


ANSWERED = TurnCompleted(
    turn="t1",
    body=DocumentReference(key="k", version_id="v", sha256="0" * 64),
    tools=["search_recordings"],
    model="m",
    input_tokens=5,
    output_tokens=7,
    duration_ms=900,
    stop_reason="end_turn",
)
UNANSWERED = TurnFailed(turn="t2", reason="the model is busy")
FORGOTTEN = SessionDeleted()
SESSION_LIVES: Sequence[Sequence[EventData]] = [
    [],
    [ANSWERED],
    [ANSWERED, UNANSWERED, ANSWERED],
    [UNANSWERED],
    [FORGOTTEN],
    [ANSWERED, FORGOTTEN],
    [ANSWERED, FORGOTTEN, ANSWERED],
]


def history(number: int, *facts: EventData) -> list[Event]:
    requested = RecordingRequested(content_type="audio/wav", size_bytes=5)
    return events_of(RECORDING, number, [requested, *facts])


def session_history(number: int, *facts: EventData) -> list[Event]:
    return events_of(SESSION, number, [SessionStarted(), *facts])


def events_of(kind: AggregateType, number: int, facts: Sequence[EventData]) -> list[Event]:
    return [
        Event.of(
            kind.event(
                str(uuid.UUID(int=number)),
                fact,
                user="alice",
                correlation="c",
                private={"filename": f"{number}.wav"} if isinstance(fact, RecordingRequested) else {},
                event_id=f"{number}-{version}",
                occurred_at=START + timedelta(minutes=number, seconds=version),
            ),
            version,
        )
        for version, fact in enumerate(facts, start=1)
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


class MemoryReadModel[S: Summary]:
    """A read model that refuses stale writes; now and then somebody else projects in between."""

    def __init__(
        self,
        projection: Projection[S],
        store: MemoryStore | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.projection = projection
        self.rows: dict[str, Row[S]] = {}
        self._store = store
        self._chance = chance

    def get(self, aggregate: str) -> Row[S] | None:
        return self.rows.get(aggregate)

    def put(self, row: Row[S], expected_version: int) -> None:
        if self._store and self._chance and self._chance.random() < 0.2:
            before = self.rows.get(row.aggregate)
            other = project(self.projection, before, self._store.load(row.aggregate))
            assert other is not None
            self.rows[row.aggregate] = other
        current = self.rows.get(row.aggregate)
        if (current.version if current else 0) != expected_version:
            raise StaleRowError
        self.rows[row.aggregate] = row


type AnyRow = Row[RecordingSummary] | Row[SessionSummary]


def rows_after(seed: int, histories: Sequence[Sequence[Event]]) -> dict[str, AnyRow]:
    """Let events happen in their order, and their messages arrive late, repeated and shuffled in between."""
    chance = random.Random(seed)  # noqa: S311
    store = MemoryStore()
    recordings = MemoryReadModel(RECORDINGS, store, chance)
    sessions = MemoryReadModel(SESSIONS, store, chance)
    keepers: tuple[Keeper, ...] = (
        RowKeeper(store, recordings, sleep=lambda _: None),
        RowKeeper(store, sessions, sleep=lambda _: None),
    )
    by_kind = {keeper.kind: keeper for keeper in keepers}
    projector = Projector(lambda _: by_kind, Generations)
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
    return {**recordings.rows, **sessions.rows}


def test_a_thousand_orders_give_equal_rows() -> None:
    recordings = [history(number, *facts) for number, facts in enumerate(LIVES)]
    # The ids are those of the recordings: a kind and an id together name an aggregate.
    sessions = [session_history(number, *facts) for number, facts in enumerate(SESSION_LIVES)]
    expected: dict[str, object] = {
        events[0].aggregate: project(RECORDINGS, None, events) for events in recordings
    }
    expected |= {events[0].aggregate: project(SESSIONS, None, events) for events in sessions}
    for seed in range(1000):
        assert rows_after(seed, [*recordings, *sessions]) == expected, f"seed {seed}"


def check_parts[S: Summary](projection: Projection[S], events: Sequence[Event]) -> None:
    whole = project(projection, None, events)
    for cut in range(len(events) + 1):
        part = project(projection, None, events[:cut])
        assert project(projection, part, events[cut:]) == whole
        assert project(projection, part, events) == whole
        assert project(projection, whole, events[cut:]) == whole


@pytest.mark.parametrize("facts", LIVES)
def test_projecting_in_parts_equals_projecting_at_once(facts: Sequence[EventData]) -> None:
    check_parts(RECORDINGS, history(1, *facts))


@pytest.mark.parametrize("facts", SESSION_LIVES)
def test_sessions_project_in_parts_too(facts: Sequence[EventData]) -> None:
    check_parts(SESSIONS, session_history(1, *facts))


def test_every_turn_counts_and_moves_the_session() -> None:
    events = session_history(1, ANSWERED, UNANSWERED)
    row = project(SESSIONS, None, events)
    assert row is not None
    assert row.summary is not None
    assert row.summary.model_dump(mode="json") == {
        "id": str(uuid.UUID(int=1)),
        "created_at": "2026-01-01T00:01:01.000000Z",
        "updated_at": "2026-01-01T00:01:03.000000Z",
        "turns": 2,
    }
    assert (row.user, row.version) == ("alice", 3)


def test_a_clock_that_is_slow_does_not_turn_a_session_back() -> None:
    events = session_history(1, ANSWERED, ANSWERED)
    slow = events[2].model_copy(update={"occurred_at": START})
    row = project(SESSIONS, None, [*events[:2], slow])
    assert row is not None
    assert row.summary is not None
    assert (row.summary.turns, row.summary.updated_at) == (2, events[1].occurred_at)


def test_a_deleted_session_stays_a_tombstone() -> None:
    events = session_history(1, ANSWERED, FORGOTTEN, ANSWERED)
    row = project(SESSIONS, None, events)
    assert row == Row[SessionSummary](
        aggregate=events[0].aggregate,
        version=4,
        user=None,
        summary=None,
        expires_at=events[2].occurred_at + timedelta(days=30),
    )
    with pytest.raises(GapError, match="begins with TurnCompleted"):
        project(SESSIONS, None, [events[1].model_copy(update={"version": 1})])


def test_rows_show_what_happened() -> None:
    row = project(RECORDINGS, None, history(1, STARTED, COMPLETED))
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
    failed = project(RECORDINGS, None, history(1, FAILED))
    assert failed is not None
    assert failed.summary is not None
    assert (failed.summary.status, failed.summary.reason) == ("failed", "no speech")


def test_a_deleted_recording_leaves_a_tombstone_for_thirty_days() -> None:
    events = history(1, STARTED, DELETED)
    row = project(RECORDINGS, None, events)
    assert row == Row[RecordingSummary](
        aggregate=events[0].aggregate,
        version=3,
        user=None,
        summary=None,
        expires_at=events[-1].occurred_at + timedelta(days=30),
    )


def test_a_gap_is_not_projected_over() -> None:
    events = history(1, STARTED, COMPLETED)
    with pytest.raises(GapError, match="version 1, the next event has version 3"):
        project(RECORDINGS, None, [events[0], events[2]])
    with pytest.raises(GapError):
        project(RECORDINGS, None, events[1:])
    late = [event.model_copy(update={"version": 1}) for event in events[1:2]]
    with pytest.raises(GapError, match="begins with TranscriptionStarted"):
        project(RECORDINGS, None, late)


def test_a_row_that_keeps_changing_is_given_up_and_comes_again() -> None:
    class Busy(MemoryReadModel[RecordingSummary]):
        attempts = 0

        def put(self, row: Row[RecordingSummary], expected_version: int) -> None:
            del row, expected_version
            self.attempts += 1
            raise StaleRowError

    store = MemoryStore()
    (event,) = history(1)
    store.happen(event)
    busy = Busy(RECORDINGS)
    with pytest.raises(StaleRowError):
        RowKeeper(store, busy, sleep=lambda _: None).catch_up(event.aggregate)
    assert busy.attempts == 10
