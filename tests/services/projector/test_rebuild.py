"""Rebuilding the read model while lists are served and events are appended."""

import json
import os
import random
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler
from nova_common import aws
from nova_common.contracts.audio import (
    RECORDING,
    RecordingDeleted,
    RecordingRequested,
    RecordingSummary,
    TranscriptionFailed,
    TranscriptionStarted,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, EventRegistry
from nova_common.job import JobError
from nova_common.private_data import PrivateData
from nova_projector import rebuild as rebuilding
from nova_projector.generations import (
    SERVED_SECONDS,
    GenerationsChangedError,
    GenerationState,
    generation_of,
    in_generation,
    without_generation,
)
from nova_projector.read_model import DynamoReadModel, Position
from nova_projector.rebuild import Rebuild
from nova_projector.recordings import RECORDINGS
from nova_projector.settings import JobSettings
from nova_projector.worker import Keeper, Projector, keepers_of

from tests.services.support import engine, tables
from tests.services.support.private import Private
from tests.services.support.tables import EVENT_STORE_TABLE, READ_MODEL_TABLE, REGION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

EVENTS = int(os.environ.get("NOVA_TEST_REBUILD_EVENTS", "200"))
"""NOVA_TEST_REBUILD_EVENTS takes more of them, for which DynamoDB Local is fast enough: `make prove`."""
USERS = ("alice", "bob")
CONNECTIONS = 40
AT_ONCE = 8
"""Aggregates that are prepared and compared side by side."""


@pytest.fixture
def dynamodb(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator["DynamoDBClient"]:
    """The stand-in engine, which checks a condition and writes in one step only for one request at a time.

    Or the engine that is named; keys are wrapped by the stand-in's KMS then, too.
    """
    del aws_environment
    if engine.ENDPOINT:
        with mock_aws(), engine.emptied(engine.client(CONNECTIONS)) as other:
            tables.create_table(other, EVENT_STORE_TABLE)
            tables.create_table(other, READ_MODEL_TABLE)
            yield other
        return
    one_at_a_time, answer = threading.Lock(), DynamoHandler.call_action

    def call_action(handler: DynamoHandler) -> Any:  # noqa: ANN401 - as the engine's own
        with one_at_a_time:
            return answer(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", call_action)
    with mock_aws():
        client = aws.dynamodb(REGION)
        tables.create_table(client, EVENT_STORE_TABLE)
        tables.create_table(client, READ_MODEL_TABLE)
        yield client


class World:
    """A store, a worker, and lists."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.dynamodb = dynamodb
        self.private = Private(dynamodb)
        registry = EventRegistry([RECORDING])
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, registry, self.private.data)
        self.state = GenerationState(dynamodb, READ_MODEL_TABLE)
        self.keepers = keepers_of(self.store, dynamodb, READ_MODEL_TABLE)
        self.projector = Projector(self.keepers, self.state.read)
        self.slept: list[float] = []

    def happen(self, recording_id: str, *facts: EventData, seen: bool = True, user: str = "alice") -> str:
        key = RECORDING.key(recording_id)
        events = [
            RECORDING.event(recording_id, fact, user=user, correlation="c", private=_private(fact))
            for fact in facts
        ]
        self.store.append(events, len(list(self.store.load(key))))
        if seen:
            self.wake_up(key)
        return key

    def wake_up(self, key: str) -> None:
        self.projector.handle(json.dumps({"aggregate": key}))

    def job(self) -> Rebuild:
        return Rebuild(
            self.dynamodb,
            event_store_table=EVENT_STORE_TABLE,
            read_model_table=READ_MODEL_TABLE,
            keepers=self.fresh_keepers,
            is_erased=lambda user: self.private.people.erased_at(user) is not None,
            sleep=self.slept.append,
        )

    def fresh_keepers(self, generation: int) -> Mapping[str, Keeper]:
        """As a process has them that remembers no data key."""
        private = PrivateData(self.private.other_task())
        store = DynamoEventStore(self.dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING]), private)
        return keepers_of(store, self.dynamodb, READ_MODEL_TABLE)(generation)

    def rebuild(self, *, accept_differences: bool = False) -> Mapping[str, Any]:
        return self.job().run(accept_differences=accept_differences)

    def listed(self, user: str = "alice") -> list[RecordingSummary]:
        served = self.state.read().served
        rows = DynamoReadModel(self.dynamodb, READ_MODEL_TABLE, RECORDINGS, lambda: served)
        found: list[RecordingSummary] = []
        after: Position | None = None
        while True:
            page = rows.page(user, after)
            found += page.items
            if page.next_cursor is None:
                return found
            after = Position.decode(page.next_cursor)

    def generations(self) -> set[int]:
        items = self.dynamodb.get_paginator("scan").paginate(TableName=READ_MODEL_TABLE)
        found = {generation_of(str(item["pk"].get("S"))) for page in items for item in page["Items"]}
        return {generation for generation in found if generation is not None}

    def change_row(self, key: str, generation: int, name: str) -> None:
        self.dynamodb.update_item(
            TableName=READ_MODEL_TABLE,
            Key={"pk": {"S": in_generation(generation, key)}, "sk": {"S": "summary"}},
            UpdateExpression="SET filename = :name",
            ExpressionAttributeValues={":name": {"S": name}},
        )


def _private(fact: EventData) -> dict[str, Any]:
    return {"filename": "a.wav"} if isinstance(fact, RecordingRequested) else {}


def requested() -> RecordingRequested:
    return RecordingRequested(content_type="audio/wav", size_bytes=5)


@pytest.fixture
def world(dynamodb: "DynamoDBClient") -> World:
    return World(dynamodb)


STARTED = TranscriptionStarted(job="j", duration_seconds=2.5)


def test_the_lists_are_the_same_afterwards(world: World) -> None:
    ids = [str(uuid.uuid4()) for _ in range(5)]
    for recording_id in ids:
        world.happen(recording_id, requested(), STARTED)
    world.happen(ids[0], TranscriptionFailed(reason="no speech"))
    world.happen(ids[1], RecordingDeleted())
    before = world.listed()
    report = world.rebuild()
    assert (world.listed(), len(before)) == (before, 4)
    assert {name: report[name] for name in ("generation", "aggregates", "events", "differences")} == {
        "generation": 1,
        "aggregates": 5,
        "events": 12,
        "differences": 0,
    }
    assert report["rows_removed"] == 5
    assert report["events_per_second"] > 0
    # Query tasks have asked again before the old rows are removed.
    assert world.slept[0] >= SERVED_SECONDS
    assert world.generations() == {1}


def test_repeated_it_makes_another_generation_and_changes_nothing(world: World) -> None:
    world.happen(str(uuid.uuid4()), requested())
    before = world.listed()
    assert [world.rebuild()["generation"] for _ in range(3)] == [1, 2, 3]
    assert (world.listed(), world.generations()) == (before, {3})


def test_what_was_lost_comes_back_and_what_is_too_much_goes(world: World, dynamodb: "DynamoDBClient") -> None:
    kept, lost = (world.happen(str(uuid.uuid4()), requested()) for _ in range(2))
    dynamodb.delete_item(TableName=READ_MODEL_TABLE, Key={"pk": {"S": lost}, "sk": {"S": "summary"}})
    stray = world.happen(str(uuid.uuid4()), requested())
    dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key={"pk": {"S": stray}, "sk": {"S": "v0000000001"}})
    world.rebuild()
    assert {RECORDING.key(found.id) for found in world.listed()} == {kept, lost}


def test_other_rows_than_those_that_are_served_are_not_switched_to_unasked(world: World) -> None:
    key = world.happen(str(uuid.uuid4()), requested())
    world.change_row(key, 0, "as it was projected before.wav")
    with pytest.raises(JobError, match=f"1 rows differ from those that are served, the first: {key}"):
        world.rebuild()
    assert [found.filename for found in world.listed()] == ["as it was projected before.wav"]
    assert (world.state.read().written, world.generations()) == ((0,), {0})
    assert world.rebuild(accept_differences=True)["differences"] == 1
    assert [found.filename for found in world.listed()] == ["a.wav"]


def test_a_wrong_fresh_row_is_never_served(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = world.happen(str(uuid.uuid4()), requested())
    fill = Rebuild._fill  # pyright: ignore[reportPrivateUsage]

    def spoiled(self: Rebuild, fresh: int) -> Any:  # noqa: ANN401 - as the method's own
        done = fill(self, fresh)
        world.change_row(key, fresh, "wrong.wav")
        return done

    monkeypatch.setattr(Rebuild, "_fill", spoiled)
    with pytest.raises(JobError, match="1 fresh rows are not what their histories say"):
        world.rebuild(accept_differences=True)
    assert [found.filename for found in world.listed()] == ["a.wav"]


@pytest.mark.parametrize("filled", [False, True], ids=["before", "after the fresh rows are made"])
def test_who_is_being_erased_stands_in_nobodys_way(
    world: World, monkeypatch: pytest.MonkeyPatch, filled: bool
) -> None:
    """The key is gone at once, and with it what histories tell; rows go when the erasure comes to them."""
    world.happen(str(uuid.uuid4()), requested())
    world.happen(str(uuid.uuid4()), requested(), user="bob")
    fill = Rebuild._fill  # pyright: ignore[reportPrivateUsage]

    def fill_and_erase(self: Rebuild, fresh: int) -> Any:  # noqa: ANN401 - as the method's own
        done = fill(self, fresh)
        world.private.people.erase("bob")
        return done

    if filled:
        monkeypatch.setattr(Rebuild, "_fill", fill_and_erase)
    else:
        world.private.people.erase("bob")
    report = world.rebuild()
    assert (report["differences"], report["erased"]) == (0, 1)
    assert [found.filename for found in world.listed()] == ["a.wav"]


def test_two_at_once_disturb_nobody_but_each_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.happen(str(uuid.uuid4()), requested())
    before = world.listed()
    fill, begun = Rebuild._fill, False  # pyright: ignore[reportPrivateUsage]

    def disturbed(self: Rebuild, fresh: int) -> Any:  # noqa: ANN401 - as the method's own
        nonlocal begun
        if not begun:
            begun = True
            world.rebuild()
        return fill(self, fresh)

    monkeypatch.setattr(Rebuild, "_fill", disturbed)
    with pytest.raises(JobError, match="no other rebuild is at work"):
        world.rebuild()
    assert (world.listed(), world.state.read().others) == (before, ())
    assert world.rebuild()["differences"] == 0
    assert len(world.generations()) == 1


def test_generations_change_from_what_was_read_only(world: World) -> None:
    before = world.state.read()
    world.state.change(before, served=0, others=(1,))
    with pytest.raises(GenerationsChangedError):
        world.state.change(before, served=1, others=())
    assert world.state.read().written == (0, 1)


def test_queries_follow_a_switch_within_seconds(dynamodb: "DynamoDBClient") -> None:
    now = 0.0
    state = GenerationState(dynamodb, READ_MODEL_TABLE, clock=lambda: now)
    assert state.served() == 0
    state.change(state.read(), served=1, others=(0,))
    now = SERVED_SECONDS - 0.1
    assert state.served() == 0
    now = SERVED_SECONDS
    assert state.served() == 1


@pytest.mark.parametrize(("generation", "key"), [(0, "Recording#1"), (12, "12|Recording#1")])
def test_keys_say_their_generation(generation: int, key: str) -> None:
    assert in_generation(generation, "Recording#1") == key
    assert (generation_of(key), without_generation(key)) == (generation, "Recording#1")
    assert generation_of("generations") is None


class Traffic:
    """Appends events and delivers messages late and repeated, until it is told to stop."""

    def __init__(self, world: World, ids: Sequence[str]) -> None:
        self._world = world
        self._ids = list(ids)
        self._chance = random.Random(7)  # noqa: S311 - a test's own dice
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go)
        self.appended = 0

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _go(self) -> None:
        waiting: list[str] = []
        while not self._stop.is_set() or waiting:
            if not self._stop.is_set() and (len(waiting) < 10 or self._chance.random() < 0.5):
                waiting += [self._append()] * self._chance.randint(1, 2)
            else:
                self._world.wake_up(waiting.pop(self._chance.randrange(len(waiting))))

    def _append(self) -> str:
        self.appended += 1
        if self._chance.random() < 0.3:
            self._ids.append(str(uuid.uuid4()))
            return self._world.happen(self._ids[-1], requested(), seen=False)
        return self._world.happen(self._chance.choice(self._ids), STARTED, seen=False)


@pytest.mark.timeout(3600)
def test_none_is_lost_or_doubled_under_traffic(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row is at its history's last version afterwards, and is what that history says."""
    ids = [str(uuid.uuid4()) for _ in range(EVENTS // 4)]

    def happen(number: int) -> None:
        facts = (requested(), *[STARTED] * 3)
        world.happen(ids[number], *facts, user=USERS[number % 2], seen=number % 50 != 0)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(happen, range(len(ids))))
    with Traffic(world, ids) as traffic:
        report = world.rebuild()
    with capsys.disabled():
        print(f"\nrebuild: {report['events']} events, {traffic.appended} appended meanwhile, {report}")  # noqa: T201
    assert traffic.appended > 0
    generation = world.state.read().served
    keeper = world.keepers(generation)["Recording"]
    pages = world.dynamodb.get_paginator("scan").paginate(TableName=EVENT_STORE_TABLE)
    versions: dict[str, int] = {}
    for page in pages:
        for item in page["Items"]:
            key = str(item["pk"].get("S"))
            versions[key] = max(versions.get(key, 0), int(str(item["version"].get("S"))))
    assert len(versions) >= EVENTS // 4

    def agrees(key: str) -> bool:
        return keeper.agrees(key, version_min=versions[key])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        agreeing = pool.map(agrees, versions)
        assert [key for key, agrees in zip(versions, agreeing, strict=True) if not agrees] == []
    assert {RECORDING.key(found.id) for user in USERS for found in world.listed(user)} == set(versions)


def test_the_job_takes_its_stores_from_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.happen(str(uuid.uuid4()), requested())
    monkeypatch.setattr(rebuilding, "FORGOTTEN_SECONDS", 0)
    monkeypatch.setattr(rebuilding, "SERVED_SECONDS", 0)
    settings = JobSettings.from_env(
        {
            "SERVICE_NAME": "projector-rebuild",
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "READ_MODEL_TABLE": READ_MODEL_TABLE,
        }
        | world.private.environment
    )
    assert rebuilding.run(settings, [])["aggregates"] == 1
    with pytest.raises(JobError, match="unknown arguments: --all; there is --accept-differences"):
        rebuilding.run(settings, ["--all"])
