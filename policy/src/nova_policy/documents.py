"""IAM documents of all kinds as statements, whatever way they are written (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, cast

from nova_policy.values import UNKNOWN, each, parsed, texts

KEPT_MAX = 8192
"""Documents that stay parsed, and pairs of pattern and action: a dozen rules read each policy of a stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement; where a document writes one text or a list, there is a tuple."""

    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: Mapping[str, tuple[str, ...]]
    """By kind, such as ``AWS`` and ``Service``; ``*`` alone is ``{"AWS": ("*",)}``."""
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By operator and key."""

    @property
    def for_anybody(self) -> bool:
        """Whether it names no principal: conditions may narrow that."""
        return any("*" in names for names in self.principals.values())

    def is_about(self, action: str) -> bool:
        """Whether ``action`` is one of its actions, whatever patterns these are."""
        if self.not_actions:
            return not any(matches(pattern, action) for pattern in self.not_actions)
        return any(matches(pattern, action) for pattern in self.actions)


def statements(document: Any) -> tuple[Statement, ...]:
    """Return the statements of a document, a text or an object; none of one that is unknown.

    Raises ``ValueError`` for a text that is no JSON.
    """
    return _of_text(document) if isinstance(document, str) else _of_object(document)


def refuses_plain(statement: Statement, *actions: str) -> bool:
    """Whether a statement refuses everybody all of ``actions`` without TLS."""
    return (
        not statement.allows
        and statement.for_anybody
        and all(map(statement.is_about, actions))
        and any(
            key.lower() == "aws:securetransport" and [value.lower() for value in values] == ["false"]
            for key, values in statement.conditions.get("Bool", {}).items()
        )
    )


_SOURCES = {"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"}
_CALLERS = {"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths"}


def names_source(statement: Statement) -> bool:
    """Whether it says for whose resource a service may act."""
    return any(key.lower() in _SOURCES for keys in statement.conditions.values() for key in keys)


def admits_strangers(statement: Statement) -> bool:
    """Whether it allows something to people, or on behalf of people, of any account."""
    if not statement.allows or names_source(statement):
        return False
    named = any(key.lower() in _CALLERS for keys in statement.conditions.values() for key in keys)
    return bool(statement.principals.get("Service")) or (statement.for_anybody and not named)


@lru_cache(KEPT_MAX)
def matches(pattern: str, action: str) -> bool:
    """Whether a pattern of a document, with ``*`` and ``?``, covers ``action``."""
    return fnmatchcase(action.lower(), pattern.lower())


@lru_cache(KEPT_MAX)
def _of_text(document: str) -> tuple[Statement, ...]:
    return _of_object(parsed(document))


def _of_object(document: Any) -> tuple[Statement, ...]:
    if not isinstance(document, dict):
        return ()
    found: Any = cast("dict[str, Any]", document).get("Statement")
    return tuple(_statement(cast("dict[str, Any]", one)) for one in each(found) if isinstance(one, dict))


def _statement(written: Mapping[str, Any]) -> Statement:
    return Statement(
        allows=written.get("Effect") == "Allow",
        actions=tuple(texts(written.get("Action"))),
        not_actions=tuple(texts(written.get("NotAction"))),
        resources=tuple(texts(written.get("Resource"))),
        not_resources=tuple(texts(written.get("NotResource"))),
        principals=dict(_principals(written.get("Principal"))),
        conditions={
            operator: {key: tuple(str(item) for item in each(value)) for key, value in _members(keys)}
            for operator, keys in _members(written.get("Condition"))
        },
    )


def _principals(value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(value, str):
        yield "AWS", (value,)
    for kind, names in _members(value):
        yield kind, tuple(texts(names))


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from (
            (key, member) for key, member in cast("dict[str, Any]", value).items() if member is not UNKNOWN
        )
