"""Who reaches what, proved over a declared network (pure, no resources).

Asked in tests, with the network that the program declares: every need is reached in the way that it is
meant to go, and nothing is open that nobody needs. Routes, security groups, endpoints with their policies and
NAT gateways count. Network ACLs do not: there are only the default ones, which let everything pass. Security
groups remember connections, so answers need no rules. A rule for all addresses is good for the internet only,
though it would let more through: each other way has a rule that names where it leads.

Endpoints with private DNS take all calls to their service in the whole VPC, whatever way the caller had in
mind. Those that share a security group are open together; which of them answers is up to the caller's role.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .needs import ENDPOINT_ACTIONS, EndpointMode, Need, ServiceNeed, Way, way_of

ANYWHERE = "0.0.0.0/0"
TLS_PORT = 443
_ALL_PORTS = range(65_536)
_TCP, _ANY_PROTOCOL = "tcp", "-1"


class Direction(StrEnum):
    """Which connections a rule is about."""

    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a security group."""

    name: str
    group: str
    direction: Direction
    protocol: str
    """``tcp``, another protocol's name, or ``-1`` for all."""
    first_port: int
    last_port: int
    peer: str
    """A security group, a prefix list or a block of addresses."""

    @property
    def ports(self) -> range:
        """What it lets through."""
        return _ALL_PORTS if self.protocol == _ANY_PROTOCOL else range(self.first_port, self.last_port + 1)

    def __str__(self) -> str:
        """Describe it as a finding does."""
        side = "admits" if self.direction is Direction.INGRESS else "lets out to"
        ports = self.ports[0] if len(self.ports) == 1 else f"{self.ports[0]} to {self.ports[-1]}"
        return f"rule {self.name} ({self.group} {side} {self.peer} on {self.protocol} {ports})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of the table of a subnet."""

    subnet: str
    destination: str
    """A prefix list or a block of addresses."""
    target: str
    """An internet gateway, NAT gateway or gateway endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A gateway endpoint, which routes lead to, or an interface endpoint, which has a security group."""

    name: str
    service: str
    allowed: frozenset[str]
    """Prefixes of the actions that its policy lets this account's principals take."""
    prefix_list: str = ""
    groups: frozenset[str] = frozenset()
    subnets: frozenset[str] = frozenset()
    private_dns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerNeed:
    """Another member of the network, called on one port."""

    member: str
    port: int

    def __str__(self) -> str:
        """Name it as a finding does."""
        return f"{self.member} on port {self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Something with network interfaces and needs: tasks, a cache, a load balancer, a managed runtime."""

    name: str
    groups: frozenset[str]
    """Its security groups; of an outsider, the prefix lists that hold its addresses."""
    subnets: frozenset[str]
    needs: frozenset[Need | PeerNeed]
    outside: bool = False
    """Whether it calls from beyond the VPC, where no rule of ours holds it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A declared network."""

    region: str
    mode: EndpointMode
    """How AWS APIs are meant to be reached."""
    members: tuple[Member, ...]
    rules: tuple[Rule, ...]
    routes: tuple[Route, ...]
    endpoints: tuple[Endpoint, ...]
    nat_gateways: Mapping[str, str]
    """NAT gateway to its subnet."""
    internet_gateways: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is wrong with a network; nothing, when both are empty."""

    unreached: tuple[str, ...]
    """Needs that are not reached, each with what is missing."""
    undeclared: tuple[str, ...]
    """What is open although nobody needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """A try to reach a need: what was missing, and by which rules it went otherwise."""

    missing: list[str] = field(default_factory=list[str])
    used: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    """Rule and port."""


def prove(graph: Graph) -> Proof:
    """Say which needs of ``graph`` are not reached, and what is open that no need accounts for."""
    attempts = [
        (member.name, need, _attempt(graph, member, need))
        for member in graph.members
        for need in sorted(member.needs, key=str)
    ]
    used = {pair for _, _, attempt in attempts for pair in attempt.used}
    return Proof(
        unreached=tuple(
            f"{name} does not reach {need}: {'; '.join(attempt.missing)}"
            for name, need, attempt in attempts
            if attempt.missing
        ),
        undeclared=(*_idle_rules(graph, used), *_open_paths(graph), *_idle_routes(graph)),
    )


def _attempt(graph: Graph, member: Member, need: Need | PeerNeed) -> _Attempt:
    attempt = _Attempt()
    if isinstance(need, PeerNeed):
        _call_member(graph, member, need, attempt)
    elif isinstance(need, ServiceNeed) and (way := _way(graph, need)) is not Way.INTERNET:
        _call_endpoint(graph, member, need, way, attempt)
    else:
        _leave(graph, member, attempt)
    return attempt


def _way(graph: Graph, need: Need) -> Way:
    meant = way_of(need, graph.region, graph.mode)
    captured = isinstance(need, ServiceNeed) and any(
        endpoint.private_dns and (endpoint.service, graph.region) == (need.service, need.region)
        for endpoint in graph.endpoints
    )
    return Way.ENDPOINT if captured else meant


def _call_member(graph: Graph, member: Member, need: PeerNeed, attempt: _Attempt) -> None:
    called = next((found for found in graph.members if found.name == need.member), None)
    if called is None:
        attempt.missing.append(f"there is no {need.member}")
        return
    _pass(graph, member, called.groups, need.port, attempt)


def _call_endpoint(graph: Graph, member: Member, need: ServiceNeed, way: Way, attempt: _Attempt) -> None:
    endpoint = next((found for found in graph.endpoints if found.service == need.service), None)
    if endpoint is None:
        attempt.missing.append(f"there is no endpoint for {need.service}")
        return
    prefix = ENDPOINT_ACTIONS.get(need.service, need.service)
    if prefix not in endpoint.allowed:
        attempt.missing.append(f"the policy of {endpoint.name} does not allow {prefix}")
    if way is Way.ENDPOINT:
        if not (endpoint.subnets and endpoint.private_dns):
            attempt.missing.append(f"{endpoint.name} has no private DNS name, or no subnets")
        _pass(graph, member, endpoint.groups, TLS_PORT, attempt)
        return
    _pass_out(graph, member, frozenset({endpoint.prefix_list}), TLS_PORT, attempt)
    for subnet in sorted(member.subnets):
        if _target(graph, subnet, endpoint.prefix_list) != endpoint.name:
            attempt.missing.append(f"{subnet} has no route to {endpoint.prefix_list} by {endpoint.name}")


def _leave(graph: Graph, member: Member, attempt: _Attempt) -> None:
    _pass_out(graph, member, frozenset({ANYWHERE}), TLS_PORT, attempt)
    for subnet in sorted(member.subnets):
        gateway = _target(graph, subnet, ANYWHERE)
        if gateway not in graph.nat_gateways:
            attempt.missing.append(f"{subnet} has no route to {ANYWHERE} by a NAT gateway")
            continue
        outer = graph.nat_gateways[gateway]
        if _target(graph, outer, ANYWHERE) not in graph.internet_gateways:
            attempt.missing.append(
                f"{outer}, where {gateway} stands, has no route to {ANYWHERE} by an internet gateway"
            )


def _target(graph: Graph, subnet: str, destination: str) -> str:
    found = (
        route.target for route in graph.routes if (route.subnet, route.destination) == (subnet, destination)
    )
    return next(found, "")


def _pass(graph: Graph, member: Member, groups: frozenset[str], port: int, attempt: _Attempt) -> None:
    _pass_out(graph, member, groups, port, attempt)
    rule = _narrowest(graph, Direction.INGRESS, groups, member.groups, port)
    if rule is None:
        attempt.missing.append(f"no rule of {_all(groups)} admits {_all(member.groups)} on port {port}")
    else:
        attempt.used.add((rule.name, port))


def _pass_out(graph: Graph, member: Member, peers: frozenset[str], port: int, attempt: _Attempt) -> None:
    if member.outside:
        return
    rule = _narrowest(graph, Direction.EGRESS, member.groups, peers, port)
    if rule is None:
        attempt.missing.append(f"no rule lets {_all(member.groups)} out to {_all(peers)} on port {port}")
    else:
        attempt.used.add((rule.name, port))


def _narrowest(
    graph: Graph, direction: Direction, groups: frozenset[str], peers: frozenset[str], port: int
) -> Rule | None:
    matching = [
        rule
        for rule in graph.rules
        if rule.direction is direction
        and rule.group in groups
        and rule.peer in peers
        and rule.protocol in {_TCP, _ANY_PROTOCOL}
        and port in rule.ports
    ]
    return min(matching, key=lambda rule: (len(rule.ports), rule.name), default=None)


def _all(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def _idle_rules(graph: Graph, used: set[tuple[str, int]]) -> Iterator[str]:
    # Rules that no need goes by, and rules with more ports than the needs that do.
    for rule in graph.rules:
        needed = sorted(port for name, port in used if name == rule.name)
        if not needed:
            yield f"{rule} serves nobody's need"
        elif rule.protocol != _TCP or len(rule.ports) > len(needed):
            yield f"{rule} is wider than what is needed, tcp {', '.join(map(str, needed))}"


def _open_paths(graph: Graph) -> Iterator[str]:
    # Rules name groups: whoever shares a group with somebody who needs something is let through too.
    for caller in graph.members:
        needed = {(need.member, need.port) for need in caller.needs if isinstance(need, PeerNeed)}
        for called in graph.members:
            for port in sorted(_open_ports(graph, caller, called)):
                if (called.name, port) not in needed:
                    yield f"{caller.name} can call {called.name} on port {port}, and does not need to"
        for rule in graph.rules:
            if rule.direction is Direction.EGRESS and rule.group in caller.groups:
                yield from _beyond(graph, caller, rule)


def _open_ports(graph: Graph, caller: Member, called: Member) -> set[int]:
    # One port of a range is enough to tell: the rest of it is the same path.
    exits = [
        rule.ports
        for rule in graph.rules
        if rule.direction is Direction.EGRESS
        and rule.group in caller.groups
        and rule.peer in {*called.groups, ANYWHERE}
    ]
    return {
        max(way_out[0], rule.ports[0])
        for way_out in ([_ALL_PORTS] if caller.outside else exits)
        for rule in graph.rules
        if rule.direction is Direction.INGRESS
        and rule.group in called.groups
        and rule.peer in {*caller.groups, ANYWHERE}
        and max(way_out[0], rule.ports[0]) <= min(way_out[-1], rule.ports[-1])
    }


def _beyond(graph: Graph, caller: Member, rule: Rule) -> Iterator[str]:
    ways = {_way(graph, need) for need in caller.needs if not isinstance(need, PeerNeed)}
    services = {need.service for need in caller.needs if isinstance(need, ServiceNeed)}
    if rule.peer == ANYWHERE and Way.INTERNET not in ways:
        yield f"{caller.name} can leave for the internet by {rule.name}, and does not need to"
    for endpoint in graph.endpoints:
        unneeded = (rule.peer == endpoint.prefix_list and endpoint.service not in services) or (
            rule.peer in endpoint.groups and Way.ENDPOINT not in ways
        )
        if unneeded:
            yield f"{caller.name} can reach {endpoint.name} by {rule.name}, and does not need to"


def _idle_routes(graph: Graph) -> Iterator[str]:
    # Routes to the internet in subnets whose members need nothing there.
    inhabited = {subnet for member in graph.members for subnet in member.subnets}
    needing = {
        subnet
        for member in graph.members
        for need in member.needs
        if not isinstance(need, PeerNeed) and _way(graph, need) is Way.INTERNET
        for subnet in member.subnets
    }
    for route in graph.routes:
        if route.destination == ANYWHERE and route.subnet in inhabited - needing:
            yield f"{route.subnet} has a route to {ANYWHERE} by {route.target}, and nobody there needs it"
