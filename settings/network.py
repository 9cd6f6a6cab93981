"""Which network a stack stands in, and its ways out."""

import re
from dataclasses import dataclass
from typing import cast

from components.network.needs import EndpointMode
from components.network.plan import ExistingNetwork, Network, NewNetwork
from components.network.zones import NatStrategy, check_zones, plan_zones
from settings.errors import SettingsError
from settings.values import Values

KEYS = ("availabilityZones", "vpcCidr", "natGateways", "existingNetwork", "interfaceEndpoints")

# An id of EC2 has 8 or, since 2016, 17 hexadecimal digits.
_ID = r"-([0-9a-f]{8}|[0-9a-f]{17})"
_SUBNET_LISTS = ("privateSubnetIds", "isolatedSubnetIds", "agentSubnetIds")
_SUBNETS_MIN = 2
"""The load balancer, the cache and AgentCore each want two zones."""
_FIELDS = ("vpcId", *_SUBNET_LISTS, "routeTableIds", "internetAccess")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """The network, made or given, and which AWS APIs have an endpoint in it."""

    plan: Network
    interface_endpoints: EndpointMode


def read_network(values: Values, region: str) -> NetworkSettings:
    """Read the network of a stack in ``region``; raises ``SettingsError`` for a plan that does not fit."""
    given = values.table("existingNetwork")
    return NetworkSettings(
        plan=_existing(values, given) if given else _new(values, region),
        interface_endpoints=values.choice("interfaceEndpoints", EndpointMode),
    )


def _new(values: Values, region: str) -> NewNetwork:
    zones = values.texts_of("availabilityZones")
    values.check("availabilityZones", list(zones), lambda: check_zones(region, zones))
    cidr = values.text("vpcCidr")
    values.check("vpcCidr", cidr, lambda: plan_zones(cidr, zones))
    return NewNetwork(cidr=cidr, zones=zones, nat=values.choice("natGateways", NatStrategy))


def _existing(values: Values, given: dict[str, object]) -> ExistingNetwork:
    path = values.key("existingNetwork")
    for field, value in given.items():
        if field not in _FIELDS:
            raise SettingsError(f"{path}.{field}", value, f"no such field; there are: {', '.join(_FIELDS)}")
    for field in _FIELDS:
        if field not in given:
            raise SettingsError(f"{path}.{field}", None, f"it is missing; give {', '.join(_FIELDS)}")
    (vpc_id,) = _ids(path, "vpcId", [given["vpcId"]], "vpc")
    subnets = {field: _ids(path, field, given[field], "subnet") for field in _SUBNET_LISTS}
    _check_subnets(path, subnets)
    if not isinstance(given["internetAccess"], bool):
        raise SettingsError(f"{path}.internetAccess", given["internetAccess"], "it is true or false")
    _check_nothing_is_made(values, vpc_id)
    return ExistingNetwork(
        vpc_id=vpc_id,
        private_subnet_ids=subnets["privateSubnetIds"],
        isolated_subnet_ids=subnets["isolatedSubnetIds"],
        agent_subnet_ids=subnets["agentSubnetIds"],
        route_table_ids=_ids(path, "routeTableIds", given["routeTableIds"], "rtb"),
        internet=given["internetAccess"],
    )


def _ids(path: str, field: str, value: object, kind: str) -> tuple[str, ...]:
    ids = cast("list[object]", value) if isinstance(value, list) else [value]
    if not isinstance(value, list):
        raise SettingsError(f"{path}.{field}", value, "it has to be a list")
    for number, found in enumerate(ids):
        if not isinstance(found, str) or re.fullmatch(kind + _ID, found) is None:
            raise SettingsError(f"{path}.{field}", found, f"an id such as {kind}-0123456789abcdef0 is wanted")
        if found in ids[:number]:
            raise SettingsError(f"{path}.{field}", found, "name each once")
    return tuple(str(found) for found in ids)


def _check_subnets(path: str, subnets: dict[str, tuple[str, ...]]) -> None:
    owners: dict[str, str] = {}
    for field, ids in subnets.items():
        needed = field != "agentSubnetIds" or len(ids) > 0
        if needed and len(ids) < _SUBNETS_MIN:
            allowed = f"give at least {_SUBNETS_MIN} subnets, in different zones"
            raise SettingsError(f"{path}.{field}", list(ids), allowed)
        for subnet_id in ids:
            if subnet_id in owners:
                raise SettingsError(
                    f"{path}.{field}",
                    subnet_id,
                    f"it is one of {owners[subnet_id]} too; tasks, cache and agents have their own",
                )
            owners[subnet_id] = field


def _check_nothing_is_made(values: Values, vpc_id: str) -> None:
    # Defaults are values too: each has to be taken back, so that no stack file says what is not there.
    for name, nothing, because in (
        ("availabilityZones", "[]", "its subnets lie in zones of their own"),
        ("vpcCidr", "", "it has addresses of its own"),
        (
            "natGateways",
            "none",
            "none are added to it, and existingNetwork.internetAccess says whether it has a way out",
        ),
    ):
        if values.text(name) != nothing:
            raise SettingsError(
                values.key(name),
                values.text(name),
                f"existingNetwork gives {vpc_id}, and {because}: set it to {nothing or 'an empty text'}",
            )
