"""Ways out of the VPC for one security group.

Creates: egress rules to the prefix lists of the gateway endpoints, to the interface endpoints (with the rule
that admits the group there) and to the internet, each only where a declared need leads that way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .connection import Peer, RuleNames, connect
from .endpoints import PORT, InterfaceEndpoints
from .needs import EndpointMode, Need, ServiceNeed, Way, way_of

ANYWHERE = "0.0.0.0/0"
_DESCRIPTION_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysOut:
    """What a network offers to those who need something outside it."""

    region: str
    prefix_lists: Mapping[str, pulumi.Input[str]]
    """Services with a gateway endpoint to the lists in which AWS keeps their addresses."""
    endpoints: InterfaceEndpoints | None
    mode: EndpointMode
    internet: bool
    """Whether a route leads there."""

    def open(
        self, caller: Peer, name: str, needs: Iterable[Need], parent: pulumi.Resource
    ) -> tuple[pulumi.Resource, ...]:
        """Let ``caller`` reach ``needs`` and nothing else; see ``Vpc.allow_out``."""
        ways: dict[Way, list[Need]] = defaultdict(list)
        for need in sorted(set(needs), key=str):
            ways[way_of(need, self.region, self.mode)].append(need)
        return (
            *self._to_gateways(caller, name, ways[Way.GATEWAY], parent),
            *self._to_endpoints(caller, name, ways[Way.ENDPOINT], parent),
            *self._to_internet(caller, name, ways[Way.INTERNET], parent),
        )

    def beyond(self, given: Iterable[Need], needs: Iterable[Need]) -> list[Need]:
        """Return what of ``needs`` is not reached by the rules that ``open`` makes for ``given``.

        For the rest there are endpoints afterwards, where it is reached at some.
        """
        opened = {self._rule(need) for need in given}
        wanted = sorted(set(needs), key=str)
        if self.endpoints is not None:
            self.endpoints.of(_services([need for need in wanted if self._rule(need) == (Way.ENDPOINT, "")]))
        return [need for need in wanted if self._rule(need) not in opened]

    def _rule(self, need: Need) -> tuple[Way, str]:
        # All endpoints are reached by one rule, each gateway by its own.
        way = way_of(need, self.region, self.mode)
        return way, need.service if way is Way.GATEWAY and isinstance(need, ServiceNeed) else ""

    def _to_gateways(
        self, caller: Peer, name: str, needs: list[Need], parent: pulumi.Resource
    ) -> list[pulumi.Resource]:
        return [
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-egress-{service}",
                security_group_id=caller.security_group_id,
                description=f"Requests to {service}",
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                prefix_list_id=self.prefix_lists[service],
                opts=pulumi.ResourceOptions(parent=parent),
            )
            for service in _services(needs)
        ]

    def _to_endpoints(
        self, caller: Peer, name: str, needs: list[Need], parent: pulumi.Resource
    ) -> list[pulumi.Resource]:
        if self.endpoints is None or not needs:
            return []
        rules = connect(
            caller=caller,
            callee=self.endpoints.peer,
            port=PORT,
            names=RuleNames(ingress=f"{name}-ingress-at-endpoints", egress=f"{name}-egress-endpoints"),
            parent=parent,
        )
        return [*rules, *self.endpoints.of(_services(needs))]

    def _to_internet(
        self, caller: Peer, name: str, needs: list[Need], parent: pulumi.Resource
    ) -> list[pulumi.Resource]:
        if not needs:
            return []
        if not self.internet:
            raise ValueError(
                f"{name} cannot reach {'; '.join(map(str, needs))}: no endpoint leads there, and the network "
                "has no way to the internet. Choose natGateways single or per-az, or run no tasks of it"
            )
        return [
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-egress-tls",
                security_group_id=caller.security_group_id,
                description=_shortened(f"TLS to {', '.join(map(str, needs))}"),
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                cidr_ipv4=ANYWHERE,
                opts=pulumi.ResourceOptions(parent=parent),
            )
        ]


def _services(needs: list[Need]) -> list[str]:
    return [need.service for need in needs if isinstance(need, ServiceNeed)]


def _shortened(text: str) -> str:
    if len(text) <= _DESCRIPTION_LENGTH_MAX:
        return text
    return f"{text[: _DESCRIPTION_LENGTH_MAX - len(' ...')]} ..."
