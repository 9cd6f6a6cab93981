"""What may be granted, where no stack grants it: forms that other programs write."""

import json
import subprocess
import sys
from typing import Any

import pytest
from nova_policy.authorization import fits, known_action, matching

from tests.policy.test_allowed import messages, one

POLICY = "aws:iam/policy:Policy"
ROLES = "arn:aws:iam::123456789012:role/shop/*"
TO_TASKS = {"StringLike": {"iam:PassedToService": "ecs-*.amazonaws.com"}}
BOUNDED = {"ArnLike": {"IAM:permissionsBoundary": "arn:aws:iam::123456789012:policy/limit"}}
ROLE_ACTIONS = ["iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy"]


def said(rule: str, action: Any, resource: Any, **further: Any) -> list[str]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource} | further
    return messages(rule, one(POLICY, "operators", policy=json.dumps({"Statement": statement})))


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        (["s3:ListBucket", "s3:GetObject"], ["arn:aws:s3:::files", "arn:aws:s3:::files/*"]),
        ("s3:GetObject", "arn:aws:s3:::home-${aws:username}/*"),
        ("s3:GetObject", "arn:aws:s3:::file?/a"),
        ("sqs:SendMessage", "arn:aws-cn:sqs:cn-north-1:123456789012:queue"),
        ("iam:GetPolicy", "arn:aws:iam::123456789012:policy/shop/limit"),
        ("s3:Get*", "arn:aws:s3:::files/*"),
        ("*:*", "*"),
    ],
)
def test_what_aws_authorizes_has_an_effect(action: Any, resource: Any) -> None:
    assert said("iam-policy-actions", action, resource) == []


def test_each_part_that_has_no_effect_is_told() -> None:
    files = ["arn:aws:s3:::files", "arn:aws:sqs:us-east-1:123456789012:queue"]
    assert said("iam-policy-actions", ["s3:ListBucket", "s3:GetObject", "s3:Gett"], files) == [
        "statement 1: its action 3 is none that AWS has",
        "statement 1: s3:GetObject is authorized on nothing that it names",
        "statement 1: none of its actions is authorized on its resource 2",
    ]


def test_what_has_no_resource_level_is_allowed_on_everything() -> None:
    assert said("iam-policy-wildcards", "ecr:GetAuthorizationToken", "*") == []
    assert said("iam-policy-wildcards", ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"], "*") == [
        "statement 1 allows ecr:BatchGetImage on every resource"
    ]


def test_everything_may_be_denied() -> None:
    for rule in ("iam-policy-wildcards", "iam-policy-escalation"):
        assert said(rule, "*", "*", Effect="Deny") == []


@pytest.mark.parametrize(
    ("action", "resource", "condition"),
    [
        (ROLE_ACTIONS, ROLES, BOUNDED),
        (ROLE_ACTIONS, "*", BOUNDED),
        ("iam:UpdateAssumeRolePolicy", ROLES, {}),
        ("iam:CreateAccessKey", "arn:aws:iam::123456789012:user/${aws:username}", {}),
        ("sts:AssumeRole", "arn:aws:iam::*:role/readers", {}),
        ("iam:PassRole", ROLES, TO_TASKS),
    ],
)
def test_what_is_bounded_is_no_escalation(action: Any, resource: str, condition: Any) -> None:
    assert said("iam-policy-escalation", action, resource, Condition=condition) == []


@pytest.mark.parametrize(
    ("operator", "value"),
    [("StringNotEquals", "arn:a"), ("StringLike", "*"), ("Null", "false"), ("ArnEqualsIfExists", "arn:a")],
)
def test_a_condition_that_asks_for_no_certain_boundary_is_no_limit(operator: str, value: str) -> None:
    condition = {operator: {"iam:PermissionsBoundary": value}}
    assert said("iam-policy-escalation", "iam:PutRolePolicy", ROLES, Condition=condition) == [
        "statement 1 allows iam:PutRolePolicy"
    ]


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:iam::*:*", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role*"]
)
def test_what_begins_with_a_star_is_not_named(resource: str) -> None:
    assert said("iam-policy-escalation", "sts:AssumeRole", resource) == ["statement 1 allows sts:AssumeRole"]


def test_all_but_some_resources_are_not_named() -> None:
    assert said("iam-policy-escalation", "sts:AssumeRole", None, NotResource=ROLES) != []


def test_the_reference_is_asked_by_the_names_that_aws_writes() -> None:
    assert known_action("sqs:SendMessage") is not None
    assert known_action("sqs:sendmessage") is known_action("sqs:Sendmessages") is None
    assert matching("sqs:Send*") == {"sqs:SendMessage"}
    assert matching("sqs:Sent*") == matching("sqs4:*") == frozenset()
    assert fits("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}", ROLES)
    assert not fits("arn:${Partition}:sqs:${Region}:${Account}:${QueueName}", ROLES)


def test_the_reference_is_read_when_a_rule_asks() -> None:
    """Megabytes: who lists the rules, or starts a pack, does not wait for them."""
    asked = (
        "import sys, nova_policy.pack, nova_policy.registry as r; r.all_rules(); "
        "print('policy_sentry' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
