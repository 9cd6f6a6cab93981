"""The job that removes what this slice holds about a person: videos and their analyses."""

from collections.abc import Sequence

from nova_common import aws, erasure
from nova_common.content import ContentStore
from nova_common.contracts.video import VIDEO
from nova_common.erasure import Belongings, ContentErasureSettings, OwnedContent, Removal
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories

from nova_video import domain


def removals(settings: ContentErasureSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's things, in this order."""
    common = settings.common
    store = DynamoEventStore(aws.dynamodb(common.region), common.event_store_table, EventRegistry([VIDEO]))
    owned = OwnedContent(
        belongings=belongings,
        kind=VIDEO,
        histories=Histories(store, VIDEO, domain.fold, "video"),
        content=ContentStore(aws.s3(common.region), settings.content_bucket),
        keys=domain.content_keys,
        delete=domain.delete,
        counted="videos",
    )
    return [owned.remove]


def main() -> None:
    """Run the job."""
    erasure.main(ContentErasureSettings.from_env, lambda settings: settings.common, removals)


if __name__ == "__main__":
    main()
