"""Encryption keys, one for each class of data.

Creates: a customer managed KMS key with yearly rotation for tables, content, vectors, cache, secrets,
messages, logs and images.
"""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.access.statements import ResourceStatement, Statement, document
from components.account import Account

_READ_ACTIONS = ("kms:Decrypt", "kms:DescribeKey")
_WRITE_ACTIONS = (*_READ_ACTIONS, "kms:Encrypt", "kms:GenerateDataKey")
_RE_ENCRYPT_ACTIONS = ("kms:ReEncryptFrom", "kms:ReEncryptTo")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysArgs:
    """Whose keys, and how they are protected against loss."""

    account: Account
    recovery_days: int
    """Days between a key's deletion and its destruction, 7 to 30 (AWS limit)."""
    protect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A key, and the statements that let a role use it through one AWS service."""

    label: str
    arn: pulumi.Output[str]
    account: Account

    def decrypt_through(self, service: str) -> Statement:
        """Return the right to read, through ``service`` only, what is encrypted under this key."""
        return self._use("Decrypt", _READ_ACTIONS, service)

    def encrypt_through(self, service: str) -> Statement:
        """Return the right to write and read, through ``service`` only, what is encrypted under this key."""
        return self._use("Encrypt", _WRITE_ACTIONS, service)

    def _use(self, verb: str, actions: tuple[str, ...], service: str) -> Statement:
        return Statement(
            sid=f"{verb}{self.label.capitalize()}",
            actions=actions,
            resources=(self.arn,),
            conditions={"StringEquals": {"kms:ViaService": self.account.endpoint(service)}},
        )


class Keys(pulumi.ComponentResource):
    """The platform's keys. A role gets to use one only by a grant of what the key protects."""

    tables: DataKey
    content: DataKey
    vectors: DataKey
    cache: DataKey
    secrets: DataKey
    messages: DataKey
    logs: DataKey
    images: DataKey

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:Keys", name, None, opts)
        self._name = name
        self._args = args
        self.tables = self._key("tables", ())
        self.content = self._key("content", ())
        self.vectors = self._key("vectors", (_vector_service(args.account),))
        self.cache = self._key("cache", ())
        self.secrets = self._key("secrets", ())
        self.messages = self._key("messages", _message_services(args.account))
        self.logs = self._key("logs", (log_service(args.account),))
        self.images = self._key("images", _task_storage(args.account))
        self.register_outputs(
            {
                "tables": self.tables.arn,
                "content": self.content.arn,
                "vectors": self.vectors.arn,
                "cache": self.cache.arn,
                "secrets": self.secrets.arn,
                "messages": self.messages.arn,
                "logs": self.logs.arn,
                "images": self.images.arn,
            }
        )

    def messages_in(self, region: str) -> DataKey:
        """Make the key of the messages in another region, such as that of CloudFront's alarms."""
        account = replace(self._args.account, region=region)
        return self._key("messages", _message_services(account), region)

    def _key(self, label: str, services: tuple[ResourceStatement, ...], region: str | None = None) -> DataKey:
        account = self._args.account if region is None else replace(self._args.account, region=region)
        key = aws.kms.Key(
            f"{self._name}-{label}" if region is None else f"{self._name}-{region}-{label}",
            region=region,
            description=f"Encrypts the {label} of {pulumi.get_project()}-{pulumi.get_stack()}",
            enable_key_rotation=True,
            deletion_window_in_days=self._args.recovery_days,
            policy=document((delegation(account), *services)),
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect),
        )
        return DataKey(label=label, arn=key.arn, account=account)


def delegation(account: Account) -> ResourceStatement:
    """Return the statement of a key's policy that lets the account's IAM policies decide about it."""
    # Without it no IAM policy of the account has any effect on the key, and nobody could administer it.
    return ResourceStatement(
        sid="DelegateToAccountPolicies",
        effect="Allow",
        principals={"AWS": account.root_arn()},
        actions=("kms:*",),
        resources=("*",),
    )


def _message_services(account: Account) -> tuple[ResourceStatement, ...]:
    return (
        # No aws:SourceArn or aws:SourceAccount here: EventBridge sends neither to KMS when it encrypts for an
        # encrypted queue, and drops the event silently (MDAA, citing the SNS developer guide).
        ResourceStatement(
            sid="EventBridgeDelivers",
            effect="Allow",
            principals={"Service": "events.amazonaws.com"},
            actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", *_RE_ENCRYPT_ACTIONS),
            resources=("*",),
        ),
        ResourceStatement(
            sid="AlarmsNotify",
            effect="Allow",
            principals={"Service": "cloudwatch.amazonaws.com"},
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=("*",),
            conditions={"StringEquals": {"aws:SourceAccount": account.account_id}},
        ),
    )


def _vector_service(account: Account) -> ResourceStatement:
    # S3 Vectors keeps an index in order by itself, apart from any request (S3 user guide, data protection and
    # encryption in S3 Vectors).
    return ResourceStatement(
        sid="S3VectorsIndexes",
        effect="Allow",
        principals={"Service": "indexing.s3vectors.amazonaws.com"},
        actions=("kms:Decrypt",),
        resources=("*",),
        conditions={
            "StringEquals": {"aws:SourceAccount": account.account_id},
            "ArnLike": {"aws:SourceArn": account.arn("s3vectors", "bucket/*")},
            "ForAnyValue:StringEquals": {
                "kms:EncryptionContextKeys": ["aws:s3vectors:arn", "aws:s3vectors:resource-id"]
            },
        },
    )


def _task_storage(account: Account) -> tuple[ResourceStatement, ...]:
    # Fargate encrypts a task's storage, where its image lies, for clusters of this account (ECS developer
    # guide, customer managed keys for Fargate ephemeral storage).
    cluster: dict[str, pulumi.Input[str]] = {
        "kms:EncryptionContext:aws:ecs:clusterAccount": account.account_id
    }
    return (
        ResourceStatement(
            sid="FargateMakesDataKeys",
            effect="Allow",
            principals={"Service": "fargate.amazonaws.com"},
            actions=("kms:GenerateDataKeyWithoutPlaintext",),
            resources=("*",),
            conditions={"StringEquals": cluster},
        ),
        ResourceStatement(
            sid="FargateGrantsDecryption",
            effect="Allow",
            principals={"Service": "fargate.amazonaws.com"},
            actions=("kms:CreateGrant",),
            resources=("*",),
            conditions={
                "StringEquals": cluster,
                "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
            },
        ),
    )


def log_service(account: Account) -> ResourceStatement:
    """Return the statement of a key's policy that lets CloudWatch Logs encrypt the account's groups."""
    # Not kms:DescribeKey, which carries no encryption context: the condition could never hold for it.
    return ResourceStatement(
        sid="CloudWatchLogsEncrypts",
        effect="Allow",
        principals={"Service": f"logs.{account.region}.amazonaws.com"},
        actions=("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", *_RE_ENCRYPT_ACTIONS),
        resources=("*",),
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": account.arn("logs", "log-group:*")}},
    )
