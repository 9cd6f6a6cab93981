"""The projection of an aggregate's events onto one row of the read model. No I/O.

What all kinds of aggregates share is here: versions, gaps, duplicates, tombstones. What a kind's events mean
is a `Projection`, one module a kind.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nova_common.contracts.audio import RecordingSummary
from nova_common.contracts.live import LiveConversationSummary
from nova_common.contracts.search import DocumentSummary
from nova_common.contracts.sessions import SessionSummary
from nova_common.contracts.video import VideoSummary
from nova_common.events import AggregateType, Event, EventData

TOMBSTONE_LIFE = timedelta(days=30)
"""How long a deleted aggregate's row stays.

Longer than any message about it can be under way (SQS keeps 14 days).
"""

type Summary = DocumentSummary | LiveConversationSummary | RecordingSummary | SessionSummary | VideoSummary
"""What a list shows of an aggregate; each has an `id` and a `created_at`, by which lists are ordered."""


class GapError(RuntimeError):
    """An event does not follow the row's version; applying it would lose what lies between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection[S: Summary]:
    """How one kind of aggregate becomes a row.

    `collection` names its list. `begin` makes the summary of an aggregate from the event that begins a
    history, None from any other; `change` applies a later event; one of the type `ended_by` leaves a
    tombstone.
    """

    aggregate: AggregateType
    collection: str
    summary: type[S]
    begin: Callable[[Event], S | None]
    change: Callable[[S, Event], S]
    ended_by: type[EventData]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row[S: Summary]:
    """An aggregate in the read model at a version.

    Its owner and summary, or a tombstone when it was deleted.
    """

    aggregate: str
    version: int
    user: str | None
    summary: S | None
    expires_at: datetime | None = None


def project[S: Summary](
    projection: Projection[S], row: Row[S] | None, events: Iterable[Event]
) -> Row[S] | None:
    """Apply events in version order to a row, None for one that does not exist yet.

    Events that the row already holds change nothing. Raises GapError when one is missing in between.
    """
    for event in events:
        version = row.version if row else 0
        if event.version <= version:
            continue
        if event.version != version + 1:
            message = f"{event.aggregate} is at version {version}, the next event has version {event.version}"
            raise GapError(message)
        row = _begun(projection, event) if row is None else _changed(projection, row, event)
    return row


def _begun[S: Summary](projection: Projection[S], event: Event) -> Row[S]:
    summary = projection.begin(event)
    if summary is None:
        message = f"the history of {event.aggregate} begins with {event.type}"
        raise GapError(message)
    return Row(aggregate=event.aggregate, version=event.version, user=event.user, summary=summary)


def _changed[S: Summary](projection: Projection[S], row: Row[S], event: Event) -> Row[S]:
    if isinstance(event.data, projection.ended_by):
        # In whole seconds, as the table keeps it.
        expires_at = (event.occurred_at + TOMBSTONE_LIFE).replace(microsecond=0)
        return replace(row, version=event.version, user=None, summary=None, expires_at=expires_at)
    if row.summary is None:
        return replace(row, version=event.version)
    return replace(row, version=event.version, summary=projection.change(row.summary, event))
