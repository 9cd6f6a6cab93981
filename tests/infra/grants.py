"""Matches the statements of policy documents with AWS's Service Authorization Reference.

`nova_policy.authorization` looks actions up; here is what a statement of the program has to keep to.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from nova_policy.authorization import ANY, Known, fits, is_pattern, known_action, matching, services

from evaluation.recorder import Recorded
from tests.infra.deployment import Deployment

type Kind = Literal["identity", "trust", "key", "endpoint", "resource"]

KINDS: Mapping[str, Kind] = {
    "aws:iam/policy:Policy": "identity",
    "aws:iam/rolePolicy:RolePolicy": "identity",
    "aws:kms/key:Key": "key",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "endpoint",
    "awsx:ec2:Vpc": "endpoint",
}
"""What a document means where it stands; everywhere else it is the policy of a resource."""


_GLOBAL_CONDITIONS = frozenset(
    f"aws:{name}".lower()
    for name in """
        CalledVia CalledViaFirst CalledViaLast CurrentTime EpochTime FederatedProvider MultiFactorAuthAge
        MultiFactorAuthPresent PrincipalAccount PrincipalArn PrincipalIsAWSService PrincipalOrgID
        PrincipalOrgPaths PrincipalServiceName PrincipalServiceNamesList PrincipalTag/${TagKey} PrincipalType
        Referer RequestTag/${TagKey} RequestedRegion ResourceAccount ResourceOrgID ResourceOrgPaths
        ResourceTag/${TagKey} SecureTransport SourceAccount SourceArn SourceIdentity SourceIp SourceOrgID
        SourceOrgPaths SourceVpc SourceVpcArn SourceVpce TagKeys TokenIssueTime UserAgent ViaAWSService
        VpcSourceIp VpceAccount VpceOrgID VpceOrgPaths userid username
    """.split()  # noqa: SIM905 (a list of fifty literals is harder to compare with the guide)
)
"""IAM user guide, AWS global condition context keys; every action knows them."""
_OPERATORS = re.compile(
    r"(For(All|Any)Values?:)?(Arn(Not)?(Equals|Like)|BinaryEquals|Bool|Null|(Not)?IpAddress"
    r"|String(Not)?(Equals(IgnoreCase)?|Like)"
    r"|(Date|Numeric)((Not)?Equals|(LessThan|GreaterThan)(Equals)?))(IfExists)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One policy document and where it stands."""

    owner: Recorded
    input: str
    kind: Kind
    statements: tuple[Mapping[str, Any], ...]


def documents(deployment: Deployment) -> Iterator[Document]:
    """Find every policy document in the inputs of all resources, wherever it is nested."""
    for resource in deployment.resources.values():
        for key, value in resource.inputs.items():
            for found in _documents_in(value):
                kind = "trust" if key == "assumeRolePolicy" else KINDS.get(resource.type, "resource")
                yield Document(owner=resource, input=key, kind=kind, statements=tuple(found["Statement"]))


def _documents_in(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, str) and '"Statement"' in value:
        yield json.loads(value)
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _documents_in(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _documents_in(item)


def problems(statement: Mapping[str, Any], kind: Kind = "identity") -> Iterator[str]:
    """Say what of a statement grants nothing, grants more than it says, or is unknown to AWS."""
    actions, resources = as_list(statement["Action"]), as_list(statement.get("Resource", []))
    for action in actions:
        if is_pattern(action):
            yield from _wildcard(statement, action, kind)
            continue
        known = known_action(action)
        if known is None:
            yield f"{action} is no action of AWS"
            continue
        for resource in resources:
            yield from _resource(action, known, resource, kind)
        yield from _conditions(action, known, statement.get("Condition", {}))


def envelope_problems(statement: Mapping[str, Any]) -> Iterator[str]:
    """Say what of a statement of those who deploy, or of their boundary, is unknown to AWS or has no effect.

    Such a statement may name whole services; what it names has to exist, and to fit what it is allowed on.
    """
    named = as_list(statement.get("Action", statement.get("NotAction", [])))
    found = frozenset(action for pattern in named for action in matching(pattern))
    yield from (f"{pattern} is no action of AWS" for pattern in named if not matching(pattern))
    every = [known for action in found if (known := known_action(action)) is not None]
    for resource in as_list(statement["Resource"]):
        if resource != ANY and not any(fits(shape, resource) for known in every for shape in known.shapes):
            yield f"none of {', '.join(named)} is authorized on {resource}"
    known_keys = _GLOBAL_CONDITIONS.union(*(known.conditions for known in every))
    for operator, keys in statement.get("Condition", {}).items():
        if not _OPERATORS.fullmatch(operator):
            yield f"{operator} is no condition operator"
        for key in keys:
            if not any(_is_key(pattern, key) for pattern in known_keys):
                yield f"none of {', '.join(named)} knows the condition key {key}"


def _wildcard(statement: Mapping[str, Any], action: str, kind: Kind) -> Iterator[str]:
    service = action.partition(":")[0]
    if service not in services():
        yield f"{action}: there is no service {service}"
    # Refusing everything is no grant; an account may do with its key what its own policies say, and what
    # passes an endpoint is granted elsewhere.
    if statement["Effect"] == "Allow" and kind not in {"key", "endpoint"}:
        yield f"{action} grants more than anybody reads: name the actions"


def _resource(action: str, known: Known, resource: str, kind: Kind) -> Iterator[str]:
    if resource == ANY:
        # In a key's policy it means the key. An endpoint's policy is told apart by its conditions.
        if known.shapes and kind not in {"key", "endpoint"}:
            yield f"{action} on *, although it has resources: {', '.join(sorted(known.shapes))}"
    elif not known.shapes:
        yield f"{action} has no resource level, so that {resource} makes the grant void"
    elif not any(fits(shape, resource) for shape in known.shapes):
        yield f"{action} is not authorized on {resource}, but on {', '.join(sorted(known.shapes))}"


def _conditions(action: str, known: Known, conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for operator, keys in conditions.items():
        if not _OPERATORS.fullmatch(operator):
            yield f"{operator} is no condition operator"
        for key in keys:
            if not any(_is_key(pattern, key) for pattern in known.conditions | _GLOBAL_CONDITIONS):
                yield f"{action} knows no condition key {key}"


def _is_key(pattern: str, key: str) -> bool:
    """Whether a condition key is the one of ``pattern``; keys have no case, and some end in a name."""
    stem, _, placeholder = pattern.lower().partition("${")
    lower = key.lower()
    return lower.startswith(stem) and len(lower) > len(stem) if placeholder else lower == stem


def as_list(value: str | list[str]) -> list[str]:
    """Return one or several as a list, as policies write them."""
    return [value] if isinstance(value, str) else value
