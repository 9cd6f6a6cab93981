"""Rules about VPCs, their subnets and their routes."""

from collections.abc import Iterable

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, each, is_certainly, may_be

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
ANYWHERE = ("0.0.0.0/0", "::/0")
_DATA_SUBNETS = ("aws:elasticache/subnetGroup:SubnetGroup", "aws:rds/subnetGroup:SubnetGroup")


@stack_rule(
    "ec2-vpc-default-securitygroup",
    severity=Severity.HIGH,
    types=(VPC, DEFAULT_GROUP),
    controls=(3,),
    references=("EC2.2",),
    description="The default security group of a VPC lets nothing in and nothing out.",
    remediation="Give the VPC a DefaultSecurityGroup without ingress and without egress.",
)
def default_group(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Whoever names no group gets this one, which AWS opens to itself and to the world outside."""
    for vpc in graph.of_type(VPC):
        groups = graph.referring_to(vpc, DEFAULT_GROUP, by="vpcId")
        if not groups:
            yield Finding(vpc, "its default security group is as AWS makes it")
        for group in groups:
            if open_ways := [way for way in ("ingress", "egress") if list(each(group.at(way)))]:
                yield Finding(group, f"it has rules of {' and '.join(open_ways)}")


@stack_rule(
    "ec2-vpc-flow-log",
    severity=Severity.MEDIUM,
    types=(VPC, FLOW_LOG),
    controls=(4,),
    references=("EC2.6",),
    description="What a VPC refuses is logged.",
    remediation="Give the VPC a FlowLog whose trafficType is ALL or REJECT.",
)
def flow_log(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask for refused connections at least: they are what an investigation begins with."""
    for vpc in graph.of_type(VPC):
        logs = graph.referring_to(vpc, FLOW_LOG, by="vpcId")
        if not logs:
            yield Finding(vpc, "it has no flow log")
        elif not any(may_be(log.at("trafficType"), "ALL", "REJECT") for log in logs):
            yield Finding(logs[0], "it leaves out what is refused")


@resource_rule(
    "ec2-subnet-public-address",
    severity=Severity.MEDIUM,
    types=(SUBNET,),
    controls=(5,),
    references=("EC2.15",),
    description="No subnet gives what starts in it a public address.",
    remediation="Set mapPublicIpOnLaunch to false; what needs a public address asks for one.",
)
def public_address(subnet: Resource, _options: Options) -> Iterable[str]:
    """Refuse addresses that nobody asked for."""
    if is_certainly(subnet.at("mapPublicIpOnLaunch"), True):
        yield "whatever starts in it gets a public address"


def _zones(graph: Graph, least: int) -> Iterable[Finding]:
    for vpc in graph.of_type(VPC):
        zones = [
            subnet.at("availabilityZone") or subnet.at("availabilityZoneId")
            for subnet in graph.referring_to(vpc, SUBNET, by="vpcId")
        ]
        unknown = sum(zone is UNKNOWN for zone in zones)
        if zones and len(set(zones) - {UNKNOWN}) + unknown < least:
            yield Finding(vpc, f"its subnets are in fewer than {least} zones")


@stack_rule(
    "ec2-vpc-zones",
    severity=Severity.MEDIUM,
    types=(VPC, SUBNET),
    controls=(6,),
    description="The subnets of a VPC are in several zones.",
    remediation="Add subnets in another zone.",
    options={"zones": {"type": "integer", "minimum": 1, "default": 2, "description": "Zones at least"}},
)
def zones(graph: Graph, options: Options) -> Iterable[Finding]:
    """Ask for what a load balancer and a cache with a replica need."""
    return _zones(graph, options["zones"])


@stack_rule(
    "ec2-vpc-production-zones",
    severity=Severity.HIGH,
    types=(VPC, SUBNET),
    controls=(6,),
    description="The subnets of a production VPC are in so many zones that one can be lost.",
    remediation="Add subnets in another zone.",
    production=True,
    options={"zones": {"type": "integer", "minimum": 1, "default": 3, "description": "Zones at least"}},
)
def production_zones(graph: Graph, options: Options) -> Iterable[Finding]:
    """Ask for three: with one lost the rest are two, and still several."""
    return _zones(graph, options["zones"])


@stack_rule(
    "ec2-subnet-isolation",
    severity=Severity.HIGH,
    types=(SUBNET, ROUTE),
    controls=(7,),
    description="Isolated subnets, and those of caches and databases, have no way to the internet.",
    remediation="Remove the route to 0.0.0.0/0 or ::/0 from the subnet's table, or use a table of its own.",
)
def isolation(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Isolated is what its tag SubnetType says so of, and where data stores stand."""
    stores = {
        subnet.urn
        for group in graph.of_type(*_DATA_SUBNETS)
        for subnet in graph.targets(group, "subnetIds", SUBNET)
    }
    for subnet in graph.of_type(SUBNET):
        if subnet.urn in stores or is_certainly(subnet.at("tags", "SubnetType"), "Isolated", "isolated"):
            yield from (
                Finding(route, "an isolated subnet reaches the internet by it")
                for route in _out(graph, subnet)
            )


def _out(graph: Graph, subnet: Resource) -> Iterable[Resource]:
    """Return the routes to anywhere in the tables of ``subnet``, and tables that have one within."""
    for association in graph.of_type(ASSOCIATION):
        if subnet not in graph.targets(association, "subnetId", SUBNET):
            continue
        for table in graph.targets(association, "routeTableId", ROUTE_TABLE):
            if any(_to_anywhere(route, "cidrBlock", "ipv6CidrBlock") for route in each(table.at("routes"))):
                yield table
            for route in graph.of_type(ROUTE):
                if table in graph.targets(route, "routeTableId", ROUTE_TABLE) and _to_anywhere(
                    dict(route.props), "destinationCidrBlock", "destinationIpv6CidrBlock"
                ):
                    yield route


def _to_anywhere(route: object, *keys: str) -> bool:
    return any(is_certainly(at(route, key), *ANYWHERE) for key in keys)
