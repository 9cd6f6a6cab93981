"""What remote components register below themselves is what the rest of the program was told of them."""

import json

import pytest

from evaluation.answers import computed_outputs
from evaluation.children import NETWORK, REPOSITORY, with_children
from evaluation.secrecy import plain
from tests.infra.deployment import Deployment, deployed

KINDS = ("public", "private", "isolated")


def of_network(stack: str, kind: str) -> list[str]:
    """The names of what a stack's network registers of a type."""
    return [found.name for found in with_children(deployed(stack)).of_type(f"aws:ec2/{kind}")]


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_subnets_are_those_that_the_component_answers(stack: str) -> None:
    found = with_children(deployed(stack))
    (network,) = found.of_type(NETWORK)
    _, outputs = computed_outputs(NETWORK, network.name, plain(network.inputs))
    subnets = found.of_type("aws:ec2/subnet:Subnet")
    answered = [subnet for kind in KINDS for subnet in outputs[f"{kind}SubnetIds"]]
    assert sorted(subnet.inputs["id"] for subnet in subnets) == sorted(answered)
    assert {subnet.parent for subnet in subnets} == {vpc.urn for vpc in found.of_type("aws:ec2/vpc:Vpc")}
    assert all(f"{NETWORK}$aws:ec2/vpc:Vpc$aws:ec2/subnet:Subnet::" in subnet.urn for subnet in subnets)


def ways(deployment: Deployment, kind: str) -> set[str]:
    """How the subnets of a kind reach the internet."""
    found = with_children(deployment)
    return {
        found.resources[urn].type.rpartition(":")[2]
        for route in found.of_type("aws:ec2/route:Route")
        if f"-{kind}-" in route.name
        for key in ("gatewayId", "natGatewayId")
        for urn in route.references.get(key, ())
    }


def test_each_kind_of_subnet_has_its_way_out() -> None:
    prod = deployed("prod")
    assert ways(prod, "public") == {"InternetGateway"}
    assert ways(prod, "private") == ways(prod, "agents") == {"NatGateway"}
    assert ways(prod, "isolated") == set()


@pytest.mark.parametrize(("stack", "gateways"), [("dev", 1), ("prod", 3)])
def test_there_are_as_many_nat_gateways_as_the_strategy_says(stack: str, gateways: int) -> None:
    assert len(of_network(stack, "natGateway:NatGateway")) == gateways
    assert len(of_network(stack, "eip:Eip")) == gateways


def test_gateway_endpoints_are_in_all_route_tables() -> None:
    found = with_children(deployed("dev"))
    tables = {table.urn for table in found.of_type("aws:ec2/routeTable:RouteTable")}
    endpoints = found.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert len(endpoints) == 2
    assert all(endpoint.references["routeTableIds"] == tables for endpoint in endpoints)


def test_a_repository_has_the_inputs_of_its_component_and_a_lifecycle() -> None:
    found = with_children(deployed("prod"))
    components = {component.urn: component for component in found.of_type(REPOSITORY)}
    repositories = found.of_type("aws:ecr/repository:Repository")
    policies = found.of_type("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    assert len(repositories) == len(policies) == len(components)
    for repository in repositories:
        inputs = plain(components[repository.parent].inputs)
        assert repository.inputs == {key: value for key, value in inputs.items() if key != "lifecyclePolicy"}
        assert repository.references == components[repository.parent].references
    (rule,) = json.loads(policies[0].inputs["policy"])["rules"]
    assert (rule["action"], rule["selection"]["tagStatus"]) == ({"type": "expire"}, "any")


def test_what_is_recorded_stays_as_it_is() -> None:
    deployment = deployed("dev")
    before = set(deployment.resources)
    children = with_children(deployment)
    assert set(deployment.resources) == before < set(children.resources)
    assert len(children.resources) == len(before) + sum(
        any(above in urn.split("::")[2] for above in (f"{NETWORK}$", f"{REPOSITORY}$"))
        for urn in set(children.resources)
    )
