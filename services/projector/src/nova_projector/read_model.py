"""The read model: its port, the DynamoDB adapter, and the cursor of its lists.

One row an aggregate: pk `Recording#<id>`, sk `summary`. The index gsi1 holds a user's rows by time of
creation; tombstones are not in it. Writes are conditional on the version that was read, so that projectors
never overwrite a newer state with an older one. Lists are eventually consistent.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError
from nova_common.aws import error_code
from nova_common.contracts.audio import RECORDING, RecordingPage, RecordingSummary
from nova_common.events import AGGREGATE_ID_PATTERN, format_timestamp, parse_timestamp

from nova_projector.domain import RecordingRow

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PAGE_ITEMS = 50
"""Recordings of a page (the API's contract)."""

INDEX = "gsi1"
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
    recording_id: str

    def encode(self) -> str:
        """Return the opaque cursor."""
        return base64.urlsafe_b64encode(self.sort_key.encode()).decode().rstrip("=")

    @property
    def sort_key(self) -> str:
        """The row's key within the user's list."""
        return f"{self.created_at}#{self.recording_id}"

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
        created_at, _, recording_id = text.partition("#")
        return cls(created_at=created_at, recording_id=recording_id)


class ReadModel(Protocol):
    """What the projection needs of the read model."""

    def get(self, aggregate: str) -> RecordingRow | None:
        """Return an aggregate's row, strongly consistent; None when there is none."""
        ...

    def put(self, row: RecordingRow, expected_version: int) -> None:
        """Replace the row that was read at `expected_version` (0: there was none); StaleRowError."""
        ...


class DynamoReadModel:
    """The read model in a DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def check_ready(self) -> None:
        """Raise unless the table answers; needs no permission beyond reading rows."""
        self.page("readiness", None)

    def get(self, aggregate: str) -> RecordingRow | None:
        """See `ReadModel.get`."""
        answer = self._client.get_item(
            TableName=self._table,
            Key={"pk": {"S": aggregate}, "sk": {"S": _SORT_KEY}},
            ConsistentRead=True,
        )
        item = answer.get("Item")
        return _row(item) if item else None

    def put(self, row: RecordingRow, expected_version: int) -> None:
        """See `ReadModel.put`."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if expected_version > 0:
            condition = {
                "ConditionExpression": "#version = :expected",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":expected": {"N": str(expected_version)}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=_item(row), **condition)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            message = f"the row of {row.aggregate} is no longer at version {expected_version}"
            raise StaleRowError(message) from error

    def page(self, user: str, after: Position | None) -> RecordingPage:
        """Return a user's recordings, newest first, from after a position."""
        start: dict[str, Any] = {}
        if after is not None:
            start["ExclusiveStartKey"] = {
                "pk": {"S": RECORDING.key(after.recording_id)},
                "sk": {"S": _SORT_KEY},
                "gsi1pk": {"S": _list_key(user)},
                "gsi1sk": {"S": after.sort_key},
            }
        # One more than is shown tells whether there is another page.
        answer = self._client.query(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="gsi1pk = :list",
            ExpressionAttributeValues={":list": {"S": _list_key(user)}},
            ScanIndexForward=False,
            Limit=PAGE_ITEMS + 1,
            **start,
        )
        rows = [_row(item) for item in answer["Items"]]
        shown = [row.summary for row in rows[:PAGE_ITEMS] if row.summary is not None]
        cursor = _position(shown[-1]).encode() if len(rows) > PAGE_ITEMS else None
        return RecordingPage(items=shown, next_cursor=cursor)


def _list_key(user: str) -> str:
    return f"user#{user}#recordings"


def _position(summary: RecordingSummary) -> Position:
    return Position(created_at=format_timestamp(summary.created_at), recording_id=summary.id)


def _item(row: RecordingRow) -> dict[str, Any]:
    item: dict[str, Any] = {
        "pk": {"S": row.aggregate},
        "sk": {"S": _SORT_KEY},
        "version": {"N": str(row.version)},
    }
    if row.expires_at is not None:
        item["expires_at"] = {"N": str(int(row.expires_at.timestamp()))}
    if row.summary is None or row.user is None:
        return item
    summary = row.summary
    item |= {
        "user": {"S": row.user},
        "status": {"S": summary.status},
        "filename": {"S": summary.filename},
        "created_at": {"S": format_timestamp(summary.created_at)},
        "gsi1pk": {"S": _list_key(row.user)},
        "gsi1sk": {"S": _position(summary).sort_key},
    }
    if summary.reason is not None:
        item["reason"] = {"S": summary.reason}
    if summary.language is not None:
        item["language"] = {"S": summary.language}
    if summary.duration_seconds is not None:
        item["duration_seconds"] = {"N": str(summary.duration_seconds)}
    return item


def _row(item: dict[str, Any]) -> RecordingRow:
    values: dict[str, str] = {name: next(iter(value.values())) for name, value in item.items()}
    aggregate, version = values["pk"], int(values["version"])
    if "expires_at" in values:
        expires_at = datetime.fromtimestamp(int(values["expires_at"]), UTC)
        return RecordingRow(
            aggregate=aggregate, version=version, user=None, summary=None, expires_at=expires_at
        )
    duration = values.get("duration_seconds")
    summary = RecordingSummary.model_validate(
        {
            "id": RECORDING.id_of(aggregate),
            "status": values["status"],
            "reason": values.get("reason"),
            "filename": values["filename"],
            "duration_seconds": None if duration is None else float(duration),
            "language": values.get("language"),
            "created_at": parse_timestamp(values["created_at"]),
        }
    )
    return RecordingRow(aggregate=aggregate, version=version, user=values["user"], summary=summary)
