"""What the platform stores.

Creates: event store, read model, data keys, content bucket (each with its replica in another region, where
there is one), usage ledger, leases, access logs, vector store; backups of what cannot be made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi

from ..data.access_logs import AccessLogs, AccessLogsArgs
from ..data.backup_plan import BackupPlan
from ..data.backups import BackedUp, Backups, BackupsArgs
from ..data.bucket import ContentBucket, ContentBucketArgs
from ..data.content_replica import ContentReplica, ContentReplicaArgs
from ..data.data_keys import DataKeys, DataKeysArgs
from ..data.key_plan import DataClass
from ..data.replica_plan import ReplicaOf
from ..data.tables import (
    EventStore,
    ExistingTable,
    Leases,
    ReadModel,
    Replica,
    TableArgs,
    UsageLedger,
)
from ..data.vectors import VectorStore, VectorStoreArgs
from .common import Common

PASSING_PREFIXES = ("transcribe/",)
"""Content that one service hands to another and nobody keeps."""
UNFILTERED_VECTOR_KEYS = ("text",)
"""What a found vector shows and nobody searches by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlan:
    """Where data lies, besides in this stack's own region and account, and how it is embedded."""

    replica_region: str
    """Where tables and content have replicas; empty for nowhere."""
    replica_of: ReplicaOf | None
    """The replicas that are worked on; nothing for tables and a bucket of the stack's own."""
    backups: BackupPlan | None
    """Nothing where the stack keeps none."""
    embedding_model: str
    embedding_dimension: int


class Stores:
    """Tables, buckets and vectors."""

    events: EventStore
    read_model: ReadModel
    data_keys: DataKeys
    usage: UsageLedger
    leases: Leases
    content: ContentBucket
    access_logs: AccessLogs
    vectors: VectorStore
    regional: TableArgs
    """How a table is made that this region alone has."""
    replica: Mapping[str, pulumi.Input[object]]
    """What a stack in the replicas' region is given, images apart; empty where there is no replica."""

    def __init__(self, common: Common, plan: StorePlan) -> None:
        self._common = common
        self._tables(plan)
        bucket = ContentBucketArgs(
            key=common.keys.content,
            recovery_days=common.recovery_days,
            passing_prefixes=PASSING_PREFIXES,
            protect=common.protect,
            existing=plan.replica_of.content_bucket if plan.replica_of else "",
            announces=plan.replica_of is None or not plan.replica_of.standby,
        )
        self.content = ContentBucket(common.named("content"), bucket, opts=common.options)
        self.replica = self._replicate(bucket, plan.replica_region)
        if plan.backups is not None:
            self._back_up(plan.backups)
        self.access_logs = AccessLogs(
            common.named("access-logs"),
            AccessLogsArgs(
                account=common.account,
                buckets={"content": self.content},
                retention_days=common.logs.retention_days,
                protect=common.protect,
            ),
            opts=common.options,
        )
        self.vectors = VectorStore(
            common.named("vectors"),
            VectorStoreArgs(
                key=common.keys.vectors,
                dimension=plan.embedding_dimension,
                model=plan.embedding_model,
                unfiltered_keys=UNFILTERED_VECTOR_KEYS,
                protect=common.protect,
            ),
            opts=common.options,
        )

    def _tables(self, plan: StorePlan) -> None:
        common = self._common
        self.regional = TableArgs(
            key=common.keys.tables,
            alerts=common.alerts,
            recovery_days=common.recovery_days,
            protect=common.protect,
            replica=None,
        )
        replica = None
        if plan.replica_region:
            key = common.keys.of(DataClass.TABLES, plan.replica_region)
            replica = Replica(region=plan.replica_region, key=key)
        table = replace(self.regional, replica=replica)
        events, read_model, data_keys = _given_tables(plan.replica_of)
        self.events = EventStore(common.named("events"), replace(table, existing=events), opts=common.options)
        self.read_model = ReadModel(
            common.named("read-model"), replace(table, existing=read_model), opts=common.options
        )
        self.data_keys = DataKeys(
            common.named("data-keys"),
            DataKeysArgs(
                key=common.keys.tables,
                wrapping_key=common.keys.personal,
                alerts=common.alerts,
                protect=common.protect,
                replica=replica,
                existing=data_keys,
            ),
            opts=common.options,
        )
        self.usage = UsageLedger(common.named("usage"), self.regional, opts=common.options)
        self.leases = Leases(common.named("leases"), self.regional, opts=common.options)

    def _replicate(self, bucket: ContentBucketArgs, region: str) -> dict[str, pulumi.Input[object]]:
        if not region:
            return {}
        keys = self._common.keys
        content_key = keys.of(DataClass.CONTENT, region)
        replica = ContentReplica(
            self._common.named("content-replica"),
            ContentReplicaArgs(
                account=self._common.account,
                source=self.content,
                source_key=keys.content,
                bucket=replace(bucket, key=content_key),
                region=region,
                alerts=self._common.alerts,
            ),
            opts=self._common.options,
        )
        return {
            "region": region,
            "eventStoreTable": self.events.name,
            "eventStoreStreamArn": self.events.replica_stream_arn,
            "readModelTable": self.read_model.name,
            "dataKeysTable": self.data_keys.name,
            "contentBucket": replica.name,
            "existingKeys": {
                DataClass.TABLES.value: keys.of(DataClass.TABLES, region).arn,
                DataClass.PERSONAL.value: keys.of(DataClass.PERSONAL, region).arn,
                DataClass.CONTENT.value: content_key.arn,
            },
        }

    def _back_up(self, plan: BackupPlan) -> None:
        keys = self._common.keys
        Backups(
            self._common.named("backups"),
            BackupsArgs(
                account=self._common.account,
                plan=plan,
                tables=[BackedUp(arn=table.arn, key=keys.tables) for table in (self.events, self.read_model)],
                bucket=BackedUp(arn=self.content.arn, key=keys.content),
                key=keys.of(DataClass.BACKUPS),
                alerts=self._common.alerts,
                protect=self._common.protect,
            ),
            opts=self._common.options,
        )


def _given_tables(
    given: ReplicaOf | None,
) -> tuple[ExistingTable, ExistingTable, ExistingTable] | tuple[None, None, None]:
    if given is None:
        return None, None, None
    events = ExistingTable(name=given.event_store_table, stream_arn=given.event_store_stream_arn)
    return events, ExistingTable(name=given.read_model_table), ExistingTable(name=given.data_keys_table)
