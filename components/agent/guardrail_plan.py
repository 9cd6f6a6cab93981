"""What a guardrail keeps out, and where Bedrock evaluates it (pure, no resources)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .model_ids import GEOGRAPHIES
from .residency import Residency

HARMFUL = ("HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE")
"""Categories that are looked for in what people say and in what the model answers."""
PROMPT_ATTACK = "PROMPT_ATTACK"
"""Looked for in what people say; an answer cannot be one, and Bedrock refuses a strength for it there."""

IDENTIFIERS = (
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "PASSWORD",
    "PIN",
    "SWIFT_CODE",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
)
"""Personal data that opens doors or accounts. Names, addresses and telephone numbers are left alone: people
ask about their own recordings, and an agent that masks who called is of no use."""

_PROFILE_SOURCES: Mapping[str, tuple[str, ...]] = {
    "apac": (
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
    ),
    "eu": ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"),
    "us": ("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
}
"""Prefix of a guardrail profile to the regions that it is called from.

Source: Amazon Bedrock user guide, "Supported Regions for cross-Region guardrail inference", as of November
2026. Where a profile leads to follows from its geography, as for models: a region too many in a grant gives
no right that the profile does not use.
"""


class Strength(StrEnum):
    """How sure Bedrock has to be that a text is harmful: the higher the strength, the less."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_STRENGTHS = {Strength.LOW: "LOW", Strength.MEDIUM: "MEDIUM", Strength.HIGH: "HIGH"}


class PersonalData(StrEnum):
    """What happens to ``IDENTIFIERS`` in questions and answers."""

    ALLOW = "allow"
    MASK = "mask"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailProfile:
    """A profile by which Bedrock evaluates guardrails in several regions of a geography."""

    prefix: str

    @property
    def id(self) -> str:
        """What the API calls it."""
        return f"{self.prefix}.guardrail.v1:0"

    @property
    def destinations(self) -> tuple[str, ...]:
        """Regions that it may route to."""
        return GEOGRAPHIES[self.prefix]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailPlan:
    """What a stack decides about the guardrail of its conversations."""

    strength: Strength
    """Of all filters."""
    personal_data: PersonalData
    profile: GuardrailProfile | None
    """Nothing where it is evaluated in the stack's own region alone."""

    @property
    def filter_strength(self) -> str:
        """What the API calls the strength."""
        return _STRENGTHS[self.strength]

    @property
    def tier(self) -> str:
        """Bedrock's newer tier, of many languages, is evaluated across regions only."""
        return "CLASSIC" if self.profile is None else "STANDARD"


def guardrail_profile(region: str, residency: Residency) -> GuardrailProfile | None:
    """Return the profile that is called from ``region``, if there is one that stays in ``residency``."""
    for prefix, sources in _PROFILE_SOURCES.items():
        profile = GuardrailProfile(prefix=prefix)
        if region in sources and all(residency.admits(place) for place in profile.destinations):
            return profile
    return None
