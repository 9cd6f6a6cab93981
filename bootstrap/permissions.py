"""What deploy roles, previews and the platform's own roles may do at most (pure, no resources).

A deploy role gets whole services, as a ``Rule`` may name and a workload's ``Statement`` may not: the provider
calls actions that no list names completely, and a delete that is refused can be taken for done
(docs/adr/0035). What limits it is where it may act, whose roles it may touch, and what it is denied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from bootstrap.names import releases_repository
from components.access.statements import POLICY_VERSION, Conditions
from components.account import Account
from components.json_text import json_text

GLOBAL_REGION = "us-east-1"
"""Where AWS keeps IAM, CloudFront with its web ACLs and certificates, Route 53 and budgets."""

STACK_CONTEXT = "stack"
"""Key of the encryption context under which Pulumi's key of a stack's secrets is encrypted."""

DEPLOYED_SERVICES = (
    "acm", "apigateway", "application-autoscaling", "backup", "backup-storage", "bedrock",
    "bedrock-agentcore", "budgets", "cloudfront", "cloudwatch", "cognito-idp", "dynamodb", "ecr", "ecs",
    "elasticache", "elasticloadbalancing", "events", "kms", "lambda", "logs", "pipes", "route53",
    "s3vectors", "scheduler",
    "secretsmanager", "servicediscovery", "sns", "sqs", "wafv2", "xray",
)  # fmt: skip
"""Services that the platform consists of, by IAM prefix; S3, EC2 and IAM are limited further."""

NETWORK_ACTIONS = (
    "Describe*", "Get*", "CreateTags", "DeleteTags", "*Address", "*AddressAttribute", "*DhcpOptions",
    "*FlowLogs", "*InternetGateway", "*ManagedPrefixList*", "*NatGateway*", "*NetworkAcl*",
    "*NetworkInterface*", "*Route", "*RouteTable*", "*SecurityGroup*", "*Subnet*", "*Vpc", "*VpcAttribute",
    "*VpcEndpoint*",
)  # fmt: skip
"""Actions of EC2 that make a network, and none that starts a machine."""

PASSED_SERVICES = (
    "apigateway", "backup", "bedrock-agentcore", "cloudwatch", "ecs", "ecs-tasks", "events", "lambda",
    "pipes", "s3", "scheduler", "vpc-flow-logs",
)  # fmt: skip
"""Services that are given a role of the platform, without their ``.amazonaws.com``."""

LINKED_SERVICES = (
    "backup", "delivery.logs", "ecs", "ecs.application-autoscaling", "elasticache", "elasticloadbalancing",
    "network.bedrock-agentcore", "ops.apigateway", "replication.dynamodb", "replication.ecr",
    "runtime-identity.bedrock-agentcore", "vpcorigin.cloudfront", "wafv2",
)  # fmt: skip
"""Services that make their own role at their first use in an account, on behalf of whoever deploys."""

WORKLOAD_SERVICES = (
    "backup", "bedrock", "bedrock-agentcore", "cloudwatch", "dynamodb", "ecr", "elasticloadbalancing",
    "events", "kms", "lambda", "logs", "s3", "s3vectors", "secretsmanager", "sns", "sqs", "tag", "transcribe",
    "xray",
)  # fmt: skip
"""Services that the platform's roles may be allowed to use, by IAM prefix."""

ACCOUNT_WIDE_ACTIONS = (
    "backup:UpdateGlobalSettings", "bedrock:DeleteModelInvocationLoggingConfiguration",
    "bedrock:PutModelInvocationLoggingConfiguration", "ecr:CreateRepositoryCreationTemplate",
    "ecr:DeleteRegistryPolicy", "ecr:DeleteRepositoryCreationTemplate", "ecr:PutAccountSetting",
    "ecr:PutRegistryPolicy", "ecr:PutRegistryScanningConfiguration", "ecr:PutReplicationConfiguration",
    "ecr:UpdateRepositoryCreationTemplate", "ecs:DeleteAccountSetting", "ecs:PutAccountSetting*",
    "logs:DeleteAccountPolicy", "logs:PutAccountPolicy", "sns:SetSMSAttributes", "xray:PutEncryptionConfig",
    "xray:UpdateIndexingRule", "xray:UpdateTraceSegmentDestination",
)  # fmt: skip
"""Settings of a whole account or region: they belong to this stack."""

CONTENT_ACTIONS = (
    "bedrock:Invoke*", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PartiQL*", "dynamodb:Query",
    "dynamodb:Scan", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogRecord", "logs:GetQueryResults",
    "logs:StartQuery", "s3vectors:GetVectors", "s3vectors:ListVectors", "s3vectors:QueryVectors",
    "sqs:ReceiveMessage",
)  # fmt: skip
"""Reading what people said and wrote; deploying needs none of it."""

PURCHASES = (
    "bedrock:CreateProvisionedModelThroughput", "dynamodb:PurchaseReservedCapacityOfferings",
    "elasticache:PurchaseReservedCacheNodesOffering",
)  # fmt: skip
"""Commitments to pay that no destroy ends."""

RELEASE_ACTIONS = (
    "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
)  # fmt: skip
"""Adding images to the repository that all stacks take theirs from, and reading them; no tag in it moves."""

_LIST_ENTRIES = "ec2:GetManagedPrefixListEntries"
"""The one of the look-ups that names what it is about."""
LOOKUPS: Mapping[str, tuple[str, ...]] = {
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": ("ec2:DescribeManagedPrefixLists", _LIST_ENTRIES),
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": ("ec2:DescribeVpcEndpointServices",),
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": ("ecr:GetAuthorizationToken",),
    "aws:index/getAvailabilityZones:getAvailabilityZones": ("ec2:DescribeAvailabilityZones",),
}
"""What the program asks AWS while it is previewed, and the rights to it; anybody may ask who one is."""

_KEY_USES = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One statement of a policy that may name whole services."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ("*",)
    conditions: Conditions = field(default_factory=dict[str, dict[str, str]])
    effect: Literal["Allow", "Deny"] = "Allow"
    all_but: bool = False
    """Whether it is about every action except ``actions``."""

    def render(self) -> dict[str, object]:
        """Return the statement as JSON, apart from its outputs."""
        rendered: dict[str, object] = {
            "Sid": self.sid,
            "Effect": self.effect,
            "NotAction" if self.all_but else "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            rendered["Condition"] = {operator: dict(keys) for operator, keys in self.conditions.items()}
        return rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where the engine keeps a stack's state, and what encrypts it."""

    bucket_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The stacks of one environment."""

    account: Account
    platform: str
    """The project."""
    environment: str
    regions: tuple[str, ...]
    boundary_arn: pulumi.Input[str]
    state: State

    def stacks(self) -> tuple[str, str]:
        """Return the patterns of the stacks' names: the environment's, and those of its further regions."""
        return stack_patterns(self.environment)

    def role_arns(self) -> list[pulumi.Output[str]]:
        """Return the patterns of the stacks' roles."""
        return [_iam(self.account, f"role/{self.platform}/{stack}/*") for stack in self.stacks()]


def stack_patterns(environment: str) -> tuple[str, str]:
    """Return the patterns of the names of an environment's stacks."""
    return environment, f"{environment}-*"


def rules_document(rules: Sequence[Rule]) -> pulumi.Output[str]:
    """Return the policy document of ``rules``, as JSON text."""
    return json_text({"Version": POLICY_VERSION, "Statement": [rule.render() for rule in rules]})


def deploy_rules(target: Target) -> tuple[Rule, ...]:
    """Return what the deploy role of an environment may do."""
    return (*_services(target), *_roles(target), *_own_state(target), *_guards(target))


def boundary_rules(account: Account, state: State) -> tuple[Rule, ...]:
    """Return the most that any role of the platform can be allowed: data, never access to the account."""
    bucket, key = state.bucket_arn, state.key_arn
    return (
        Rule(sid="Workloads", actions=[f"{service}:*" for service in WORKLOAD_SERVICES]),
        # What a function in the VPC does as itself (Lambda developer guide, execution role).
        Rule(
            sid="NetworkInterfaces",
            actions=["ec2:*NetworkInterface*", "ec2:*PrivateIpAddresses", "ec2:Describe*"],
        ),
        Rule(
            sid="NotTheState",
            effect="Deny",
            actions=["s3:*", "kms:*"],
            resources=[bucket, pulumi.Output.concat(bucket, "/*"), key],
        ),
        _not_account_wide(),
        _not_the_api_gateway_account(account),
    )


def preview_rules(
    account: Account, platform: str, environments: Sequence[str], state: State
) -> tuple[Rule, ...]:
    """Return what the preview of a pull request may do: read state, open its secrets' key, and look up."""
    stacks = [pattern for environment in environments for pattern in stack_patterns(environment)]
    return (
        Rule(sid="FindState", actions=("s3:ListBucket",), resources=(state.bucket_arn,)),
        Rule(
            sid="ReadState",
            actions=("s3:GetObject",),
            resources=(
                _objects(state, ".pulumi/meta.yaml"),
                *(_objects(state, f".pulumi/stacks/{platform}/{stack}.json*") for stack in stacks),
            ),
        ),
        Rule(
            sid="DecryptState",
            actions=("kms:Decrypt",),
            resources=(state.key_arn,),
            conditions={"StringEquals": {"kms:ViaService": account.endpoint("s3")}},
        ),
        # The engine opens a stack's secrets before it does anything, a preview included.
        Rule(
            sid="OpenSecretsOfState",
            actions=("kms:Decrypt",),
            resources=(state.key_arn,),
            conditions={"StringLike": {f"kms:EncryptionContext:{STACK_CONTEXT}": stacks}},
        ),
        Rule(sid="LookUp", actions=sorted(right for right in _lookups() if right != _LIST_ENTRIES)),
        Rule(
            sid="LookUpPrefixLists",
            actions=(_LIST_ENTRIES,),
            resources=(pulumi.Output.concat("arn:", account.partition, ":ec2:*:*:prefix-list/*"),),
        ),
    )


def _lookups() -> frozenset[str]:
    return frozenset(right for rights in LOOKUPS.values() for right in rights)


def _services(target: Target) -> tuple[Rule, ...]:
    buckets = pulumi.Output.concat("arn:", target.account.partition, f":s3:::{target.platform}-*")
    regions = sorted({*target.regions, GLOBAL_REGION})
    return (
        Rule(
            sid="Services",
            actions=[
                *(f"{service}:*" for service in DEPLOYED_SERVICES),
                *(f"ec2:{action}" for action in NETWORK_ACTIONS),
            ],
            conditions={"StringEquals": {"aws:RequestedRegion": regions}},
        ),
        Rule(sid="Buckets", actions=["s3:*"], resources=[buckets]),
    )


def _roles(target: Target) -> tuple[Rule, ...]:
    bounded: Conditions = {"StringEquals": {"iam:PermissionsBoundary": target.boundary_arn}}
    roles = target.role_arns()
    return (
        Rule(
            sid="GrantWithinTheBoundary",
            actions=[
                "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
                "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
            ],
            resources=roles,
            conditions=bounded,
        ),
        Rule(
            sid="KeepRoles",
            actions=[
                "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:List*", "iam:TagRole",
                "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
            ],
            resources=roles,
        ),
        Rule(
            sid="PassRoles",
            actions=["iam:PassRole"],
            resources=roles,
            conditions={"StringEquals": {"iam:PassedToService": _principals(PASSED_SERVICES)}},
        ),
        Rule(
            sid="LinkServices",
            actions=["iam:CreateServiceLinkedRole"],
            resources=[_iam(target.account, "role/aws-service-role/*")],
            conditions={"StringEquals": {"iam:AWSServiceName": _principals(LINKED_SERVICES)}},
        ),
    )  # fmt: skip


def _own_state(target: Target) -> tuple[Rule, ...]:
    folders = ("history", "backups", "locks/organization")
    return (
        Rule(sid="FindState", actions=["s3:ListBucket"], resources=[target.state.bucket_arn]),
        Rule(
            sid="ReadMeta", actions=["s3:GetObject"], resources=[_objects(target.state, ".pulumi/meta.yaml")]
        ),
        Rule(
            sid="KeepState",
            actions=["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            resources=[
                _objects(target.state, f".pulumi/{path}")
                for stack in target.stacks()
                for path in (
                    f"stacks/{target.platform}/{stack}.json*",
                    *(f"{folder}/{target.platform}/{stack}/*" for folder in folders),
                )
            ],
        ),
    )


def _guards(target: Target) -> tuple[Rule, ...]:
    stacks = list(target.stacks())
    context = f"kms:EncryptionContext:{STACK_CONTEXT}"
    return (
        Rule(
            sid="OnlyUseTheStatesKey",
            effect="Deny",
            all_but=True,
            actions=_KEY_USES,
            resources=[target.state.key_arn],
        ),
        Rule(
            sid="NotOtherStacksSecrets",
            effect="Deny",
            actions=_KEY_USES,
            resources=[target.state.key_arn],
            conditions={"StringNotLike": {context: stacks}, "Null": {context: "false"}},
        ),
        # Where a service tells IAM a resource's tags; where it does not, this changes nothing.
        Rule(
            sid="NotOtherStacks",
            effect="Deny",
            actions=["*"],
            conditions={
                "StringEquals": {"aws:ResourceTag/project": target.platform},
                "StringNotLike": {"aws:ResourceTag/stack": stacks},
                "Null": {"aws:ResourceTag/stack": "false"},
            },
        ),
        Rule(
            sid="OnlyAddReleases",
            effect="Deny",
            all_but=True,
            actions=RELEASE_ACTIONS,
            resources=[target.account.arn("ecr", f"repository/{releases_repository(target.platform)}")],
        ),
        _not_account_wide(),
        _not_the_api_gateway_account(target.account),
        Rule(sid="NotContent", effect="Deny", actions=CONTENT_ACTIONS),
        Rule(
            sid="NotContentOfBuckets",
            effect="Deny",
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[pulumi.Output.concat("arn:", target.account.partition, f":s3:::{target.platform}-*")],
        ),
        Rule(sid="NotForYears", effect="Deny", actions=PURCHASES),
    )


def _not_account_wide() -> Rule:
    return Rule(sid="NotAccountWide", effect="Deny", actions=ACCOUNT_WIDE_ACTIONS)


def _not_the_api_gateway_account(account: Account) -> Rule:
    account_settings = pulumi.Output.concat("arn:", account.partition, ":apigateway:*::/account")
    return Rule(
        sid="NotApiGatewaysAccount", effect="Deny", actions=["apigateway:*"], resources=[account_settings]
    )


def _iam(account: Account, resource: str) -> pulumi.Output[str]:
    return pulumi.Output.concat("arn:", account.partition, ":iam::", account.account_id, ":", resource)


def _objects(state: State, key: str) -> pulumi.Output[str]:
    return pulumi.Output.concat(state.bucket_arn, "/", key)


def _principals(services: Sequence[str]) -> list[str]:
    return [f"{service}.amazonaws.com" for service in services]
