"""Sizes of the ECS services and the capacity that they run on."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.compute import capacity
from components.compute.capacity import Capacity
from components.compute.deployment import Deployment
from components.compute.insights import Insights
from components.compute.sizing import ServiceSize
from settings import deployment
from settings.deployment import read_deployment
from settings.errors import SettingsError
from settings.slices import FILE, DeclaredService, SizeName, Slices, read_size, read_slices
from settings.values import Values

KEYS = ("serviceSizes", "services", "spotPercent", "onDemandBase", "containerInsights", deployment.KEY)


class Sizes(dict[str, ServiceSize]):
    """Sizes by service; ``SettingsError`` for one that no slice declares."""

    def __missing__(self, name: str) -> ServiceSize:
        """Say where a service declares its sizes."""
        raise SettingsError(
            f"services/*/{FILE}", name, f"no slice declares that service; there are: {', '.join(self)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Sizes of the ECS services, what they run on, and what is measured of them."""

    sizes: Mapping[str, ServiceSize]
    """Of every service, by its name."""
    slices: Slices
    """What each of them calls, and the runtimes beside them."""
    capacity: Capacity
    insights: Insights
    running: tuple[str, ...]
    """Names of the services that are made and may run tasks."""
    deployment: Deployment
    """How the services behind the load balancer are replaced."""


def read_services(values: Values) -> ServiceSettings:
    """Read every service; raises ``SettingsError`` for a service, a field or a size that there is not."""
    slices = read_slices()
    sizes = _sizes(values, slices.services)
    return ServiceSettings(
        sizes=sizes,
        slices=slices,
        capacity=_capacity(values),
        insights=_insights(values, sizes, slices.services),
        running=tuple(
            name
            for name, size in sizes.items()
            if size.tasks_max > 0 and _is_made(values, slices.services[name])
        ),
        deployment=read_deployment(values),
    )


def _sizes(values: Values, declared: Mapping[str, DeclaredService]) -> Sizes:
    chosen = values.choice("serviceSizes", SizeName)
    path, differing = values.key("services"), values.table("services")
    for name in differing:
        if name not in declared:
            raise SettingsError(
                f"{path}.{name}", differing[name], f"no such service; there are: {', '.join(declared)}"
            )
    return Sizes(
        {
            name: read_size(f"{path}.{name}", differing.get(name, {}), service.sizes[chosen])
            for name, service in declared.items()
        }
    )


def _is_made(values: Values, service: DeclaredService) -> bool:
    return not service.only_with or bool(values.table(service.only_with))


def _capacity(values: Values) -> Capacity:
    keys = {"spot_percent": "spotPercent", "on_demand_base": "onDemandBase"}
    spot_percent = values.integer("spotPercent", 0, capacity.ALL_PERCENT)
    on_demand_base = values.integer("onDemandBase", 0, capacity.BASE_MAX)
    found = capacity.problem(spot_percent, on_demand_base)
    if found is not None:
        field, wrong, allowed = found
        raise SettingsError(values.key(keys[field]), wrong, allowed)
    return Capacity(spot_percent=spot_percent, on_demand_base=on_demand_base)


def _insights(
    values: Values, sizes: Mapping[str, ServiceSize], declared: Mapping[str, DeclaredService]
) -> Insights:
    insights = values.choice("containerInsights", Insights)
    for name in (name for name, service in declared.items() if service.queue):
        if insights is Insights.DISABLED and sizes[name].tasks_min < sizes[name].tasks_max:
            raise SettingsError(
                values.key("containerInsights"),
                insights.value,
                f"{name} scales by the backlog of each running task, which Container Insights counts: choose "
                f"{Insights.ENABLED} or {Insights.ENHANCED}, or give it as many minTasks as maxTasks",
            )
    return insights
