"""IAM policy documents as typed values (pure: no resource is created here)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from ..json_text import json_text
from .unrestricted import UNRESTRICTED_ACTIONS

POLICY_VERSION = "2012-10-17"
"""The only version of the policy language that knows variables; AWS has had no newer one since."""

type Conditions = Mapping[str, Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]]]
"""Operator to condition key to value or values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of an identity policy: ``actions`` on ``resources``, under ``conditions``.

    Raises ``ValueError`` for a wildcard action, and for the resource ``*`` with an action that has resources.
    """

    sid: str
    """Alphanumeric, unique in its document."""
    actions: tuple[str, ...]
    resources: tuple[pulumi.Input[str], ...]
    conditions: Conditions = field(default_factory=dict[str, dict[str, str]])
    region: str | None = None
    """Where the actions are called, if not in the stack's own region; no part of the policy."""

    def __post_init__(self) -> None:
        """Refuse what is wider than a reader would think."""
        for action in self.actions:
            if action == "*" or action.endswith(":*"):
                raise ValueError(f"{self.sid}: action {action} is not allowed; name the actions")
        if "*" in [resource for resource in self.resources if isinstance(resource, str)]:
            for action in self.actions:
                if action not in UNRESTRICTED_ACTIONS:
                    raise ValueError(f"{self.sid}: {action} on * is not allowed; name its resources")

    def render(self) -> dict[str, object]:
        """Return the statement as JSON, apart from its outputs."""
        return _rendered(self.sid, "Allow", self.actions, self.resources, self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceStatement:
    """One statement of a resource policy: what ``principals`` may, or must not, do to ``resources``."""

    sid: str
    effect: Literal["Allow", "Deny"]
    principals: Mapping[Literal["AWS", "Service"], pulumi.Input[str] | Sequence[pulumi.Input[str]]]
    actions: tuple[str, ...]
    resources: tuple[pulumi.Input[str], ...]
    """Empty where the policy knows only what it is attached to, as a registry's repository does."""
    conditions: Conditions = field(default_factory=dict[str, dict[str, str]])

    def render(self) -> dict[str, object]:
        """Return the statement as JSON, apart from its outputs."""
        rendered = _rendered(self.sid, self.effect, self.actions, self.resources, self.conditions)
        return {**rendered, "Principal": dict(self.principals)}


def document(statements: Sequence[Statement | ResourceStatement]) -> pulumi.Output[str]:
    """Return the policy document of ``statements``, as JSON text."""
    return json_text(
        {"Version": POLICY_VERSION, "Statement": [statement.render() for statement in statements]}
    )


def trust(service: str, conditions: Conditions) -> pulumi.Output[str]:
    """Return the trust policy of a role that only the AWS service ``service`` assumes."""
    statement: dict[str, object] = {
        "Sid": "AssumedByService",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
    }
    if conditions:
        statement["Condition"] = {operator: dict(values) for operator, values in conditions.items()}
    return json_text({"Version": POLICY_VERSION, "Statement": [statement]})


def deny_plain_transport(
    actions: tuple[str, ...], resources: tuple[pulumi.Input[str], ...]
) -> ResourceStatement:
    """Refuse ``actions`` to everybody who does not come over TLS."""
    return ResourceStatement(
        sid="DenyPlainTransport",
        effect="Deny",
        principals={"AWS": "*"},
        actions=actions,
        resources=resources,
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _rendered(
    sid: str,
    effect: str,
    actions: tuple[str, ...],
    resources: tuple[pulumi.Input[str], ...],
    conditions: Conditions,
) -> dict[str, object]:
    statement: dict[str, object] = {
        "Sid": sid,
        "Effect": effect,
        "Action": list(actions),
    }
    if resources:
        statement["Resource"] = list(resources)
    if conditions:
        statement["Condition"] = {operator: dict(values) for operator, values in conditions.items()}
    return statement
