"""What deploy roles, previews and bounded roles may do, decided as AWS does, against the platform's graph."""

import json
import re
from collections.abc import Iterator

import pytest

from bootstrap.permissions import (
    DEPLOYED_SERVICES,
    LOOKUPS,
    PASSED_SERVICES,
    RELEASE_ACTIONS,
    WORKLOAD_SERVICES,
    stack_patterns,
)
from evaluation.answers import ACCOUNT_ID
from tests.bootstrap.account import (
    BOUNDARY,
    STATE_BUCKET,
    STATE_KEY,
    account_stack,
    boundary,
    may,
    policy_of,
    usual,
)
from tests.infra.deployment import deployed
from tests.infra.policies import granted

STACKS = ("dev", "prod")
# Module of the AWS provider's tokens -> IAM prefixes of what it calls.
SERVICES: dict[str, tuple[str, ...]] = {
    "acm": ("acm",),
    "apigateway": ("apigateway",),
    "apigatewayv2": ("apigateway",),
    "appautoscaling": ("application-autoscaling",),
    "backup": ("backup", "backup-storage"),
    "bedrock": ("bedrock", "bedrock-agentcore"),
    "budgets": ("budgets",),
    "cloudfront": ("cloudfront",),
    "cloudwatch": ("cloudwatch", "events", "logs"),
    "cognito": ("cognito-idp",),
    "dynamodb": ("dynamodb",),
    "ecr": ("ecr",),
    "ecs": ("ecs",),
    "elasticache": ("elasticache",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "lb": ("elasticloadbalancing",),
    "pipes": ("pipes",),
    "route53": ("route53",),
    "scheduler": ("scheduler",),
    "secretsmanager": ("secretsmanager",),
    "servicediscovery": ("servicediscovery", "route53"),
    "sns": ("sns",),
    "sqs": ("sqs",),
    "wafv2": ("wafv2",),
    "xray": ("xray",),
}
# Those that are limited by more than their name: see the tests below.
LIMITED = {"ec2", "vpc", "s3", "iam"}

# AWS's own lists belong to the account "aws".
PREFIX_LIST = "arn:aws:ec2:us-east-1:aws:prefix-list/pl-3b927c52"

DEPLOY_DEV, DEPLOY_PROD, PREVIEW = (
    policy_of("pipelines-deploy-dev"),
    policy_of("pipelines-deploy-prod"),
    policy_of("pipelines-preview"),
)


def role(path: str) -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:role/{path}"


def state(key: str) -> str:
    return f"{STATE_BUCKET}/.pulumi/{key}"


class TestSizes:
    @pytest.mark.parametrize("name", ["pipelines-deploy-dev", "pipelines-deploy-prod", "pipelines-preview"])
    def test_a_roles_inline_policy_fits(self, name: str) -> None:
        # IAM quotas: 10,240 characters without white space for all inline policies of a role.
        assert len(re.sub(r"\s", "", policy_of(name))) <= 10_240

    def test_the_boundary_fits(self) -> None:
        assert len(re.sub(r"\s", "", boundary())) <= 6_144

    def test_names_of_statements_are_valid_and_unique(self) -> None:
        for policy in (DEPLOY_DEV, PREVIEW, boundary()):
            sids = [statement["Sid"] for statement in json.loads(policy)["Statement"]]
            assert len(sids) == len(set(sids))
            assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)


class TestDeploying:
    @pytest.mark.parametrize("stack", STACKS)
    def test_every_service_of_the_platform_may_be_deployed(self, stack: str) -> None:
        modules = {
            kind.split(":")[1].partition("/")[0]
            for kind in {found.type for found in deployed(stack).resources.values()}
            if kind.startswith("aws:")
        }
        unknown = modules - set(SERVICES) - LIMITED
        assert not unknown, f"add the IAM prefixes of {unknown} here and to bootstrap/permissions.py"
        for module in modules - LIMITED:
            assert set(SERVICES[module]) <= set(DEPLOYED_SERVICES), module

    def test_no_service_is_deployed_that_the_platform_has_not(self) -> None:
        known = {prefix for prefixes in SERVICES.values() for prefix in prefixes} | {"s3vectors"}
        assert set(DEPLOYED_SERVICES) <= known

    @pytest.mark.parametrize("stack", STACKS)
    def test_buckets_carry_the_projects_name(self, stack: str) -> None:
        for bucket in deployed(stack).of_type("aws:s3/bucket:Bucket"):
            assert bucket.name.startswith("nova-")
            assert may(DEPLOY_DEV, "s3:CreateBucket", f"arn:aws:s3:::{bucket.name}-0000000")

    @pytest.mark.parametrize("stack", STACKS)
    def test_the_platforms_roles_may_be_made_and_passed(self, stack: str) -> None:
        policy = policy_of(f"pipelines-deploy-{stack}")
        for made in deployed(stack).of_type("aws:iam/role:Role"):
            arn = role(f"{made.inputs['path'].strip('/')}/{made.name}")
            assert may(policy, "iam:CreateRole", arn, iam__PermissionsBoundary=BOUNDARY)
            assert may(policy, "iam:DeleteRole", arn)
            for principal in principals(made.inputs["assumeRolePolicy"]):
                assert may(policy, "iam:PassRole", arn, iam__PassedToService=principal), principal

    def test_a_role_is_passed_to_no_service_that_none_is_for(self) -> None:
        used = {
            principal.removesuffix(".amazonaws.com")
            for stack in STACKS
            for made in deployed(stack).of_type("aws:iam/role:Role")
            for principal in principals(made.inputs["assumeRolePolicy"])
        }
        assert used <= set(PASSED_SERVICES)

    def test_a_network_is_made_and_no_machine_is_started(self) -> None:
        for action in (
            "CreateVpc", "ModifyVpcAttribute", "CreateSubnet", "ModifySubnetAttribute", "CreateRouteTable",
            "AssociateRouteTable", "CreateRoute", "AllocateAddress", "CreateNatGateway",
            "AuthorizeSecurityGroupEgress", "ModifySecurityGroupRules", "CreateVpcEndpoint", "CreateFlowLogs",
            "ReplaceNetworkAclAssociation", "GetManagedPrefixListEntries", "DescribeAvailabilityZones",
        ):  # fmt: skip
            assert may(DEPLOY_DEV, f"ec2:{action}"), action
        for action in (
            "RunInstances",
            "RequestSpotInstances",
            "CreateFleet",
            "ImportImage",
            "PurchaseHostReservation",
        ):
            assert not may(DEPLOY_DEV, f"ec2:{action}"), action

    def test_only_in_the_regions_of_the_account_stack(self) -> None:
        assert may(DEPLOY_DEV, "dynamodb:CreateTable", aws__RequestedRegion="us-east-1")
        assert not may(DEPLOY_DEV, "dynamodb:CreateTable", aws__RequestedRegion="eu-west-1")
        further = account_stack(repository="example/platform", region="eu-west-1", regions=["eu-central-1"])
        policy = policy_of("pipelines-deploy-dev", further)
        for region in ("eu-west-1", "eu-central-1", "us-east-1"):
            assert may(policy, "dynamodb:CreateTable", aws__RequestedRegion=region)
        assert not may(policy, "dynamodb:CreateTable", aws__RequestedRegion="us-east-2")


class TestLimitsOfDeploying:
    @pytest.mark.parametrize(
        ("action", "resource"),
        [
            ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT_ID}:user/nova/dev/me"),
            ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT_ID}:user/nova/dev/me"),
            ("iam:CreatePolicyVersion", BOUNDARY),
            ("iam:DeletePolicy", BOUNDARY),
            ("iam:DeleteRolePermissionsBoundary", role("nova/dev/audio")),
            ("iam:UpdateAssumeRolePolicy", role("nova-account/pipelines-deploy-prod-role")),
            ("iam:PutRolePolicy", role("nova-account/pipelines-deploy-dev-role")),
            ("iam:PassRole", role("nova-account/pipelines-deploy-dev-role")),
            ("iam:DeleteRole", role("Administrator")),
            ("iam:UpdateOpenIDConnectProviderThumbprint", f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/x"),
            ("sts:AssumeRole", role("Administrator")),
            ("organizations:LeaveOrganization", "*"),
            ("cloudtrail:StopLogging", "*"),
            ("s3:DeleteBucket", STATE_BUCKET),
            ("s3:PutBucketPolicy", STATE_BUCKET),
            ("s3:PutBucketVersioning", STATE_BUCKET),
            ("s3:DeleteObjectVersion", state("stacks/nova/dev.json")),
            ("s3:GetObject", "arn:aws:s3:::state-log-bucket-0000000/buckets/x"),
            ("s3:PutAccountPublicAccessBlock", "*"),
            ("ssm:PutParameter", f"arn:aws:ssm:us-east-1:{ACCOUNT_ID}:parameter/nova-account/state"),
            ("kms:ScheduleKeyDeletion", STATE_KEY),
            ("kms:PutKeyPolicy", STATE_KEY),
            ("kms:CreateGrant", STATE_KEY),
            ("apigateway:PATCH", "arn:aws:apigateway:us-east-1::/account"),
            ("xray:UpdateTraceSegmentDestination", "*"),
            ("bedrock:PutModelInvocationLoggingConfiguration", "*"),
            ("ecr:PutRegistryScanningConfiguration", "*"),
            ("ecs:PutAccountSettingDefault", "*"),
            ("dynamodb:Scan", f"arn:aws:dynamodb:us-east-1:{ACCOUNT_ID}:table/nova-events-table-1"),
            ("s3:GetObject", "arn:aws:s3:::nova-content-bucket-1/uploads/x"),
            ("logs:FilterLogEvents", f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:audio"),
            ("bedrock:InvokeModelWithResponseStream", "*"),
            ("sqs:ReceiveMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT_ID}:projector"),
            ("elasticache:PurchaseReservedCacheNodesOffering", "*"),
        ],
    )
    def test_what_a_deploy_role_never_does(self, action: str, resource: str) -> None:
        assert not may(DEPLOY_DEV, action, resource, iam__PassedToService="ecs-tasks.amazonaws.com")

    def test_releases_are_added_and_read_and_neither_deleted_nor_opened(self) -> None:
        releases = f"arn:aws:ecr:us-east-1:{ACCOUNT_ID}:repository/nova-releases"
        for policy in (DEPLOY_DEV, DEPLOY_PROD):
            for action in RELEASE_ACTIONS:
                assert may(policy, action, releases), action
            for action in (
                "BatchDeleteImage",
                "DeleteRepository",
                "SetRepositoryPolicy",
                "PutLifecyclePolicy",
            ):
                assert not may(policy, f"ecr:{action}", releases)
                assert may(policy, f"ecr:{action}", releases.replace("nova-releases", "audio-repository-1"))

    @pytest.mark.parametrize(
        "action", ["CreateRole", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary"]
    )
    def test_no_role_gets_rights_beyond_the_boundary(self, action: str) -> None:
        arn = role("nova/dev/audio-task-role")
        assert may(DEPLOY_DEV, f"iam:{action}", arn, iam__PermissionsBoundary=BOUNDARY)
        assert not may(DEPLOY_DEV, f"iam:{action}", arn)
        wide = f"arn:aws:iam::{ACCOUNT_ID}:policy/anything"
        assert not may(DEPLOY_DEV, f"iam:{action}", arn, iam__PermissionsBoundary=wide)

    def test_roles_of_other_stacks_are_out_of_reach(self) -> None:
        for policy, path, reachable in (
            (DEPLOY_DEV, "nova/dev/audio", True),
            (DEPLOY_DEV, "nova/prod/audio", False),
            (DEPLOY_DEV, "nova/development/audio", False),
            (DEPLOY_PROD, "nova/prod-tokyo/audio", True),
            (DEPLOY_PROD, "nova/production/audio", False),
        ):
            assert may(policy, "iam:DeleteRole", role(path)) is reachable, path

    def test_a_role_is_passed_to_services_alone(self) -> None:
        arn = role("nova/dev/audio-task-role")
        assert not may(DEPLOY_DEV, "iam:PassRole", arn, iam__PassedToService="ec2.amazonaws.com")

    def test_services_make_their_own_roles(self) -> None:
        arn = role("aws-service-role/network.bedrock-agentcore.amazonaws.com/X")
        own = "network.bedrock-agentcore.amazonaws.com"
        assert may(DEPLOY_DEV, "iam:CreateServiceLinkedRole", arn, iam__AWSServiceName=own)
        foreign = "organizations.amazonaws.com"
        assert not may(DEPLOY_DEV, "iam:CreateServiceLinkedRole", arn, iam__AWSServiceName=foreign)

    def test_what_another_stacks_tags_claim_is_left_alone(self) -> None:
        table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT_ID}:table/nova-events-table-1"

        def deletes(policy: str, project: str, stack: str) -> bool:
            keys = {"aws__ResourceTag_slash_project": project, "aws__ResourceTag_slash_stack": stack}
            return may(policy, "dynamodb:DeleteTable", table, **keys)

        assert deletes(DEPLOY_DEV, "nova", "dev")
        assert not deletes(DEPLOY_DEV, "nova", "prod")
        assert deletes(DEPLOY_PROD, "nova", "prod-tokyo")
        assert not deletes(DEPLOY_PROD, "nova", "production")
        assert may(DEPLOY_DEV, "dynamodb:DeleteTable", table)


class TestState:
    @pytest.mark.parametrize(
        "key",
        [
            "stacks/nova/{}.json",
            "stacks/nova/{}.json.bak",
            "stacks/nova/{}.json.gz",
            "history/nova/{}/{}-1.history.json",
            "backups/nova/{}/{}.1.json",
            "locks/organization/nova/{}/0.json",
        ],
    )
    def test_each_environment_keeps_the_state_of_its_own_stacks(self, key: str) -> None:
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            assert may(DEPLOY_PROD, action, state(key.format("prod", "prod")))
            assert may(DEPLOY_PROD, action, state(key.format("prod-tokyo", "prod-tokyo")))
            assert not may(DEPLOY_PROD, action, state(key.format("dev", "dev")))
            assert not may(DEPLOY_DEV, action, state(key.format("prod", "prod")))
            assert not may(DEPLOY_DEV, action, state(f"stacks/nova-account/{ACCOUNT_ID}-us-east-1.json"))

    def test_each_environment_opens_the_secrets_of_its_own_stacks(self) -> None:
        def opens(policy: str, stack: str) -> bool:
            return may(policy, "kms:Decrypt", STATE_KEY, kms__EncryptionContext__stack=stack)

        assert opens(DEPLOY_DEV, "dev")
        assert opens(DEPLOY_PROD, "prod-tokyo")
        assert not opens(DEPLOY_DEV, "prod")
        assert not opens(DEPLOY_PROD, "dev")

    def test_the_bucket_is_read_with_its_key(self) -> None:
        through = {
            "kms__ViaService": "s3.us-east-1.amazonaws.com",
            "kms__EncryptionContext__aws__s3__arn": STATE_BUCKET,
        }
        for policy in (DEPLOY_DEV, PREVIEW):
            assert may(policy, "kms:Decrypt", STATE_KEY, **through)

    def test_secrets_are_encrypted_under_the_name_of_their_stack(self) -> None:
        outputs = usual().outputs
        for environment in ("dev", "prod"):
            provider = outputs["secrets_providers"][environment]
            assert provider == (
                f"awskms://alias/nova-account-state?region=us-east-1&context_stack={environment}"
            )
            assert stack_patterns(environment)[0] == environment
        (alias,) = usual().of_type("aws:kms/alias:Alias")
        assert alias.inputs["name"] == "alias/nova-account-state"


class TestPreview:
    def test_it_reads_state_and_opens_its_key(self) -> None:
        assert may(PREVIEW, "s3:ListBucket", STATE_BUCKET)
        assert may(PREVIEW, "s3:GetObject", state("stacks/nova/dev.json"))
        assert may(PREVIEW, "s3:GetObject", state("meta.yaml"))
        assert may(PREVIEW, "kms:Decrypt", STATE_KEY, kms__EncryptionContext__stack="dev")

    def test_it_sees_nothing_of_production(self) -> None:
        assert not may(PREVIEW, "s3:GetObject", state("stacks/nova/prod.json"))
        assert not may(PREVIEW, "s3:GetObject", state("history/nova/dev/dev-1.history.json"))
        assert not may(PREVIEW, "kms:Decrypt", STATE_KEY, kms__EncryptionContext__stack="prod")
        assert not may(PREVIEW, "kms:Decrypt", STATE_KEY)

    @pytest.mark.parametrize(
        "action",
        [
            "secretsmanager:GetSecretValue", "ssm:GetParameter", "dynamodb:GetItem", "dynamodb:Scan",
            "s3:PutObject", "s3:DeleteObject", "kms:Encrypt", "kms:GenerateDataKey", "logs:GetLogEvents",
            "ecr:PutImage", "ecr:BatchGetImage", "iam:PassRole", "sts:AssumeRole", "ec2:CreateVpc",
            "bedrock:InvokeModel", "lambda:GetFunction",
        ],
    )  # fmt: skip
    def test_it_writes_nothing_and_reads_no_secret_or_content(self, action: str) -> None:
        for resource in (
            "*",
            STATE_KEY,
            state("stacks/nova/dev.json"),
            "arn:aws:s3:::nova-content-bucket-1/x",
        ):
            assert not may(PREVIEW, action, resource), resource

    def test_it_has_these_rights_and_no_other(self) -> None:
        actions = {action for statement in json.loads(PREVIEW)["Statement"] for action in statement["Action"]}
        assert actions == {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}.union(*LOOKUPS.values())

    @pytest.mark.parametrize("stack", STACKS)
    def test_it_may_look_up_what_the_program_asks(self, stack: str) -> None:
        asked = set(deployed(stack).invokes) - {"aws:index/getCallerIdentity:getCallerIdentity"}
        unknown = asked - set(LOOKUPS)
        assert not unknown, f"previews ask {unknown}: add the rights to LOOKUPS in bootstrap/permissions.py"
        for token in asked:
            for right in LOOKUPS[token]:
                assert may(PREVIEW, right, PREFIX_LIST if "PrefixListEntries" in right else "*")

    def test_without_previews_there_is_no_role_for_them(self) -> None:
        none = account_stack(repository="example/platform", previews=[])
        names = {found.name for found in none.of_type("aws:iam/role:Role")}
        assert "pipelines-preview-role" not in names
        assert "preview_role_arn" not in none.outputs


class TestBoundary:
    @pytest.mark.parametrize("stack", ["local", *STACKS])
    def test_it_cuts_no_right_that_the_program_grants(self, stack: str) -> None:
        for statement in granted(deployed(stack)):
            for action in statement.actions:
                for resource in statement.resources:
                    assert may(ANYTHING, action, resource, limit=boundary()), f"{statement.role}: {action}"

    def test_it_allows_no_service_that_nobody_uses(self) -> None:
        used = {action.partition(":")[0] for stack in STACKS for action in actions_of(stack)}
        # What AWS's own policies add for roles of deployments and functions, and what workloads report to.
        beyond = {
            "bedrock-agentcore",
            "cloudwatch",
            "elasticloadbalancing",
            "events",
            "lambda",
            "sns",
            "xray",
        }
        assert set(WORKLOAD_SERVICES) <= used | beyond

    @pytest.mark.parametrize(
        ("action", "resource"),
        [
            ("iam:CreateUser", "*"),
            ("iam:PassRole", role("nova/prod/audio")),
            ("iam:PutRolePolicy", role("nova/prod/audio")),
            ("sts:AssumeRole", role("Administrator")),
            ("organizations:ListAccounts", "*"),
            ("ec2:RunInstances", "*"),
            ("ecs:RunTask", "*"),
            ("s3:GetObject", state("stacks/nova/prod.json")),
            ("s3:ListBucket", STATE_BUCKET),
            ("kms:Decrypt", STATE_KEY),
            ("xray:UpdateTraceSegmentDestination", "*"),
            ("bedrock:DeleteModelInvocationLoggingConfiguration", "*"),
        ],
    )
    def test_an_administrator_inside_it_reaches_nothing_of_the_account(
        self, action: str, resource: str
    ) -> None:
        assert may(ANYTHING, action, resource)
        assert not may(ANYTHING, action, resource, limit=boundary())


ANYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


def principals(trust: str) -> Iterator[str]:
    """The services that a trust policy names."""
    for statement in json.loads(trust)["Statement"]:
        services = statement["Principal"].get("Service", [])
        yield from [services] if isinstance(services, str) else services


def actions_of(stack: str) -> Iterator[str]:
    """Every action that the roles of a stack are granted."""
    for statement in granted(deployed(stack)):
        yield from statement.actions
