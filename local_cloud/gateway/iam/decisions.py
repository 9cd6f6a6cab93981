"""Decides what one request needs: who asks, with which policies and limits, under which circumstances.

MiniStack resolves credentials, checks signatures and gathers policies (core/iam_evaluator.py); the
statements are read and matched by iam_policies.
"""

import importlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam import policies as iam_policies
from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.iam.policies import Caller, Decision, Layer, Question, Statement
from local_cloud.gateway.iam.requests import Keys, Need

POLICY_REQUIRED = frozenset(("kms",))
"""Services whose resource policy has to allow even within its own account."""
SESSION = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.*")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what its policies say."""

    caller: Caller
    keys: Keys
    identity: tuple[Statement, ...]
    limits: tuple[Layer, ...]

    @property
    def administrator(self) -> bool:
        """Whether everything is allowed to it."""
        return iam_policies.is_administrator(self.identity, self.limits)


def evaluator() -> Any:  # noqa: ANN401 (a MiniStack module)
    """Return MiniStack's evaluator."""
    return importlib.import_module("ministack.core.iam_evaluator")


def caller_of(arn: str, account: str) -> Caller:
    """Return a caller by the ARN of a user, a role's session or a root."""
    session = SESSION.fullmatch(arn)
    return Caller(arn, account, iam_state.identity_arn("role", session[2]) if session else "")


def circumstances(caller: Caller, region: str) -> Keys:
    """Return the global condition keys of a request (IAM user guide, "Global condition context keys")."""
    address, secure = evaluator()._request_origin.get()
    now = time.time()
    keys: Keys = {
        "aws:principalarn": caller.role_arn or caller.arn,
        "aws:principalaccount": caller.account,
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        "aws:requestedregion": region,
        "aws:sourceip": address,
        "aws:securetransport": "true" if secure else "false",
        "aws:currenttime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now)),
    }
    return keys


def principal_of(resolved: Any, region: str) -> Principal:  # noqa: ANN401 (MiniStack's PrincipalInfo)
    """Return a principal as MiniStack resolved it; its policies were parsed by `iam_policies.parse`."""
    caller = caller_of(resolved.arn, resolved.account)
    keys = circumstances(caller, region)
    keys["aws:principaltype"] = "Account" if resolved.type == "Root" else resolved.type
    keys |= {name: value for name, value in resolved.keys.items() if value is not None}
    identity = tuple(statement for document in resolved.policies for statement in document)
    return Principal(caller, keys, identity, tuple(resolved.limits))


def _resource_keys(need: Need, statements: Iterable[Statement], account: str) -> Keys:
    """Return the condition keys that describe the resource; tags only where a policy asks for them."""
    owner = [*need.resource.split(":"), "", "", "", "", ""][4]
    keys: Keys = {"aws:resourceaccount": owner or account, "s3:resourceaccount": owner or account}
    if iam_policies.asks_for(statements, "aws:resourcetag/"):
        tags = iam_state.resource_tags(need.resource)
        keys |= {f"aws:resourcetag/{name}".lower(): value for name, value in tags.items()}
    return keys


def decide(principal: Principal, need: Need, request: Mapping[str, str | list[str]]) -> Decision:
    """Decide one need; `request` are condition keys that all needs of the request share."""
    namespace = need.action.partition(":")[0]
    found = iam_state.resource_policy(namespace, need.resource)
    document, owner = found or (None, ACCOUNT)
    resource = iam_policies.parse(document)
    keys: Keys = {
        **principal.keys,
        **_resource_keys(need, (*principal.identity, *resource), principal.caller.account),
        **request,
        **need.keys,
    }
    return iam_policies.decide(
        Question(principal.caller, need.action, need.resource, keys),
        principal.identity,
        principal.limits,
        resource,
        same_account=owner == principal.caller.account,
        policy_required=found is not None and namespace in POLICY_REQUIRED,
    )


def service_may(
    service: str, action: str, resource: str, policy: str | Document | None, keys: Keys, region: str
) -> bool:
    """Whether a resource policy (or trust policy) lets an AWS service act."""
    caller = Caller("", "", service=service)
    around = circumstances(caller, region) | {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:securetransport": "true",
    }
    del around["aws:principalarn"], around["aws:principalaccount"]
    question = Question(caller, action, resource, around | keys)
    verdict = iam_policies.ask_resource(iam_policies.parse(policy), question)
    return not verdict.denied and bool(verdict.allowed_as)
