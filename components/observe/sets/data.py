"""What is watched of tables, backups and the cache (pure, no resources)."""

from collections.abc import Sequence

import pulumi

from .. import thresholds
from ..alarms import AlarmArgs
from ..severity import Severity
from .source import AlarmSet, Source, total


def table_alarms(table: pulumi.Input[str], operations: Sequence[str]) -> AlarmSet:
    """Watch a DynamoDB table, for the operations that the platform's roles may call."""
    source = Source(namespace="AWS/DynamoDB", dimensions={"TableName": table})
    return {
        "throttles": AlarmArgs(
            description="DynamoDB throttles requests to a table.",
            runbook="table-throttles",
            severity=Severity.NOTICE,
            metric=total(source.by_operation("ThrottledRequests", operations)),
            threshold=thresholds.TABLE_REFUSALS,
            periods=2,
        ),
        "errors": AlarmArgs(
            description="DynamoDB itself fails requests to a table.",
            runbook="table-errors",
            severity=Severity.NOTICE,
            metric=total(source.by_operation("SystemErrors", operations)),
            threshold=thresholds.TABLE_REFUSALS,
            periods=2,
        ),
    }


def replica_alarms(table: pulumi.Input[str], region: str) -> AlarmSet:
    """Watch the replica of a DynamoDB table in ``region``; the metric is reported where the writes are."""
    source = Source(namespace="AWS/DynamoDB", dimensions={"TableName": table, "ReceivingRegion": region})
    return {
        "replica": AlarmArgs(
            description="A table's replica is behind: what is lost with this region grows.",
            runbook="replication",
            severity=Severity.URGENT,
            metric=source.metric("ReplicationLatency", "Average"),
            threshold=thresholds.TABLE_REPLICA_MILLISECONDS,
            periods=3,
        )
    }


def replication_alarms(
    source: pulumi.Input[str], replica: pulumi.Input[str], rule: str, region: str
) -> AlarmSet:
    """Watch the replication of a bucket into ``region`` by one rule.

    How far the replica is behind is reported in its region, operations that failed in the source's (S3 user
    guide, "Using S3 Replication metrics").
    """
    dimensions = {"SourceBucket": source, "DestinationBucket": replica, "RuleId": rule}
    reported = Source(namespace="AWS/S3", dimensions=dimensions)
    return {
        "lag": AlarmArgs(
            description="The content's replica is behind: what is lost with this region grows.",
            runbook="replication",
            severity=Severity.URGENT,
            metric=reported.metric("ReplicationLatency", "Maximum"),
            threshold=thresholds.CONTENT_REPLICA_SECONDS,
            region=region,
        ),
        "failures": AlarmArgs(
            description="Objects were not replicated, and S3 does not try again.",
            runbook="replication",
            severity=Severity.URGENT,
            metric=reported.metric("OperationsFailedReplication"),
            threshold=thresholds.LOST_REPLICAS,
        ),
    }


def backup_alarms(vault: pulumi.Input[str]) -> AlarmSet:
    """Watch the jobs that fill a backup vault with copies of tables and a bucket.

    AWS Backup reports them by vault and kind of resource (developer guide, "CloudWatch metrics").
    """
    metrics = {
        f"{outcome.lower()}{kind}": Source(
            namespace="AWS/Backup", dimensions={"BackupVaultName": vault, "ResourceType": kind}
        ).metric(f"NumberOfBackupJobs{outcome}")
        for outcome in ("Failed", "Expired", "Aborted")
        for kind in ("DynamoDB", "S3")
    }
    return {
        "failures": AlarmArgs(
            description="A backup was not made: its job failed, was stopped, or did not start in time.",
            runbook="backup-failures",
            severity=Severity.URGENT,
            metric=total(metrics),
            threshold=thresholds.LOST_BACKUPS,
        )
    }


def cache_node_alarms(node: pulumi.Input[str], replicated: bool) -> AlarmSet:
    """Watch a node of a cache; ``replicated`` when another node may be its primary."""
    source = Source(namespace="AWS/ElastiCache", dimensions={"CacheClusterId": node})
    alarms = {
        "cpu": AlarmArgs(
            description="The engine of a cache node, one thread, is busy.",
            runbook="cache-cpu",
            severity=Severity.NOTICE,
            metric=source.metric("EngineCPUUtilization", "Maximum"),
            threshold=thresholds.CACHE_CPU_PERCENT,
            periods=2,
        ),
        "memory": AlarmArgs(
            description="The memory of a cache node is nearly used up, and keys will be evicted.",
            runbook="cache-memory",
            severity=Severity.URGENT,
            metric=source.metric("DatabaseMemoryUsagePercentage", "Maximum"),
            threshold=thresholds.CACHE_MEMORY_PERCENT,
            periods=2,
        ),
        "evictions": AlarmArgs(
            description="Sessions lose their short-term memory early, because a cache node is full.",
            runbook="cache-memory",
            severity=Severity.URGENT,
            metric=source.metric("Evictions"),
            threshold=thresholds.CACHE_EVICTIONS,
            periods=2,
        ),
        "connections": AlarmArgs(
            description="A cache node holds more connections than the services need.",
            runbook="cache-connections",
            severity=Severity.NOTICE,
            metric=source.metric("CurrConnections", "Maximum"),
            threshold=thresholds.CACHE_CONNECTIONS,
            periods=2,
        ),
        "refusals": AlarmArgs(
            description="A cache node refuses sign-ins, commands or keys.",
            runbook="cache-refusals",
            severity=Severity.NOTICE,
            metric=total(
                {
                    "sign_ins": source.metric("AuthenticationFailures"),
                    "commands": source.metric("CommandAuthorizationFailures"),
                    "keys": source.metric("KeyAuthorizationFailures"),
                }
            ),
            threshold=thresholds.CACHE_REFUSALS,
        ),
    }
    if replicated:
        alarms["lag"] = AlarmArgs(
            description="A replica of the cache is behind its primary.",
            runbook="cache-lag",
            severity=Severity.NOTICE,
            metric=source.metric("ReplicationLag", "Maximum"),
            threshold=thresholds.CACHE_LAG_SECONDS,
            periods=2,
        )
    return alarms
