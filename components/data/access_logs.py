"""The bucket of access logs.

Creates: an S3 bucket with its public access block, ownership, encryption, lifecycle and policy, and the
logging of each bucket that sends its own log there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
import pulumi_aws as aws

from ..access.statements import ResourceStatement
from ..account import Account
from ..joined import joined
from .private_bucket import PrivateBucket, PrivateBucketArgs, private_bucket

LOAD_BALANCER_PREFIX = "load-balancer"
BUCKET_PREFIX = "buckets/"
DELIVERY_PREFIX = "AWSLogs/"
"""What CloudWatch's log delivery puts before its keys, unless a delivery says otherwise."""
UNFINISHED_UPLOAD_DAYS = 7

GLOBAL_REGION = "us-east-1"
"""Where the log deliveries of global services, as CloudFront, are declared."""


class LoggedBucket(Protocol):
    """A bucket whose requests are logged."""

    @property
    def name(self) -> pulumi.Output[str]:
        """Its name."""
        ...

    @property
    def arn(self) -> pulumi.Output[str]:
        """Its ARN."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogsArgs:
    """Whose logs, how long they are kept, and how they are protected."""

    account: Account
    buckets: Mapping[str, LoggedBucket]
    """Buckets of this account and region whose requests are logged, by label."""
    retention_days: int
    protect: bool


class AccessLogs(pulumi.ComponentResource):
    """Who asked for what: logs of load balancers, of buckets, and of what CloudWatch delivers.

    Encrypted with keys of S3 (SSE-S3) and not with one of ours: load balancers (user guide for Application
    Load Balancers, "Enable access logs") and S3's own server access logs (S3 user guide, "Enabling Amazon S3
    server access logging") are delivered to no other. Its own requests are not logged: the log would grow
    by itself.

    ``policy`` has to exist before a load balancer is told to write here: it tries at once.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    policy: pulumi.Resource

    def __init__(self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:AccessLogs", name, None, opts)
        self._account = args.account
        bucket = private_bucket(name, PrivateBucketArgs(key_arn=None, protect=args.protect), self)
        self.name, self.arn = bucket.name, bucket.arn
        self.policy = bucket.seal(self._writers(bucket, [logged.arn for logged in args.buckets.values()]))
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=self.name,
            rules=[_expiry(args.retention_days)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        for label, logged in args.buckets.items():
            self._receive(f"{name}-of-{label}", logged)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _receive(self, label: str, bucket: LoggedBucket) -> None:
        prefix = aws.s3.BucketLoggingTargetObjectKeyFormatPartitionedPrefixArgs(
            partition_date_source="EventTime"
        )
        aws.s3.BucketLogging(
            label,
            bucket=bucket.name,
            target_bucket=self.name,
            target_prefix=BUCKET_PREFIX,
            target_object_key_format=aws.s3.BucketLoggingTargetObjectKeyFormatArgs(partitioned_prefix=prefix),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.policy]),
        )

    def _writers(
        self, bucket: PrivateBucket, sources: Sequence[pulumi.Output[str]]
    ) -> tuple[ResourceStatement, ...]:
        account = self._account
        ours = {"aws:SourceAccount": account.account_id}
        regions = dict.fromkeys((account.region, GLOBAL_REGION))
        deliveries = {"aws:SourceArn": [_delivery_sources(account, region) for region in regions]}
        return (
            ResourceStatement(
                sid="LoadBalancersWrite",
                effect="Allow",
                principals={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                actions=("s3:PutObject",),
                resources=(self._owned(bucket, f"{LOAD_BALANCER_PREFIX}/AWSLogs/"),),
                # The account is part of the ARN; load balancers are not documented to state it apart.
                conditions={
                    "ArnLike": {"aws:SourceArn": account.arn("elasticloadbalancing", "loadbalancer/*")}
                },
            ),
            ResourceStatement(
                sid="BucketsWrite",
                effect="Allow",
                principals={"Service": "logging.s3.amazonaws.com"},
                actions=("s3:PutObject",),
                resources=(bucket.objects(BUCKET_PREFIX),),
                conditions={"StringEquals": ours, "ArnEquals": {"aws:SourceArn": list(sources)}},
            ),
            ResourceStatement(
                sid="DeliveriesWrite",
                effect="Allow",
                principals={"Service": "delivery.logs.amazonaws.com"},
                actions=("s3:PutObject",),
                resources=(self._owned(bucket, DELIVERY_PREFIX),),
                conditions={
                    "StringEquals": {**ours, "s3:x-amz-acl": "bucket-owner-full-control"},
                    "ArnLike": deliveries,
                },
            ),
            ResourceStatement(
                sid="DeliveriesCheckTheOwner",
                effect="Allow",
                principals={"Service": "delivery.logs.amazonaws.com"},
                actions=("s3:GetBucketAcl",),
                resources=(bucket.arn,),
                conditions={"StringEquals": ours, "ArnLike": deliveries},
            ),
        )

    def _owned(self, bucket: PrivateBucket, prefix: str) -> pulumi.Output[str]:
        return joined(bucket.arn, "/", prefix, self._account.account_id, "/*")


def _delivery_sources(account: Account, region: str) -> pulumi.Output[str]:
    return joined("arn:", account.partition, ":logs:", region, ":", account.account_id, ":delivery-source:*")


def _expiry(days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="expire",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UNFINISHED_UPLOAD_DAYS
        ),
    )
