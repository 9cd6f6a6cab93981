"""The project's configuration schema, and a stack's configuration as the engine would pass it on.

Nothing here needs the engine or its SDK: tests, and whoever runs the program in-process, get with
``stack_config`` the same strings that ``pulumi up`` hands to the program.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from settings.errors import SettingsError
from settings.values import check_keys

PROJECT_FILE = "Pulumi.yaml"
# What a stack file may hold beside `config`, by the engine's own schema of that file.
_STACK_FILE_SECTIONS = frozenset(
    {"config", "environment", "encryptedkey", "encryptionsalt", "secretsprovider"}
)

type Plain = str | int | float | bool | list[Plain] | dict[str, Plain] | None
"""A value as YAML and JSON know it."""


class _EngineLoader(yaml.CSafeLoader):
    """Reads YAML as the engine does: version 1.2, where `yes`, `on` and dates are plain strings.

    By libyaml, which PyYAML's wheels bring along: the project file takes 3 ms with it, 24 without.
    """


def _engine_resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    boolean, timestamp = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"
    inherited = cast("dict[str, list[tuple[str, re.Pattern[str]]]]", yaml.SafeLoader.yaml_implicit_resolvers)
    resolvers = {
        initial: [(tag, pattern) for tag, pattern in known if tag not in {boolean, timestamp}]
        for initial, known in inherited.items()
    }
    for initial in "tf":
        resolvers[initial] = [(boolean, re.compile(r"true|false")), *resolvers.get(initial, [])]
    return resolvers


_EngineLoader.yaml_implicit_resolvers = _engine_resolvers()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigType:
    """One key's declaration in the project file."""

    key: str
    """Full name, with its namespace."""
    type: str
    """``string``, ``integer``, ``boolean``, ``object`` or ``array<...>``."""
    description: str
    default: Plain

    def accepts(self, value: Plain) -> bool:
        """Whether the engine takes ``value`` for this key."""
        return _matches(self.type, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSchema:
    """The name of the project and the configuration that it declares, by full key."""

    name: str
    config: Mapping[str, ConfigType]


def project_schema(directory: Path) -> ProjectSchema:
    """Read the schema from the project file in ``directory``.

    Raises ``SettingsError`` when a declaration lacks its type, description or default, or the default has
    another type.
    """
    document = _mapping(_read(directory / PROJECT_FILE), PROJECT_FILE)
    name = str(document["name"])
    types: dict[str, ConfigType] = {}
    for short, declared in _mapping(document.get("config", {}), f"{PROJECT_FILE}: config").items():
        key = short if ":" in short else f"{name}:{short}"
        types[key] = _config_type(key, _mapping(declared, key))
    return ProjectSchema(name=name, config=types)


def stack_config(directory: Path, stack: str) -> dict[str, str]:
    """Return the configuration of ``stack``, fit for ``pulumi.runtime.set_all_config``.

    ``directory`` holds the project file and ``Pulumi.<stack>.yaml``. Defaults, types and the string form of
    each value are the engine's: text as it is, numbers and booleans in JSON, lists and objects as compact
    JSON with sorted keys. Raises ``SettingsError`` for an unknown key, a wrong type, an encrypted value
    (which only the engine can open), or a missing stack file.
    """
    schema = project_schema(directory)
    given = _stack_values(directory, stack)
    check_keys(schema.name, schema.config, given)
    values: dict[str, Plain] = {key: declared.default for key, declared in schema.config.items()} | given
    for key, declared in schema.config.items():
        if not declared.accepts(values[key]):
            raise SettingsError(key, values[key], f"it has to be of type {declared.type}")
    return {key: _engine_text(value) for key, value in values.items()}


def _stack_values(directory: Path, stack: str) -> dict[str, Plain]:
    file_name = f"Pulumi.{stack}.yaml"
    if not (directory / file_name).is_file():
        known = ", ".join(sorted(path.name for path in directory.glob("Pulumi.*.yaml")))
        raise SettingsError("stack", stack, f"there is no {file_name}; stack files here: {known}")
    document = _mapping(_read(directory / file_name), file_name)
    for section in document:
        if section not in _STACK_FILE_SECTIONS:
            allowed = ", ".join(sorted(_STACK_FILE_SECTIONS))
            raise SettingsError(f"{file_name}: {section}", document[section], f"sections are: {allowed}")
    values = _mapping(document.get("config") or {}, f"{file_name}: config")
    for key, value in values.items():
        if ":" not in key:
            raise SettingsError(key, value, "keys carry their namespace, as in nova:region")
        if isinstance(value, dict) and set(value) == {"secure"}:
            raise SettingsError(key, "(encrypted)", "an encrypted value can only be read by the engine")
    return values


def _config_type(key: str, declared: Mapping[str, Plain]) -> ConfigType:
    for wanted in ("type", "description", "default"):
        if wanted not in declared:
            raise SettingsError(key, dict(declared), f"the project file has to give its {wanted}")
    config_type = ConfigType(
        key=key,
        type=_type_name(declared),
        description=str(declared["description"]),
        default=declared["default"],
    )
    if not config_type.accepts(config_type.default):
        raise SettingsError(key, config_type.default, f"its default has to be of type {config_type.type}")
    return config_type


def _type_name(declared: Mapping[str, Plain]) -> str:
    if declared["type"] == "array":
        return f"array<{_type_name(_mapping(declared['items'], 'items'))}>"
    return str(declared["type"])


def _matches(type_name: str, value: Plain) -> bool:
    # The engine lets text stand for numbers and booleans, because `pulumi config set` writes text.
    if type_name.startswith("array<"):
        inner = type_name.removeprefix("array<").removesuffix(">")
        return isinstance(value, list) and all(_matches(inner, item) for item in value)
    match type_name:
        case "string":
            return isinstance(value, str)
        case "integer":
            text = isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value) is not None
            whole = isinstance(value, float) and value.is_integer()
            return text or whole or (isinstance(value, int) and not isinstance(value, bool))
        case "boolean":
            return isinstance(value, bool) or value in {"true", "false"}
        case "object":
            return isinstance(value, dict)
        case _:
            raise SettingsError("type", type_name, "types are string, integer, boolean, array and object")


def _engine_text(value: Plain) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _read(path: Path) -> object:
    # The loader derives from SafeLoader and adds no constructor, so it builds plain values only.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_EngineLoader)  # noqa: S506


def _mapping(value: object, where: str) -> dict[str, Plain]:
    if not isinstance(value, dict):
        raise SettingsError(where, value, "it has to be a mapping")
    return cast("dict[str, Plain]", value)
