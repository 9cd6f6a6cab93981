"""Rules about security groups."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, each, is_certainly, is_set, may_be, texts

GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
DATABASE = "aws:rds/cluster:Cluster"
_MADE = ("Managed by Pulumi", "Managed by Terraform")
_WIDEST = 8
"""Bits of the shortest prefix that is a network: 10.0.0.0/8 is the widest private one."""


@dataclass(frozen=True, slots=True)
class _Admission:
    """Who is let into a group by one of its rules."""

    where: Resource
    """The resource that declares it: a rule, or the group itself."""
    group: Resource
    blocks: tuple[str, ...]
    first_port: Any
    last_port: Any


@stack_rule(
    "ec2-securitygroup-open-ingress",
    severity=Severity.CRITICAL,
    types=(GROUP, INGRESS),
    controls=(1,),
    references=("EC2.18", "EC2.19", "EC2.53", "EC2.54"),
    description="Nothing but public load balancers is open to all addresses, and these at known ports.",
    remediation="Name a security group or a prefix list instead of an address block.",
    options={
        "ports": {
            "type": "array",
            "items": {"type": "integer"},
            "default": [443],
            "description": "Ports at which a public load balancer may be open to all addresses",
        }
    },
)
def open_ingress(graph: Graph, options: Options) -> Iterable[Finding]:
    """Take a block wider than any private network for all addresses."""
    public = {
        group.urn
        for balancer in graph.of_type(BALANCER)
        if not may_be(balancer.at("internal"), True)
        for group in graph.targets(balancer, "securityGroups", GROUP)
    }
    for admission in _admissions(graph):
        at_door = admission.first_port == admission.last_port and admission.first_port in options["ports"]
        if any(map(_is_open, admission.blocks)) and not (at_door and admission.group.urn in public):
            yield Finding(admission.where, "it is open to all addresses")


@stack_rule(
    "ec2-securitygroup-peers",
    severity=Severity.HIGH,
    types=(GROUP, INGRESS, CACHE),
    controls=(10,),
    description="Caches, databases and internal load balancers admit security groups, not addresses.",
    remediation="Set referencedSecurityGroupId, or a prefix list of AWS, instead of the address block.",
)
def peers(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Addresses in a VPC are whoever has them today."""
    private = [found for found in graph.of_type(BALANCER) if may_be(found.at("internal"), True)]
    guarded = {
        group.urn
        for keeper, key in [
            *((found, "securityGroupIds") for found in graph.of_type(CACHE)),
            *((found, "vpcSecurityGroupIds") for found in graph.of_type(DATABASE)),
            *((found, "securityGroups") for found in private),
        ]
        for group in graph.targets(keeper, key, GROUP)
    }
    for admission in _admissions(graph):
        if admission.blocks and admission.group.urn in guarded and not any(map(_is_open, admission.blocks)):
            yield Finding(admission.where, "it admits addresses instead of security groups")


@resource_rule(
    "ec2-securitygroup-description",
    severity=Severity.LOW,
    types=(GROUP, INGRESS, EGRESS),
    controls=(2,),
    description="A security group and each of its rules say what they are for.",
    remediation="Set description; of a group it cannot be changed later without replacing it.",
)
def description(found: Resource, _options: Options) -> Iterable[str]:
    """Refuse what the provider writes where nobody says anything."""
    if not is_set(found.at("description")) or is_certainly(found.at("description"), *_MADE):
        yield "it does not say what it is for"
    if any(
        not is_set(at(rule, "description")) for way in ("ingress", "egress") for rule in each(found.at(way))
    ):
        yield "a rule in it does not say what it is for"


def _admissions(graph: Graph) -> Iterator[_Admission]:
    for group in graph.of_type(GROUP):
        for rule in each(group.at("ingress")):
            blocks = (*texts(at(rule, "cidrBlocks")), *texts(at(rule, "ipv6CidrBlocks")))
            yield _Admission(group, group, blocks, at(rule, "fromPort"), at(rule, "toPort"))
    for rule in graph.of_type(INGRESS):
        blocks = (*texts(rule.at("cidrIpv4")), *texts(rule.at("cidrIpv6")))
        yield from _admission(graph, rule, blocks)
    for rule in graph.of_type(OLD_RULE):
        if rule.at("type") in ("ingress", UNKNOWN):
            yield from _admission(
                graph, rule, (*texts(rule.at("cidrBlocks")), *texts(rule.at("ipv6CidrBlocks")))
            )


def _admission(graph: Graph, rule: Resource, blocks: tuple[str, ...]) -> Iterator[_Admission]:
    groups = graph.targets(rule, "securityGroupId", GROUP)
    for group in groups or (rule,):
        yield _Admission(rule, group, blocks, rule.at("fromPort"), rule.at("toPort"))


def _is_open(block: str) -> bool:
    try:
        return ipaddress.ip_network(block, strict=False).prefixlen < _WIDEST
    except ValueError:
        return False
