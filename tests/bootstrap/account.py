"""Runs the program of the account stack against the recorder, and asks its policies as AWS would."""

import json
import runpy
from functools import cache
from typing import Any

from evaluation.answers import ACCOUNT_ID
from evaluation.program import ROOT, Deployment, run
from local_cloud.gateway.iam.policies import Caller, Question, ask_resource, decide, parse
from settings.project import project_schema
from tests.shared import computed_once

FOLDER = ROOT / "bootstrap"
PROJECT = "nova-account"
STACK = f"{ACCOUNT_ID}-us-east-1"
REPOSITORY = "example/platform"
BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/nova-boundary"
STATE_BUCKET = "arn:aws:s3:::state-bucket-0000000"
STATE_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/state-key"


def account_config(**overrides: object) -> dict[str, str]:
    """The configuration of a stack that sets nothing but ``overrides``, in the engine's text form."""
    schema = project_schema(FOLDER)
    values = {key: declared.default for key, declared in schema.config.items()} | {
        f"{PROJECT}:{key}": value for key, value in overrides.items()
    }
    return {key: _text(value) for key, value in values.items()}


def account_stack(preview: bool = False, **overrides: object) -> Deployment:
    """What the account stack registers with these settings."""

    def program() -> None:
        runpy.run_path(str(FOLDER / "__main__.py"), run_name="__main__")

    return run(program, PROJECT, STACK, account_config(**overrides), preview, FOLDER)


@cache
def usual() -> Deployment:
    """The account stack of a team that deploys with GitHub, kept, as deployments are never changed."""
    return computed_once("the usual account stack", lambda: account_stack(repository=REPOSITORY))


def policy_of(role: str, deployment: Deployment | None = None) -> str:
    """The inline policy of a role by the role's label."""
    return (deployment or usual()).one("aws:iam/rolePolicy:RolePolicy", f"{role}-policy").inputs["policy"]


def boundary() -> str:
    """The boundary's document."""
    return usual().one("aws:iam/policy:Policy", "pipelines-boundary").inputs["policy"]


def may(
    policy: str, action: str, resource: str = "*", limit: str | None = None, **keys: str | list[str]
) -> bool:
    """Whether ``policy``, within ``limit``, allows ``action``; in condition keys ``__`` stands for ``:``."""
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/nova-account/any"
    known = {"aws:requestedregion": "us-east-1"} | {
        key.replace("__", ":").replace("_slash_", "/").lower(): value for key, value in keys.items()
    }
    question = Question(Caller(f"{role}-session", ACCOUNT_ID, role), action, resource, known)
    limits = [] if limit is None else [("permissions boundary", parse(limit))]
    return decide(question, parse(policy), limits, None).allowed


def trusts(policy: str, provider: str, **claims: str) -> bool:
    """Whether a trust policy lets somebody in with these claims of a token that ``provider`` vouches for."""
    caller = Caller("", "", provider=provider)
    known: dict[str, str | list[str]] = {
        f"token.actions.githubusercontent.com:{claim}".lower(): value for claim, value in claims.items()
    }
    question = Question(caller, "sts:AssumeRoleWithWebIdentity", "", known)
    verdict = ask_resource(parse(_for_any_resource(policy)), question)
    return bool(verdict.allowed_as) and not verdict.denied


def _for_any_resource(policy: str) -> str:
    # A trust policy names no resource: it is that of its role.
    document = json.loads(policy)
    statements = [{**statement, "Resource": "*"} for statement in document["Statement"]]
    return json.dumps({**document, "Statement": statements})


def _text(value: Any) -> str:  # noqa: ANN401 (any setting)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
