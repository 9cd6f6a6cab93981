"""The generations of the read model: which one lists are served from, and which others are kept up to date.

A rebuild fills a fresh generation beside the one that is served, and a switch serves it. The rows of all
generations are in one table, apart by their keys; one item says which is which. Workers read that item for
each message, strongly consistent: who projects an event after a generation was announced writes to it too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from nova_common.aws import error_code

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

INDEX = "gsi1"
SERVED_SECONDS = 5.0
"""How long a query task may go on serving a generation after a switch."""

_PARTITION, _SORT = "generations", "state"
_SEPARATOR = "|"


class GenerationsChangedError(Exception):
    """Somebody else changed the generations since they were read, as another rebuild does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """Which generation is served, which others are written too, and how often that was changed."""

    served: int = 0
    others: tuple[int, ...] = ()
    revision: int = 0

    @property
    def written(self) -> tuple[int, ...]:
        """All that workers keep up to date, the served one first."""
        return (self.served, *self.others)


class GenerationState:
    """The item that says which generations there are."""

    def __init__(
        self, client: DynamoDBClient, table: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._served: tuple[int, float] | None = None

    def read(self) -> Generations:
        """Return the generations as they are now."""
        answer = self._client.get_item(
            TableName=self._table, Key={"pk": {"S": _PARTITION}, "sk": {"S": _SORT}}, ConsistentRead=True
        )
        return _generations(answer.get("Item"))

    def change(self, before: Generations, *, served: int, others: tuple[int, ...]) -> Generations:
        """Replace what was read before; GenerationsChangedError when it is no longer so."""
        after = Generations(served=served, others=others, revision=before.revision + 1)
        item: dict[str, Any] = {
            "pk": {"S": _PARTITION},
            "sk": {"S": _SORT},
            # For those who may query the index alone.
            "gsi1pk": {"S": _PARTITION},
            "gsi1sk": {"S": _SORT},
            "served": {"N": str(served)},
            "others": {"L": [{"N": str(other)} for other in others]},
            "revision": {"N": str(after.revision)},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before.revision:
            condition = {
                "ConditionExpression": "revision = :before",
                "ExpressionAttributeValues": {":before": {"N": str(before.revision)}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            message = "the generations of the read model were changed meanwhile, as by another rebuild"
            raise GenerationsChangedError(message) from error
        return after

    def served(self) -> int:
        """Return the generation to serve lists from, at most `SERVED_SECONDS` old; reads the index alone."""
        with self._lock:
            if self._served is not None and self._clock() < self._served[1]:
                return self._served[0]
        answer = self._client.query(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="gsi1pk = :state",
            ExpressionAttributeValues={":state": {"S": _PARTITION}},
            Limit=1,
        )
        served = _generations(next(iter(answer["Items"]), None)).served
        with self._lock:
            self._served = (served, self._clock() + SERVED_SECONDS)
        return served


def in_generation(generation: int, key: str) -> str:
    """Return a key as it is in a generation; the first one has no mark."""
    return key if generation == 0 else f"{generation}{_SEPARATOR}{key}"


def generation_of(key: str) -> int | None:
    """Return the generation of a row's partition key, None for what is no row."""
    if key == _PARTITION:
        return None
    mark, separator, _ = key.partition(_SEPARATOR)
    return int(mark) if separator else 0


def without_generation(key: str) -> str:
    """Return what `in_generation` was given."""
    return key.rpartition(_SEPARATOR)[2]


def _generations(item: dict[str, Any] | None) -> Generations:
    if item is None:
        return Generations()
    return Generations(
        served=int(item["served"]["N"]),
        others=tuple(int(other["N"]) for other in item["others"]["L"]),
        revision=int(item["revision"]["N"]),
    )
