"""The agent's second host, Bedrock AgentCore Runtime."""

from components.agent.availability import check_runtime_region
from components.agent.runtime_plan import (
    LIFETIME_SECONDS,
    RuntimeNetwork,
    RuntimePlan,
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


def read_agent(values: Values, region: str) -> RuntimePlan:
    """Read the agent of a stack in ``region``; raises ``SettingsError`` for what AgentCore does not take."""
    network = values.choice("agentRuntimeNetwork", RuntimeNetwork)
    if network is not RuntimeNetwork.NONE:
        values.check("region", region, lambda: check_runtime_region(region))
    version = values.text("agentEndpointVersion")
    values.check("agentEndpointVersion", version, lambda: check_endpoint_version(version))
    return RuntimePlan(
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
