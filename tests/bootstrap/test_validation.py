"""The account stack is held to what the platform is: provider's schema, AWS's models, known grants."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from components.access.unrestricted import UNRESTRICTED_ACTIONS
from evaluation.program import Deployment
from tests.bootstrap.account import REPOSITORY, account_stack, usual
from tests.bootstrap.requests import ACCOUNT_MAPPED
from tests.infra import grants, requests, schema

UNLISTED = {
    "arn:aws:apigateway:*::/account": "a resource type of API Gateway that the reference gives no action for"
}
"""ARNs that exist although the reference authorizes nothing on them, with the reason."""
KINDS_OF_STACK = ("first region", "further region", "everything on")
ISSUER = "token.actions.githubusercontent.com"
CLAIMS = frozenset({"aud", "sub", "ref"})
"""What STS compares of GitHub's tokens; ref since January 2026 (AWS, "What's new", STS)."""
ENVELOPES = {
    "pipelines-boundary": "the most that a role of the platform can be granted; it grants nothing",
    "pipelines-deploy-dev-policy": "makes and removes whatever the program declares, within the boundary",
    "pipelines-deploy-prod-policy": "the same for production",
}
"""Documents that may name whole services, with the reason."""


@cache
def account(kind: str) -> Deployment:
    match kind:
        case "first region":
            return usual()
        case "further region":
            return account_stack(repository=REPOSITORY, home=False, region="eu-west-1")
        case _:
            return account_stack(
                repository=REPOSITORY,
                costTags=["project", "stack"],
                logModelTexts=True,
                logModelCalls=True,
                inspectImages=True,
            )


@pytest.fixture(params=KINDS_OF_STACK)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """Each kind of account stack in turn."""
    return account(request.param)


def statements(deployment: Deployment) -> Iterator[tuple[grants.Document, dict[str, Any]]]:
    for document in grants.documents(deployment):
        for statement in document.statements:
            yield document, dict(statement)


def test_every_input_is_one_that_the_provider_knows(deployment: Deployment) -> None:
    assert schema.mistakes(deployment) == {}


def test_every_request_is_one_that_aws_accepts(deployment: Deployment) -> None:
    found: dict[str, list[str]] = {}
    for resource in schema.provided(deployment):
        if resource.type.startswith("pulumi:") or resource.type in requests.UNMAPPED:
            continue
        assert resource.type in ACCOUNT_MAPPED, f"map {resource.type} in tests/bootstrap/requests.py"
        if problems := requests.findings(resource, ACCOUNT_MAPPED[resource.type]):
            found[f"{resource.type} {resource.name}"] = problems
    assert found == {}


@pytest.mark.parametrize(
    ("kind", "name", "inputs", "problem"),
    [
        (
            "aws:xray/traceSegmentDestination:TraceSegmentDestination",
            "region-traces",
            {"destination": "Logs"},
            "'Logs' is none of XRay, CloudWatchLogs",
        ),
        ("aws:kms/alias:Alias", "state-alias", {"name": "state key"}, "does not match"),
        (
            "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
            "account-public-access-block",
            {"blockEverything": True},
            "no request takes",
        ),
        ("aws:iam/policy:Policy", "pipelines-boundary", {"path": "nova"}, "Path: 'nova' does not match"),
        (
            "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
            "region-scanning",
            {"scanType": "DEEP"},
            "'DEEP' is none of",
        ),
        ("aws:ssm/parameter:Parameter", "state-address", {"type": None}, ""),
    ],
)
def test_a_request_that_aws_refuses_is_found(
    kind: str, name: str, inputs: dict[str, Any], problem: str
) -> None:
    resource = usual().one(kind, name)
    assert requests.findings(resource, ACCOUNT_MAPPED[kind]) == []
    merged = {key: value for key, value in {**resource.inputs, **inputs}.items() if value is not None}
    found = requests.findings(replace(resource, inputs=merged), ACCOUNT_MAPPED[kind])
    assert any(problem in text for text in found) or not problem, found


def test_every_grant_is_what_aws_knows(deployment: Deployment) -> None:
    found = {
        f"{document.owner.name}: {statement.get('Sid')}": problems
        for document, statement in statements(deployment)
        if document.owner.name not in ENVELOPES
        if (problems := list(grants.problems(without_claims(statement), document.kind)))
    }
    assert found == {}


def test_what_names_whole_services_names_what_exists(deployment: Deployment) -> None:
    found = {
        f"{document.owner.name}: {statement.get('Sid')}": problems
        for document, statement in statements(deployment)
        if document.owner.name in ENVELOPES and document.kind == "identity"
        if not set(grants.as_list(statement["Resource"])) <= UNLISTED.keys()
        if (problems := list(grants.envelope_problems(statement)))
    }
    assert found == {}


def test_every_envelope_is_there_and_has_a_reason() -> None:
    owners = {document.owner.name for document, _ in statements(usual())}
    assert owners >= ENVELOPES.keys()
    assert all(len(reason) > 20 for reason in (*ENVELOPES.values(), *UNLISTED.values()))
    used = {arn for _, found in statements(usual()) for arn in grants.as_list(found.get("Resource", []))}
    assert used >= UNLISTED.keys()


def test_only_what_has_no_resource_level_is_unrestricted(deployment: Deployment) -> None:
    for document, statement in statements(deployment):
        if document.kind != "identity" or document.owner.name in ENVELOPES:
            continue
        if grants.ANY in grants.as_list(statement["Resource"]):
            for action in grants.as_list(statement["Action"]):
                known = grants.known_action(action)
                assert known is not None, action
                assert not known.shapes or action in UNRESTRICTED_ACTIONS, f"{document.owner.name}: {action}"


def without_claims(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement without conditions on claims that STS compares; they are no condition keys of an action."""
    if "Federated" not in statement.get("Principal", {}):
        return statement
    known = {f"{ISSUER}:{claim}" for claim in CLAIMS}
    conditions = {
        operator: {key: value for key, value in keys.items() if key not in known}
        for operator, keys in statement["Condition"].items()
    }
    return {**statement, "Condition": conditions}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Action": ["s4:*"], "Resource": ["*"]}, "s4:* is no action"),
        ({"Action": ["s3:Frobnicate*"], "Resource": ["*"]}, "s3:Frobnicate* is no action"),
        ({"NotAction": ["kms:Decript"], "Resource": ["*"]}, "kms:Decript is no action"),
        ({"Action": ["s3:*"], "Resource": ["arn:aws:dynamodb:eu-west-1:1:table/t"]}, "is authorized on"),
        ({"Action": ["iam:List*"], "Resource": ["arn:aws:iam::1:rolle/x"]}, "is authorized on"),
        (
            {"Action": ["iam:*"], "Resource": ["*"], "Condition": {"StringEquals": {"iam:Boundary": "x"}}},
            "knows the condition key iam:Boundary",
        ),
        (
            {"Action": ["iam:*"], "Resource": ["*"], "Condition": {"Equals": {"aws:SourceVpc": "x"}}},
            "Equals is no condition operator",
        ),
    ],
)
def test_an_envelope_that_holds_nothing_is_found(statement: dict[str, Any], problem: str) -> None:
    assert any(problem in text for text in grants.envelope_problems({"Effect": "Allow", **statement}))


def test_an_envelope_that_holds_something_passes() -> None:
    boundary = {"StringEquals": {"iam:PermissionsBoundary": "x", "aws:RequestedRegion": "eu-west-1"}}
    statement = {"Action": ["iam:Put*"], "Resource": ["arn:aws:iam::1:role/nova/*"], "Condition": boundary}
    assert list(grants.envelope_problems({"Effect": "Allow", **statement})) == []
