"""What all S3 buckets of a platform have in common.

Creates: a bucket with its public access block, ownership and encryption, and, once it is known who may write
to it, its policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.statements import ResourceStatement, deny_plain_transport, document
from ..joined import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateBucketArgs:
    """How a bucket is encrypted and protected, and where it stands."""

    key_arn: pulumi.Input[str] | None
    """Key of its objects; without one S3 encrypts them with keys of its own (SSE-S3)."""
    protect: bool
    region: str | None = None
    """Region apart from the provider's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateBucket:
    """A bucket that nobody reaches by its access control lists, or without TLS once it is sealed."""

    label: str
    bucket: aws.s3.Bucket
    parent: pulumi.Resource
    block: aws.s3.BucketPublicAccessBlock
    region: str | None

    @property
    def name(self) -> pulumi.Output[str]:
        """Name of the bucket."""
        return self.bucket.bucket

    @property
    def arn(self) -> pulumi.Output[str]:
        """ARN of the bucket."""
        return self.bucket.arn

    def objects(self, prefix: str = "") -> pulumi.Output[str]:
        """Return the ARN pattern of the objects under ``prefix``."""
        return joined(self.arn, "/", prefix, "*")

    def seal(self, statements: Sequence[ResourceStatement]) -> aws.s3.BucketPolicy:
        """Write the bucket's only policy: TLS, and ``statements``."""
        plain = deny_plain_transport(("s3:*",), (self.arn, self.objects()))
        return aws.s3.BucketPolicy(
            f"{self.label}-policy",
            bucket=self.name,
            policy=document((plain, *statements)),
            region=self.region,
            # S3 refuses the two changes at the same time ("conflicting conditional operation").
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[self.block]),
        )


def private_bucket(label: str, args: PrivateBucketArgs, parent: pulumi.Resource) -> PrivateBucket:
    """Create a private bucket, all named after ``label``, as children of ``parent``."""
    child = pulumi.ResourceOptions(parent=parent)
    bucket = aws.s3.Bucket(
        f"{label}-bucket",
        force_destroy=not args.protect,
        region=args.region,
        opts=pulumi.ResourceOptions(parent=parent, protect=args.protect),
    )
    block = aws.s3.BucketPublicAccessBlock(
        f"{label}-public-access-block",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        region=args.region,
        opts=child,
    )
    aws.s3.BucketOwnershipControls(
        f"{label}-ownership",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        region=args.region,
        opts=child,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{label}-encryption",
        bucket=bucket.bucket,
        rules=[_encryption(args.key_arn)],
        region=args.region,
        opts=child,
    )
    return PrivateBucket(label=label, bucket=bucket, parent=parent, block=block, region=args.region)


def _encryption(
    key_arn: pulumi.Input[str] | None,
) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
    return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default(sse_algorithm="AES256")
        if key_arn is None
        else default(sse_algorithm="aws:kms", kms_master_key_id=key_arn),
        # One data key for many objects: KMS is asked far less often, and its context names the bucket.
        bucket_key_enabled=None if key_arn is None else True,
    )
