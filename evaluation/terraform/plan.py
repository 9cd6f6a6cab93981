"""A deployment as the plan of a first update, in the form of ``terraform show -json`` (format 1.2).

For scanners: values are those of the evaluation, and the configuration says which resources each comes from.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.program import Deployment
from evaluation.recorder import AWS_PROVIDER, Recorded
from evaluation.secrecy import plain
from evaluation.terraform.naming import terraform_type
from evaluation.terraform.remote import Part, parts
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
    identities: frozenset[str]
    inputs: Mapping[str, Any]
    references: Mapping[str, Iterable["_Resource"]]

    @property
    def type(self) -> str:
        return terraform_type(self.kind)

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"


def plan(deployment: Deployment) -> dict[str, Any]:
    """Return the plan with all AWS resources of ``deployment``, those of remote components among them.

    Raises ``PlanError`` for a resource of a provider that nobody here knows, or two of one address;
    ``UnknownTypeError`` and ``UnknownPartError`` for what no SDK or no remote component is known to have.
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
    """Find all of the AWS provider, in the order in which the program registers them."""
    made: dict[str, list[_Resource]] = {}
    for urn, recorded in deployment.resources.items():
        if recorded.remote:
            made[urn] = []
            for part in parts(recorded):
                made[urn].append(_of_part(part, [*made[urn], *_origins(recorded, made)]))
        elif recorded.custom and not recorded.type.startswith(_NO_AWS):
            if not recorded.type.startswith("aws:"):
                raise PlanError(f"{recorded.type} {recorded.name}: Terraform's name of this type is unknown")
            made[urn] = [_of_recorded(recorded, made)]
    for found in made.values():
        yield from found


def _origins(recorded: Recorded, made: Mapping[str, Sequence[_Resource]]) -> list[_Resource]:
    return [found for urns in recorded.references.values() for urn in sorted(urns) for found in made.get(urn, ())]


def _of_part(part: Part, candidates: Sequence[_Resource]) -> _Resource:
    return _Resource(
        kind=part.kind,
        name=part.name,
        identities=frozenset({part.identity}),
        inputs=part.inputs,
        references={key: _meant(value, candidates) for key, value in part.inputs.items()},
    )


def _of_recorded(recorded: Recorded, made: Mapping[str, Sequence[_Resource]]) -> _Resource:
    references: dict[str, list[_Resource]] = {}
    for key, urns in recorded.references.items():
        found = [made[urn] for urn in sorted(urns) if urn in made]
        references[key] = [
            one
            for origin in found
            # Of a remote component, the resources whose ids occur in the value.
            for one in (origin if len(origin) == 1 else _meant(recorded.inputs.get(key), origin))
        ]
    return _Resource(
        kind=recorded.type,
        name=recorded.name,
        identities=frozenset(),
        inputs=recorded.inputs,
        references=references,
    )


def _meant(value: object, candidates: Iterable[_Resource]) -> list[_Resource]:
    text = json.dumps(plain(value))
    return [one for one in candidates if any(json.dumps(identity)[1:-1] in text for identity in one.identities)]


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
            "references": [text for one in found for text in (f"{one.address}.id", one.address)]
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
