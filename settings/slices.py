"""What slices say of themselves before anything is made: ``services/<slice>/slice.toml``.

A slice with neither an ECS service nor a runtime that holds something about people needs no such file.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import cast

from components.compute import sizing
from components.compute.sizing import ServiceSize
from settings.errors import SettingsError
from settings.values import check_fields, integers, string

FOLDER = Path(__file__).parents[1] / "services"
FILE = "slice.toml"
HOLDS_NOTHING = "holds-nothing"
"""Why the slice keeps nothing about people, where it does not: then nobody is erased from it."""

SIZE_FIELDS = {"cpu": "cpu", "memory": "memory", "minTasks": "tasks_min", "maxTasks": "tasks_max"}
"""The fields of a size, as stacks and slices write them: CPU units (1024 is one vCPU), MiB, tasks."""


class SizeName(StrEnum):
    """Which of its sizes a service has."""

    FULL = "full"
    """For a stack that people depend on."""
    SMALL = "small"
    """The least that works."""


class ModelUse(StrEnum):
    """A call of a model that may be in another region than the stack."""

    EMBEDDING = "embedding"
    SPEECH = "speech"
    """Of the speech-to-speech model, by whatever engine recordings are transcribed."""
    DICTATION = "dictation"
    """Of the same model, where it is the engine that transcribes recordings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What tasks call that the endpoints of a VPC may not serve.

    The program declares it where the task is made, by ``internet`` and rights; this is known beforehand.
    """

    internet: tuple[str, ...] = ()
    """What is called outside of AWS's endpoints, in words."""
    models: frozenset[ModelUse] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredService:
    """An ECS service, as its slice declares it."""

    sizes: Mapping[SizeName, Mapping[str, int]]
    """Each by the fields that a stack may replace."""
    calls: Calls
    queue: bool
    """Whether it consumes a queue, and scales by the backlog."""
    only_with: str
    """The setting (an object) without which the service is not made; empty for one of every stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """All that slices declare, by name."""

    services: Mapping[str, DeclaredService]
    runtimes: Mapping[str, Calls]
    """Of agents that AgentCore runs in the VPC."""


@cache
def read_slices(folder: Path = FOLDER) -> Slices:
    """Read what the slices in ``folder`` declare.

    Raises ``SettingsError`` for a field that there is not, a missing one, and what Fargate does not sell.
    """
    services: dict[str, DeclaredService] = {}
    runtimes: dict[str, Calls] = {}
    for path in sorted(folder.glob(f"*/{FILE}")):
        where = f"{folder.name}/{path.parent.name}/{FILE}"
        table = _read(where, path)
        check_fields(where, table, (HOLDS_NOTHING, "services", "runtimes"))
        string(f"{where}: {HOLDS_NOTHING}", table.get(HOLDS_NOTHING, ""))
        for name, key, declared in _tables(where, table, "services"):
            _check_new(key, name, services)
            services[name] = _service(key, declared)
        for name, key, declared in _tables(where, table, "runtimes"):
            check_fields(key, declared, ("internet", "models"))
            _check_new(key, name, runtimes)
            runtimes[name] = _calls(key, declared)
    return Slices(services=dict(sorted(services.items())), runtimes=dict(sorted(runtimes.items())))


def read_size(path: str, value: object, declared: Mapping[str, int] | None = None) -> ServiceSize:
    """Return the size that ``value`` gives; fields that it leaves out are those of ``declared``, if any.

    ``path`` is where it stands, for messages. Raises ``SettingsError`` as ``read_slices`` does.
    """
    given = {**(declared or {}), **cast("dict[str, object]", value)} if isinstance(value, dict) else value
    numbers = integers(path, given, tuple(SIZE_FIELDS))
    fields = {SIZE_FIELDS[key]: number for key, number in numbers.items()}
    found = sizing.problem(**fields)
    if found is not None:
        field, wrong, allowed = found
        key = next(key for key, name in SIZE_FIELDS.items() if name == field)
        raise SettingsError(f"{path}.{key}", wrong, allowed)
    return ServiceSize(**fields)


def _read(where: str, path: Path) -> dict[str, object]:
    text = path.read_text(encoding="utf-8")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(where, text, f"it is no TOML: {error}") from error


def _tables(
    where: str, table: Mapping[str, object], kind: str
) -> Iterator[tuple[str, str, dict[str, object]]]:
    for name, declared in _table(f"{where}: {kind}", table.get(kind, {})).items():
        key = f"{where}: {kind}.{name}"
        yield name, key, _table(key, declared)


def _table(key: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(key, value, "it has to be a table")
    return cast("dict[str, object]", value)


def _check_new(key: str, name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise SettingsError(key, name, "another slice declares that name")


def _service(key: str, declared: Mapping[str, object]) -> DeclaredService:
    sizes = (SizeName.FULL, SizeName.SMALL)
    check_fields(key, declared, (*sizes, "internet", "models", "queue", "only-with"), required=sizes)
    queue = declared.get("queue", False)
    if not isinstance(queue, bool):
        raise SettingsError(f"{key}.queue", queue, "it is true or false")
    for size in sizes:
        read_size(f"{key}.{size}", declared[size])
    return DeclaredService(
        sizes={size: cast("dict[str, int]", declared[size]) for size in sizes},
        calls=_calls(key, declared),
        queue=queue,
        only_with=string(f"{key}.only-with", declared.get("only-with", "")),
    )


def _calls(key: str, declared: Mapping[str, object]) -> Calls:
    known = [use.value for use in ModelUse]
    models = _texts(f"{key}.models", declared.get("models", []))
    for model in models:
        if model not in known:
            raise SettingsError(f"{key}.models", model, f"there are: {', '.join(known)}")
    return Calls(
        internet=_texts(f"{key}.internet", declared.get("internet", [])),
        models=frozenset(map(ModelUse, models)),
    )


def _texts(key: str, value: object) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, str) and item for item in items):
        raise SettingsError(key, cast("object", value), "it has to be a list of texts")
    return tuple(str(item) for item in items)
