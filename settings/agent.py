"""The agent's second host, Bedrock AgentCore Runtime."""

from dataclasses import dataclass

from components.agent.availability import check_runtime_region
from components.agent.runtime_plan import (
    LIFETIME_SECONDS,
    RuntimeNetwork,
    SessionLimits,
    check_endpoint_version,
)
from settings.values import Values

KEYS = (
    "agentRuntimeNetwork",
    "agentEndpointVersion",
    "agentIdleSeconds",
    "agentLifetimeSeconds",
    "agentApplicationLogs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Whether and how the coordinator also runs on AgentCore."""

    network: RuntimeNetwork
    endpoint_version: str
    """Number of the version that the endpoint answers with; empty for the newest."""
    sessions: SessionLimits
    application_logs: bool
    """Whether what people and the model say is delivered to a log group."""

    @property
    def in_vpc(self) -> bool:
        """Whether the runtime stands in the platform's network."""
        return self.network is RuntimeNetwork.VPC


def read_agent(values: Values, region: str) -> AgentSettings:
    """Read the agent of a stack in ``region``; raises ``SettingsError`` for what AgentCore does not take."""
    network = values.choice("agentRuntimeNetwork", RuntimeNetwork)
    if network is not RuntimeNetwork.NONE:
        values.check("region", region, lambda: check_runtime_region(region))
    version = values.text("agentEndpointVersion")
    values.check("agentEndpointVersion", version, lambda: check_endpoint_version(version))
    return AgentSettings(
        network=network,
        endpoint_version=version,
        sessions=_sessions(values),
        application_logs=values.boolean("agentApplicationLogs"),
    )


def _sessions(values: Values) -> SessionLimits:
    idle = values.integer("agentIdleSeconds", *LIFETIME_SECONDS)
    lifetime = values.integer("agentLifetimeSeconds", *LIFETIME_SECONDS)
    values.check(
        "agentIdleSeconds", idle, lambda: SessionLimits(idle_seconds=idle, lifetime_seconds=lifetime)
    )
    return SessionLimits(idle_seconds=idle, lifetime_seconds=lifetime)
