"""What must not be done to the network."""

from tests.policy.mutation import Mutation, added, altered, both, removed, set_at

VPC = ("aws:ec2/vpc:Vpc", "nova-vpc-network")
SUBNET = "aws:ec2/subnet:Subnet"
DEFAULT_GROUP = ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "nova-vpc-default-security-group")
FLOW_LOG = ("aws:ec2/flowLog:FlowLog", "nova-vpc-flow-log")
ROUTE = "aws:ec2/route:Route"
TABLE = ("aws:ec2/routeTable:RouteTable", "nova-vpc-network-isolated-1")
ZONES = "ec2-vpc-zones"
ISOLATION = "ec2-subnet-isolation"


def moved(*zones: str) -> Mutation:
    """All subnets of the second and third zone in other zones."""
    kinds = ("public", "private", "isolated", "agents")
    changes = [
        set_at((SUBNET, f"nova-vpc-network-{kind}-{number}", "availabilityZone"), zone)
        for kind in kinds
        for number, zone in enumerate(zones, start=2)
    ]
    alone = len(set(zones)) == 1 and zones[0] == "us-east-1a"
    return Mutation(
        rule=ZONES if alone else "ec2-vpc-production-zones",
        what="all subnets are in one zone" if alone else "one of three zones is left out",
        change=both(*changes),
        at=VPC,
        unknown=(SUBNET, "nova-vpc-network-private-2", "availabilityZone"),
        with_rules=("ec2-vpc-production-zones",) if alone else (),
    )


MUTATIONS = (
    altered(
        "ec2-vpc-default-securitygroup", "the default group admits itself",
        (*DEFAULT_GROUP, "ingress"), [{"protocol": "-1", "self": True}],
    ),
    Mutation(
        rule="ec2-vpc-default-securitygroup", what="the default group is left as it is",
        change=removed(*DEFAULT_GROUP), at=VPC, unknown=(*DEFAULT_GROUP, "egress"),
    ),
    altered("ec2-vpc-flow-log", "refused connections are left out", (*FLOW_LOG, "trafficType"), "ACCEPT"),
    Mutation(
        rule="ec2-vpc-flow-log", what="the flow log is removed",
        change=removed(*FLOW_LOG), at=VPC, unknown=(*FLOW_LOG, "trafficType"),
    ),
    altered(
        "ec2-subnet-public-address", "a private subnet gives public addresses",
        (SUBNET, "nova-vpc-network-private-1", "mapPublicIpOnLaunch"), True,
    ),
    moved("us-east-1a", "us-east-1a"),
    moved("us-east-1b", "us-east-1b"),
    Mutation(
        rule=ISOLATION, what="an isolated subnet gets a way out",
        change=added(
            ROUTE, "way-out", {"destinationCidrBlock": "0.0.0.0/0"},
            {"routeTableId": TABLE, "natGatewayId": ("aws:ec2/natGateway:NatGateway", "nova-vpc-network-1")},
        ),
        at=(ROUTE, "way-out"), unknown=(ROUTE, "nova-vpc-network-private-1", "destinationCidrBlock"),
        needs=("destinationCidrBlock",),
    ),
    altered(
        ISOLATION, "the table of an isolated subnet gets a way out",
        (*TABLE, "routes"), [{"ipv6CidrBlock": "::/0", "egressOnlyGatewayId": "eigw-1"}],
    ),
)  # fmt: skip
