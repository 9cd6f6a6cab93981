"""Zones that Amazon Bedrock AgentCore puts network interfaces in (pure, no resources).

AWS names zones differently in each account (`us-east-1a` of one is `us-east-1c` of another) and speaks of
them by id where it means the place; so does AgentCore.
"""

from collections.abc import Mapping, Sequence

AGENT_ZONE_IDS: Mapping[str, tuple[str, ...]] = {
    "ap-northeast-1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "ap-northeast-2": ("apne2-az1", "apne2-az2", "apne2-az3"),
    "ap-south-1": ("aps1-az1", "aps1-az2", "aps1-az3"),
    "ap-southeast-1": ("apse1-az1", "apse1-az2", "apse1-az3"),
    "ap-southeast-2": ("apse2-az1", "apse2-az2", "apse2-az3"),
    "ap-southeast-5": ("apse5-az1", "apse5-az2", "apse5-az3"),
    "ap-southeast-7": ("apse7-az1", "apse7-az2", "apse7-az3"),
    "ca-central-1": ("cac1-az1", "cac1-az2", "cac1-az4"),
    "eu-central-1": ("euc1-az1", "euc1-az2", "euc1-az3"),
    "eu-north-1": ("eun1-az1", "eun1-az2", "eun1-az3"),
    "eu-south-1": ("eus1-az1", "eus1-az2", "eus1-az3"),
    "eu-south-2": ("eus2-az1", "eus2-az2", "eus2-az3"),
    "eu-west-1": ("euw1-az1", "euw1-az2", "euw1-az3"),
    "eu-west-2": ("euw2-az1", "euw2-az2", "euw2-az3"),
    "eu-west-3": ("euw3-az1", "euw3-az2", "euw3-az3"),
    "sa-east-1": ("sae1-az1", "sae1-az2", "sae1-az3"),
    "us-east-1": ("use1-az1", "use1-az2", "use1-az4"),
    "us-east-2": ("use2-az1", "use2-az2", "use2-az3"),
    "us-gov-west-1": ("usgw1-az1", "usgw1-az2", "usgw1-az3"),
    "us-west-2": ("usw2-az1", "usw2-az2", "usw2-az3"),
}
"""Region to the ids of the zones that a runtime's subnets may lie in.

As of 2026-08-11: Amazon Bedrock AgentCore developer guide, supported availability zones, as collected in
aws-samples/sample-autonomous-cloud-coding-agents, agentcore-azs.ts.
"""


def check_agent_zones(region: str, subnet_zones: Sequence[str], zone_ids: Mapping[str, str]) -> None:
    """Raise ``ValueError`` when subnets for managed agents lie in a zone that AgentCore does not take.

    ``subnet_zones`` are names of zones, ``zone_ids`` maps the account's names to ids. The message lists what
    is accepted, under the names that it has in this account. Nothing is known of a region without an entry,
    so nothing is refused there: see ``unknown_zones_warning``.
    """
    accepted = AGENT_ZONE_IDS.get(region)
    if accepted is None:
        return
    places = {zone: zone_ids.get(zone, "unknown") for zone in subnet_zones}
    if all(place in accepted for place in places.values()):
        return
    names = {place: name for name, place in zone_ids.items()}
    pinned = ", ".join(f"{zone} is {place}" for zone, place in places.items())
    allowed = ", ".join(f"{place} ({names.get(place, 'not in this account')})" for place in accepted)
    raise ValueError(
        f"zones {', '.join(subnet_zones)} are not allowed for a runtime in the VPC: in this account "
        f"{pinned}; AgentCore in {region} takes {allowed}. Choose availabilityZones among these"
    )


def unknown_zones_warning(region: str) -> str | None:
    """Return what to warn of when nobody has listed the zones that AgentCore takes in ``region``."""
    if region in AGENT_ZONE_IDS:
        return None
    return (
        f"nobody has listed the zones that AgentCore takes in {region}, so the pinned ones are not checked: "
        "compare their ids with the developer guide (supported availability zones) before the first update"
    )
