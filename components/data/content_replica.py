"""The replica of the content bucket in another region.

Creates: the same bucket there (versioned, encrypted under that region's key, private, with the same
lifecycle), the role that replicates, the rule, and alarms on what is late or lost.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import Statement
from ..account import Account
from ..joined import joined
from ..observe.alarms import Alerts
from ..observe.sets.data import replication_alarms
from .bucket import ContentBucket, ContentBucketArgs, versioned_bucket
from .keys import DataKey
from .private_bucket import PrivateBucket

RULE = "everything"
THRESHOLD_MINUTES = 15
"""The one time that S3 Replication Time Control has (PutBucketReplication)."""

_SERVICE = "s3"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentReplicaArgs:
    """What is replicated, where to, and who is told when it is not."""

    account: Account
    source: ContentBucket
    source_key: DataKey
    bucket: ContentBucketArgs
    """How the replica is kept; its key is one of ``region``."""
    region: str
    alerts: Alerts


class ContentReplica(pulumi.ComponentResource):
    """A second home of every object that is written from now on, with its versions and delete markers.

    Not of what was there before (S3 Batch Replication copies that), of versions deleted for good, and of what
    lifecycle rules do: the replica has rules of its own. Nothing is replicated back. It announces no objects:
    whoever takes over in its region lets it.
    """

    name: pulumi.Output[str]

    def __init__(
        self, name: str, args: ContentReplicaArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:data:ContentReplica", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket, versioning = versioned_bucket(name, args.bucket, self, region=args.region)
        self.name = bucket.name
        role = ServiceRole(
            name,
            # S3's own instructions show no condition for this role (user guide, "Setting up permissions for
            # live replication").
            ServiceRoleArgs(service="s3.amazonaws.com", account=args.account, names_source=False),
            opts=child,
        )
        role.add(*_statements(args, bucket))
        policy = role.seal()
        needed = [versioning, policy, *([args.source.versioning] if args.source.versioning else [])]
        aws.s3.BucketReplicationConfig(
            f"{name}-replication",
            bucket=args.source.name,
            role=role.arn,
            rules=[_rule(bucket, args.bucket.key)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        args.alerts.watch(
            name, replication_alarms(args.source.name, bucket.name, RULE, args.region), parent=self
        )
        self.register_outputs({"name": self.name})


def _statements(args: ContentReplicaArgs, replica: PrivateBucket) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="FollowContent",
            actions=("s3:GetReplicationConfiguration", "s3:ListBucket"),
            resources=(args.source.arn,),
        ),
        Statement(
            sid="ReadVersions",
            actions=(
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ),
            resources=(joined(args.source.arn, "/*"),),
        ),
        Statement(
            sid="WriteReplicas",
            actions=("s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"),
            resources=(replica.objects(),),
        ),
        args.source_key.decrypt_through(_SERVICE),
        args.bucket.key.encrypt_through(_SERVICE),
    )


def _rule(replica: PrivateBucket, key: DataKey) -> aws.s3.BucketReplicationConfigRuleArgs:
    destination = aws.s3.BucketReplicationConfigRuleDestinationArgs(
        bucket=replica.arn,
        encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
            replica_kms_key_id=key.arn
        ),
        metrics=aws.s3.BucketReplicationConfigRuleDestinationMetricsArgs(
            status="Enabled",
            event_threshold=aws.s3.BucketReplicationConfigRuleDestinationMetricsEventThresholdArgs(
                minutes=THRESHOLD_MINUTES
            ),
        ),
        replication_time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeArgs(
            status="Enabled",
            time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeTimeArgs(
                minutes=THRESHOLD_MINUTES
            ),
        ),
    )
    return aws.s3.BucketReplicationConfigRuleArgs(
        id=RULE,
        status="Enabled",
        priority=0,
        filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
        delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
            status="Enabled"
        ),
        source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
            # Without this S3 leaves out what is encrypted under a key of ours, which is all.
            sse_kms_encrypted_objects=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                status="Enabled"
            )
        ),
        destination=destination,
    )
