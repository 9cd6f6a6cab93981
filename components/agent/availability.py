"""Where AWS offers what the agent stands on (pure, no resources).

The tables are dated, because AWS adds to them: whoever needs a region that is missing here looks it up in
the source that stands beside the table, and adds it.
"""

from dataclasses import dataclass

from .model_ids import GEOGRAPHIES, GLOBAL, parse_model_id

AGENTCORE_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
)
"""Regions with AgentCore Runtime (microVMs), which takes both network modes in each of them.

Source: AgentCore developer guide, "Supported AWS Regions" (agentcore-regions), as of November 2026.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How AWS offers one foundation model."""

    profiles: frozenset[str]
    """Prefixes of its inference profiles."""
    regions: frozenset[str] | None
    """Where it is invoked by its plain id; ``None`` where that is not known here."""


OFFERS: dict[str, Offer] = {
    "anthropic.claude-sonnet-4-6": Offer(profiles=frozenset({GLOBAL, "au", "eu", "jp", "us"}), regions=None),
    "amazon.nova-2-lite-v1:0": Offer(
        profiles=frozenset({GLOBAL, "apac", "eu", "jp", "us"}), regions=frozenset()
    ),
    "amazon.nova-2-sonic-v1:0": Offer(
        profiles=frozenset(),
        regions=frozenset({"ap-northeast-1", "eu-north-1", "us-east-1", "us-west-2"}),
    ),
    "amazon.nova-2-multimodal-embeddings-v1:0": Offer(profiles=frozenset(), regions=frozenset({"us-east-1"})),
}
"""The models that this platform is set up with, by id.

Source: Amazon Bedrock user guide, "Models at a glance" (each model's own page), as of November 2026.
"""


def check_runtime_region(region: str) -> None:
    """Raise ``ValueError``, which says where there is one, unless ``region`` has AgentCore Runtime."""
    if region not in AGENTCORE_REGIONS:
        raise ValueError(
            f"there is no AgentCore Runtime in {region}; it is in {', '.join(AGENTCORE_REGIONS)} (as of "
            "November 2026); elsewhere the coordinator runs on Fargate alone, with none"
        )


def check_model(model_id: str, region: str) -> str | None:
    """Check that ``model_id`` can be called in ``region``; return what nobody here knows about it, if so.

    Raises ``ValueError``, which says what is offered, where it is known that it cannot.
    """
    parsed = parse_model_id(model_id)
    if parsed.scope == "geography":
        _check_source(parsed.geography, region)
    offer = OFFERS.get(parsed.foundation_model)
    prefix = {"region": "", "global": GLOBAL}.get(parsed.scope, parsed.geography)
    if offer is not None and prefix and prefix not in offer.profiles:
        raise ValueError(f"{parsed.foundation_model} is offered {_offered(offer)}")
    if offer is not None and not prefix and offer.regions is not None and region not in offer.regions:
        raise ValueError(f"{parsed.foundation_model} is not offered in {region}, but {_offered(offer)}")
    if offer is None or (not prefix and offer.regions is None):
        return f"nothing is known here about whether {region} offers {model_id}: look it up before an update"
    return None


def _check_source(geography: str, region: str) -> None:
    # Regions of no geography may be sources too, as Canada's are for some profiles of the United States.
    if region in GEOGRAPHIES[geography] or not any(region in known for known in GEOGRAPHIES.values()):
        return
    raise ValueError(
        f"profiles of {geography} are called from {', '.join(GEOGRAPHIES[geography])}, not from {region}"
    )


def _offered(offer: Offer) -> str:
    ways = [f"in {', '.join(sorted(offer.regions))}"] if offer.regions else []
    if offer.profiles:
        prefixes = ", ".join(f"{prefix}." for prefix in sorted(offer.profiles))
        ways.append(f"through inference profiles with the prefixes {prefixes}")
    return f"{' and '.join(ways)} (as of November 2026)"
