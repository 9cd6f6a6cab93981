"""What AWS services may do with a key of each class of data (pure: no resource is created here).

Roles of callers are not listed: they use a key by their own policies, through the service that holds the
data. Nor are DynamoDB, S3, ElastiCache, Secrets Manager, ECR and AWS Backup, which use a key with the rights
of whoever calls them, or by a grant that they were given when the resource was made.
"""

import pulumi

from ..access.statements import ResourceStatement
from ..account import Account
from .key_plan import DataClass

READ_ACTIONS = ("kms:Decrypt", "kms:DescribeKey")
WRITE_ACTIONS = (*READ_ACTIONS, "kms:Encrypt", "kms:GenerateDataKey")
_RE_ENCRYPT_ACTIONS = ("kms:ReEncryptFrom", "kms:ReEncryptTo")


def key_policy(data_class: DataClass, account: Account, replicated: bool) -> tuple[ResourceStatement, ...]:
    """Return the whole policy of the key of ``data_class`` in the region of ``account``.

    ``replicated`` says whether tables have replicas in another region.
    """
    return (delegation(account), *_services(data_class, account, replicated))


def shared_key_policy(account: Account, replicated: bool) -> tuple[ResourceStatement, ...]:
    """Return the whole policy of one key for all classes but personal data in the region of ``account``."""
    classes = (data_class for data_class in DataClass if data_class is not DataClass.PERSONAL)
    services = (_services(data_class, account, replicated) for data_class in classes)
    return (delegation(account), *(statement for statements in services for statement in statements))


def _services(data_class: DataClass, account: Account, replicated: bool) -> tuple[ResourceStatement, ...]:
    """Return what AWS services may do on nobody's behalf with the key of ``data_class``."""
    match data_class:
        case DataClass.TABLES if replicated:
            return (_replication(account),)
        case DataClass.VECTORS:
            return (_vectors(account),)
        case DataClass.MESSAGES:
            return _messages(account)
        case DataClass.LOGS:
            return (log_service(account),)
        case DataClass.IMAGES:
            return _task_storage(account)
        case _:
            return ()


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


def _replication(account: Account) -> ResourceStatement:
    # A replica that loses its key for 20 hours stops being one, for good. The role that replicates is AWS's
    # own and is made with the first replica: a policy may not name a principal that does not exist.
    role = account.global_arn(
        "iam", "role/aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication"
    )
    return ResourceStatement(
        sid="DynamoDBReplicates",
        effect="Allow",
        principals={"AWS": "*"},
        actions=(*WRITE_ACTIONS, *_RE_ENCRYPT_ACTIONS),
        resources=("*",),
        conditions={
            "ArnEquals": {"aws:PrincipalArn": role},
            "StringEquals": {
                "kms:CallerAccount": account.account_id,
                "kms:ViaService": account.endpoint("dynamodb"),
            },
        },
    )


def _messages(account: Account) -> tuple[ResourceStatement, ...]:
    return (
        # No aws:SourceArn or aws:SourceAccount here: EventBridge sends neither to KMS when it encrypts for a
        # queue or a topic, and drops the event silently (MDAA, citing the SNS developer guide).
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
        # AWS Cost Management user guide, "Creating an Amazon SNS topic for budget notifications".
        ResourceStatement(
            sid="BudgetsNotify",
            effect="Allow",
            principals={"Service": "budgets.amazonaws.com"},
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=("*",),
            conditions={
                "StringEquals": {"aws:SourceAccount": account.account_id},
                "ArnLike": {"aws:SourceArn": account.global_arn("budgets", "*")},
            },
        ),
    )


def _vectors(account: Account) -> ResourceStatement:
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


def log_service(account: Account) -> ResourceStatement:
    """Return the statement of a key's policy that lets CloudWatch Logs encrypt log groups with it."""
    # Its guide ("Encrypt log data") lists kms:Encrypt*, Decrypt*, ReEncrypt* and GenerateDataKey*; also
    # kms:Describe*, which carries no encryption context: the condition could never hold for it.
    return ResourceStatement(
        sid="CloudWatchLogsEncrypts",
        effect="Allow",
        principals={"Service": f"logs.{account.region}.amazonaws.com"},
        actions=(
            "kms:Decrypt",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            *_RE_ENCRYPT_ACTIONS,
        ),
        resources=("*",),
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": account.arn("logs", "log-group:*")}},
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
