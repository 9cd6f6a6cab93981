"""Ids of Bedrock models and of the inference profiles that route to them (pure, no resources).

Sources: Amazon Bedrock user guide, "Foundation models at a glance" (providers) and "Supported Regions and
models for inference profiles" (geographies); the AWS CDK's CrossRegionInferenceProfileRegion lists the same
regions by geography.
"""

import re
from dataclasses import dataclass
from typing import Literal

GLOBAL = "global"
"""Prefix of profiles that route to any commercial region."""

GEOGRAPHIES: dict[str, tuple[str, ...]] = {
    "apac": (
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-7",
        "me-central-1",
    ),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "eu": (
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
    ),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "us": ("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    "us-gov": ("us-gov-east-1", "us-gov-west-1"),
}
"""Profile prefix to every region that profiles of that geography may route to.

A model's own profile uses some of them; which ones, AWS decides. Grants name the profile in a condition, so
that a region too many gives no right that the profile does not use.
"""

PROVIDERS = (
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "zai",
)
"""What a foundation model's id starts with."""

_NAME = re.compile(r"[a-z0-9]+([-.][a-z0-9]+)*(:[0-9]+(:[a-z0-9]+)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelId:
    """The id of a model or profile, taken apart."""

    scope: Literal["region", "geography", "global"]
    """Where it is run: in the region that is called, in one of a geography, or anywhere."""
    geography: str
    """Prefix of a geography's profile; empty for the other scopes."""
    foundation_model: str
    """Id of the model itself, ``<provider>.<name>``."""

    @property
    def destinations(self) -> tuple[str, ...]:
        """Regions that a geography's profile may route to; none for the other scopes."""
        return GEOGRAPHIES.get(self.geography, ())


def parse_model_id(model_id: str) -> ModelId:
    """Take ``model_id`` apart; raises ``ValueError``, which says what is allowed, for any other text."""
    if model_id.startswith("arn:"):
        raise ValueError("give the model's id, not an ARN: the ARNs follow from it")
    first, _, rest = model_id.partition(".")
    if first == GLOBAL:
        return ModelId(scope="global", geography="", foundation_model=_foundation_model(rest))
    if first in GEOGRAPHIES:
        return ModelId(scope="geography", geography=first, foundation_model=_foundation_model(rest))
    return ModelId(scope="region", geography="", foundation_model=_foundation_model(model_id))


def _foundation_model(text: str) -> str:
    provider, _, name = text.partition(".")
    if provider not in PROVIDERS:
        prefixes = ", ".join((*sorted(GEOGRAPHIES), GLOBAL))
        raise ValueError(
            f"{provider or 'nothing'} is no provider of models; an id is <provider>.<name>, for an inference "
            f"profile with one of the prefixes {prefixes}; providers are: {', '.join(PROVIDERS)}"
        )
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"{name or 'nothing'} is no name of a model; one is like claude-sonnet-4-6 or nova-2-lite-v1:0"
        )
    return text
