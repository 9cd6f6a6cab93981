"""Grants are what they seem: known to AWS, on ARNs that exist, of resources that their holder works with."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from nova_policy import authorization
from policy_sentry.querying.actions import get_action_data

from components.access.unrestricted import UNRESTRICTED_ACTIONS
from evaluation.answers import ACCOUNT_ID, computed_outputs
from tests.infra import grants
from tests.infra.conftest import STACKS
from tests.infra.deployment import Deployment, deployed

OUTSIDE = {
    r"arn:aws:bedrock:[a-z0-9-]*::foundation-model/[^*]+": "models belong to AWS",
    rf"arn:aws:bedrock:[a-z0-9-]+:{ACCOUNT_ID}:inference-profile/[a-z]+\.[^*]+": "AWS makes these profiles",
    rf"arn:aws:bedrock:[a-z0-9-]+:{ACCOUNT_ID}:guardrail-profile/[a-z]+\.[^*]+": "and these",
    rf"arn:aws:logs:[a-z0-9-]+:{ACCOUNT_ID}:log-group:/aws/bedrock-agentcore/runtimes/nova_[a-z_]+-\*"
    r"(:log-stream:\*)?": "AgentCore names them after the runtime's id, which follows from the role",
    rf"arn:aws:bedrock-agentcore:[a-z0-9-]+:{ACCOUNT_ID}:workload-identity-directory/default"
    r"(/workload-identity/nova_[a-z_]+-\*)?": "AgentCore makes a runtime's identity",
    rf"arn:aws:events:[a-z0-9-]+:{ACCOUNT_ID}:rule/AwsBackupManagedRule\*": "AWS Backup makes it",
    rf"arn:aws:transcribe:[a-z0-9-]+:{ACCOUNT_ID}:transcription-job/nova-[^*]+-\*": "made at run time",
}
"""Granted resources that the program does not make, as patterns with the reason."""
UNNAMED_CALLERS = {
    "EventBridgeDelivers": "EventBridge tells KMS neither account nor source; events would be lost silently",
    "AssumedByService": "Lambda does not say for which function it takes a role; who passes it is of ours",
}
"""Statements for a service that name no account, with the reason."""


def statements(
    deployment: Deployment, *kinds: grants.Kind
) -> Iterator[tuple[grants.Document, dict[str, Any]]]:
    for document in grants.documents(deployment):
        if not kinds or document.kind in kinds:
            for statement in document.statements:
                yield document, dict(statement)


def own_arns(deployment: Deployment) -> set[str]:
    """The ARNs of all that the stack makes."""
    found: set[str] = set()
    for resource in deployment.resources.values():
        _, outputs = computed_outputs(resource.type, resource.name, resource.inputs)
        computed = [value for key, value in outputs.items() if key not in resource.inputs]
        found |= {value for value in computed if isinstance(value, str) and value.startswith("arn:")}
        if resource.type == "awsx:ecr:Repository":
            name = outputs["url"].partition("/")[2]
            found.add(f"arn:aws:ecr:us-east-1:{ACCOUNT_ID}:repository/{name}")
    return found


def test_every_statement_is_what_aws_knows(deployment: Deployment) -> None:
    found = {
        f"{document.owner.name}: {statement.get('Sid')}": problems
        for document, statement in statements(deployment)
        if (problems := list(grants.problems(statement, document.kind)))
    }
    assert found == {}


def test_documents_of_all_kinds_are_looked_at(production: Deployment) -> None:
    kinds = {document.kind for document in grants.documents(production)}
    assert kinds == {"identity", "trust", "key", "endpoint", "resource"}
    owners = {document.owner.type for document in grants.documents(production)}
    assert owners >= {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:kms/key:Key",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sqs/queuePolicy:QueuePolicy",
    }


def test_the_unrestricted_actions_have_no_resource_level() -> None:
    for action in UNRESTRICTED_ACTIONS:
        known = grants.known_action(action)
        assert known is not None, action
        assert known.shapes == frozenset(), f"{action} can name its resources"


def test_only_what_has_no_resource_level_is_unrestricted(deployment: Deployment) -> None:
    """By AWS's reference, not by our list."""
    unrestricted = {
        action
        for _, statement in statements(deployment, "identity")
        if grants.ANY in grants.as_list(statement["Resource"])
        for action in grants.as_list(statement["Action"])
    }
    assert unrestricted <= set(UNRESTRICTED_ACTIONS)


def test_gaps_of_the_reference_are_gaps_still() -> None:
    for action in authorization.GAPS:
        assert get_action_data(*action.split(":")) is False, f"the reference knows {action} now"
    used = [
        resource
        for stack in STACKS
        for _, statement in statements(deployed(stack), "identity")
        for resource in grants.as_list(statement["Resource"])
    ]
    for start in authorization.REGIONLESS:
        assert any(resource.startswith(start) for resource in used), start


def statement(action: str, resource: str, **conditions: dict[str, str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": conditions}


def test_what_the_seed_granted_on_models_matches_nothing() -> None:
    for model in ("*", "amazon.nova-sonic-*", "amazon.nova-omni-*"):
        (found,) = grants.problems(statement("bedrock:InvokeModel", f"arn:aws:bedrock:*:*:model/{model}"))
        assert found.startswith(f"bedrock:InvokeModel is not authorized on arn:aws:bedrock:*:*:model/{model}")


@pytest.mark.parametrize(
    ("action", "resource", "problem"),
    [
        ("dynamodb:Qeury", "arn:aws:dynamodb:us-east-1:1:table/t", "is no action of AWS"),
        ("dynamodb:query", "arn:aws:dynamodb:us-east-1:1:table/t", "is no action of AWS"),
        ("dynamodb:*", "arn:aws:dynamodb:us-east-1:1:table/t", "name the actions"),
        ("dinamo:*", "*", "there is no service dinamo"),
        ("dynamodb:Query", "*", "although it has resources"),
        ("dynamodb:Query", "arn:aws:dynamodb:us-east-1:1:queue/t", "is not authorized on"),
        ("dynamodb:Query", "arn:aws:dynamodb::1:table/t", "is not authorized on"),
        ("s3:GetObject", "arn:aws:s3:::bucket", "is not authorized on"),
        ("s3:ListBucket", "arn:aws:s3:::bucket/*", "is not authorized on"),
        ("ecr:GetAuthorizationToken", "arn:aws:ecr:us-east-1:1:repository/r", "has no resource level"),
        ("ecr:BatchGetImage", "*", "although it has resources"),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:1:s", "is not authorized on"),
        ("events:PutEvents", "arn:aws:events:us-east-1:1:rule/r", "is not authorized on"),
    ],
)
def test_a_grant_of_nothing_or_of_everything_is_found(action: str, resource: str, problem: str) -> None:
    assert any(problem in found for found in grants.problems(statement(action, resource)))


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:Query", "arn:aws:dynamodb:us-east-1:1:table/t/index/*"),
        ("s3:GetObject", "arn:aws:s3:::bucket/uploads/*"),
        ("s3:ListBucket", "arn:aws:s3:::bucket"),
        ("bedrock:InvokeModel", "arn:aws:bedrock:*::foundation-model/amazon.nova-sonic-v1:0"),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:log-group:/a/b:*"),
        ("logs:CreateLogStream", "arn:aws:logs:us-east-1:1:log-group:/a/b:*"),
        ("iam:PassRole", "arn:aws:iam::1:role/nova/dev/task"),
    ],
)
def test_a_grant_of_something_passes(action: str, resource: str) -> None:
    assert list(grants.problems(statement(action, resource))) == []


@pytest.mark.parametrize(
    ("operator", "key", "problem"),
    [
        ("StringEquals", "dynamodb:LeadingKey", "knows no condition key dynamodb:LeadingKey"),
        ("StringEquals", "kms:ViaService", "knows no condition key kms:ViaService"),
        ("StringEquals", "aws:SourceAcount", "knows no condition key aws:SourceAcount"),
        ("StringEqual", "aws:SourceAccount", "is no condition operator"),
        ("StringEquals", "aws:SourceAccount", None),
        ("ForAllValues:StringLikeIfExists", "dynamodb:LeadingKeys", None),
        ("StringEquals", "aws:PrincipalTag/team", None),
        ("StringEquals", "aws:PrincipalTag/", "knows no condition key"),
    ],
)
def test_a_condition_has_to_be_known(operator: str, key: str, problem: str | None) -> None:
    table = "arn:aws:dynamodb:us-east-1:1:table/t"
    found = list(grants.problems(statement("dynamodb:Query", table, **{operator: {key: "x"}})))
    assert found == [] if problem is None else any(problem in text for text in found)


# --- least privilege over the whole graph ---


def test_every_granted_resource_is_made_by_the_stack(deployment: Deployment) -> None:
    own = own_arns(deployment)
    for document, found in statements(deployment, "identity"):
        for resource in grants.as_list(found["Resource"]):
            if resource == grants.ANY or resource in own:
                continue
            inside = any(resource.startswith((f"{arn}/", f"{arn}:")) for arn in own)
            outside = any(re.fullmatch(pattern, resource) for pattern in OUTSIDE)
            assert inside or outside, f"{document.owner.name} {found['Sid']}: {resource}"


def test_every_exception_from_that_is_used() -> None:
    granted = [
        resource
        for stack in STACKS
        for _, found in statements(deployed(stack), "identity")
        for resource in grants.as_list(found["Resource"])
    ]
    for pattern in OUTSIDE:
        assert any(re.fullmatch(pattern, resource) for resource in granted), pattern


def test_a_task_may_use_what_its_definition_tells_it_about(deployment: Deployment) -> None:
    """What a role is granted and its task never hears of is granted for nothing."""
    for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        told = frozenset[str]().union(*task.references.values())
        for policy in deployment.of_type("aws:iam/rolePolicy:RolePolicy"):
            if not policy.references["role"] & task.references["taskRoleArn"]:
                continue
            for urn in policy.references["policy"] - told:
                resource = deployment.resources[urn]
                # Keys are used through the resources that they encrypt.
                # A function is called by its URL.
                if any("functionUrl:FunctionUrl" in known and resource.name.removesuffix("-function") in known
                       for known in told):  # fmt: skip
                    continue
                assert not resource.custom or resource.type == "aws:kms/key:Key", (
                    f"{policy.name} grants something on {resource.name}, which {task.name} does not name"
                )


def test_every_role_has_one_holder(deployment: Deployment) -> None:
    holders: dict[str, set[str]] = {}
    for resource in deployment.resources.values():
        if resource.custom and not resource.type.startswith("aws:iam/"):
            for urn in frozenset[str]().union(*resource.references.values()):
                if "aws:iam/role:Role::" in urn:
                    holders.setdefault(urn, set()).add(resource.urn)
    roles = {role.urn for role in deployment.of_type("aws:iam/role:Role")}
    assert holders.keys() == roles, "a role that nothing uses"
    # The wallet's policy names the one role that reads it.
    named = {urn for urn in frozenset[str]().union(*holders.values()) if "secretPolicy:SecretPolicy" in urn}
    assert {role: users for role, users in holders.items() if len(users - named) > 1} == {}


def test_a_role_is_passed_to_one_service_only(deployment: Deployment) -> None:
    for document, found in statements(deployment, "identity"):
        assert not passes_freely(found), f"{document.owner.name} passes a role to any service"
    role, to_ecs = "arn:aws:iam::1:role/r", {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    assert passes_freely(statement("iam:PassRole", role))
    assert not passes_freely(statement("iam:PassRole", role, StringEquals=to_ecs))


def passes_freely(found: dict[str, Any]) -> bool:
    services = found.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
    return "iam:PassRole" in grants.as_list(found["Action"]) and not services


def test_a_service_acts_for_this_account_only(deployment: Deployment) -> None:
    """Else somebody else's resource could make the service use ours: the confused deputy."""
    unnamed = {
        found["Sid"]: document.owner.name
        for document, found in statements(deployment, "trust", "key", "resource")
        if found["Effect"] == "Allow" and "Service" in found.get("Principal", {})
        if ACCOUNT_ID not in json.dumps(found.get("Condition", {}))
    }
    # Where nothing is bought there is no function.
    assert UNNAMED_CALLERS.keys() - unnamed.keys() <= {"AssumedByService"}
    assert unnamed.keys() <= UNNAMED_CALLERS.keys(), unnamed
    assert unnamed.get("AssumedByService") in (None, "mcp-server-function-role")
