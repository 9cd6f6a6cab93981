"""Rules about IAM: what roles, users and groups may do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from nova_policy.authorization import ANY, fits, is_pattern, known_action, matching
from nova_policy.documents import Statement, statements
from nova_policy.graph import Resource
from nova_policy.rule import Options, Severity, resource_rule
from nova_policy.values import at, each

ROLE = "aws:iam/role:Role"
POLICIES = (
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/policy:Policy",
    ROLE,
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
)
"""What holds grants to whoever has it."""

_GIVES_RIGHTS = (
    "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary", "iam:PutUserPolicy",
)  # fmt: skip
"""What gives rights to an identity, where IAM can ask for the boundary of that one."""
_UNBOUNDS = ("iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary")
_TAKES_OVER = (
    "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion", "iam:PutGroupPolicy", "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy", "iam:UpdateLoginProfile", "sts:AssumeRole",
)  # fmt: skip
"""What makes the rights of an identity one's own, or changes a document that others are given."""
_HAND_OVER = "iam:PassRole"
_DEMANDS = frozenset({"ArnEquals", "ArnLike", "StringEquals", "StringEqualsIgnoreCase", "StringLike"})
"""Operators of conditions that are not met where the key is missing."""


def _grants(resource: Resource) -> Iterator[tuple[str, Statement]]:
    """Yield each statement with what people call it."""
    if resource.type == ROLE:
        documents = [at(policy, "policy") for policy in each(resource.at("inlinePolicies"))]
    else:
        documents = [resource.at("policy")]
    found = chain.from_iterable(map(statements, documents))
    yield from ((f"statement {number}", statement) for number, statement in enumerate(found, start=1))


@resource_rule(
    "iam-policy-actions",
    severity=Severity.HIGH,
    types=POLICIES,
    controls=(60,),
    description="A policy names actions that AWS has, on resources that they are authorized on.",
    remediation="Compare the statement with AWS's Service Authorization Reference.",
)
def actions(policy: Resource, _options: Options) -> Iterable[str]:
    """Refuse what has no effect: nobody sees it before a call is refused, or is not."""
    for label, statement in _grants(policy):
        names = (*statement.actions, *statement.not_actions)
        for number, name in enumerate(names, start=1):
            if not matching(name):
                yield f"{label}: its action {number} is none that AWS has"
        if statement.actions and not any(map(is_pattern, statement.actions)):
            yield from (f"{label}: {said}" for said in _void(statement.actions, statement.resources))


def _void(names: Sequence[str], resources: Sequence[str]) -> Iterator[str]:
    """Say which actions and which resources meet nothing of each other."""
    shapes = {name: known.shapes for name in names if (known := known_action(name)) is not None}
    if ANY in resources or not resources or not shapes:
        return
    for name, own in shapes.items():
        if not any(fits(shape, resource) for shape in own for resource in resources):
            yield f"{name} is authorized on nothing that it names"
    every = frozenset[str]().union(*shapes.values())
    for number, resource in enumerate(resources, start=1):
        if every and not any(fits(shape, resource) for shape in every):
            yield f"none of its actions is authorized on its resource {number}"


@resource_rule(
    "iam-policy-wildcards",
    severity=Severity.MEDIUM,
    types=POLICIES,
    controls=(61,),
    references=("IAM.21",),
    description="A policy names its actions, and its resources where AWS knows any.",
    remediation="List the actions, and the ARNs that they are for.",
)
def wildcards(policy: Resource, _options: Options) -> Iterable[str]:
    """Leave out denials, and actions that AWS authorizes on nothing in particular."""
    for label, statement in _grants(policy):
        if not statement.allows:
            continue
        if statement.not_actions or any(map(is_pattern, statement.actions)):
            yield f"{label} allows actions by a pattern"
        if ANY in statement.resources or statement.not_resources:
            for action in statement.actions:
                known = None if is_pattern(action) else known_action(action)
                if known is not None and known.shapes:
                    yield f"{label} allows {action} on every resource"


@resource_rule(
    "iam-policy-escalation",
    severity=Severity.HIGH,
    types=POLICIES,
    controls=(62,),
    references=("IAM.1",),
    description="Nobody can give more rights to themselves than they have been given.",
    remediation="Ask for a permissions boundary by a condition on iam:PermissionsBoundary, name roles by a "
    "path of their own, and give iam:PassRole a condition on iam:PassedToService.",
)
def escalation(policy: Resource, _options: Options) -> Iterable[str]:
    """Take for a limit: a boundary that is asked for, or resources of which a part of the name is given."""
    for label, statement in _grants(policy):
        if not statement.allows:
            continue
        bounded = _demands(statement.conditions, "iam:permissionsboundary")
        named = not statement.not_resources and all(map(_is_named, statement.resources))
        passed = _demands(statement.conditions, "iam:passedtoservice")
        refused = [
            *(() if bounded else _GIVES_RIGHTS),
            *_UNBOUNDS,
            *(() if bounded or named else _TAKES_OVER),
        ]
        yield from (f"{label} allows {action}" for action in refused if statement.is_about(action))
        if statement.is_about(_HAND_OVER) and not (passed and named):
            yield f"{label} lets roles be handed to any service, or any role to one"


def _demands(conditions: Mapping[str, Mapping[str, Sequence[str]]], key: str) -> bool:
    """Whether a condition asks for some value of ``key``, and is not met without one."""
    return any(
        name.lower() == key and ANY not in values
        for operator, keys in conditions.items()
        if operator.removeprefix("ForAnyValue:") in _DEMANDS
        for name, values in keys.items()
    )


def _is_named(resource: str) -> bool:
    """Whether a part of the name is given: a pattern that begins with a star means all there are."""
    kind, _, name = resource.split(":", 5)[-1].partition("/")
    return bool(name) and not is_pattern(kind) and not is_pattern(name[0])
