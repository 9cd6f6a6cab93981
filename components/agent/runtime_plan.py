"""How the agent's runtime is placed and how long its sessions live (pure, no resources)."""

import re
from dataclasses import dataclass
from enum import StrEnum

LIFETIME_SECONDS = (60, 1_209_600)
"""Limits of both times of a session: one minute to 14 days (AgentCore's LifecycleConfiguration)."""

_VERSION = re.compile(r"([1-9][0-9]{0,4})?")


class RuntimeNetwork(StrEnum):
    """Where the agent's runtime has its network: in the VPC, on the internet, or no runtime at all."""

    VPC = "vpc"
    PUBLIC = "public"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long a runtime's session lives; raises ``ValueError`` for what AgentCore does not take."""

    idle_seconds: int
    """Silence after which it is ended."""
    lifetime_seconds: int
    """Age at which it is ended, busy or not."""

    def __post_init__(self) -> None:
        """Check both, and that the shorter of them can be reached."""
        least, most = LIFETIME_SECONDS
        for field, seconds in (("idle", self.idle_seconds), ("lifetime", self.lifetime_seconds)):
            if not least <= seconds <= most:
                raise ValueError(f"{field}_seconds: {seconds} is not allowed; it is {least} to {most}")
        if self.idle_seconds > self.lifetime_seconds:
            raise ValueError(
                f"idle_seconds: {self.idle_seconds} is not allowed; a session is silent at most as long as "
                f"it lives, {self.lifetime_seconds} seconds"
            )


def check_endpoint_version(version: str) -> None:
    """Raise ``ValueError`` unless ``version`` numbers a version of a runtime, or is empty."""
    if _VERSION.fullmatch(version) is None:
        raise ValueError(
            "it is the number of a version of the runtime, 1 to 99999, or empty for the newest version"
        )
