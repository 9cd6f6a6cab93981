"""A deployment as the plan of a first update, in the form of ``terraform show -json`` (format 1.2).

For scanners: values are those of the evaluation, and the configuration says which resources each comes from.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.children import with_children
from evaluation.program import Deployment
from evaluation.recorder import AWS_PROVIDER, Recorded
from evaluation.secrecy import plain
from evaluation.terraform.naming import terraform_type
from evaluation.terraform.values import terraform_input, terraform_values

_PROVIDER = "registry.terraform.io/hashicorp/aws"
_FORMAT = "1.2"
# Neither reaches AWS by a resource of the AWS provider: images are pushed, passwords are made in the engine.
_NO_AWS = ("docker:", "random:", "pulumi:")


class PlanError(Exception):
    """Something of a deployment cannot be said in Terraform's terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    """One resource of the plan."""

    kind: str
    """By Pulumi's name."""
    name: str
    inputs: Mapping[str, Any]
    references: Mapping[str, Sequence[str]]
    """By input, the addresses of what its value comes from."""

    @property
    def type(self) -> str:
        return terraform_type(self.kind)

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"


def plan(deployment: Deployment) -> dict[str, Any]:
    """Return the plan with all AWS resources of ``deployment``, those of remote components among them.

    Raises ``PlanError`` for a resource of a provider, or a remote component, that nobody here knows, and for
    two of one address; ``UnknownTypeError`` for a type that no SDK has.
    """
    resources = list(_resources(deployment))
    addresses = [resource.address for resource in resources]
    if doubled := sorted({address for address in addresses if addresses.count(address) > 1}):
        raise PlanError(f"two resources would have the address {', '.join(doubled)}")
    return {
        "format_version": _FORMAT,
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": [_planned(resource) for resource in resources]}},
        "resource_changes": [_change(resource) for resource in resources],
        "configuration": {
            "provider_config": {"aws": _provider(deployment)},
            "root_module": {"resources": [_configured(resource) for resource in resources]},
        },
    }


def _resources(deployment: Deployment) -> Iterator[_Resource]:
    """Find all of the AWS provider, those of remote components among them."""
    whole = with_children(deployment).resources
    children: dict[str, list[Recorded]] = {urn: [] for urn, found in whole.items() if found.remote}
    for found in whole.values():
        for component, parts in children.items():
            if _is_below(found, whole[component], whole):
                parts.append(found)
    for urn, parts in children.items():
        if not parts:
            raise PlanError(f"{whole[urn].type} {whole[urn].name}: nobody says what this component makes")
    for found in whole.values():
        if found.custom and not found.type.startswith(_NO_AWS):
            if not found.type.startswith("aws:"):
                raise PlanError(f"{found.type} {found.name}: Terraform's name of this type is unknown")
            yield _Resource(
                kind=found.type,
                name=found.name,
                inputs=found.inputs,
                references={
                    key: tuple(_meant(found.inputs.get(key), urns, whole, children))
                    for key, urns in found.references.items()
                },
            )


def _is_below(found: Recorded, component: Recorded, whole: Mapping[str, Recorded]) -> bool:
    parent = whole.get(found.parent)
    return parent is not None and (parent.urn == component.urn or _is_below(parent, component, whole))


def _meant(
    value: object,
    urns: Iterable[str],
    whole: Mapping[str, Recorded],
    children: Mapping[str, Sequence[Recorded]],
) -> Iterator[str]:
    """Yield the addresses of what a value comes from; of a remote component, those of the parts it names."""
    for urn in sorted(urns):
        if urn in children:
            text = json.dumps(plain(value))
            yield from (_address(one) for one in children[urn] if _identity(one) in text)
        elif whole[urn].type.startswith("aws:"):
            yield _address(whole[urn])


def _address(found: Recorded) -> str:
    return f"{terraform_type(found.type)}.{found.name}"


def _identity(child: Recorded) -> str:
    """Return the id of a remote component's part, as ``evaluation.answers`` hands it out."""
    match terraform_type(child.type):
        case "aws_vpc":
            return f'"vpc-{child.name}"'
        case "aws_subnet":
            return f'"subnet-{child.name.rpartition("-")[0]}-{child.inputs["availabilityZone"]}"'
        case "aws_ecr_repository":
            return f"{child.name}-0000000"
        case other:
            return f"{other} is referred to by nobody"


def _planned(resource: _Resource) -> dict[str, Any]:
    return {
        "address": resource.address,
        "mode": "managed",
        "type": resource.type,
        "name": resource.name,
        "provider_name": _PROVIDER,
        "schema_version": 0,
        "values": terraform_values(resource.kind, resource.inputs),
        "sensitive_values": {},
    }


def _change(resource: _Resource) -> dict[str, Any]:
    return {
        "address": resource.address,
        "mode": "managed",
        "type": resource.type,
        "name": resource.name,
        "provider_name": _PROVIDER,
        "change": {
            "actions": ["create"],
            "before": None,
            "after": terraform_values(resource.kind, resource.inputs),
            "after_unknown": {"id": True},
        },
    }


def _configured(resource: _Resource) -> dict[str, Any]:
    expressions = {
        terraform_input(resource.kind, key): {
            "references": [text for address in found for text in (f"{address}.id", address)]
        }
        for key, found in resource.references.items()
        if found
    }
    return {
        "address": resource.address,
        "mode": "managed",
        "type": resource.type,
        "name": resource.name,
        "provider_config_key": "aws",
        "expressions": expressions,
        "schema_version": 0,
    }


def _provider(deployment: Deployment) -> dict[str, Any]:
    providers = deployment.of_type(AWS_PROVIDER)
    region = {"region": {"constant_value": providers[0].inputs["region"]}} if providers else {}
    return {"name": "aws", "full_name": _PROVIDER, "expressions": region}
