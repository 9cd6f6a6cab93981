"""The data keys of people: one for each, under which is encrypted what is private in their events.

Each is an item of a table of its own, wrapped by a KMS key that never leaves KMS. Erasing a person takes the
key out of the item and leaves a note (`nova_common.erased`), so that nobody makes another one for that
person. A process remembers a key for `KEY_SECONDS_MAX` at most: so long after an erasure what it encrypted
may still be read by a task that had just used it, and never again.

The name of the table is part of what a key was wrapped with. A restored table has another name, so that keys
which a restore brings back open nothing until somebody says so on purpose (docs/adr/0036).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from nova_common.aws import error_code
from nova_common.events import format_timestamp

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient

KEY_SECONDS_MAX = 60.0
"""How long a process remembers a key that it read: a minute is short for whoever waits for an erasure, and
spares KMS and the table all but one call a minute, process and person."""

KEYS_MAX = 1000
"""Keys that a process remembers, the last used ones."""

DATA_KEY_BYTES = 32
"""AES-256."""


class UserErasedError(Exception):
    """The person was erased: there is no key any more, and there will not be another one."""


class DataKeyMissingError(Exception):
    """There is neither a key for what was encrypted, nor a note of an erasure: the table lost items."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    key: bytes | None
    """None for a person who was erased."""
    until_seconds: float


class DataKeys:
    """The keys of all people in one table. Every method may be called by several threads at once."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        kms: KMSClient,
        *,
        table: str,
        wrapping_key: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dynamodb = dynamodb
        self._kms = kms
        self._table = table
        self._wrapping_key = wrapping_key
        self._clock = clock
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def check_ready(self) -> None:
        """Raise unless the table answers; needs no right beyond reading keys."""
        self._item("readiness")

    def for_writing(self, user: str) -> bytes:
        """Return a person's key, made now for one who has none; UserErasedError."""
        key = self._read(user)
        if key is None:
            key = self._make(user)
        if not key:
            message = "the user was erased: nothing private can be kept any more"
            raise UserErasedError(message)
        return key

    def for_reading(self, user: str) -> bytes | None:
        """Return a person's key, None for a person who was erased; DataKeyMissingError."""
        key = self._read(user)
        if key is None:
            message = (
                f"{self._table} holds neither a key for what is encrypted nor a note of its erasure; "
                "if the table was restored, see docs/operations/erasure.md"
            )
            raise DataKeyMissingError(message)
        return key or None

    def _read(self, user: str) -> bytes | None:
        """Return a key, b"" for an erased person, None for one who never had a key."""
        known = self._recall(user)
        if known is not None:
            return known.key or b""
        item = self._item(user)
        if item is None:
            return None
        if "erased_at" in item:
            self._remember(user, None)
            return b""
        answer = self._kms.decrypt(
            KeyId=self._wrapping_key,
            CiphertextBlob=item["wrapped_key"]["B"],
            EncryptionContext=self._context(user),
        )
        return self._remember(user, answer["Plaintext"])

    def _make(self, user: str) -> bytes:
        made = self._kms.generate_data_key(
            KeyId=self._wrapping_key,
            NumberOfBytes=DATA_KEY_BYTES,
            EncryptionContext=self._context(user),
        )
        item: dict[str, Any] = {
            **item_key(user),
            "wrapped_key": {"B": made["CiphertextBlob"]},
            "created_at": {"S": format_timestamp(datetime.now(UTC))},
        }
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            # Somebody was faster, with a key or with an erasure: what is there counts.
            return self._read(user) or b""
        return self._remember(user, made["Plaintext"])

    def _item(self, user: str) -> dict[str, Any] | None:
        answer = self._dynamodb.get_item(TableName=self._table, Key=item_key(user), ConsistentRead=True)
        return answer.get("Item")

    def _context(self, user: str) -> dict[str, str]:
        return {"user": user, "table": self._table}

    def _recall(self, user: str) -> _Remembered | None:
        with self._lock:
            known = self._remembered.get(user)
            if known is None:
                return None
            if self._clock() >= known.until_seconds:
                del self._remembered[user]
                return None
            self._remembered.move_to_end(user)
            return known

    def _remember(self, user: str, key: bytes | None) -> bytes:
        with self._lock:
            self._remembered[user] = _Remembered(key, self._clock() + KEY_SECONDS_MAX)
            self._remembered.move_to_end(user)
            if len(self._remembered) > KEYS_MAX:
                self._remembered.popitem(last=False)
        return key or b""


def item_key(user: str) -> dict[str, Any]:
    """Return the key of a person's item."""
    return {"pk": {"S": f"user#{user}"}}
