"""The content bucket.

Creates: a versioned S3 bucket, its encryption, ownership, public access block, policy, lifecycle,
notification to EventBridge and, once the site is known, which pages may use it; of a bucket
that is there already, the last two alone.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import ResourceStatement, Statement
from ..joined import joined
from .keys import DataKey
from .private_bucket import PrivateBucket, PrivateBucketArgs, private_bucket

TIERING_DAYS = 30
"""Objects younger than this are read most, and Intelligent-Tiering charges for watching each."""
UNFINISHED_UPLOAD_DAYS = 7
"""Days after which the parts of an upload that nobody finished are removed."""
CORS_SECONDS = 3600
"""How long a browser remembers what it was allowed."""

_SERVICE = "s3"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentBucketArgs:
    """How content is encrypted and protected."""

    key: DataKey
    recovery_days: int
    """Days that a replaced or deleted version is kept."""
    passing_prefixes: tuple[str, ...]
    """Prefixes of objects that are only handed over; they expire after ``UNFINISHED_UPLOAD_DAYS``."""
    protect: bool
    existing: str = ""
    """Name of the bucket, where it is there already: a replica that another stack owns; empty to make one."""
    announces: bool = True
    """Whether objects are announced on the default event bus."""


class ContentBucket(pulumi.ComponentResource):
    """Large bodies: what people upload and what is made of it. Private, encrypted, over TLS only.

    Every created object is announced on the account's default event bus; rules choose by prefix.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    """The key of its objects, for services that have to be told."""
    versioning: pulumi.Resource | None
    """What a replication needs first; nothing of a bucket that is there already."""

    def __init__(
        self, name: str, args: ContentBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:data:ContentBucket", name, None, opts)
        self._label = name
        self._key = args.key
        self.key_arn = args.key.arn
        self.versioning = None
        if args.existing:
            self.name = pulumi.Output.from_input(args.existing)
            self.arn = joined("arn:", args.key.account.partition, ":s3:::", self.name)
        else:
            bucket, self.versioning = versioned_bucket(name, args, self)
            self.name, self.arn = bucket.name, bucket.arn
        if args.announces:
            aws.s3.BucketNotification(
                f"{name}-notification",
                bucket=self.name,
                eventbridge=True,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"name": self.name, "arn": self.arn})

    def grant_get(self, role: ServiceRole, prefix: str) -> None:
        """Let ``role`` read objects under ``prefix``, also a version that it knows.

        It may list keys too: without that right S3 answers 403 instead of 404 for an object that is not
        there.
        """
        self._grant(role, "Get", ("s3:GetObject", "s3:GetObjectVersion"), prefix)
        role.add_shared(Statement(sid="TellMissing", actions=("s3:ListBucket",), resources=(self.arn,)))
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def grant_put(self, role: ServiceRole, prefix: str) -> None:
        """Let ``role`` write objects under ``prefix``, or presign their upload."""
        self._grant(role, "Put", ("s3:PutObject",), prefix)
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_erase(self, role: ServiceRole, prefix: str) -> None:
        """Let ``role`` remove objects under ``prefix`` with all their versions, for good."""
        self._grant(role, "Erase", ("s3:DeleteObject", "s3:DeleteObjectVersion"), prefix)
        role.add(
            Statement(
                sid=f"FindVersions{_label(prefix)}",
                actions=("s3:ListBucketVersions",),
                resources=(self.arn,),
                conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
            )
        )

    def admit_site(self, origin: pulumi.Input[str]) -> None:
        """Let pages of ``origin`` (scheme and host) and of no other use presigned addresses."""
        aws.s3.BucketCorsConfiguration(
            f"{self._label}-cors",
            bucket=self.name,
            cors_rules=[
                aws.s3.BucketCorsConfigurationCorsRuleArgs(
                    allowed_origins=[origin],
                    allowed_methods=["GET", "HEAD", "PUT"],
                    allowed_headers=["content-type"],
                    expose_headers=["ETag"],
                    max_age_seconds=CORS_SECONDS,
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _grant(self, role: ServiceRole, verb: str, actions: tuple[str, ...], prefix: str) -> None:
        role.add(
            Statement(
                sid=f"{verb}{_label(prefix)}",
                actions=actions,
                resources=(joined(self.arn, "/", prefix, "*"),),
            )
        )


def versioned_bucket(
    label: str, args: ContentBucketArgs, parent: pulumi.Resource, region: str | None = None
) -> tuple[PrivateBucket, aws.s3.BucketVersioning]:
    """Create the bucket, all named after ``label``, in ``region`` where that is not the provider's own."""
    bucket = private_bucket(
        label, PrivateBucketArgs(key_arn=args.key.arn, protect=args.protect, region=region), parent=parent
    )
    bucket.seal([_own_key_only(bucket, args.key)])
    versioning = aws.s3.BucketVersioning(
        f"{label}-versioning",
        bucket=bucket.name,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        region=region,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{label}-lifecycle",
        bucket=bucket.name,
        rules=[
            _keeping_rule(args.recovery_days),
            *(_passing_rule(prefix) for prefix in args.passing_prefixes),
        ],
        region=region,
        # Rules for noncurrent versions need versioning to be on.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[versioning]),
    )
    return bucket, versioning


def _own_key_only(bucket: PrivateBucket, key: DataKey) -> ResourceStatement:
    # A request that says nothing gets the bucket's key. One that asks for anything else, another key or AWS's
    # own, is refused: a negated condition also holds for a request that names no key.
    return ResourceStatement(
        sid="DenyOtherEncryption",
        effect="Deny",
        principals={"AWS": "*"},
        actions=("s3:PutObject",),
        resources=(bucket.objects(),),
        conditions={
            "Null": {"s3:x-amz-server-side-encryption": "false"},
            "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key.arn},
        },
    )


def _keeping_rule(recovery_days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="keep",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        transitions=[
            aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(
                days=TIERING_DAYS, storage_class="INTELLIGENT_TIERING"
            )
        ],
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=recovery_days
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UNFINISHED_UPLOAD_DAYS
        ),
    )


def _passing_rule(prefix: str) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id=f"expire-{prefix.rstrip('/')}",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=UNFINISHED_UPLOAD_DAYS),
    )


def _label(prefix: str) -> str:
    return "".join(part.capitalize() for part in prefix.split("/") if part)
