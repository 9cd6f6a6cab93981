"""The read model: its port, the DynamoDB adapter, and the cursor of its lists.

One row an aggregate and generation: pk `<kind>#<id>`, sk `summary`, the summary's fields as attributes; the
keys of all but the first generation have its number before them. The index gsi1 holds a user's rows of one
kind by time of creation; tombstones are not in it. Writes are conditional on the version
that was read, so that projectors never overwrite a newer state with an older one. Lists are eventually
consistent.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError
from nova_common.aws import error_code
from nova_common.events import AGGREGATE_ID_PATTERN, format_timestamp

from nova_projector.domain import Projection, Row, Summary
from nova_projector.generations import INDEX, in_generation, without_generation

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PAGE_ITEMS = 50
"""Rows of a page (the API's contract)."""

_SORT_KEY = "summary"
_CURSOR = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z#{AGGREGATE_ID_PATTERN.pattern}", re.ASCII)
_CURSOR_CHARACTERS_MAX = 128


class StaleRowError(Exception):
    """The row changed since it was read: read it again and project again."""


class InvalidCursorError(ValueError):
    """The cursor is not one that a page gave out."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a user's list: the key of the last row that was shown."""

    created_at: str
    aggregate_id: str

    def encode(self) -> str:
        """Return the opaque cursor."""
        return base64.urlsafe_b64encode(self.sort_key.encode()).decode().rstrip("=")

    @property
    def sort_key(self) -> str:
        """The row's key within the user's list."""
        return f"{self.created_at}#{self.aggregate_id}"

    @classmethod
    def decode(cls, cursor: str) -> Position:
        """Return the place of a cursor; InvalidCursorError.

        It names no user: a cursor moves within one's own list.
        """
        message = "the cursor is not one that this list gave out"
        if len(cursor) > _CURSOR_CHARACTERS_MAX:
            raise InvalidCursorError(message)
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, ValueError) as error:
            raise InvalidCursorError(message) from error
        if not _CURSOR.fullmatch(text):
            raise InvalidCursorError(message)
        created_at, _, aggregate_id = text.partition("#")
        return cls(created_at=created_at, aggregate_id=aggregate_id)


@dataclass(frozen=True, slots=True)
class Page[S: Summary]:
    """Some rows of a user's list, and the cursor of the next page, None on the last one."""

    items: list[S]
    next_cursor: str | None


class ReadModel[S: Summary](Protocol):
    """What a projection needs of the read model: the rows of its kind of aggregate."""

    @property
    def projection(self) -> Projection[S]:
        """How the rows come about."""
        ...

    def get(self, aggregate: str) -> Row[S] | None:
        """Return an aggregate's row, strongly consistent; None when there is none."""
        ...

    def put(self, row: Row[S], expected_version: int) -> None:
        """Replace the row that was read at `expected_version` (0: there was none); StaleRowError."""
        ...


class DynamoReadModel[S: Summary]:
    """The rows of one projection and generation in a DynamoDB table that holds those of all.

    `generation` is asked at each use.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        projection: Projection[S],
        generation: Callable[[], int] = int,
    ) -> None:
        self._client = client
        self._table = table
        self._projection = projection
        self._generation = generation

    @property
    def projection(self) -> Projection[S]:
        """See `ReadModel.projection`."""
        return self._projection

    def check_ready(self) -> None:
        """Raise unless the table answers; needs no permission beyond reading rows."""
        self.page("readiness", None)

    def get(self, aggregate: str) -> Row[S] | None:
        """See `ReadModel.get`."""
        answer = self._client.get_item(
            TableName=self._table,
            Key={"pk": {"S": self._key(aggregate)}, "sk": {"S": _SORT_KEY}},
            ConsistentRead=True,
        )
        item = answer.get("Item")
        return self._row(item) if item else None

    def put(self, row: Row[S], expected_version: int) -> None:
        """See `ReadModel.put`."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if expected_version > 0:
            condition = {
                "ConditionExpression": "#version = :expected",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":expected": {"N": str(expected_version)}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=self._item(row), **condition)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            message = f"the row of {row.aggregate} is no longer at version {expected_version}"
            raise StaleRowError(message) from error

    def page(self, user: str, after: Position | None) -> Page[S]:
        """Return a user's rows, newest first, from after a position."""
        start: dict[str, Any] = {}
        if after is not None:
            start["ExclusiveStartKey"] = {
                "pk": {"S": self._key(self._projection.aggregate.key(after.aggregate_id))},
                "sk": {"S": _SORT_KEY},
                "gsi1pk": {"S": self._list_key(user)},
                "gsi1sk": {"S": after.sort_key},
            }
        # One more than is shown tells whether there is another page.
        answer = self._client.query(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="gsi1pk = :list",
            ExpressionAttributeValues={":list": {"S": self._list_key(user)}},
            ScanIndexForward=False,
            Limit=PAGE_ITEMS + 1,
            **start,
        )
        rows = [self._row(item) for item in answer["Items"]]
        shown = [row.summary for row in rows[:PAGE_ITEMS] if row.summary is not None]
        cursor = _position(shown[-1]).encode() if len(rows) > PAGE_ITEMS else None
        return Page(items=shown, next_cursor=cursor)

    def _key(self, aggregate: str) -> str:
        return in_generation(self._generation(), aggregate)

    def _list_key(self, user: str) -> str:
        return in_generation(self._generation(), f"user#{user}#{self._projection.collection}")

    def _item(self, row: Row[S]) -> dict[str, Any]:
        item: dict[str, Any] = {
            "pk": {"S": self._key(row.aggregate)},
            "sk": {"S": _SORT_KEY},
            "version": {"N": str(row.version)},
        }
        if row.expires_at is not None:
            item["expires_at"] = {"N": str(int(row.expires_at.timestamp()))}
        if row.summary is None or row.user is None:
            return item
        # The id is in the key.
        fields = row.summary.model_dump(mode="json", exclude={"id"}, exclude_none=True)
        return item | {
            "user": {"S": row.user},
            **{name: _attribute(value) for name, value in fields.items()},
            "gsi1pk": {"S": self._list_key(row.user)},
            "gsi1sk": {"S": _position(row.summary).sort_key},
        }

    def _row(self, item: dict[str, Any]) -> Row[S]:
        values: dict[str, str] = {name: next(iter(value.values())) for name, value in item.items()}
        aggregate, version = without_generation(values["pk"]), int(values["version"])
        if "expires_at" in values:
            expires_at = datetime.fromtimestamp(int(values["expires_at"]), UTC)
            return Row(aggregate=aggregate, version=version, user=None, summary=None, expires_at=expires_at)
        # Numbers are text in DynamoDB's answers, as moments are; the summary's model turns both back.
        fields = {"id": self._projection.aggregate.id_of(aggregate), **values}
        summary = self._projection.summary.model_validate(fields)
        return Row(aggregate=aggregate, version=version, user=values["user"], summary=summary)


def _position(summary: Summary) -> Position:
    return Position(created_at=format_timestamp(summary.created_at), aggregate_id=summary.id)


def _attribute(value: str | float) -> dict[str, str]:
    """Return a field of a summary as DynamoDB takes it."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
