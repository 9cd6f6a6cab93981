"""The zone plan: which subnet of which zone has which addresses (pure, no resources).

The layout is the one of awsx's `Auto` strategy: the VPC's block is divided into equal shares, as many as the
smallest power of two that covers the zones, and each share starts with its zone's subnets in the order given
here.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

SUBNET_PREFIX_LENGTH = 24
"""256 addresses a subnet, 251 of them usable (AWS keeps five)."""
SUBNETS_PER_ZONE = 4
"""Public, private, isolated, and one for managed agents."""
ZONES_MIN = 2
"""An application load balancer needs two (AWS limit)."""
ZONES_MAX = 6
"""The largest number of zones that any AWS region has."""
VPC_PREFIX_LENGTH_MIN = 16
"""The largest VPC is a /16 (AWS limit)."""


class NatStrategy(StrEnum):
    """How private subnets reach the internet."""

    NONE = "none"
    SINGLE = "single"
    PER_ZONE = "per-az"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePlan:
    """The addresses of one zone's subnets."""

    zone: str
    public: IPv4Network
    private: IPv4Network
    isolated: IPv4Network
    agents: IPv4Network
    """Where AWS puts the network interfaces of managed agents, which it keeps for hours after their end."""


def check_zones(region: str, zones: tuple[str, ...]) -> None:
    """Raise ``ValueError``, which says what is allowed, unless ``zones`` are distinct zones of ``region``."""
    if not ZONES_MIN <= len(zones) <= ZONES_MAX:
        raise ValueError(f"give {ZONES_MIN} to {ZONES_MAX} zones")
    if len(set(zones)) != len(zones):
        raise ValueError("name each zone once")
    for zone in zones:
        if re.fullmatch(rf"{re.escape(region)}[a-z]", zone) is None:
            raise ValueError(f"{zone} is no availability zone of {region}; one is named as {region}a")


def plan_zones(cidr: str, zones: tuple[str, ...]) -> tuple[ZonePlan, ...]:
    """Lay out the subnets of ``zones`` in the block ``cidr``.

    Raises ``ValueError``, which says what is allowed, when ``cidr`` is no private IPv4 network or too small.
    """
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(f"it has to be an IPv4 network such as 10.0.0.0/16 ({error})") from error
    if not network.is_private:
        raise ValueError("it has to be a block of private addresses (RFC 1918)")
    share_bits = (len(zones) - 1).bit_length()
    subnet_bits = (SUBNETS_PER_ZONE - 1).bit_length()
    longest = SUBNET_PREFIX_LENGTH - subnet_bits - share_bits
    if not VPC_PREFIX_LENGTH_MIN <= network.prefixlen <= longest:
        raise ValueError(
            f"{len(zones)} zones of {SUBNETS_PER_ZONE} /{SUBNET_PREFIX_LENGTH} subnets need a block from "
            f"/{VPC_PREFIX_LENGTH_MIN} to /{longest}"
        )
    shares = network.subnets(prefixlen_diff=share_bits)
    return tuple(_zone_plan(zone, share) for zone, share in zip(zones, shares, strict=False))


def _zone_plan(zone: str, share: IPv4Network) -> ZonePlan:
    subnets = share.subnets(new_prefix=SUBNET_PREFIX_LENGTH)
    return ZonePlan(
        zone=zone,
        public=next(subnets),
        private=next(subnets),
        isolated=next(subnets),
        agents=next(subnets),
    )
