"""Where the engine keeps the state of all stacks.

Creates: a KMS key with its alias, the versioned state bucket, the bucket of its access log, and a parameter
that says where the state is.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bootstrap.permissions import STACK_CONTEXT, State
from components.access.statements import document
from components.account import Account
from components.data.access_logs import AccessLogs, AccessLogsArgs
from components.data.key_policies import delegation
from components.data.private_bucket import PrivateBucketArgs, private_bucket

UNFINISHED_UPLOAD_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStoreArgs:
    """How state is kept."""

    account: Account
    version_days: int
    """Days that replaced and deleted versions are kept."""
    log_retention_days: int
    recovery_days: int
    """Days between a key's deletion and its destruction, 7 to 30 (AWS limit)."""
    protect: bool


class StateStore(pulumi.ComponentResource):
    """The backend of all stacks: an encrypted, versioned bucket that logs who asks for what.

    One key encrypts the bucket and, with the stack's name as context, the keys of the stacks' secrets; roles
    are limited by that context to the secrets of their own stacks. Losing the bucket or the key is losing
    track of everything that was deployed: both are protected.
    """

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    url: pulumi.Output[str]
    """What ``pulumi login`` takes."""

    def __init__(self, name: str, args: StateStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:bootstrap:StateStore", name, None, opts)
        self._label = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._region = args.account.region
        key = aws.kms.Key(
            f"{name}-key",
            description="Encrypts the state of Pulumi stacks and the keys of their secrets",
            enable_key_rotation=True,
            deletion_window_in_days=args.recovery_days,
            policy=document((delegation(args.account),)),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.key_arn = key.arn
        self._alias = aws.kms.Alias(
            f"{name}-alias",
            name=f"alias/{pulumi.get_project()}-{name}",
            target_key_id=key.key_id,
            opts=self._child,
        )
        self._bucket(args)
        self.url = pulumi.Output.concat("s3://", self.bucket_name, f"?region={self._region}")
        aws.ssm.Parameter(
            f"{name}-address",
            name=address_parameter(pulumi.get_project()),
            description="Where Pulumi keeps the state of this account's stacks",
            type="String",
            insecure_value=self.url,
            opts=self._child,
        )
        self.register_outputs({"bucket_name": self.bucket_name, "key_arn": self.key_arn, "url": self.url})

    @property
    def state(self) -> State:
        """What policies need to know of it."""
        return State(bucket_arn=self.bucket_arn, key_arn=self.key_arn)

    def secrets_provider(self, stack: str) -> pulumi.Output[str]:
        """Return what ``pulumi stack init --secrets-provider`` takes for ``stack``."""
        return pulumi.Output.concat(
            "awskms://", self._alias.name, f"?region={self._region}&context_{STACK_CONTEXT}={stack}"
        )

    def _bucket(self, args: StateStoreArgs) -> None:
        bucket = private_bucket(
            self._label, PrivateBucketArgs(key_arn=self.key_arn, protect=args.protect), parent=self
        )
        self.bucket_name, self.bucket_arn = bucket.name, bucket.arn
        bucket.seal(())
        versioning = aws.s3.BucketVersioning(
            f"{self._label}-versioning",
            bucket=bucket.name,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{self._label}-lifecycle",
            bucket=bucket.name,
            rules=[_expiry(args.version_days)],
            # Rules for noncurrent versions need versioning to be on.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        AccessLogs(
            f"{self._label}-log",
            AccessLogsArgs(
                account=args.account,
                buckets={"state": bucket},
                retention_days=args.log_retention_days,
                protect=args.protect,
            ),
            opts=self._child,
        )


def address_parameter(project: str) -> str:
    """Return the name of the parameter that says where the state is."""
    return f"/{project}/state"


def _expiry(days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="forget",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=days
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UNFINISHED_UPLOAD_DAYS
        ),
    )
