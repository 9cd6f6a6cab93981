"""Reads the policy documents that a deployment declares."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.infra.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One statement of one role's policy."""

    role: str
    """The policy's name."""
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, Any]


def granted(deployment: Deployment, policy: str | None = None) -> Iterator[Granted]:
    """The statements of all roles, or of the role policy ``policy``."""
    for resource in deployment.of_type("aws:iam/rolePolicy:RolePolicy"):
        if policy is not None and resource.name != policy:
            continue
        for statement in json.loads(resource.inputs["policy"])["Statement"]:
            yield Granted(
                role=resource.name,
                sid=statement["Sid"],
                effect=statement["Effect"],
                actions=tuple(statement["Action"]),
                resources=tuple(statement["Resource"]),
                conditions=statement.get("Condition", {}),
            )


def actions_on(deployment: Deployment, policy: str, resource: str) -> set[str]:
    """What the role policy ``policy`` allows on exactly the ARN ``resource``."""
    return {
        action
        for statement in granted(deployment, policy)
        if resource in statement.resources
        for action in statement.actions
    }


def statements(document: str) -> list[dict[str, Any]]:
    """The statements of a resource's policy."""
    return json.loads(document)["Statement"]
