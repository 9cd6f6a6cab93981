"""Backups apart from what they are copies of.

Creates: an AWS Backup vault under a key of its own, its lock where the stack protects what it keeps, a plan,
the role that takes the backups, and the selection of what is backed up; and an alarm on failed jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import Statement
from ..account import Account
from ..joined import joined
from ..observe.alarms import Alerts
from ..observe.sets.data import backup_alarms
from .backup_plan import MONTHLY_RETENTION_DAYS, BackupPlan
from .keys import DataKey

DAILY = "cron(0 5 ? * * *)"
MONTHLY = "cron(0 5 1 * ? *)"
"""UTC, after the cache's snapshot and its maintenance."""
START_MINUTES = 60
"""Least time that AWS Backup takes to start a job (CreateBackupPlan)."""
COMPLETION_MINUTES = 12 * 60

_TABLES = "dynamodb"
_OBJECTS = "s3"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """A table, or a versioned bucket that announces its objects on EventBridge, and its key."""

    arn: pulumi.Output[str]
    key: DataKey


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsArgs:
    """What is backed up, how long, under which key, and who is told of failures."""

    account: Account
    plan: BackupPlan
    tables: Sequence[BackedUp]
    bucket: BackedUp
    key: DataKey
    alerts: Alerts
    protect: bool


class Backups(pulumi.ComponentResource):
    """Daily and, where the plan says so, monthly backups of tables and the content bucket.

    Where the stack protects what it keeps, the vault is locked: nobody deletes a backup before its time, an
    administrator only after removing the lock (governance mode). The cache, vectors and the user pool are not
    in here: the first two are made again from what is, the last AWS cannot back up.
    """

    vault_name: pulumi.Output[str]

    def __init__(self, name: str, args: BackupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:Backups", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=args.key.arn,
            force_destroy=not args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.vault_name = vault.name
        if args.protect:
            aws.backup.VaultLockConfiguration(
                f"{name}-lock",
                backup_vault_name=vault.name,
                min_retention_days=args.plan.daily_retention_days,
                max_retention_days=args.plan.longest_retention_days,
                opts=child,
            )
        plan = aws.backup.Plan(f"{name}-plan", rules=_rules(vault.name, args.plan), opts=child)
        role = ServiceRole(
            name, ServiceRoleArgs(service="backup.amazonaws.com", account=args.account), opts=child
        )
        role.add(*_statements(vault.arn, args))
        policy = role.seal()
        aws.backup.Selection(
            f"{name}-selection",
            plan_id=plan.id,
            iam_role_arn=role.arn,
            resources=[*(table.arn for table in args.tables), args.bucket.arn],
            # The first job takes the role as it is then.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        args.alerts.watch(name, backup_alarms(vault.name), parent=self)
        self.register_outputs({"vault_name": self.vault_name})


def _rules(vault_name: pulumi.Output[str], plan: BackupPlan) -> list[aws.backup.PlanRuleArgs]:
    rules = [_rule("daily", DAILY, vault_name, plan.daily_retention_days)]
    if plan.monthly:
        rules.append(_rule("monthly", MONTHLY, vault_name, MONTHLY_RETENTION_DAYS))
    return rules


def _rule(
    label: str, schedule: str, vault_name: pulumi.Output[str], retention_days: int
) -> aws.backup.PlanRuleArgs:
    return aws.backup.PlanRuleArgs(
        rule_name=label,
        target_vault_name=vault_name,
        schedule=schedule,
        start_window=START_MINUTES,
        completion_window=COMPLETION_MINUTES,
        lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=retention_days),
    )


def _statements(vault_arn: pulumi.Output[str], args: BackupsArgs) -> tuple[Statement, ...]:
    # The parts for DynamoDB and S3 of AWS's managed policies AWSBackupServiceRolePolicyForBackup and
    # AWSBackupServiceRolePolicyForS3Backup, on the stack's own resources.
    return (
        *_table_statements(args.tables),
        *_bucket_statements(args.account, args.bucket),
        *_vault_statements(vault_arn, args.key),
        Statement(sid="FindWhatIsSelected", actions=("tag:GetResources",), resources=("*",)),
    )


def _table_statements(tables: Sequence[BackedUp]) -> tuple[Statement, ...]:
    keys = {table.key.label: table.key for table in tables}
    return (
        Statement(
            sid="BackUpTables",
            actions=(
                "dynamodb:CreateBackup",
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "dynamodb:StartAwsBackupJob",
            ),
            resources=tuple(table.arn for table in tables),
        ),
        Statement(
            sid="KeepTableBackups",
            actions=("dynamodb:DeleteBackup", "dynamodb:DescribeBackup"),
            resources=tuple(joined(table.arn, "/backup/*") for table in tables),
        ),
        *(key.decrypt_through(_TABLES) for key in keys.values()),
    )


def _bucket_statements(account: Account, bucket: BackedUp) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="LookIntoBucket",
            actions=(
                "s3:GetBucketAcl",
                "s3:GetBucketLocation",
                "s3:GetBucketNotification",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetInventoryConfiguration",
                "s3:ListBucket",
                "s3:ListBucketVersions",
                # Announcing objects is on already; AWS Backup turns it on again for each bucket.
                "s3:PutBucketNotification",
                "s3:PutInventoryConfiguration",
            ),
            resources=(bucket.arn,),
        ),
        Statement(
            sid="CopyObjects",
            actions=(
                "s3:GetObject",
                "s3:GetObjectAcl",
                "s3:GetObjectTagging",
                "s3:GetObjectVersion",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ),
            resources=(joined(bucket.arn, "/*"),),
        ),
        Statement(sid="ListBuckets", actions=("s3:ListAllMyBuckets",), resources=("*",)),
        Statement(
            sid="FollowObjects",
            actions=(
                "events:DeleteRule",
                "events:DescribeRule",
                "events:DisableRule",
                "events:EnableRule",
                "events:ListTargetsByRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
            ),
            resources=(account.arn("events", "rule/AwsBackupManagedRule*"),),
        ),
        Statement(
            sid="SizeUpBucket", actions=("cloudwatch:GetMetricData", "events:ListRules"), resources=("*",)
        ),
        bucket.key.decrypt_through(_OBJECTS),
    )


def _vault_statements(vault_arn: pulumi.Output[str], key: DataKey) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="FillVault",
            actions=("backup:CopyIntoBackupVault", "backup:DescribeBackupVault"),
            resources=(vault_arn,),
        ),
        key.encrypt_through("backup"),
        Statement(
            sid="GrantVaultKey",
            actions=("kms:CreateGrant",),
            resources=(key.arn,),
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        Statement(sid="SeeVaultKey", actions=("kms:DescribeKey",), resources=(key.arn,)),
    )
