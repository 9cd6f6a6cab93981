"""What remote components register below themselves, as their own sources do (pure).

The engine sees a VPC's subnets and a repository's lifecycle policy; a recording has the component alone.
Whoever judges a stack by its resources asks for them with ``with_children``. Written after pulumi-awsx 3.11.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from evaluation.program import Deployment
from evaluation.recorder import Recorded
from evaluation.secrecy import plain

NETWORK = "awsx:ec2:Vpc"
REPOSITORY = "awsx:ecr:Repository"
_ANYWHERE = "0.0.0.0/0"
_USUAL_RULE = {"tagStatus": "untagged", "maximumNumberOfImages": 1}
"""Of repositories that say nothing."""
# In this order a zone's subnets are made, so that its NAT gateway is there before the routes to it.
_ORDER = ("public", "private", "isolated")


def with_children(deployment: Deployment) -> Deployment:
    """Return ``deployment`` with what its remote components consist of."""
    children = [
        child
        for found in deployment.resources.values()
        if found.type in _CHILDREN
        for child in _CHILDREN[found.type](found)
    ]
    return replace(deployment, resources=deployment.resources | {child.urn: child for child in children})


def _child(
    parent: Recorded,
    kind: str,
    name: str,
    inputs: Mapping[str, Any],
    **references: Recorded | tuple[Recorded, ...],
) -> Recorded:
    stack, path = parent.urn.split("::")[0], parent.urn.split("::")[2]
    project = parent.urn.split("::")[1]
    urns = {
        key: frozenset(one.urn for one in (target if isinstance(target, tuple) else (target,)))
        for key, target in references.items()
    }
    return replace(
        parent,
        urn=f"{stack}::{project}::{path}${kind}::{name}",
        type=kind,
        name=name,
        parent=parent.urn,
        custom=True,
        remote=False,
        depends_on=frozenset[str]().union(*urns.values()),
        references=urns,
        inputs={key: value for key, value in inputs.items() if value is not None},
    )


def _network(network: Recorded) -> Iterator[Recorded]:
    inputs = plain(network.inputs)
    keys = ("cidrBlock", "enableDnsHostnames", "enableDnsSupport")
    named = {"id": f"vpc-{network.name}"}
    vpc = _child(network, "aws:ec2/vpc:Vpc", network.name, named | {key: inputs.get(key) for key in keys})
    gateway = _child(vpc, "aws:ec2/internetGateway:InternetGateway", network.name, {}, vpcId=vpc)
    yield from (vpc, gateway)
    tables: list[Recorded] = []
    nat: list[Recorded] = []
    gateways: dict[str, Any] = inputs.get("natGateways") or {}
    strategy = str(gateways.get("strategy", "OnePerAz")).lower()
    for number, zone in enumerate(inputs["availabilityZoneNames"], start=1):
        specs = sorted(inputs["subnetSpecs"], key=lambda spec: _ORDER.index(str(spec["type"]).lower()))
        for spec in specs:
            kind = str(spec["type"]).lower()
            name = f"{network.name}-{spec.get('name') or kind}-{number}"
            properties = {
                # As evaluation.answers has it among the component's outputs.
                "id": f"subnet-{network.name}-{spec.get('name') or kind}-{zone}",
                "availabilityZone": zone,
                "mapPublicIpOnLaunch": kind == "public",
                "tags": {"SubnetType": str(spec["type"])},
            }
            subnet = _child(vpc, "aws:ec2/subnet:Subnet", name, properties, vpcId=vpc)
            table = _child(subnet, "aws:ec2/routeTable:RouteTable", name, {}, vpcId=vpc)
            yield from (subnet, table)
            yield _child(
                table, "aws:ec2/routeTableAssociation:RouteTableAssociation", name, {},
                routeTableId=table, subnetId=subnet,
            )  # fmt: skip
            tables.append(table)
            if kind == "public" and (strategy == "oneperaz" or (strategy == "single" and not nat)):
                address = _child(subnet, "aws:ec2/eip:Eip", f"{network.name}-{number}", {})
                nat.append(
                    _child(
                        subnet, "aws:ec2/natGateway:NatGateway", f"{network.name}-{number}", {},
                        subnetId=subnet, allocationId=address,
                    )
                )  # fmt: skip
                yield from (address, nat[-1])
            yield from _ways_out(table, kind, name, gateway, nat)
    yield from _endpoints(vpc, inputs.get("vpcEndpointSpecs") or [], tables)


def _ways_out(
    table: Recorded, kind: str, name: str, gateway: Recorded, nat: list[Recorded]
) -> Iterator[Recorded]:
    way = {"public": ("gatewayId", gateway), "private": ("natGatewayId", nat[-1] if nat else None)}.get(kind)
    if way and way[1]:
        properties = {"destinationCidrBlock": _ANYWHERE}
        references = {"routeTableId": table, way[0]: way[1]}
        yield _child(table, "aws:ec2/route:Route", name, properties, **references)


def _endpoints(vpc: Recorded, specs: list[dict[str, Any]], tables: list[Recorded]) -> Iterator[Recorded]:
    for spec in specs:
        kind = spec.get("vpcEndpointType") or "Gateway"
        routed = {"routeTableIds": tuple(tables)} if kind == "Gateway" else {}
        yield _child(
            vpc, "aws:ec2/vpcEndpoint:VpcEndpoint", str(spec["serviceName"]),
            {**spec, "vpcEndpointType": kind}, vpcId=vpc, **routed,
        )  # fmt: skip


def _repository(component: Recorded) -> Iterator[Recorded]:
    inputs = plain(component.inputs)
    policy: dict[str, Any] = inputs.pop("lifecyclePolicy", None) or {}
    name = component.name.lower()
    repository = _child(component, "aws:ecr/repository:Repository", name, inputs)
    # What the component's own inputs come from.
    yield replace(repository, references=component.references, depends_on=component.depends_on)
    if not policy.get("skip"):
        rules: list[dict[str, Any]] = policy.get("rules") or [_USUAL_RULE]
        document = json.dumps(
            {"rules": [_lifecycle_rule(rule, place) for place, rule in enumerate(rules, start=1)]}
        )
        yield _child(
            component,
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            name,
            {"policy": document},
            repository=repository,
        )


def _lifecycle_rule(rule: Mapping[str, Any], priority: int) -> dict[str, Any]:
    number, days = rule.get("maximumNumberOfImages"), rule.get("maximumAgeLimit")
    count = (
        {"countType": "imageCountMoreThan", "countNumber": int(number)}
        if number is not None
        else {"countType": "sinceImagePushed", "countNumber": days, "countUnit": "days"}
    )
    return {
        "rulePriority": priority,
        "selection": {"tagStatus": str(rule["tagStatus"]).lower(), **count},
        "action": {"type": "expire"},
    }


_CHILDREN: Mapping[str, Callable[[Recorded], Iterator[Recorded]]] = {
    NETWORK: _network,
    REPOSITORY: _repository,
}
