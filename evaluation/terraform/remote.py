"""The resources that remote components make, which an evaluation does not see (awsx 3.11: vpc.ts, repository.ts).

Only what this program asks of them is known here; anything else is an error rather than a gap in a plan.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from evaluation.answers import computed_outputs
from evaluation.recorder import Recorded

_ANYWHERE = "0.0.0.0/0"
_KNOWN_INPUTS: Mapping[str, frozenset[str]] = {
    "awsx:ec2:Vpc": frozenset(
        {
            "availabilityZoneNames", "cidrBlock", "enableDnsHostnames", "enableDnsSupport", "natGateways",
            "subnetSpecs", "subnetStrategy", "tags", "vpcEndpointSpecs", "vpcEndpointStrategy",
        }
    ),
    "awsx:ecr:Repository": frozenset(
        {
            "encryptionConfigurations", "forceDelete", "imageScanningConfiguration", "imageTagMutability",
            "lifecyclePolicy", "tags",
        }
    ),
}  # fmt: skip


class UnknownPartError(Exception):
    """A remote component is asked for something of which it is not known what it makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One resource, by Pulumi's names."""

    kind: str
    name: str
    identity: str
    """Its id, as other resources of the program refer to it."""
    inputs: Mapping[str, Any]


def parts(component: Recorded) -> Sequence[Part]:
    """Return what ``component`` makes; raises ``UnknownPartError`` for a component, or an input, not known."""
    known = _KNOWN_INPUTS.get(component.type)
    if known is None:
        raise UnknownPartError(f"{component.type} {component.name}: nobody says what this component makes")
    if unknown := sorted(component.inputs.keys() - known):
        raise UnknownPartError(f"{component.type} {component.name}: what {', '.join(unknown)} makes is unknown")
    return list(_PARTS[component.type](component))


def _repository(component: Recorded) -> Iterator[Part]:
    identity = f"{component.name}-0000000"
    inputs = {key: value for key, value in component.inputs.items() if key != "lifecyclePolicy"}
    yield Part(kind="aws:ecr/repository:Repository", name=component.name, identity=identity, inputs=inputs)
    # The rule for images of any tag comes last.
    rules = sorted(component.inputs["lifecyclePolicy"]["rules"], key=lambda rule: rule["tagStatus"] == "any")
    policy = {"rules": [_expiry(rule, number) for number, rule in enumerate(rules, start=1)]}
    yield Part(
        kind="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        name=component.name,
        identity=f"{identity}-lifecycle",
        inputs={"repository": identity, "policy": json.dumps(policy)},
    )


def _expiry(rule: Mapping[str, Any], number: int) -> dict[str, Any]:
    limit = {"countType": "imageCountMoreThan", "countNumber": int(rule["maximumNumberOfImages"])}
    return {
        "rulePriority": number,
        "description": rule["description"],
        "selection": {"tagStatus": rule["tagStatus"], **limit},
        "action": {"type": "expire"},
    }


def _network(component: Recorded) -> Iterator[Part]:
    inputs, name = component.inputs, component.name
    outputs = computed_outputs(component.type, name, inputs)[1]
    vpc, gateway = str(outputs["vpcId"]), f"igw-{name}"
    own = {key: inputs[key] for key in ("cidrBlock", "enableDnsHostnames", "enableDnsSupport")}
    yield Part(kind="aws:ec2/vpc:Vpc", name=name, identity=vpc, inputs=own)
    yield Part(
        kind="aws:ec2/internetGateway:InternetGateway", name=name, identity=gateway, inputs={"vpcId": vpc}
    )
    zones = cast("list[str]", inputs["availabilityZoneNames"])
    nats = _nat_gateways(name, str(inputs["natGateways"]["strategy"]), len(zones))
    ids = {kind: iter(outputs[f"{kind.lower()}SubnetIds"]) for kind in ("Public", "Private", "Isolated")}
    tables: list[str] = []
    for number, zone in enumerate(zones):
        for spec in inputs["subnetSpecs"]:
            kind = str(spec["type"])
            label = f"{name}-{spec.get('name') or kind.lower()}-{number + 1}"
            subnet, table = next(ids[kind]), f"rtb-{label}"
            tables.append(table)
            way_out = {
                "Public": {"gatewayId": gateway},
                "Private": {"natGatewayId": nats[min(number, len(nats) - 1)]} if nats else None,
                "Isolated": None,
            }[kind]
            yield from _subnet(label, subnet, kind == "Public", zone, vpc, table, way_out)
            if kind == "Public" and number < len(nats):
                yield from _nat_gateway(f"{name}-{number + 1}", nats[number], subnet)
    for spec in inputs["vpcEndpointSpecs"]:
        service = str(spec["serviceName"])
        yield Part(
            kind="aws:ec2/vpcEndpoint:VpcEndpoint",
            name=f"{name}-{service.rpartition('.')[2]}",
            identity=f"vpce-{name}-{service}",
            inputs={**spec, "vpcId": vpc, "routeTableIds": tables},
        )


def _nat_gateways(name: str, strategy: str, zones: int) -> list[str]:
    wanted = {"None": 0, "Single": 1, "OnePerAz": zones}[strategy]
    return [f"nat-{name}-{number + 1}" for number in range(wanted)]


def _nat_gateway(label: str, identity: str, subnet: str) -> Iterator[Part]:
    address = f"eipalloc-{label}"
    yield Part(kind="aws:ec2/eip:Eip", name=label, identity=address, inputs={"domain": "vpc"})
    yield Part(
        kind="aws:ec2/natGateway:NatGateway",
        name=label,
        identity=identity,
        inputs={"subnetId": subnet, "allocationId": address},
    )


def _subnet(
    label: str, identity: str, public: bool, zone: str, vpc: str, table: str, way_out: dict[str, str] | None
) -> Iterator[Part]:
    yield Part(
        kind="aws:ec2/subnet:Subnet",
        name=label,
        identity=identity,
        inputs={"vpcId": vpc, "availabilityZone": zone, "mapPublicIpOnLaunch": public},
    )
    yield Part(kind="aws:ec2/routeTable:RouteTable", name=label, identity=table, inputs={"vpcId": vpc})
    yield Part(
        kind="aws:ec2/routeTableAssociation:RouteTableAssociation",
        name=label,
        identity=f"rtbassoc-{label}",
        inputs={"routeTableId": table, "subnetId": identity},
    )
    if way_out is not None:
        inputs = {"routeTableId": table, "destinationCidrBlock": _ANYWHERE, **way_out}
        yield Part(kind="aws:ec2/route:Route", name=label, identity=f"route-{label}", inputs=inputs)


_PARTS: Mapping[str, Callable[[Recorded], Iterator[Part]]] = {
    "awsx:ec2:Vpc": _network,
    "awsx:ecr:Repository": _repository,
}
