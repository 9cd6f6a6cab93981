"""Who may connect to whom inside the VPC.

Creates: for each connection two security-group rules, one on either side, that name each other's group.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One side of a connection."""

    label: str
    """What the rules' descriptions call it."""
    security_group_id: pulumi.Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """Something in the VPC that a service may be allowed to call."""

    name: str
    """Names the rules. What is reached at the same peer and port has the same name."""
    peer: Peer
    port: int
    url: pulumi.Input[str]
    """Where it listens; without credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleNames:
    """Names of the two rules of a connection."""

    ingress: str
    egress: str


def connect(
    caller: Peer, callee: Peer, port: int, names: RuleNames, parent: pulumi.Resource
) -> tuple[pulumi.Resource, ...]:
    """Let ``caller`` open TCP connections to ``port`` of ``callee``.

    Returns the two rules, which are children of ``parent``.
    """
    child = pulumi.ResourceOptions(parent=parent)
    admission = aws.vpc.SecurityGroupIngressRule(
        names.ingress,
        security_group_id=callee.security_group_id,
        description=f"Requests from {caller.label}",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=caller.security_group_id,
        opts=child,
    )
    way_out = aws.vpc.SecurityGroupEgressRule(
        names.egress,
        security_group_id=caller.security_group_id,
        description=f"Requests to {callee.label}",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=callee.security_group_id,
        opts=child,
    )
    return admission, way_out


def connect_to_all(
    caller: Peer, callees: Iterable[Callee], label: str, parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """Let ``caller``, whose rules' names start with ``label``, call each of ``callees``.

    Those that are reached as another one is, behind one load balancer, get no rules of their own. Returns the
    rules, which are children of ``parent``.
    """
    return [
        rule
        for callee in {callee.name: callee for callee in callees}.values()
        for rule in connect(
            caller=caller,
            callee=callee.peer,
            port=callee.port,
            names=RuleNames(
                ingress=f"{label}-ingress-at-{callee.name}", egress=f"{label}-egress-to-{callee.name}"
            ),
            parent=parent,
        )
    ]
