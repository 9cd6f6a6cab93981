"""Typed readings of the text that the engine passes on."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from settings.errors import SettingsError

ENGINE_NAMESPACE = "pulumi"
"""Keys under it are the engine's own; the program receives them too."""

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """A project's configuration by full key, in the engine's text form.

    Each method reads one key (without its namespace) and raises ``SettingsError`` when it is missing, has
    another type or lies outside what the caller allows.
    """

    project: str
    texts: Mapping[str, str]

    def key(self, name: str) -> str:
        """Return the full key of ``name``, as messages and stack files write it."""
        return f"{self.project}:{name}"

    def text(self, name: str) -> str:
        """Return the value as text."""
        key = self.key(name)
        if key not in self.texts:
            raise SettingsError(key, None, "it is missing; the project file gives its default")
        return self.texts[key]

    def integer(self, name: str, least: int, most: int) -> int:
        """Return the value as a whole number from ``least`` to ``most``."""
        return _integer(self.key(name), self._json(name), least, most)

    def boolean(self, name: str) -> bool:
        """Return the value as ``true`` or ``false``."""
        text = self.text(name)
        if text not in {"true", "false"}:
            raise SettingsError(self.key(name), text, "it is true or false")
        return text == "true"

    def matching(self, name: str, pattern: str | re.Pattern[str], allowed: str) -> str:
        """Return the value as text that matches ``pattern`` whole; ``allowed`` says in words what does."""
        text = self.text(name)
        if re.fullmatch(pattern, text) is None:
            raise SettingsError(self.key(name), text, allowed)
        return text

    def region(self, name: str) -> str:
        """Return the value as the name of an AWS region."""
        return self.matching(name, _REGION, "it is an AWS region such as us-east-1")

    def choice[Choice: StrEnum](self, name: str, choices: type[Choice]) -> Choice:
        """Return the value as one of ``choices``."""
        text = self.text(name)
        known = [choice.value for choice in choices]
        if text not in known:
            raise SettingsError(self.key(name), text, f"it is one of {', '.join(known)}")
        return choices(text)

    def check(self, name: str, value: object, rule: Callable[[], object]) -> None:
        """Report the ``ValueError`` that ``rule`` raises as a problem of the key ``name``."""
        try:
            rule()
        except ValueError as error:
            raise SettingsError(self.key(name), value, str(error)) from error

    def texts_of(self, name: str) -> tuple[str, ...]:
        """Return the value as a list of texts."""
        value = self._json(name)
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) for item in items):
            raise SettingsError(self.key(name), self.text(name), "it has to be a list of strings")
        return tuple(str(item) for item in items)

    def tables_of(self, name: str) -> tuple[dict[str, object], ...]:
        """Return the value as a list of objects."""
        value = self._json(name)
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(item, dict) for item in items):
            raise SettingsError(self.key(name), self.text(name), "it has to be a list of objects")
        return tuple(cast("dict[str, object]", item) for item in items)

    def table(self, name: str) -> dict[str, object]:
        """Return the value as an object."""
        return _object(self.key(name), self._json(name))

    def table_of_texts(self, name: str) -> dict[str, str]:
        """Return the value as an object whose values are texts."""
        table = self.table(name)
        return {field: string(self.key(f"{name}.{field}"), value) for field, value in table.items()}

    def _json(self, name: str) -> object:
        text = self.text(name)
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise SettingsError(self.key(name), text, f"it cannot be read: {error}") from error


def check_keys(project: str, declared: Mapping[str, object], given: Mapping[str, object]) -> None:
    """Raise ``SettingsError`` for a key that nothing reads, as a misspelt one is.

    ``declared`` are the project's full keys, ``given`` what the stack sets. The engine's own keys are let
    through.
    """
    for key in sorted(given):
        if key in declared or key.startswith(f"{ENGINE_NAMESPACE}:"):
            continue
        allowed = ", ".join(sorted(declared))
        raise SettingsError(key, given[key], f"no such key in project {project}; there are: {allowed}")


def integers(key: str, value: object, fields: tuple[str, ...]) -> dict[str, int]:
    """Read an object of whole numbers which has exactly ``fields``; ``key`` is its path for messages."""
    table = _object(key, value)
    check_fields(key, table, fields, required=fields)
    return {field: _integer(f"{key}.{field}", table[field], None, None) for field in fields}


def check_fields(
    key: str, table: Mapping[str, object], fields: Iterable[str], *, required: Iterable[str] = ()
) -> None:
    """Raise ``SettingsError`` for a field that is none of ``fields``, or a missing one of ``required``."""
    known = tuple(fields)
    for field in table:
        if field not in known:
            raise SettingsError(
                f"{key}.{field}", table[field], f"no such field; there are: {', '.join(known)}"
            )
    needed = tuple(required)
    for field in needed:
        if field not in table:
            raise SettingsError(f"{key}.{field}", None, f"it is missing; give {', '.join(needed)}")


def string(key: str, value: object, hint: str = "") -> str:
    """Return ``value`` if it is a text; ``key`` is its path for messages, ``hint`` what else they say."""
    if not isinstance(value, str):
        raise SettingsError(key, value, f"it has to be a string{hint}")
    return value


def _integer(key: str, value: object, least: int | None, most: int | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SettingsError(key, value, "it has to be a whole number")
    if least is not None and most is not None and not least <= value <= most:
        raise SettingsError(key, value, f"it lies between {least} and {most}")
    return value


def _object(key: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(key, value, "it has to be an object")
    return cast("dict[str, object]", value)
