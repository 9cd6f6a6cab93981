"""Sizes of the ECS services and the capacity that they run on."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.compute import capacity, sizing
from components.compute.capacity import Capacity
from components.compute.deployment import Deployment
from components.compute.insights import Insights
from components.compute.sizing import ServiceSize
from settings import deployment
from settings.deployment import read_deployment
from settings.errors import SettingsError
from settings.values import Values, integers

KEYS = ("services", "spotPercent", "onDemandBase", "containerInsights", deployment.KEY)

SERVICES = (
    "agent-core",
    "audio",
    "audio-live",
    "audio-worker",
    "frontend",
    "projector",
    "projector-worker",
    "search",
    "search-indexer",
    "video",
    "video-worker",
    "x402-seller",
)
"""ECS services, by name."""
WORKERS = ("audio-worker", "projector-worker", "search-indexer", "video-worker")
"""Those that consume a queue."""

RUNTIME = "agent-core-runtime"
"""The coordinator's other host, where AgentCore runs it in the VPC."""

SELLER = "x402-seller"
"""The service that is made only where something is sold."""

INTERNET_HOSTS: Mapping[str, str] = {
    **dict.fromkeys(
        ("agent-core", RUNTIME, "audio", "audio-live", "frontend", "projector", "search", "video"),
        "Amazon Cognito's keys that sign access tokens",
    ),
    SELLER: "the facilitator that settles payments",
}
"""What the tasks of a service call that no endpoint in a VPC serves, by the service's name.

The program declares it where the service is made (`internet`); this is known before anything is made.
"""
EMBEDDING_CALLERS = ("agent-core", RUNTIME, "search", "search-indexer")
"""Services whose tasks call the embedding model, in whatever region it is; the index's job goes with them."""

SONIC_CALLERS = ("audio-live",)
"""Services whose tasks call the speech-to-speech model, in whatever region it is, with any engine."""

_SIZE_FIELDS = {"cpu": "cpu", "memory": "memory", "minTasks": "tasks_min", "maxTasks": "tasks_max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Sizes of the ECS services, what they run on, and what is measured of them."""

    sizes: Mapping[str, ServiceSize]
    """Of every service, by its name."""
    capacity: Capacity
    insights: Insights
    running: tuple[str, ...]
    """Names of the services that may run tasks."""
    deployment: Deployment
    """How the services behind the load balancer are replaced."""


def read_services(values: Values) -> ServiceSettings:
    """Read every service; raises ``SettingsError`` for a service, a field or a size that there is not."""
    table = values.table("services")
    path = values.key("services")
    for name in table:
        if name not in SERVICES:
            raise SettingsError(
                f"{path}.{name}", table[name], f"no such service; there are: {', '.join(SERVICES)}"
            )
    for name in SERVICES:
        if name not in table:
            raise SettingsError(f"{path}.{name}", None, f"it is missing; state all of {', '.join(SERVICES)}")
    sizes = {name: _size(f"{path}.{name}", table[name]) for name in SERVICES}
    return ServiceSettings(
        sizes=sizes,
        capacity=_capacity(values),
        insights=_insights(values, sizes),
        running=tuple(name for name, size in sizes.items() if size.tasks_max > 0),
        deployment=read_deployment(values),
    )


def _capacity(values: Values) -> Capacity:
    keys = {"spot_percent": "spotPercent", "on_demand_base": "onDemandBase"}
    spot_percent = values.integer("spotPercent", 0, capacity.ALL_PERCENT)
    on_demand_base = values.integer("onDemandBase", 0, capacity.BASE_MAX)
    found = capacity.problem(spot_percent, on_demand_base)
    if found is not None:
        field, wrong, allowed = found
        raise SettingsError(values.key(keys[field]), wrong, allowed)
    return Capacity(spot_percent=spot_percent, on_demand_base=on_demand_base)


def _insights(values: Values, sizes: Mapping[str, ServiceSize]) -> Insights:
    insights = values.choice("containerInsights", Insights)
    for name in WORKERS:
        if insights is Insights.DISABLED and sizes[name].tasks_min < sizes[name].tasks_max:
            raise SettingsError(
                values.key("containerInsights"),
                insights.value,
                f"{name} scales by the backlog of each running task, which Container Insights counts: choose "
                f"{Insights.ENABLED} or {Insights.ENHANCED}, or give it as many minTasks as maxTasks",
            )
    return insights


def _size(path: str, value: object) -> ServiceSize:
    numbers = integers(path, value, tuple(_SIZE_FIELDS))
    fields = {_SIZE_FIELDS[key]: number for key, number in numbers.items()}
    found = sizing.problem(**fields)
    if found is not None:
        field, wrong, allowed = found
        key = next(key for key, name in _SIZE_FIELDS.items() if name == field)
        raise SettingsError(f"{path}.{key}", wrong, allowed)
    return ServiceSize(**fields)
