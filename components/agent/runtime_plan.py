"""How the agent's runtime is placed, how long its sessions live and what it is told (pure, no resources)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LIFETIME_SECONDS = (60, 1_209_600)
"""Limits of both times of a session: one minute to 14 days (AgentCore's LifecycleConfiguration)."""

VARIABLES_MAX = 50
VARIABLE_NAME_LENGTH_MAX = 100
VARIABLE_VALUE_LENGTH_MAX = 5000
"""Limits of a runtime's environment (AgentCore's CreateAgentRuntime)."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePlan:
    """What a stack decides about the agent's runtime."""

    network: RuntimeNetwork
    endpoint_version: str
    """Number of the version that the endpoint answers with; empty for the newest."""
    sessions: SessionLimits
    application_logs: bool
    """Whether what people and the model say is delivered to a log group."""

    def __post_init__(self) -> None:
        """Check the version."""
        check_endpoint_version(self.endpoint_version)

    @property
    def in_vpc(self) -> bool:
        """Whether the runtime stands in the platform's network."""
        return self.network is RuntimeNetwork.VPC


def check_endpoint_version(version: str) -> None:
    """Raise ``ValueError`` unless ``version`` numbers a version of a runtime, or is empty."""
    if _VERSION.fullmatch(version) is None:
        raise ValueError(
            "it is the number of a version of the runtime, 1 to 99999, or empty for the newest version"
        )


def check_variables(variables: Mapping[str, object]) -> None:
    """Raise ``ValueError`` for an environment that a runtime does not take.

    Values that are not known yet are not looked at. All together may have 4 KB (AgentCore quotas).
    """
    if len(variables) > VARIABLES_MAX:
        raise ValueError(
            f"environment: {len(variables)} variables are not allowed; it is up to {VARIABLES_MAX}"
        )
    for name, value in variables.items():
        if not 1 <= len(name) <= VARIABLE_NAME_LENGTH_MAX:
            raise ValueError(
                f"environment: {name} is not allowed; a name has up to {VARIABLE_NAME_LENGTH_MAX} characters"
            )
        if isinstance(value, str) and len(value) > VARIABLE_VALUE_LENGTH_MAX:
            raise ValueError(
                f"environment: {name} is too long; a value has up to {VARIABLE_VALUE_LENGTH_MAX} characters"
            )
