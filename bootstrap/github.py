"""Whom GitHub vouches for, and which of them a role trusts (pure, no resources).

GitHub signs a token for a job; its subject names the repository and, where the job runs in an environment,
the environment. A fork's workflow has the fork in its subject, and a pull request from a fork gets no token
at all (GitHub, "OpenID Connect reference").
"""

import re

import pulumi

from components.access.statements import POLICY_VERSION
from components.json_text import json_text

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
"""The audience that ``aws-actions/configure-aws-credentials`` asks for."""

_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})"
_NAME = r"[A-Za-z0-9._-]{1,100}"
# Since 2026-07-15 tokens of new repositories name owner and repository with their ids, so that nobody who
# takes over a freed name is trusted (GitHub, "Immutable subject claims").
_REPOSITORY = re.compile(rf"{_OWNER}/{_NAME}|{_OWNER}@[0-9]+/{_NAME}@[0-9]+")
_REF = re.compile(r"refs/(?:heads|tags)/[A-Za-z0-9._/-]+")


def check_repository(repository: str) -> None:
    """Raise ``ValueError`` for what is no repository as a token's subject names one."""
    if _REPOSITORY.fullmatch(repository) is None:
        raise ValueError(
            "it is owner/name, or owner@id/name@id with both ids, as `gh api repos/owner/name` gives"
        )


def check_ref(ref: str) -> None:
    """Raise ``ValueError`` for what is no full name of a branch or tag."""
    if _REF.fullmatch(ref) is None:
        raise ValueError("it is the full name of a branch or tag, such as refs/heads/main")


def subject(repository: str, environment: str) -> str:
    """Return the subject of tokens for jobs of ``repository`` that run in ``environment``."""
    return f"repo:{repository}:environment:{environment}"


def trust_jobs(provider_arn: pulumi.Input[str], subjects: list[str], ref: str) -> pulumi.Output[str]:
    """Return the trust policy of a role for the jobs with one of ``subjects``, run from ``ref`` if given."""
    claims: dict[str, str | list[str]] = {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subjects}
    if ref:
        # STS compares this claim since January 2026; an environment's own branch rules stand before it.
        claims[f"{ISSUER}:ref"] = ref
    statement = {
        "Sid": "AssumedByJobs",
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider_arn},
        "Condition": {"StringEquals": claims},
    }
    return json_text({"Version": POLICY_VERSION, "Statement": [statement]})
