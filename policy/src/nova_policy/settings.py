"""Settings of rules: levels and options, in the form that ``pulumi preview --policy-pack-config`` takes.

``{"<rule>": "advisory"}`` sets a level, ``{"<rule>": {"enforcementLevel": "mandatory", "<option>": 3}}``
options, too, ``{"all": "advisory"}`` the level of every rule without one of its own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nova_policy.rule import AnyRule, Level, Options

ALL = "all"
LEVEL = "enforcementLevel"


class PolicySettingsError(Exception):
    """Settings or exceptions that cannot be used; the message says which, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings."""

    levels: Mapping[str, Level] = field(default_factory=dict[str, Level])
    options: Mapping[str, Options] = field(default_factory=dict[str, Options])

    def level(self, rule: AnyRule) -> Level:
        """Return what findings of ``rule`` do."""
        return self.levels.get(rule.name, self.levels.get(ALL, rule.level))

    def of(self, rule: AnyRule) -> Options:
        """Return all options of ``rule``."""
        return {**rule.defaults, **self.options.get(rule.name, {})}


def read_settings(path: Path, rules: Iterable[AnyRule]) -> Settings:
    """Read and check a file; raises ``PolicySettingsError``."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PolicySettingsError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise PolicySettingsError(f"{path} has to hold an object: settings by the name of their rule")
    return checked(cast("dict[str, Any]", document), rules)


def checked(document: Mapping[str, Any], rules: Iterable[AnyRule]) -> Settings:
    """Return settings from their JSON form; raises ``PolicySettingsError``."""
    by_name = {rule.name: rule for rule in rules}
    levels: dict[str, Level] = {}
    options: dict[str, Options] = {}
    for name, value in document.items():
        if name != ALL and name not in by_name:
            raise PolicySettingsError(f"there is no rule {name!r}: `nova policy --rules` lists them")
        given = cast("dict[str, Any]", value) if isinstance(value, dict) else {LEVEL: value}
        if LEVEL in given:
            levels[name] = _level(name, given[LEVEL])
        rest = {key: member for key, member in given.items() if key != LEVEL}
        if name == ALL and rest:
            raise PolicySettingsError(f"{ALL!r} takes a level alone, not {', '.join(sorted(rest))}")
        if rest:
            options[name] = checked_options(by_name[name], rest)
    return Settings(levels, options)


def checked_options(rule: AnyRule, given: Mapping[str, Any]) -> Options:
    """Return all options of ``rule``, ``given`` before its defaults; raises ``PolicySettingsError``."""
    # Half a second of imports that nobody needs who sets nothing.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    for name, value in given.items():
        if name not in rule.all_options:
            allowed = ", ".join(sorted(rule.all_options)) or "none"
            raise PolicySettingsError(f"{rule.name} has no option {name!r}; its options are: {allowed}")
        validator = Draft202012Validator(
            {key: part for key, part in rule.all_options[name].items() if key != "default"}
        )
        for error in validator.iter_errors(value):  # pyright: ignore[reportUnknownMemberType]
            raise PolicySettingsError(f"{rule.name}: option {name}: {error.message}")
    return {**rule.defaults, **given}


def _level(name: str, value: object) -> Level:
    try:
        return Level(value)
    except ValueError:
        allowed = ", ".join(level.value for level in Level)
        raise PolicySettingsError(f"{name}: {value!r} is no level; {allowed} are") from None
