"""The job that removes what this slice holds about a person: videos and their analyses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, override

from nova_common import aws, erasure
from nova_common.content import ContentStore
from nova_common.contracts.video import VIDEO
from nova_common.erasure import Belongings, ErasureSettings, Removal, each
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories
from nova_common.settings import Environment, TaskSettings

from nova_video import domain


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseSettings(TaskSettings):
    """Environment of the job."""

    common: ErasureSettings
    content_bucket: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            common=ErasureSettings.read(environment), content_bucket=environment.text("CONTENT_BUCKET")
        )


class Videos:
    """The videos of people, in whatever state."""

    def __init__(self, belongings: Belongings, store: EventStore, content: ContentStore) -> None:
        self._belongings = belongings
        self._histories = Histories(store, VIDEO, domain.fold, "video")
        self._content = content

    def remove(self, user: str) -> Mapping[str, int]:
        """Delete all videos of a person, and whatever came of deleted ones."""
        return each(self._belongings.of(user, [VIDEO]), lambda key: self._remove(user, key))

    def _remove(self, user: str, aggregate: str) -> Mapping[str, int]:
        video_id = VIDEO.id_of(aggregate)
        objects = 0

        def erase() -> None:
            nonlocal objects
            objects += self._content.delete_all_versions(domain.content_keys(video_id))

        is_deleted = self._histories.erase(user, video_id, erase, domain.delete)
        return {"videos": int(is_deleted), "objects": objects}


def removals(settings: EraseSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's things, in this order."""
    common = settings.common
    store = DynamoEventStore(aws.dynamodb(common.region), common.event_store_table, EventRegistry([VIDEO]))
    content = ContentStore(aws.s3(common.region), settings.content_bucket)
    return [Videos(belongings, store, content).remove]


def main() -> None:
    """Run the job."""
    erasure.main(EraseSettings.from_env, lambda settings: settings.common, removals)


if __name__ == "__main__":
    main()
