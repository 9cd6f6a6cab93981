"""Who was erased: a note in the table of data keys takes the place of a person's key.

The note is left first, before anything is removed. From then on nobody makes another key for that person, and
every service that verifies access tokens refuses theirs, which are valid until they run out. A process asks
for each person at most once in `KEY_SECONDS_MAX`, so that what was begun before is over some
`BARRED_SECONDS` later: whatever the person has is complete then, and what is removed does not come back.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nova_common.data_keys import KEY_SECONDS_MAX, item_key
from nova_common.events import format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REQUEST_SECONDS_MAX = 30.0
"""Longest request that may begin something new: what a REST API waits for (29 s), and clocks that differ."""

BARRED_SECONDS = KEY_SECONDS_MAX + REQUEST_SECONDS_MAX
"""After a note is so old, nobody begins anything in that person's name any more."""

PEOPLE_MAX = 10_000
"""People whom a process remembers, about 100 bytes each, the last asked for."""


class ErasedPeople:
    """The notes, in one table. Every method may be called by several threads at once."""

    def __init__(
        self, dynamodb: DynamoDBClient, table: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._asked: OrderedDict[str, tuple[bool, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check_ready(self) -> None:
        """Raise unless the table answers; needs no right beyond reading it."""
        self.erased_at("readiness")

    def erased_at(self, user: str) -> datetime | None:
        """Return when a person was erased, strongly consistent; None for who was not."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=item_key(user), ConsistentRead=True)
        noted = answer.get("Item", {}).get("erased_at", {}).get("S")
        return None if noted is None else parse_timestamp(noted)

    def is_erased(self, user: str) -> bool:
        """Whether a person was erased, as of `KEY_SECONDS_MAX` ago at the latest."""
        with self._lock:
            known = self._asked.get(user)
        if known is not None and self._clock() < known[1]:
            return known[0]
        until = self._clock() + KEY_SECONDS_MAX
        is_erased = self.erased_at(user) is not None
        with self._lock:
            self._asked[user] = (is_erased, until)
            self._asked.move_to_end(user)
            if len(self._asked) > PEOPLE_MAX:
                self._asked.popitem(last=False)
        return is_erased

    def erase(self, user: str) -> datetime:
        """Take a person's key away for good and leave the note; return since when it is there.

        Copies of the key in other processes' memory live for `KEY_SECONDS_MAX`. Repeated, it changes nothing.
        """
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=item_key(user),
            UpdateExpression="SET erased_at = if_not_exists(erased_at, :now) REMOVE wrapped_key",
            ExpressionAttributeValues={":now": {"S": format_timestamp(datetime.now(UTC))}},
            ReturnValues="ALL_NEW",
        )
        item: dict[str, Any] = answer.get("Attributes", {})
        return parse_timestamp(item["erased_at"]["S"])
