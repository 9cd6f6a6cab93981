"""Each part of the platform reaches what it needs, and nothing else: the proof, and proof of the proof."""

import dataclasses
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.network.needs import (
    ENDPOINT_ACTIONS,
    EndpointMode,
    InternetNeed,
    Need,
    ServiceNeed,
    Way,
    way_of,
)
from components.network.reachability import (
    ANYWHERE,
    TLS_PORT,
    Direction,
    Endpoint,
    Graph,
    Member,
    PeerNeed,
    Proof,
    Route,
    Rule,
    prove,
)
from evaluation.answers import REGION
from tests.infra.deployment import deployed
from tests.infra.network_graph import graph_of

PROVED = ("dev", "prod")
HOLDS = Proof(unreached=(), undeclared=())
ELSEWHERE = "eu-west-1"
ENDPOINTS_GROUP = "nova-vpc-endpoints-security-group-0000000"


def graph(stack: str) -> Graph:
    return graph_of(deployed(stack))


def member(found: Graph, name: str) -> Member:
    (one,) = [candidate for candidate in found.members if candidate.name == name]
    return one


def rule(direction: Direction, group: str, peer: str, port: int = TLS_PORT, **ports: int) -> Rule:
    return Rule(
        name=f"{group}-{direction}-{peer}-{port}",
        group=group,
        direction=direction,
        protocol="tcp",
        first_port=ports.get("first", port),
        last_port=ports.get("last", port),
        peer=peer,
    )


@pytest.mark.parametrize("stack", PROVED)
def test_everybody_reaches_what_he_needs_and_nothing_else(stack: str) -> None:
    assert prove(graph(stack)) == HOLDS


@pytest.mark.parametrize(
    "overrides",
    [
        {"interfaceEndpoints": "all"},
        {"interfaceEndpoints": "none"},
        {"natGateways": "single"},
        {"agentRuntimeNetwork": "none"},
        {"availabilityZones": '["us-east-1a","us-east-1b"]', "vpcCidr": "10.9.0.0/20"},
    ],
    ids=lambda overrides: "-".join(overrides.values()),
)
def test_the_proof_holds_under_other_settings(overrides: dict[str, str]) -> None:
    assert prove(graph_of(deployed("prod", overrides=overrides))) == HOLDS


def test_the_needs_are_the_real_ones() -> None:
    found = graph("prod")
    services = {
        one.name: {need.service for need in one.needs if isinstance(need, ServiceNeed)}
        for one in found.members
    }
    peers = {
        one.name: {(need.member, need.port) for need in one.needs if isinstance(need, PeerNeed)}
        for one in found.members
    }
    pulls = {"ecr.api", "ecr.dkr", "s3", "logs"}
    assert services["audio-worker"] >= {*pulls, "sqs", "transcribe", "bedrock-runtime", "dynamodb"}
    assert services["audio"] >= {*pulls, "dynamodb", "cognito-idp"}
    assert services["search-indexer"] >= {*pulls, "sqs", "s3vectors", "bedrock-runtime", "dynamodb"}
    assert services["agent-core"] >= {*pulls, "secretsmanager", "bedrock-runtime", "cognito-idp"}
    assert services["agent-core-runtime-runtime"] >= {*pulls, "bedrock-runtime"}
    called = {("audio", 8000), ("projector", 8000), ("search", 8000), ("video", 8000), ("cache", 6379)}
    assert peers["agent-core"] == peers["agent-core-runtime-runtime"] == called
    assert peers["load-balancer"] >= {(name, 8000) for name in ("agent-core", "audio", "projector", "search")}
    assert peers["vpc-link"] == {("load-balancer", 443)}
    assert peers["cache"] == set()


@pytest.mark.parametrize("stack", PROVED)
def test_each_rule_is_missed(stack: str) -> None:
    found = graph(stack)
    assert len(found.rules) > 30
    unmissed = [
        one.name
        for one in found.rules
        if not _named(dataclasses.replace(found, rules=_without(found.rules, one)), one.group, one.peer)
    ]
    assert unmissed == []


@pytest.mark.parametrize("stack", PROVED)
def test_each_endpoint_is_missed(stack: str) -> None:
    found = graph(stack)
    assert len(found.endpoints) == {"dev": 2, "prod": 14}[stack]
    unmissed = [
        one.name
        for one in found.endpoints
        if not _named(dataclasses.replace(found, endpoints=_without(found.endpoints, one)), one.service)
    ]
    assert unmissed == []


@pytest.mark.parametrize("stack", PROVED)
def test_each_policy_statement_of_an_endpoint_is_missed(stack: str) -> None:
    found = graph(stack)
    for one in found.endpoints:
        closed = dataclasses.replace(one, allowed=frozenset())
        endpoints = (*_without(found.endpoints, one), closed)
        assert _named(dataclasses.replace(found, endpoints=endpoints), f"the policy of {one.name}")


@pytest.mark.parametrize("stack", PROVED)
def test_each_route_that_a_need_takes_is_missed(stack: str) -> None:
    found = graph(stack)
    taken = list(_taken(found))
    assert len(taken) > 6
    unmissed = [
        route
        for route in taken
        if not _named(
            dataclasses.replace(found, routes=_without(found.routes, route)), route.subnet, route.destination
        )
    ]
    assert unmissed == []


@pytest.mark.parametrize("stack", PROVED)
def test_each_nat_gateway_is_missed(stack: str) -> None:
    found = graph(stack)
    assert len(found.nat_gateways) == {"dev": 1, "prod": 3}[stack]
    for name in found.nat_gateways:
        others = {key: subnet for key, subnet in found.nat_gateways.items() if key != name}
        assert _named(dataclasses.replace(found, nat_gateways=others), "by a NAT gateway")


@pytest.mark.parametrize("stack", PROVED)
def test_each_pair_that_has_nothing_to_say_to_each_other_is_named(stack: str) -> None:
    found = graph(stack)
    inside = [one for one in found.members if not one.outside]
    for caller in inside:
        for called in inside:
            needed = {(need.member, need.port) for need in caller.needs if isinstance(need, PeerNeed)}
            if (called.name, 5432) in needed:
                continue
            from_group, to_group = min(caller.groups), min(called.groups)
            extra = (
                rule(Direction.EGRESS, from_group, to_group, 5432),
                rule(Direction.INGRESS, to_group, from_group, 5432),
            )
            proof = prove(dataclasses.replace(found, rules=(*found.rules, *extra)))
            assert f"{caller.name} can call {called.name} on port 5432, and does not need to" in (
                proof.undeclared
            )
            assert all(any(one.name in text for text in proof.undeclared) for one in extra)


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (
            rule(Direction.EGRESS, "nova-cache-security-group-0000000", ANYWHERE),
            "cache can leave for the internet",
        ),
        (
            rule(Direction.EGRESS, "audio-worker-security-group-0000000", ANYWHERE),
            "audio-worker can leave for the internet",
        ),
        (
            rule(Direction.EGRESS, "nova-cache-security-group-0000000", "pl-s3"),
            "cache can reach s3-gateway-endpoint",
        ),
        (
            rule(Direction.EGRESS, "nova-cache-security-group-0000000", ENDPOINTS_GROUP),
            "cache can reach nova-vpc-endpoints-sqs",
        ),
        (
            rule(Direction.INGRESS, "nova-cache-security-group-0000000", "10.0.0.0/16", 6379),
            "admits 10.0.0.0/16 on tcp 6379) serves nobody's need",
        ),
        (
            rule(Direction.INGRESS, "nova-cache-security-group-0000000", ANYWHERE, 6379),
            "admits 0.0.0.0/0 on tcp 6379) serves nobody's need",
        ),
        (
            rule(Direction.EGRESS, "audio-security-group-0000000", "::/0"),
            "lets out to ::/0 on tcp 443) serves nobody's need",
        ),
        (
            rule(Direction.INGRESS, "nova-balancer-security-group-0000000", "pl-origin-facing", 443),
            "cloudfront can call load-balancer on port 443, and does not need to",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)  # fmt: skip
def test_a_superfluous_rule_is_named(extra: Rule, text: str) -> None:
    found = graph("prod")
    proof = prove(dataclasses.replace(found, rules=(*found.rules, extra)))
    assert proof.unreached == ()
    assert any(text in finding for finding in proof.undeclared), proof.undeclared


def test_a_rule_that_is_wider_than_needed_is_named() -> None:
    found = graph("prod")
    (narrow,) = [one for one in found.rules if one.name == "agent-core-ingress-at-cache"]
    for wide in (
        dataclasses.replace(narrow, first_port=0, last_port=65_535),
        dataclasses.replace(narrow, protocol="-1"),
    ):
        proof = prove(dataclasses.replace(found, rules=(*_without(found.rules, narrow), wide)))
        assert proof.unreached == ()
        assert any("is wider than what is needed, tcp 6379" in finding for finding in proof.undeclared)


def test_whoever_shares_a_group_is_named() -> None:
    found = graph("prod")
    audio, cache_user = member(found, "audio"), member(found, "agent-core")
    intruder = dataclasses.replace(audio, groups=audio.groups | cache_user.groups)
    proof = prove(dataclasses.replace(found, members=(*_without(found.members, audio), intruder)))
    assert "audio can call cache on port 6379, and does not need to" in proof.undeclared


def test_a_way_out_of_the_isolated_subnets_is_named() -> None:
    found = graph("prod")
    subnet = min(member(found, "cache").subnets)
    extra = Route(subnet=subnet, destination=ANYWHERE, target="nat-0")
    proof = prove(dataclasses.replace(found, routes=(*found.routes, extra)))
    assert proof.undeclared == (f"{subnet} has a route to 0.0.0.0/0 by nat-0, and nobody there needs it",)


def test_an_endpoint_takes_the_calls_of_those_who_did_not_ask_for_it() -> None:
    found = graph("dev")
    taken = Endpoint(
        name="sqs-of-somebody",
        service="sqs",
        allowed=frozenset({"sqs"}),
        groups=frozenset({"sg-of-somebody"}),
        subnets=frozenset({"subnet-of-somebody"}),
        private_dns=True,
    )
    proof = prove(dataclasses.replace(found, endpoints=(*found.endpoints, taken)))
    assert any(
        text.startswith("audio-worker does not reach sqs") and "sg-of-somebody" in text
        for text in proof.unreached
    )


def _without[Item](items: tuple[Item, ...], unwanted: Item) -> tuple[Item, ...]:
    return tuple(item for item in items if item != unwanted)


def _named(found: Graph, *words: str) -> bool:
    """Whether what is unreached in a network names all of ``words`` at once."""
    return any(all(word in text for word in words) for text in prove(found).unreached)


def _taken(found: Graph) -> Iterator[Route]:
    """Routes of subnets from which somebody leaves by them, NAT gateways among them."""
    leaving = {
        (subnet, way_of(need, found.region, found.mode), getattr(need, "service", ""))
        for one in found.members
        for need in one.needs
        if not isinstance(need, PeerNeed)
        for subnet in one.subnets
    }
    services = {endpoint.prefix_list: endpoint.service for endpoint in found.endpoints}
    outer = set(found.nat_gateways.values())
    for route in found.routes:
        by_gateway = (route.subnet, Way.GATEWAY, services.get(route.destination, "")) in leaving
        to_internet = route.destination == ANYWHERE and (
            route.subnet in outer or any(key[:2] == (route.subnet, Way.INTERNET) for key in leaving)
        )
        if by_gateway or to_internet:
            yield route


NAMES = ("red", "green", "blue")
CALLS = st.one_of(
    st.builds(
        ServiceNeed,
        service=st.sampled_from(["dynamodb", "kms", "polly", "s3", "sqs"]),
        region=st.sampled_from([REGION, ELSEWHERE]),
    ),
    st.builds(InternetNeed, host=st.sampled_from(["a.example", "b.example"]), reason=st.just("a test")),
    st.builds(PeerNeed, member=st.sampled_from(NAMES), port=st.sampled_from([80, 6379])),
)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Networks in which each need has its rules, endpoints and routes, and there are no others."""
    mode = draw(st.sampled_from([EndpointMode.NONE, EndpointMode.GRANTED]))
    needs = {name: draw(st.frozensets(CALLS, max_size=5)) for name in NAMES}
    # Nobody needs himself.
    needs = {
        name: frozenset(need for need in found if not isinstance(need, PeerNeed) or need.member != name)
        for name, found in needs.items()
    }
    rules, endpoints, routes = (
        set[Rule](),
        set[Endpoint](),
        {Route(subnet="outer", destination=ANYWHERE, target="igw")},
    )
    for name, found in needs.items():
        for need in found:
            _provide(name, need, mode, rules, endpoints, routes)
    return Graph(
        region=REGION,
        mode=mode,
        members=tuple(
            Member(name=name, groups=frozenset({name}), subnets=frozenset({f"{name}-subnet"}), needs=found)
            for name, found in needs.items()
        ),
        rules=tuple(sorted(rules, key=lambda one: one.name)),
        routes=tuple(sorted(routes, key=str)),
        endpoints=tuple(sorted(endpoints, key=lambda one: one.name)),
        nat_gateways={"nat": "outer"},
        internet_gateways=frozenset({"igw"}),
    )


def _provide(
    name: str,
    need: Need | PeerNeed,
    mode: EndpointMode,
    rules: set[Rule],
    endpoints: set[Endpoint],
    routes: set[Route],
) -> None:
    if isinstance(need, PeerNeed):
        rules.add(rule(Direction.EGRESS, name, need.member, need.port))
        rules.add(rule(Direction.INGRESS, need.member, name, need.port))
    elif isinstance(need, InternetNeed) or (way := way_of(need, REGION, mode)) is Way.INTERNET:
        rules.add(rule(Direction.EGRESS, name, ANYWHERE))
        routes.add(Route(subnet=f"{name}-subnet", destination=ANYWHERE, target="nat"))
    elif way is Way.GATEWAY:
        peer = f"pl-{need.service}"
        rules.add(rule(Direction.EGRESS, name, peer))
        routes.add(Route(subnet=f"{name}-subnet", destination=peer, target=need.service))
        endpoints.add(
            Endpoint(
                name=need.service,
                service=need.service,
                allowed=frozenset({need.service}),
                prefix_list=peer,
            )
        )
    else:
        rules.add(rule(Direction.EGRESS, name, "endpoints"))
        rules.add(rule(Direction.INGRESS, "endpoints", name))
        endpoints.add(
            Endpoint(
                name=need.service,
                service=need.service,
                allowed=frozenset({ENDPOINT_ACTIONS[need.service]}),
                groups=frozenset({"endpoints"}),
                subnets=frozenset({"red-subnet"}),
                private_dns=True,
            )
        )


@given(found=networks())
def test_a_network_made_to_measure_holds(found: Graph) -> None:
    assert prove(found) == HOLDS


@given(found=networks(), data=st.data())
def test_whatever_is_taken_away_is_missed(found: Graph, data: st.DataObject) -> None:
    if not found.rules:
        return
    taken = data.draw(st.sampled_from(found.rules))
    assert _named(dataclasses.replace(found, rules=_without(found.rules, taken)), taken.group, taken.peer)
    for endpoint in found.endpoints:
        less = dataclasses.replace(found, endpoints=_without(found.endpoints, endpoint))
        assert _named(less, f"there is no endpoint for {endpoint.service}")


@given(
    found=networks(),
    group=st.sampled_from(NAMES),
    peer=st.sampled_from([*NAMES, ANYWHERE, "pl-s3", "endpoints"]),
    port=st.sampled_from([22, 443, 5432]),
    direction=st.sampled_from(Direction),
)
def test_whatever_is_added_is_named(
    found: Graph, group: str, peer: str, port: int, direction: Direction
) -> None:
    extra = rule(direction, group, peer, port)
    if extra in found.rules:
        return
    proof = prove(dataclasses.replace(found, rules=(*found.rules, extra)))
    assert proof.unreached == ()
    assert any(extra.name in text for text in proof.undeclared)


@given(found=networks(), data=st.data())
def test_more_rules_never_close_a_way(found: Graph, data: st.DataObject) -> None:
    if not found.rules:
        return
    fewer = dataclasses.replace(found, rules=_without(found.rules, data.draw(st.sampled_from(found.rules))))
    assert set(prove(found).unreached) <= set(prove(fewer).unreached)
