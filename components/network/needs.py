"""What tasks need from outside the VPC, and which way leads there (pure, no resources).

What a role may do says which AWS APIs its tasks call, so the ways out follow from the grants. Anything else
that tasks call is declared, with a reason.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..access.statements import Statement


class EndpointMode(StrEnum):
    """Which interface endpoints a network has."""

    NONE = "none"
    GRANTED = "granted"
    """Those that granted actions are called at."""
    ALL = "all"
    """Those of the platform's drawing too, whether anything needs them yet or not."""


class Way(StrEnum):
    """How a call leaves a subnet."""

    GATEWAY = "gateway"
    """By a route to a gateway endpoint."""
    ENDPOINT = "endpoint"
    """By an interface endpoint in the VPC."""
    INTERNET = "internet"
    """By a NAT gateway."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ServiceNeed:
    """An AWS API."""

    service: str
    """Last part of its endpoint service's name: ``sqs`` of ``com.amazonaws.us-east-1.sqs``."""
    region: str
    """Where it is called."""

    def __str__(self) -> str:
        """Name it as a rule's description does."""
        return f"{self.service} in {self.region}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class InternetNeed:
    """A host on the internet, called over TLS."""

    host: str
    reason: str

    def __str__(self) -> str:
        """Name it as a rule's description does."""
        return f"{self.host} for {self.reason}"


type Need = ServiceNeed | InternetNeed

GATEWAY_SERVICES = ("dynamodb", "s3")
"""Reached by routes, which cost nothing."""

ENDPOINT_ACTIONS = {
    "bedrock": "bedrock",
    "bedrock-agentcore": "bedrock-agentcore",
    "bedrock-runtime": "bedrock",
    "ecr.api": "ecr",
    "ecr.dkr": "ecr",
    "events": "events",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "s3vectors": "s3vectors",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
    "transcribe": "transcribe",
    "transcribestreaming": "transcribe",
    "xray": "xray",
}
"""Service with an interface endpoint to the prefix of the actions that are called there.

Amazon Cognito is not among them: a user pool with a domain refuses every request that comes by PrivateLink
(Amazon Cognito developer guide, interface endpoints).
"""

DRAWN_SERVICES = (
    "bedrock-agentcore",
    "bedrock-runtime",
    "ecr.api",
    "ecr.dkr",
    "events",
    "kms",
    "logs",
    "monitoring",
    "s3vectors",
    "secretsmanager",
    "sqs",
    "ssm",
    "sts",
    "transcribe",
    "xray",
)
"""What the platform's drawing shows, for ``EndpointMode.ALL``."""

# The first pattern that matches an action whole says what is called.
_CALLED: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Fargate asks the API for a token, the registry for the manifest, and S3 for the layers.
    (r"ecr:.*", ("ecr.api", "ecr.dkr", "s3")),
    (r"bedrock:(ApplyGuardrail|CountTokens|Invoke.*|.*AsyncInvokes?)", ("bedrock-runtime",)),
    (r"dynamodb:(DescribeStream|GetRecords|GetShardIterator|ListStreams)", ("dynamodb-streams",)),
    (r"transcribe:Start.*Stream.*", ("transcribestreaming",)),
    (r"cloudwatch:.*", ("monitoring",)),
    # Redis commands inside the VPC; rights that Bedrock looks up by itself; a URL that is declared as a host.
    (r"elasticache:Connect|aws-marketplace:.*|lambda:InvokeFunctionUrl", ()),
)
# Actions whose prefix is the service's own name.
_PLAIN_PREFIXES = frozenset(
    {
        "bedrock",
        "bedrock-agentcore",
        "cognito-idp",
        "dynamodb",
        "events",
        "kms",
        "lambda",
        "logs",
        "s3",
        "s3vectors",
        "secretsmanager",
        "sns",
        "sqs",
        "ssm",
        "sts",
        "transcribe",
        "xray",
    }
)
# Somebody else makes the call, on the role's behalf.
_INDIRECT_KEYS = frozenset({"kms:ViaService", "lambda:InvokedViaFunctionUrl"})


def needs_of(statements: Iterable[Statement], region: str) -> tuple[ServiceNeed, ...]:
    """Return the APIs that somebody with ``statements`` calls from a stack in ``region``, sorted.

    Raises ``ValueError`` for an action that nobody has said the endpoint of.
    """
    needs = {
        ServiceNeed(service=service, region=statement.region or region)
        for statement in statements
        if not is_indirect(statement)
        for action in statement.actions
        for service in services_called(action)
    }
    return tuple(sorted(needs))


def is_indirect(statement: Statement) -> bool:
    """Whether another AWS service makes the calls of ``statement``, as KMS is called by S3."""
    keys = {key for comparisons in statement.conditions.values() for key in comparisons}
    return bool(keys & _INDIRECT_KEYS)


def services_called(action: str) -> tuple[str, ...]:
    """Return the services at whose endpoints a task calls that may take ``action``; raises ``ValueError``."""
    for pattern, services in _CALLED:
        if re.fullmatch(pattern, action):
            return services
    prefix = action.partition(":")[0]
    if prefix not in _PLAIN_PREFIXES:
        raise ValueError(
            f"action {action}: nobody has said where it is called; add it to components/network/needs.py"
        )
    return (prefix,)


def way_of(need: Need, region: str, mode: EndpointMode) -> Way:
    """Return how ``need`` leaves a network of ``region``; endpoints serve their own region only."""
    if isinstance(need, InternetNeed) or need.region != region:
        return Way.INTERNET
    if need.service in GATEWAY_SERVICES:
        return Way.GATEWAY
    if mode is EndpointMode.NONE or need.service not in ENDPOINT_ACTIONS:
        return Way.INTERNET
    return Way.ENDPOINT


def pick_subnets(service: str, subnets: Sequence[tuple[str, str]], offered: Sequence[str]) -> list[str]:
    """Return the subnets for an endpoint: one in each zone that ``service`` is offered in.

    ``subnets`` are pairs of id and zone. Raises ``ValueError`` when the service is offered in none of them.
    """
    by_zone: dict[str, str] = {}
    for subnet_id, zone in subnets:
        if zone in offered:
            by_zone.setdefault(zone, subnet_id)
    if not by_zone:
        raise ValueError(
            f"endpoint {service}: it is offered in {', '.join(sorted(offered))}, and the private subnets lie "
            f"in {', '.join(zone for _, zone in subnets)}: choose another zone, or interfaceEndpoints none"
        )
    return list(by_zone.values())
