"""Addresses, zones and the way out."""

from dataclasses import dataclass
from ipaddress import IPv4Network

from components.network.zones import NatStrategy, check_zones, plan_zones
from settings.values import Values

KEYS = ("availabilityZones", "vpcCidr", "natGateways")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """Addresses, zones and the way out."""

    cidr: IPv4Network
    zones: tuple[str, ...]
    nat: NatStrategy


def read_network(values: Values, region: str) -> NetworkSettings:
    """Read the network of a stack in ``region``; raises ``SettingsError`` for a plan that does not fit."""
    zones = values.texts_of("availabilityZones")
    values.check("availabilityZones", list(zones), lambda: check_zones(region, zones))
    cidr = values.text("vpcCidr")
    values.check("vpcCidr", cidr, lambda: plan_zones(cidr, zones))
    return NetworkSettings(cidr=IPv4Network(cidr), zones=zones, nat=values.choice("natGateways", NatStrategy))
