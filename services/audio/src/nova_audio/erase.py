"""The job that removes what this slice holds about a person: recordings, what came of them, conversations."""

from collections.abc import Sequence

from nova_common import aws, erasure
from nova_common.content import ContentStore
from nova_common.contracts.audio import RECORDING
from nova_common.contracts.live import LIVE_CONVERSATION
from nova_common.erasure import Belongings, ContentErasureSettings, OwnedContent, Removal
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories

from nova_audio import domain
from nova_audio.live import domain as live_domain


def removals(settings: ContentErasureSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's things, in this order."""
    common = settings.common
    store = DynamoEventStore(
        aws.dynamodb(common.region), common.event_store_table, EventRegistry([LIVE_CONVERSATION, RECORDING])
    )
    content = ContentStore(aws.s3(common.region), settings.content_bucket)
    recordings = OwnedContent(
        belongings=belongings,
        kind=RECORDING,
        histories=Histories(store, RECORDING, domain.fold, "recording"),
        content=content,
        keys=domain.content_keys,
        delete=domain.delete,
        counted="recordings",
    )
    # One that goes on ends with its deletion. What was said is the private part of events, and unreadable
    # without the person's data key; tickets and places end of themselves, within minutes.
    conversations = OwnedContent(
        belongings=belongings,
        kind=LIVE_CONVERSATION,
        histories=Histories(store, LIVE_CONVERSATION, live_domain.fold, "conversation"),
        content=content,
        keys=lambda _: [],
        delete=live_domain.delete,
        counted="conversations",
    )
    return [recordings.remove, conversations.remove]


def main() -> None:
    """Run the job."""
    erasure.main(ContentErasureSettings.from_env, lambda settings: settings.common, removals)


if __name__ == "__main__":
    main()
