"""What reaches the providers is what they and AWS accept: every input, by their own models."""

from dataclasses import replace
from typing import Any

import pytest

from evaluation.recorder import Recorded
from tests.infra import requests, schema, shapes
from tests.infra.conftest import STACKS
from tests.infra.deployment import Deployment, deployed


def test_every_input_is_one_that_the_provider_knows(deployment: Deployment) -> None:
    assert schema.mistakes(deployment) == {}


def test_every_type_is_validated_or_says_why_not(deployment: Deployment) -> None:
    types = {found.type for found in schema.provided(deployment) if not found.type.startswith("pulumi:")}
    missing = types - requests.MAPPED.keys() - requests.UNMAPPED.keys()
    assert missing == set(), "map them in MAPPED of tests/infra/requests.py, or say in UNMAPPED why not"


def test_every_exception_has_a_reason_and_a_use() -> None:
    types = {found.type for stack in STACKS for found in deployed(stack).resources.values()}
    assert requests.UNMAPPED.keys() <= types
    assert requests.UNMAPPED.keys().isdisjoint(requests.MAPPED)
    assert all(len(reason) > 20 for reason in requests.UNMAPPED.values())
    reasons = [reason for mapped in requests.MAPPED.values() for reason in mapped.unsent.values()]
    assert all(len(reason) > 20 for reason in reasons)


def test_every_request_is_one_that_aws_accepts(deployment: Deployment) -> None:
    found = {
        f"{resource.type} {resource.name}": problems
        for resource in schema.provided(deployment)
        if resource.type in requests.MAPPED and (problems := requests.findings(resource))
    }
    assert found == {}


# --- the checks themselves ---


def changed(kind: str, name: str, inputs: dict[str, Any]) -> Recorded:
    """A resource of stack prod with other inputs; None takes an input away."""
    found = deployed("prod").one(kind, name)
    merged = {**found.inputs, **inputs}
    return replace(found, inputs={key: value for key, value in merged.items() if value is not None})


QUEUE = "aws:sqs/queue:Queue", "audio-worker-queue"
TABLE = "aws:dynamodb/table:Table", "nova-events-table"
PIPE = "aws:pipes/pipe:Pipe", "nova-pipe-pipe"
SERVICE = "aws:ecs/service:Service", "audio-service"


@pytest.mark.parametrize(
    ("resource", "inputs", "problem"),
    [
        (QUEUE, {"visibiltyTimeoutSeconds": 30.0}, "visibiltyTimeoutSeconds is unknown to QueueArgs"),
        (QUEUE, {"visibilityTimeoutSeconds": "soon"}, "visibilityTimeoutSeconds has to be int, not 'soon'"),
        (QUEUE, {"visibilityTimeoutSeconds": 1.5}, "visibilityTimeoutSeconds has to be int, not 1.5"),
        (QUEUE, {"redrivePolicy": {"maxReceiveCount": 3}}, "redrivePolicy has to be str"),
        (TABLE, {"attributes": {"name": "pk"}}, "attributes has to be a list, not dict"),
        (TABLE, {"attributes": [{"nam": "pk", "type": "S"}]}, "attributes[0].nam is unknown to"),
        (TABLE, {"attributes": [{"name": "pk"}]}, "attributes[0].type is missing in TableAttributeArgs"),
        (TABLE, {"pointInTimeRecovery": True}, "pointInTimeRecovery has to be a block, not bool"),
        (TABLE, {"tags": {"a": ["b"]}}, "tags.a has to be str"),
    ],
)
def test_an_input_that_the_provider_does_not_know_is_found(
    resource: tuple[str, str], inputs: dict[str, Any], problem: str
) -> None:
    assert schema.problems(changed(*resource, {})) == []
    found, *_ = schema.problems(changed(*resource, inputs))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("resource", "inputs", "problem"),
    [
        (TABLE, {"billingMode": "ON_DEMAND"}, "'ON_DEMAND' is none of PROVISIONED, PAY_PER_REQUEST"),
        (PIPE, {"name": "a b c"}, "Name: 'a b c' does not match"),
        (PIPE, {"name": "ab" * 33}, "Name: 66 is more than 64"),
        (PIPE, {"sourceParameters": {"dynamodbStreamParameters": {}}}, "Missing required parameter"),
        (
            TABLE,
            {"pointInTimeRecovery": {"enabled": True, "recoveryPeriodInDays": 36.0}},
            "RecoveryPeriodInDays: 36 is more than 35",
        ),
        (SERVICE, {"propagateTags": "TASK"}, "propagateTags: 'TASK' is none of TASK_DEFINITION"),
        (SERVICE, {"propagate": "SERVICE"}, "no request takes propagate"),
        (
            SERVICE,
            {"networkConfiguration": {"subnets": ["subnet-1"], "groups": []}},
            "no request takes networkConfiguration.groups",
        ),
        (
            ("aws:ecs/taskDefinition:TaskDefinition", "audio-task"),
            {"containerDefinitions": '[{"name": "a", "image": "b", "readOnlyRootFilesystem": true}]'},
            'Unknown parameter in containerDefinitions[0]: "readOnlyRootFilesystem"',
        ),
        (
            ("aws:appautoscaling/target:Target", "audio-scaling"),
            {"maxCapacity": None, "serviceNamespace": "fargate"},
            "ServiceNamespace: 'fargate' is none of",
        ),
        (
            ("aws:lb/targetGroup:TargetGroup", "audio-target"),
            {"healthCheck": {"interval": 1.0}},
            "HealthCheckIntervalSeconds: 1 is less than 5",
        ),
        (
            ("aws:lb/listenerRule:ListenerRule", "audio-rule-all"),
            {"priority": 50001.0},
            "Priority: 50001 is more than 50000",
        ),
        (
            ("aws:cloudwatch/eventTarget:EventTarget", "audio-worker-uploads-target"),
            {"retryPolicy": {"maximumRetryAttempts": 186.0}},
            "MaximumRetryAttempts: 186 is more than 185",
        ),
        (
            ("aws:s3/vectorsIndex:VectorsIndex", "nova-vectors-index"),
            {"dimension": 4097.0},
            "dimension: 4097 is more than 4096",
        ),
        (
            ("aws:kms/key:Key", "nova-keys-tables"),
            {"deletionWindowInDays": 400.0},
            "PendingWindowInDays: 400 is more than 365",
        ),
    ],
)
def test_a_request_that_aws_refuses_is_found(
    resource: tuple[str, str], inputs: dict[str, Any], problem: str
) -> None:
    found = requests.findings(changed(*resource, inputs))
    assert any(problem in finding for finding in found), found


def test_a_missing_member_is_found() -> None:
    (found,) = requests.findings(changed("aws:iam/role:Role", "audio-task-role", {"assumeRolePolicy": None}))
    assert found == 'Missing required parameter in input: "AssumeRolePolicyDocument"'


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"[\p{L}\p{N}_]+", "abc_1", True),
        (r"[\p{L}\p{N}_]+", "abc-1", False),
        (r"\p{L}[\p{P}]*", "a.]", True),
        (r"[\w-_]*", "a-b_c", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\N{PILE OF POO}\n", True),
        ("^(?!x|(?i)aws).*$", "AWS-tag", False),
        (".*", "two\nlines", True),
        ("ab", "cab", False),
    ],
)
def test_patterns_mean_what_they_mean_in_the_models(pattern: str, text: str, fits: bool) -> None:
    assert (shapes.compiled(pattern).fullmatch(text) is not None) == fits
