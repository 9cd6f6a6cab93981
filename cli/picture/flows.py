"""What flows between the parts of a stack, by what resources refer to and what roles are granted."""

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from cli.picture.parts import Parts

if TYPE_CHECKING:
    from evaluation.program import Deployment
    from evaluation.recorder import Recorded


class Kind(StrEnum):
    """What flows."""

    REQUEST = "request"
    MESSAGE = "message"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Flow:
    """Something that goes from one end to another; an end is a part's URN or a name of the outside."""

    source: str
    target: str
    kind: Kind


CLIENTS = "clients"
OUTSIDE: Mapping[str, str] = {"bedrock": "Bedrock models", "transcribe": "Amazon Transcribe"}
"""Services of AWS that a part calls although the stack makes nothing of theirs, by their IAM prefix."""

_GRANTED: Mapping[str, Kind] = {
    "bedrock": Kind.REQUEST,
    "bedrock-agentcore": Kind.REQUEST,
    "lambda": Kind.REQUEST,
    "transcribe": Kind.REQUEST,
    "events": Kind.MESSAGE,
    "sns": Kind.MESSAGE,
    "sqs": Kind.MESSAGE,
    "dynamodb": Kind.DATA,
    "s3": Kind.DATA,
    "s3vectors": Kind.DATA,
}
"""What a grant of a service lets flow; other services (keys, logs, images) serve the part itself."""
_READING = ("BatchGet", "ConditionCheck", "Describe", "Get", "List", "Query", "Receive", "Scan")
_SETTLING = ("ChangeMessageVisibility", "DeleteMessage")
"""What a consumer does with a message that it has read."""

_FORWARD, _BACKWARD = False, True
_WIRED: Mapping[tuple[str, str], tuple[Kind, bool]] = {
    ("aws:apigateway/authorizer:Authorizer", "providerArns"): (Kind.REQUEST, _FORWARD),
    ("aws:apigateway/integration:Integration", "integrationTarget"): (Kind.REQUEST, _FORWARD),
    ("aws:cloudfront/distribution:Distribution", "origins"): (Kind.REQUEST, _FORWARD),
    ("aws:cloudfront/distribution:Distribution", "webAclId"): (Kind.REQUEST, _FORWARD),
    ("aws:cloudfront/vpcOrigin:VpcOrigin", "vpcOriginEndpointConfig"): (Kind.REQUEST, _FORWARD),
    ("aws:cloudwatch/eventRule:EventRule", "eventBusName"): (Kind.MESSAGE, _BACKWARD),
    ("aws:cloudwatch/eventRule:EventRule", "eventPattern"): (Kind.MESSAGE, _BACKWARD),
    ("aws:cloudwatch/eventTarget:EventTarget", "arn"): (Kind.MESSAGE, _FORWARD),
    ("aws:lb/loadBalancer:LoadBalancer", "accessLogs"): (Kind.DATA, _FORWARD),
    ("aws:pipes/pipe:Pipe", "source"): (Kind.MESSAGE, _BACKWARD),
    ("aws:pipes/pipe:Pipe", "target"): (Kind.MESSAGE, _FORWARD),
    ("aws:s3/bucketLogging:BucketLogging", "bucket"): (Kind.DATA, _BACKWARD),
    ("aws:wafv2/webAclAssociation:WebAclAssociation", "resourceArn"): (Kind.REQUEST, _BACKWARD),
}
"""Inputs that wire one part to another, by type: what flows, and whether against the reference."""
_ENTRIES = frozenset(
    {
        "aws:apigateway/restApi:RestApi",
        "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
        "aws:cloudfront/distribution:Distribution",
        "aws:cognito/userPoolClient:UserPoolClient",
    }
)
"""What clients call."""
_FRONTS = frozenset({"aws:cloudfront/distribution:Distribution"})
"""What is called instead of what stands behind it."""
_EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_RULE, _ROLE_POLICY = "aws:cloudwatch/eventRule:EventRule", "aws:iam/rolePolicy:RolePolicy"


def flows(deployment: "Deployment", parts: Parts) -> tuple[Flow, ...]:
    """Return all flows between different ends, each once."""
    found = {
        *_wired(deployment, parts),
        *_connected(deployment, parts),
        *_granted(deployment, parts),
        *_announced(deployment, parts),
    }
    inside = {flow for flow in found if flow.source != flow.target}
    return tuple(sorted({*inside, *_entered(deployment, parts, inside)}))


def _wired(deployment: "Deployment", parts: Parts) -> Iterator[Flow]:
    for resource in deployment.resources.values():
        for key, urns in resource.references.items():
            if (resource.type, key) not in _WIRED:
                continue
            kind, backward = _WIRED[resource.type, key]
            for own, other in _pairs(parts, {resource.urn}, urns):
                source, target = (other, own) if backward else (own, other)
                yield Flow(source=source, target=target, kind=kind)


def _connected(deployment: "Deployment", parts: Parts) -> Iterator[Flow]:
    """Find who may open a connection to whom, by the rules of their security groups."""
    for rule in deployment.of_type(_EGRESS):
        callers = rule.references.get("securityGroupId", frozenset())
        callees = rule.references.get("referencedSecurityGroupId", frozenset())
        for caller, callee in _pairs(parts, callers, callees):
            kind = Kind.DATA if parts.all[callee].area == "data" else Kind.REQUEST
            yield Flow(source=caller, target=callee, kind=kind)
            if kind == Kind.DATA:
                yield Flow(source=callee, target=caller, kind=kind)


def _granted(deployment: "Deployment", parts: Parts) -> Iterator[Flow]:
    """Find what the holders of roles may call, read and write."""
    owners = _arns(deployment, parts)
    for policy in deployment.of_type(_ROLE_POLICY):
        (role,) = policy.references["role"]
        for holder in _holders(deployment, parts, role):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                for action in _as_list(statement["Action"]):
                    yield from _flows_of_grant(holder, action, _as_list(statement["Resource"]), owners)


def _flows_of_grant(
    holder: str, action: str, resources: list[str], owners: Mapping[str, str]
) -> Iterator[Flow]:
    service, _, verb = action.partition(":")
    if service not in _GRANTED:
        return
    kind = _GRANTED[service]
    reads = kind != Kind.REQUEST and verb.startswith((*_READING, *_SETTLING))
    for resource in resources:
        other = _owner(resource, owners) or OUTSIDE.get(service)
        if other is not None:
            source, target = (other, holder) if reads else (holder, other)
            yield Flow(source=source, target=target, kind=kind)


def _announced(deployment: "Deployment", parts: Parts) -> Iterator[Flow]:
    """Find the rules for events of AWS's own services."""
    for rule in deployment.of_type(_RULE):
        own = parts.of(rule.urn)
        sources: list[Any] = json.loads(rule.inputs.get("eventPattern", "{}")).get("source", [])
        for source in sources:
            service = source.removeprefix("aws.") if isinstance(source, str) else ""
            if own is not None and service in OUTSIDE:
                yield Flow(source=OUTSIDE[service], target=own, kind=Kind.MESSAGE)


def _entered(deployment: "Deployment", parts: Parts, inside: set[Flow]) -> Iterator[Flow]:
    doors = _parts_with(deployment, parts, _ENTRIES)
    fronts = _parts_with(deployment, parts, _FRONTS)
    for door in doors:
        if not any(Flow(source=other, target=door, kind=Kind.REQUEST) in inside for other in fronts):
            yield Flow(source=CLIENTS, target=door, kind=Kind.REQUEST)


def _parts_with(deployment: "Deployment", parts: Parts, types: Set[str]) -> set[str]:
    found = {parts.of(resource.urn) for resource in deployment.resources.values() if resource.type in types}
    return {part for part in found if part is not None}


def _holders(deployment: "Deployment", parts: Parts, role: str) -> set[str]:
    return {
        part
        for resource in deployment.resources.values()
        if resource.custom and not resource.type.startswith("aws:iam/") and _names(resource, role)
        if (part := parts.of(resource.urn)) is not None
    }


def _names(resource: "Recorded", urn: str) -> bool:
    return any(urn in urns for urns in resource.references.values())


def _arns(deployment: "Deployment", parts: Parts) -> dict[str, str]:
    """Return the parts by the ARNs of their resources."""
    from evaluation.answers import computed_outputs  # noqa: PLC0415 (loads the SDK)

    found: dict[str, str] = {}
    for resource in deployment.resources.values():
        part = parts.of(resource.urn)
        if part is not None and resource.custom:
            _, outputs = computed_outputs(resource.type, resource.name, resource.inputs)
            arns = [
                value for value in outputs.values() if isinstance(value, str) and value.startswith("arn:")
            ]
            found |= {arn: part for arn in arns if arn not in resource.inputs.values()}
    return found


def _owner(arn: str, owners: Mapping[str, str]) -> str | None:
    if arn in owners:
        return owners[arn]
    return next((part for own, part in owners.items() if arn.startswith((f"{own}/", f"{own}:"))), None)


def _pairs(
    parts: Parts, ones: set[str] | frozenset[str], others: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for one in ones:
        for other in others:
            own, its = parts.of(one), parts.of(other)
            if own is not None and its is not None and own != its:
                yield own, its


def _as_list(value: Any) -> list[str]:  # noqa: ANN401 (a text or a list of texts)
    return [value] if isinstance(value, str) else cast("list[str]", value)
