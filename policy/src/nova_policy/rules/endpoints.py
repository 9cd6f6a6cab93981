"""Rules about VPC endpoints."""

from collections.abc import Iterable

from nova_policy.documents import statements
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, is_certainly, is_set, may_be

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC = "aws:ec2/vpc:Vpc"
NAT = "aws:ec2/natGateway:NatGateway"


def _missing(graph: Graph, vpc: Resource, services: Iterable[str]) -> list[str]:
    """Return those of ``services`` that ``vpc`` has no endpoint for; a name that is unknown may be any."""
    names = [found.at("serviceName") for found in graph.referring_to(vpc, ENDPOINT, by="vpcId")]
    if UNKNOWN in names:
        return []
    return [
        service
        for service in services
        if not any(isinstance(name, str) and name.endswith(f".{service}") for name in names)
    ]


def _services(default: list[str]) -> dict[str, dict[str, object]]:
    return {
        "services": {
            "type": "array",
            "items": {"type": "string"},
            "default": default,
            "description": "Services that the VPC needs endpoints for",
        }
    }


@stack_rule(
    "ec2-vpc-gateway-endpoints",
    severity=Severity.MEDIUM,
    types=(VPC, ENDPOINT),
    controls=(8,),
    description="A VPC reaches S3 and DynamoDB by endpoints, which cost nothing.",
    remediation="Add gateway endpoints and name the route tables of all subnets in them.",
    options=_services(["s3", "dynamodb"]),
)
def gateways(graph: Graph, options: Options) -> Iterable[Finding]:
    """Only where there is a way out at all: an isolated VPC may need neither."""
    for vpc in graph.of_type(VPC):
        if graph.of_type(NAT) and (missing := _missing(graph, vpc, options["services"])):
            yield Finding(vpc, f"it has no endpoint for {', '.join(missing)}")


@stack_rule(
    "ec2-vpc-interface-endpoints",
    severity=Severity.MEDIUM,
    types=(VPC, ENDPOINT),
    controls=(8,),
    references=("EC2.55", "EC2.56"),
    description="A production VPC reaches the services that tasks start with by endpoints.",
    remediation="Add interface endpoints for them in the private subnets.",
    production=True,
    options=_services(["ecr.api", "ecr.dkr", "logs", "secretsmanager", "kms"]),
)
def interfaces(graph: Graph, options: Options) -> Iterable[Finding]:
    """Whatever a task cannot start without should not depend on the internet."""
    for vpc in graph.of_type(VPC):
        if missing := _missing(graph, vpc, options["services"]):
            yield Finding(vpc, f"it has no endpoint for {', '.join(missing)}")


@resource_rule(
    "ec2-vpcendpoint-private-names",
    severity=Severity.MEDIUM,
    types=(ENDPOINT,),
    controls=(8,),
    description="Clients reach an interface endpoint by the service's usual name, and a group guards it.",
    remediation="Set privateDnsEnabled and securityGroupIds of the endpoint.",
)
def private_names(endpoint: Resource, _options: Options) -> Iterable[str]:
    """Without the name traffic takes the way out; without a group it is the VPC's default that admits."""
    if not is_certainly(endpoint.at("vpcEndpointType"), "Interface"):
        return
    if not may_be(endpoint.at("privateDnsEnabled"), True):
        yield "the service's usual name does not lead to it"
    if not is_set(endpoint.at("securityGroupIds")):
        yield "it has no security group of its own"


@resource_rule(
    "ec2-vpcendpoint-policy",
    severity=Severity.HIGH,
    types=(ENDPOINT,),
    controls=(9,),
    description="An endpoint serves the account's own principals, not whoever has credentials.",
    remediation="Give the endpoint a policy with a condition on aws:PrincipalAccount or aws:PrincipalOrgID.",
    options={
        "without": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Services whose endpoints take no policy",
        }
    },
)
def policy(endpoint: Resource, options: Options) -> Iterable[str]:
    """Without a policy of its own an endpoint lets data out to any account."""
    name = str(endpoint.at("serviceName"))
    if any(name.endswith(f".{service}") for service in options["without"]):
        return
    document = endpoint.at("policy")
    if not is_set(document):
        yield "it has no policy, which is full access for everybody"
    elif any(
        one.allows and one.for_anybody and not one.conditions and "*" in one.actions
        for one in statements(document)
    ):
        yield "its policy is full access for everybody"
