"""What must not be done to security groups."""

from tests.policy.mutation import Change, Mutation, altered, both, set_at

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = ("aws:ec2/securityGroup:SecurityGroup", "audio-security-group")
TO_CACHE = (INGRESS, "agent-core-runtime-ingress-at-cache")
FROM_CLOUDFRONT = (INGRESS, "nova-balancer-ingress-cloudfront")
OPEN = "ec2-securitygroup-open-ingress"
PEERS = "ec2-securitygroup-peers"
SAID = "ec2-securitygroup-description"


def admits(place: tuple[str, str], key: str, block: str) -> Change:
    """Let a block of addresses in instead of a group."""
    return both(
        set_at((*place, "referencedSecurityGroupId"), None), set_at((*place, "prefixListId"), None),
        set_at((*place, key), block),
    )  # fmt: skip


def admission(rule: str, what: str, place: tuple[str, str], key: str, block: str) -> Mutation:
    """A rule that lets a block of addresses in."""
    return Mutation(
        rule=rule, what=what, change=admits(place, key, block), at=place, unknown=(*place, key),
        needs=("fromPort", "toPort"),
    )  # fmt: skip


MUTATIONS = (
    admission(OPEN, "the cache is open to all addresses", TO_CACHE, "cidrIpv4", "0.0.0.0/0"),
    admission(OPEN, "the cache is open to all addresses of IPv6", TO_CACHE, "cidrIpv6", "::/0"),
    admission(OPEN, "half of all addresses are let in", TO_CACHE, "cidrIpv4", "0.0.0.0/1"),
    admission(OPEN, "an internal load balancer is open", FROM_CLOUDFRONT, "cidrIpv4", "0.0.0.0/0"),
    altered(
        OPEN, "a group is open by a rule within",
        (*GROUP, "ingress"),
        [{"fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"], "description": "SSH"}],
    ),
    admission(PEERS, "the cache admits the VPC's addresses", TO_CACHE, "cidrIpv4", "10.0.0.0/16"),
    admission(PEERS, "the load balancer admits addresses", FROM_CLOUDFRONT, "cidrIpv4", "10.0.1.0/24"),
    altered(SAID, "a group says nothing", (*GROUP, "description"), None),
    altered(SAID, "a group says what everybody's does", (*GROUP, "description"), "Managed by Pulumi"),
    altered(SAID, "a rule says nothing", (*TO_CACHE, "description"), ""),
    altered(
        SAID, "a rule within a group says nothing",
        (*GROUP, "egress"), [{"fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}],
    ),
)  # fmt: skip
