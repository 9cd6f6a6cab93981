"""What is private in events: who reads it, what is stored, and what an erasure leaves."""

import json
import logging
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from nova_common.contracts.audio import RECORDING, RecordingDeleted, RecordingRequested
from nova_common.data_keys import (
    KEY_SECONDS_MAX,
    KEYS_MAX,
    DataKeyMissingError,
    DataKeys,
    UserErasedError,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry, NewEvent
from nova_common.private_data import (
    PRIVATE_BYTES_MAX,
    Place,
    PrivateData,
    PrivateDataCorruptError,
    PrivateDataTooLargeError,
)
from pydantic import ValidationError

from tests.services.support.private import DATA_KEYS_TABLE, Private, create_keys_table
from tests.services.support.tables import EVENT_STORE_TABLE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
CANARY = "zebra-quartz.wav"
PLACE = Place(user=ALICE, aggregate="Recording#1", event="e")


@pytest.fixture
def private(dynamodb: "DynamoDBClient") -> Private:
    return Private(dynamodb)


@pytest.fixture
def store(dynamodb: "DynamoDBClient", private: Private) -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING]), private.data)


def reading(dynamodb: "DynamoDBClient", private: Private) -> DynamoEventStore:
    """The store as a task sees it that has read no key yet."""
    registry = EventRegistry([RECORDING])
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, registry, PrivateData(private.other_task()))


def requested(user: str | None = ALICE, names: Mapping[str, Any] | None = None) -> NewEvent:
    return RECORDING.event(
        str(uuid.uuid4()),
        RecordingRequested(content_type="audio/wav", size_bytes=10),
        user=user,
        correlation="c",
        private={"filename": CANARY} if names is None else names,
    )


def stored(dynamodb: "DynamoDBClient") -> str:
    return repr(dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"])


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


# --- events ---


def test_whoever_has_the_right_reads_it(dynamodb: "DynamoDBClient", store: DynamoEventStore) -> None:
    event = requested()
    (appended,) = store.append([event], 0)
    (loaded,) = store.load(event.aggregate)
    assert loaded == appended
    assert loaded.private == {"filename": CANARY}
    (item,) = dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"]
    assert set(item["private"]) == {"B"}
    assert CANARY not in stored(dynamodb)


def test_others_fold_the_event_without_it(dynamodb: "DynamoDBClient", store: DynamoEventStore) -> None:
    event = requested()
    store.append([event], 0)
    reader = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([RECORDING]))
    (loaded,) = reader.load(event.aggregate)
    assert (loaded.data, loaded.private) == (event.data, {})
    with pytest.raises(ValueError, match="has a private part, and this store was given no data keys"):
        reader.append([requested()], 0)
    assert reader.append([requested(names={})], 0)


def test_it_stays_out_of_what_is_logged(store: DynamoEventStore, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        (event,) = store.append([requested()], 0)
        next(store.load(event.aggregate))
    assert CANARY not in repr(event)
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("user", "names", "message"),
    [
        (ALICE, {"name": "a"}, "RecordingRequested has no private name; see its private_fields"),
        (None, {"filename": "a"}, "has a private part and no user under whose key to keep it"),
    ],
)
def test_it_has_a_form(user: str | None, names: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        requested(user, names)
    assert "'a'" not in str(caught.value)


def test_it_has_a_limit(private: Private) -> None:
    names = {"filename": "ü" * (PRIVATE_BYTES_MAX // 2)}
    with pytest.raises(PrivateDataTooLargeError, match=f"has 16399 bytes, allowed are {PRIVATE_BYTES_MAX}"):
        private.data.encrypt(PLACE, names)


def test_what_an_earlier_schema_held_in_plain_reads_alike(
    dynamodb: "DynamoDBClient", store: DynamoEventStore
) -> None:
    event = requested(names={})
    store.append([event], 0)
    dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key={"pk": {"S": event.aggregate}, "sk": {"S": "v0000000001"}},
        UpdateExpression="SET #schema = :one, #data = :data",
        ExpressionAttributeNames={"#schema": "schema", "#data": "data"},
        ExpressionAttributeValues={
            ":one": {"S": "1"},
            ":data": {"S": json.dumps({"filename": "a.wav", "content_type": "audio/wav", "size_bytes": 10})},
        },
    )
    (loaded,) = store.load(event.aggregate)
    assert (loaded.data, loaded.private) == (event.data, {"filename": "a.wav"})


@pytest.mark.parametrize(
    "place",
    [
        Place(user=ALICE, aggregate="Recording#1", event="f"),
        Place(user=ALICE, aggregate="Recording#2", event="e"),
        Place(user=BOB, aggregate="Recording#1", event="e"),
    ],
)
def test_it_opens_where_it_belongs_and_nowhere_else(private: Private, place: Place) -> None:
    private.keys.for_writing(BOB)
    ciphertext = private.data.encrypt(PLACE, {"filename": CANARY})
    assert private.data.decrypt(PLACE, ciphertext) == {"filename": CANARY}
    with pytest.raises(PrivateDataCorruptError, match="cannot be opened"):
        private.data.decrypt(place, ciphertext)


def test_what_was_changed_does_not_open(private: Private) -> None:
    ciphertext = private.data.encrypt(PLACE, {"filename": CANARY})
    for changed in (ciphertext[:-1] + b"\0", ciphertext[:40], b"", b"\x02" + bytes(400)):
        with pytest.raises(PrivateDataCorruptError):
            private.data.decrypt(PLACE, changed)


# --- erasing ---


def test_after_an_erasure_events_remain_and_what_was_private_does_not(
    dynamodb: "DynamoDBClient", store: DynamoEventStore, private: Private
) -> None:
    event, other = requested(), requested(BOB)
    for new in (event, other):
        store.append([new], 0)
    private.people.erase(ALICE)
    (loaded,) = reading(dynamodb, private).load(event.aggregate)
    assert (loaded.data, loaded.private) == (event.data, {})
    assert next(store.load(other.aggregate)).private == {"filename": CANARY}
    store.append([RECORDING.event(event.aggregate[10:], RecordingDeleted(), user=ALICE, correlation="c")], 1)
    item = dynamodb.get_item(TableName=DATA_KEYS_TABLE, Key={"pk": {"S": f"user#{ALICE}"}}).get("Item", {})
    assert set(item) == {"pk", "created_at", "erased_at"}


def test_nobody_makes_another_key_for_an_erased_person(store: DynamoEventStore, private: Private) -> None:
    first = private.people.erase(ALICE)
    assert private.people.erase(ALICE) == first == private.people.erased_at(ALICE)
    assert private.people.erased_at(BOB) is None
    for keys in (private.keys, private.other_task()):
        with pytest.raises(UserErasedError):
            keys.for_writing(ALICE)
        assert keys.for_reading(ALICE) is None
    with pytest.raises(UserErasedError):
        store.append([requested()], 0)


def test_an_erasure_reaches_other_tasks_when_they_forget(
    dynamodb: "DynamoDBClient", private: Private
) -> None:
    clock = Clock()
    task = DataKeys(
        dynamodb, private.kms, table=DATA_KEYS_TABLE, wrapping_key=private.wrapping_key, clock=clock
    )
    ciphertext = private.data.encrypt(PLACE, {"filename": CANARY})
    reader = PrivateData(task)
    assert reader.decrypt(PLACE, ciphertext) == {"filename": CANARY}
    private.people.erase(ALICE)
    clock.seconds = KEY_SECONDS_MAX - 1
    # Being used does not keep a key alive.
    assert reader.decrypt(PLACE, ciphertext) == {"filename": CANARY}
    clock.seconds = KEY_SECONDS_MAX
    assert reader.decrypt(PLACE, ciphertext) == {}
    with pytest.raises(UserErasedError):
        task.for_writing(ALICE)


def test_a_lost_key_is_not_taken_for_an_erasure(dynamodb: "DynamoDBClient", private: Private) -> None:
    ciphertext = private.data.encrypt(PLACE, {"filename": CANARY})
    dynamodb.delete_item(TableName=DATA_KEYS_TABLE, Key={"pk": {"S": f"user#{ALICE}"}})
    with pytest.raises(DataKeyMissingError, match=r"neither a key .* nor a note of its erasure"):
        PrivateData(private.other_task()).decrypt(PLACE, ciphertext)


def test_keys_of_a_restored_table_open_nothing(dynamodb: "DynamoDBClient", private: Private) -> None:
    """A restore makes a table of another name, and that name is part of what a key was wrapped with."""
    private.keys.for_writing(ALICE)
    item = dynamodb.get_item(TableName=DATA_KEYS_TABLE, Key={"pk": {"S": f"user#{ALICE}"}}).get("Item", {})
    private.people.erase(ALICE)
    create_keys_table(dynamodb, "restored")
    dynamodb.put_item(TableName="restored", Item=item)
    restored = DataKeys(dynamodb, private.kms, table="restored", wrapping_key=private.wrapping_key)
    with pytest.raises(ClientError, match="InvalidCiphertext"):
        restored.for_reading(ALICE)


# --- keys ---


def test_each_person_has_one_key(private: Private) -> None:
    key = private.keys.for_writing(ALICE)
    assert len(key) == 32
    assert private.other_task().for_writing(ALICE) == private.other_task().for_reading(ALICE) == key
    assert private.keys.for_writing(BOB) != key


def test_tasks_that_begin_at_once_agree_on_a_key(private: Private) -> None:
    start = threading.Barrier(8)

    def made(_: int) -> bytes:
        task = private.other_task()
        start.wait()
        return task.for_writing(ALICE)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(made, range(8)))) == 1


def test_keys_in_memory_are_bounded(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nova_common.data_keys.KEYS_MAX", 2)
    assert KEYS_MAX == 1000
    calls = 0
    decrypt = private.kms.decrypt

    def counted(**request: Any) -> Any:  # noqa: ANN401 - the client's own request and answer
        nonlocal calls
        calls += 1
        return decrypt(**request)

    for user in ("a", "b", "c"):
        private.keys.for_writing(user)
    monkeypatch.setattr(private.kms, "decrypt", counted)
    private.keys.for_reading("b")
    private.keys.for_reading("c")
    assert calls == 0
    private.keys.for_reading("a")
    assert calls == 1
    private.keys.for_reading("c")
    assert calls == 1


def test_a_refusal_of_kms_is_no_erasure(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    ciphertext = private.data.encrypt(PLACE, {"filename": CANARY})
    reader = PrivateData(private.other_task())

    def throttled(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Decrypt")

    with monkeypatch.context() as patched:
        patched.setattr(private.kms, "decrypt", throttled)
        with pytest.raises(ClientError):
            reader.decrypt(PLACE, ciphertext)
    assert reader.decrypt(PLACE, ciphertext) == {"filename": CANARY}
