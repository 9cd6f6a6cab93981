"""Going through whole tables in parallel segments, for jobs that look at everything once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SEGMENTS = 8
"""Parts of a table that are worked on side by side; each has a thread and a connection."""


def each_segment[R](work: Callable[[int], R]) -> list[R]:
    """Do the work of every segment, side by side; the first error ends it."""
    with ThreadPoolExecutor(SEGMENTS) as pool:
        return list(pool.map(work, range(SEGMENTS)))


def scan(dynamodb: DynamoDBClient, table: str, segment: int, attributes: str) -> Iterator[dict[str, Any]]:
    """Return the items of a segment, strongly consistent, with these attributes alone."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        Segment=segment,
        TotalSegments=SEGMENTS,
        ProjectionExpression=attributes,
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]


def each_aggregate(
    dynamodb: DynamoDBClient, event_store_table: str, visit: Callable[[str, int], None]
) -> None:
    """Call `visit` with every aggregate of the store and how many events it has, from several threads."""

    def work(segment: int) -> None:
        # All events of an aggregate are in one segment; they need not follow each other.
        found: Counter[str] = Counter()
        for item in scan(dynamodb, event_store_table, segment, "pk"):
            found[item["pk"]["S"]] += 1
        for aggregate, events in found.items():
            visit(aggregate, events)

    each_segment(work)
