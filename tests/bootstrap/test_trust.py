"""Who takes on the roles of pipelines: jobs of one repository, each in its environment, and nobody else."""

import json

import pytest

from evaluation.answers import ACCOUNT_ID
from evaluation.program import Deployment
from tests.bootstrap.account import REPOSITORY, account_stack, trusts, usual

PROVIDER = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
MAIN = "refs/heads/main"
ROLE = "aws:iam/role:Role"


def trust_of(role: str, deployment: Deployment | None = None) -> str:
    return (deployment or usual()).one(ROLE, f"pipelines-{role}-role").inputs["assumeRolePolicy"]


def job(environment: str, repository: str = REPOSITORY, **claims: str) -> dict[str, str]:
    """The claims of a job of ``repository`` in ``environment``, run from main."""
    return {"aud": AUDIENCE, "sub": f"repo:{repository}:environment:{environment}", "ref": MAIN} | claims


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_job_in_an_environment_takes_on_its_role(environment: str) -> None:
    assert trusts(trust_of(f"deploy-{environment}"), PROVIDER, **job(environment))


def test_a_pull_requests_job_takes_on_the_preview_role_from_any_ref() -> None:
    assert trusts(trust_of("preview"), PROVIDER, **job("preview", ref="refs/pull/7/merge"))


@pytest.mark.parametrize(
    "claims",
    [
        job("prod", aud="https://github.com/example"),
        job("prod", "fork/platform"),
        job("prod", "example/platform-fork"),
        job("prod", "example/other"),
        job("dev"),
        job("production"),
        job("preview"),
        job("prod", ref="refs/heads/feature"),
        job("prod", ref="refs/pull/7/merge"),
        job("prod", sub=f"repo:{REPOSITORY}:pull_request"),
        job("prod", sub=f"repo:{REPOSITORY}:ref:{MAIN}"),
        job("prod", sub=f"repo:{REPOSITORY}:ref:refs/heads/environment:prod"),
        job("prod", sub="repo:example@1/platform@2:environment:prod"),
        job("prod", sub=f"REPO:{REPOSITORY}:ENVIRONMENT:PROD"),
        {"aud": AUDIENCE, "ref": MAIN},
        {},
    ],
    ids=lambda claims: claims.get("sub", "no subject"),
)
@pytest.mark.parametrize("role", ["deploy-prod"])
def test_nobody_else_takes_on_a_deploy_role(role: str, claims: dict[str, str]) -> None:
    assert not trusts(trust_of(role), PROVIDER, **claims)


@pytest.mark.parametrize("sub", [f"repo:{REPOSITORY}:pull_request", "repo:fork/platform:environment:preview"])
def test_a_pull_request_outside_the_environment_previews_nothing(sub: str) -> None:
    assert not trusts(trust_of("preview"), PROVIDER, **job("preview", sub=sub))


def test_another_provider_vouches_for_nobody() -> None:
    other = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/gitlab.com"
    assert not trusts(trust_of("deploy-dev"), other, **job("dev"))


def test_no_subject_is_a_pattern() -> None:
    for role in usual().of_type(ROLE):
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        if "Federated" in statement["Principal"]:
            assert set(statement["Condition"]) == {"StringEquals"}
            assert not {"*", "?"} & set(json.dumps(statement["Condition"]))


def test_ids_in_the_repositorys_name_are_demanded() -> None:
    named = account_stack(repository="example@1/platform@2")
    assert trusts(trust_of("deploy-dev", named), PROVIDER, **job("dev", "example@1/platform@2"))
    assert not trusts(trust_of("deploy-dev", named), PROVIDER, **job("dev", "example/platform"))
    assert not trusts(trust_of("deploy-dev", named), PROVIDER, **job("dev", "example@1/platform@3"))


def test_without_a_ref_the_environment_alone_decides() -> None:
    free = account_stack(repository=REPOSITORY, deployRef="")
    assert trusts(trust_of("deploy-dev", free), PROVIDER, **job("dev", ref="refs/tags/v1"))


def test_the_accounts_own_provider_is_used_where_there_is_one() -> None:
    given = account_stack(repository=REPOSITORY, githubProvider=PROVIDER)
    assert given.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == []
    assert trusts(trust_of("deploy-dev", given), PROVIDER, **job("dev"))


def test_the_provider_is_githubs_for_aws() -> None:
    (provider,) = usual().of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider.inputs["url"] == "https://token.actions.githubusercontent.com"
    assert provider.inputs["clientIdLists"] == [AUDIENCE]
    assert "thumbprintLists" not in provider.inputs


def test_without_a_repository_nobody_is_trusted() -> None:
    alone = account_stack()
    assert alone.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == []
    assert not [role for role in alone.of_type(ROLE) if role.name.startswith("pipelines-")]
    assert alone.one("aws:iam/policy:Policy", "pipelines-boundary")
