"""The event store: its port, the DynamoDB adapter, and the helper that decides again after a conflict.

Guarantees: events of one aggregate have consecutive versions; an append either takes the versions right after
`expected_version` or raises VersionConflictError; an event id is appended at most once per version, so that
repeating an append that succeeded succeeds again. Reads are strongly consistent. What is private in an event
is stored encrypted under its user's data key, as an attribute of its own. Limits: `DATA_BYTES_MAX` of data an
event, `PRIVATE_BYTES_MAX` of private data, `APPEND_EVENTS_MAX` events an append.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError
from pydantic import JsonValue

from nova_common.aws import error_code
from nova_common.events import (
    Event,
    EventRegistry,
    NewEvent,
    StoredData,
    format_timestamp,
    parse_timestamp,
)
from nova_common.private_data import Place, PrivateData

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

DATA_BYTES_MAX = 64 * 1024
"""Largest data of one event as UTF-8 JSON.

Larger bodies belong to S3, referenced by key, version and sha256.
"""

APPEND_EVENTS_MAX = 100
"""Largest transaction of DynamoDB (TransactWriteItems: 100 actions)."""

DECIDE_ATTEMPTS_MAX = 40
"""Rounds of `decide_and_append`: 50 writers at once on one aggregate needed 5 on average, 11 at most."""

BACKOFF_FIRST_SECONDS = 0.01
BACKOFF_LAST_SECONDS = 0.5

_CONDITION = "attribute_not_exists(pk)"
_CONFLICTS = frozenset(
    {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}
)
_CONFLICT_REASONS = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})


class VersionConflictError(Exception):
    """Somebody else appended at the expected place: load again and decide again."""


class EventTooLargeError(ValueError):
    """The data of an event exceeds `DATA_BYTES_MAX`."""


class CorruptHistoryError(RuntimeError):
    """The stored versions of an aggregate have a gap, which no append of ours can leave."""


class EventStore(Protocol):
    """What services need of an event store."""

    def append(self, events: Sequence[NewEvent], expected_version: int) -> list[Event]:
        """Append events of one aggregate after `expected_version` (0 for a new aggregate), all or none.

        Raises VersionConflictError when other events are there, EventTooLargeError, UserErasedError for
        private data of somebody who was erased, ValueError for a wrong call.
        """
        ...

    def load(self, aggregate: str, after_version: int = 0) -> Iterator[Event]:
        """Return the events of an aggregate in version order, strongly consistent, page by page."""
        ...


class DynamoEventStore:
    """The event store in a DynamoDB table: pk is the aggregate, sk is `v` and ten digits of the version.

    Without `private_data` what is private reads as if it were not there, and cannot be appended.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        registry: EventRegistry,
        private_data: PrivateData | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._registry = registry
        self._private_data = private_data

    def check_ready(self) -> None:
        """Raise unless the table answers, and that of data keys for those who use them."""
        next(self.load("Readiness#check"), None)
        if self._private_data is not None:
            self._private_data.check_ready()

    def append(self, events: Sequence[NewEvent], expected_version: int) -> list[Event]:
        """See `EventStore.append`."""
        _check_append(events, expected_version)
        placed = [Event.of(event, expected_version + place) for place, event in enumerate(events, start=1)]
        items = [self._item(event) for event in placed]
        try:
            self._write(items)
        except ClientError as error:
            if not _is_conflict(error):
                raise
            # Either somebody was faster, or this is our own append whose answer was lost: the ids tell.
            stored = self.load(placed[0].aggregate, expected_version)
            found = [event for event, _ in zip(stored, placed, strict=False)]
            if [event.id for event in found] != [event.id for event in placed]:
                message = f"{placed[0].aggregate} is already past version {expected_version}"
                raise VersionConflictError(message) from error
            return found
        return placed

    def as_action(self, event: NewEvent, version: int) -> TransactWriteItemTypeDef:
        """Return the append of an event at a version as a part of its caller's own transaction.

        What it tells and what it is about are then written together or not at all. The transaction fails on
        this action's condition where another event has the place.
        """
        item = self._item(Event.of(event, version))
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _CONDITION}}

    def load(self, aggregate: str, after_version: int = 0) -> Iterator[Event]:
        """See `EventStore.load`."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues={":pk": {"S": aggregate}, ":after": {"S": _sort_key(after_version)}},
            ConsistentRead=True,
            ScanIndexForward=True,
        )
        expected = after_version + 1
        for page in pages:
            for item in page["Items"]:
                event = self._event(item)
                if event.version != expected:
                    message = f"{aggregate} has version {event.version} where {expected} was expected"
                    raise CorruptHistoryError(message)
                expected += 1
                yield event

    def _write(self, items: Sequence[dict[str, Any]]) -> None:
        """One event is one conditional PutItem, which is cheaper than a transaction and conflicts less."""
        if len(items) == 1:
            self._client.put_item(TableName=self._table, Item=items[0], ConditionExpression=_CONDITION)
            return
        actions: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _CONDITION}}
            for item in items
        ]
        self._client.transact_write_items(TransactItems=actions)

    def _event(self, item: dict[str, Any]) -> Event:
        text = {name: value["S"] for name, value in item.items() if "S" in value}
        stored = StoredData(data=json.loads(text["data"]), private=self._opened(text, item))
        data, private = self._registry.read(text["pk"], text["type"], int(text["schema"]), stored)
        return Event(
            id=text["id"],
            aggregate=text["pk"],
            version=int(text["version"]),
            source=text["source"],
            user=text.get("user"),
            occurred_at=parse_timestamp(text["occurred_at"]),
            correlation=text["correlation"],
            trace=text.get("trace"),
            data=data,
            private=private,
        )

    def _item(self, event: Event) -> dict[str, Any]:
        item = _item(event)
        if event.private and event.user:
            if self._private_data is None:
                message = f"{event.type} has a private part, and this store was given no data keys"
                raise ValueError(message)
            place = Place(user=event.user, aggregate=event.aggregate, event=event.id)
            item["private"] = {"B": self._private_data.encrypt(place, event.private)}
        return item

    def _opened(self, text: Mapping[str, str], item: Mapping[str, Any]) -> Mapping[str, JsonValue]:
        if "private" not in item or self._private_data is None:
            return {}
        place = Place(user=text["user"], aggregate=text["pk"], event=text["id"])
        return self._private_data.decrypt(place, item["private"]["B"])


def decide_and_append(
    store: EventStore,
    aggregate: str,
    decide: Callable[[Sequence[Event]], Sequence[NewEvent]],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Event]:
    """Load, decide, append; after a conflict load and decide again, with growing, jittered pauses.

    `decide` gets the whole history and returns the events to append, none when nothing is to be done; it may
    raise to refuse. Events whose ids the history holds already are not appended again. Returns the history
    afterwards. Raises VersionConflictError after `DECIDE_ATTEMPTS_MAX` rounds.
    """
    for attempt in range(DECIDE_ATTEMPTS_MAX):
        history = list(store.load(aggregate))
        known = {event.id for event in history}
        events = [event for event in decide(history) if event.id not in known]
        if not events:
            return history
        try:
            return history + store.append(events, expected_version=len(history))
        except VersionConflictError:
            ceiling = min(BACKOFF_LAST_SECONDS, BACKOFF_FIRST_SECONDS * 2**attempt)
            sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
    message = (
        f"{aggregate} changed {DECIDE_ATTEMPTS_MAX} times while an event was being appended; try again later"
    )
    raise VersionConflictError(message)


def _check_append(events: Sequence[NewEvent], expected_version: int) -> None:
    if not 1 <= len(events) <= APPEND_EVENTS_MAX:
        message = f"an append takes 1 to {APPEND_EVENTS_MAX} events, not {len(events)}"
        raise ValueError(message)
    if expected_version < 0:
        message = f"expected_version is 0 for a new aggregate or more, not {expected_version}"
        raise ValueError(message)
    if len({event.aggregate for event in events}) > 1:
        message = "an append takes events of one aggregate; append to each on its own"
        raise ValueError(message)


def _sort_key(version: int) -> str:
    return f"v{version:010d}"


def _data_json(event: Event) -> str:
    body = event.data.model_dump(mode="json", exclude_none=True)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    size = len(text.encode())
    if size > DATA_BYTES_MAX:
        message = (
            f"data of {event.type} for {event.aggregate} has {size} bytes, allowed are {DATA_BYTES_MAX}; "
            "store the body in S3 and put its key, version and sha256 into the event"
        )
        raise EventTooLargeError(message)
    return text


def _item(event: Event) -> dict[str, Any]:
    occurred_at = format_timestamp(event.occurred_at)
    # Sharded by month, so that neither a user nor a correlation grows into one hot partition.
    owner = f"user#{event.user}" if event.user else f"correlation#{event.correlation}"
    attributes = {
        "pk": event.aggregate,
        "sk": _sort_key(event.version),
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "version": str(event.version),
        "schema": str(event.data.schema_version),
        "occurred_at": occurred_at,
        "correlation": event.correlation,
        "data": _data_json(event),
        "gsi1pk": f"{owner}#{occurred_at[:7]}",
        "gsi1sk": f"{occurred_at}#{event.id}",
    }
    if event.user:
        attributes["user"] = event.user
    if event.trace:
        attributes["trace"] = event.trace
    if event.data.attention:
        attributes["severity"] = event.data.attention
    return {name: {"S": value} for name, value in attributes.items()}


def _is_conflict(error: ClientError) -> bool:
    """Whether somebody else's write is the cause.

    A transaction can also be cancelled for want of capacity.
    """
    code = error_code(error)
    if code != "TransactionCanceledException":
        return code in _CONFLICTS
    response: dict[str, Any] = dict(error.response)
    reasons = [reason.get("Code", "None") for reason in response.get("CancellationReasons", [])]
    return all(reason in _CONFLICT_REASONS for reason in reasons)
