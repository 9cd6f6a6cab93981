"""How the platform says what happened.

Creates: bus, the pipe from the event store to it, the watch over changes that events must not have, the
notice of severe events.
"""

from ..data.tables import EventStore
from ..messaging.bus import EventBus, EventBusArgs, Pattern
from ..messaging.notice import EventNotice, EventNoticeArgs
from ..messaging.pipe import Change, EventPipe, EventPipeArgs, publication
from ..messaging.tampering import TamperWatch, TamperWatchArgs
from .common import Common

SEVERE_EVENTS: Pattern = {
    "source": [{"prefix": "nova."}],
    "detail": {"severity": ["HIGH", "CRITICAL", "high", "critical"]},
}
"""Events of our own that a person has to hear of, such as an anomaly in a video."""


def published(common: Common, events: EventStore, *, running: bool) -> EventBus:
    """Return a bus on which all that is appended to ``events`` is heard; not ``running``, nothing is yet."""
    bus = EventBus(common.named("bus"), EventBusArgs(encryption=common.queues), opts=common.options)
    EventPipe(
        common.named("pipe"),
        EventPipeArgs(
            account=common.account,
            source=events,
            changes=(Change.INSERT,),
            target=publication(bus),
            encryption=common.queues,
            logs=common.logs,
            running=running,
        ),
        opts=common.options,
    )
    TamperWatch(
        common.named("tampering"),
        TamperWatchArgs(
            account=common.account,
            source=events,
            encryption=common.queues,
            logs=common.logs,
            running=running,
        ),
        opts=common.options,
    )
    EventNotice(
        common.named("severe-events"),
        EventNoticeArgs(bus=bus, pattern=SEVERE_EVENTS, encryption=common.queues),
        opts=common.options,
    )
    return bus
