"""Sizes of the ECS services and the capacity that they run on."""

from dataclasses import dataclass

from components.compute import sizing
from components.compute.sizing import ServiceSize
from settings.errors import SettingsError
from settings.values import Values, integers

KEYS = ("services", "spotPercent")

SERVICES = (
    "agent-core",
    "audio",
    "audio-worker",
    "projector",
    "projector-worker",
    "search",
    "search-indexer",
)
"""ECS services, by name."""

_SIZE_FIELDS = {"cpu": "cpu", "memory": "memory", "minTasks": "tasks_min", "maxTasks": "tasks_max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Sizes of the ECS services, and the share of their tasks (per cent) on Fargate Spot."""

    agent_core: ServiceSize
    audio: ServiceSize
    audio_worker: ServiceSize
    projector: ServiceSize
    projector_worker: ServiceSize
    search: ServiceSize
    search_indexer: ServiceSize
    spot_percent: int
    tasks_max: int
    """Tasks that all services together may run."""


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
        agent_core=sizes["agent-core"],
        audio=sizes["audio"],
        audio_worker=sizes["audio-worker"],
        projector=sizes["projector"],
        projector_worker=sizes["projector-worker"],
        search=sizes["search"],
        search_indexer=sizes["search-indexer"],
        spot_percent=values.integer("spotPercent", 0, 100),
        tasks_max=sum(size.tasks_max for size in sizes.values()),
    )


def _size(path: str, value: object) -> ServiceSize:
    numbers = integers(path, value, tuple(_SIZE_FIELDS))
    fields = {_SIZE_FIELDS[key]: number for key, number in numbers.items()}
    found = sizing.problem(**fields)
    if found is not None:
        field, wrong, allowed = found
        key = next(key for key, name in _SIZE_FIELDS.items() if name == field)
        raise SettingsError(f"{path}.{key}", wrong, allowed)
    return ServiceSize(**fields)
