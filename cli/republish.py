"""Publishes events of the store on the bus once more, as the pipe would have: after an outage of the pipe.

The stream forgets records after a day; the archive has only what reached the bus. What is published are the
routable fields: events on the bus are wake-ups, and whoever follows the store has seen an event or not.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import NovaError
from cli.target import Target

FIELDS = ("id", "version", "source", "type", "user", "occurred_at", "correlation", "severity", "trace")
"""What the pipe publishes of an event beside its aggregate (components/messaging/pipe.py)."""

ENTRIES_MAX = 10
"""Of one PutEvents (its quota)."""
ATTEMPTS_MAX = 8
BACKOFF_S_FIRST = 0.2
"""Doubles with every attempt: a bus that is throttled for half a minute ends the command."""


def republish(target: Target, since: datetime, until: datetime, progress: Callable[[str], None]) -> int:
    """Publish all events that happened from `since` on and before `until`; return how many there were.

    Raises NovaError when the table cannot be read, or the bus goes on refusing. Repeated, it wakes consumers
    for what they have seen, which is harmless.
    """
    if since >= until:
        raise NovaError(f"--from {since.isoformat()} is not before --to {until.isoformat()}")
    bus, published = str(target.output("event_bus")), 0
    events = target.client("events")
    try:
        for batch in batched(_stored(target, since, until), ENTRIES_MAX, strict=False):
            _publish(events, [_entry(bus, item) for item in batch])
            published += len(batch)
            progress(f"{published} published")
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"after {published} events: {error}. Start it again") from error
    return published


def _stored(target: Target, since: datetime, until: datetime) -> Iterator[dict[str, str]]:
    """Yield the fields of the period's events, read from the whole table, without anything private."""
    names = {f"#{number}": name for number, name in enumerate(("pk", *FIELDS))}
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=str(target.output("event_store_table")),
            ProjectionExpression=", ".join(names),
            FilterExpression="#happened >= :since AND #happened < :until",
            ExpressionAttributeNames={**names, "#happened": "occurred_at"},
            ExpressionAttributeValues={":since": {"S": _moment(since)}, ":until": {"S": _moment(until)}},
            ConsistentRead=True,
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield {name: value["S"] for name, value in item.items()}


def _moment(at: datetime) -> str:
    """Return a moment as events have it, so that texts compare as moments do."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _entry(bus: str, item: Mapping[str, str]) -> dict[str, str]:
    detail = {"aggregate": item["pk"]} | {name: item[name] for name in FIELDS if name in item}
    return {
        "EventBusName": bus,
        "Source": item["source"],
        "DetailType": item["type"],
        "Detail": json.dumps(detail),
    }


def _publish(events: Any, entries: Sequence[dict[str, str]]) -> None:  # noqa: ANN401 (a boto3 client)
    """Put entries on the bus, those that it refuses again and again with growing, jittered pauses."""
    left, code = list(entries), ""
    for attempt in range(ATTEMPTS_MAX):
        if attempt:
            time.sleep(random.uniform(0.5, 1) * BACKOFF_S_FIRST * 2**attempt)  # noqa: S311 (jitter)
        answers = events.put_events(Entries=left)["Entries"]
        refused = [
            (entry, str(answer["ErrorCode"]))
            for entry, answer in zip(left, answers, strict=True)
            if answer.get("ErrorCode")
        ]
        if not refused:
            return
        left, code = [entry for entry, _ in refused], refused[0][1]
    raise NovaError(f"the bus goes on refusing events: {code}. Nothing is lost: start it again later")
