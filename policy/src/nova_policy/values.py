"""Values of properties as plain Python, with a mark for what a preview does not know (pure).

Under the engine the SDK hands over proxies: they are neither ``dict`` nor ``list``, compare as unequal, raise
where a value is unknown, and all numbers are floats. Rules see none of this: they get copies made by
``plain``, and ask the functions below, which say of each field what is certain.
"""

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast


class Unknown(enum.Enum):
    """The type of ``UNKNOWN``, so that type checkers can tell it apart."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN
"""Stands where only the cloud will say what the value is."""


def plain(value: Any, unknown: Callable[[Any], bool], failures: tuple[type[Exception], ...] = ()) -> Any:
    """Return ``value`` as ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool``, ``None`` or ``UNKNOWN``.

    ``unknown`` recognizes a source's own mark for what it does not know; ``failures`` are what it raises
    instead. Floats without a fraction become ``int``; what is none of these types (an asset) becomes its
    type's name.
    """
    if unknown(value):
        return UNKNOWN
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {key: _member(members, key, unknown, failures) for key in members}
    if isinstance(value, Sequence):
        items = cast("Sequence[Any]", value)
        return [_member(items, index, unknown, failures) for index in range(len(items))]
    return f"[{type(value).__name__}]"


def _member(
    container: Any,
    key: Any,
    unknown: Callable[[Any], bool],
    failures: tuple[type[Exception], ...],
) -> Any:
    try:
        member = container[key]
    except failures:
        return UNKNOWN
    return plain(member, unknown, failures)


def at(value: Any, *path: str | int) -> Any:
    """Return what is at ``path``: ``None`` where nothing is, ``UNKNOWN`` where the way there is unknown.

    A provider writes a block that may occur once now as an object, now as a list of one: on the way to a
    name, a list of one is its only member.
    """
    for step in path:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(step, str) and isinstance(value, list) and len(cast("list[Any]", value)) == 1:
            value = cast("list[Any]", value)[0]
            if value is UNKNOWN:
                return UNKNOWN
        if isinstance(value, dict) and isinstance(step, str):
            value = cast("dict[str, Any]", value).get(step)
        elif isinstance(value, list) and isinstance(step, int):
            items = cast("list[Any]", value)
            value = items[step] if -len(items) <= step < len(items) else None
        else:
            return None
    return value


def each(value: Any) -> Iterator[Any]:
    """Yield the members of a list, or what stands alone in a list's place; nothing of what is unknown."""
    if isinstance(value, list):
        yield from cast("list[Any]", value)
    elif value is not None and value is not UNKNOWN:
        yield value


def is_set(value: Any) -> bool:
    """Whether there is, or will be, a value: what is unknown was given by somebody, empty text was not."""
    return value is UNKNOWN or (value is not None and value not in ("", [], {}))


def may_be(value: Any, *allowed: Any) -> bool:
    """Whether ``value`` is one of ``allowed``, or may turn out to be."""
    return value is UNKNOWN or any(value == one and type(value) is type(one) for one in allowed)


def is_certainly(value: Any, *refused: Any) -> bool:
    """Whether ``value`` is known, and one of ``refused``."""
    return value is not UNKNOWN and may_be(value, *refused)


def at_least(value: Any, least: float) -> bool:
    """Whether a number is, or may turn out to be, ``least`` or more; what is no number is not.

    Providers have texts where AWS has numbers in a few places, so that a text of digits is one.
    """
    if value is UNKNOWN:
        return True
    return (number := _number(value)) is not None and number >= least


def numbers(value: Any) -> Iterator[float]:
    """Yield the number that a value is, or a text of it holds; nothing of what is unknown or none."""
    if value is not UNKNOWN and (number := _number(value)) is not None:
        yield number


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def parsed(value: Any) -> Any:
    """Return the JSON value of a text; what is no text is returned as it is, ``UNKNOWN`` and ``None`` too.

    Raises ``ValueError``, without a word of the text, for what is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError("a property that should hold JSON does not") from None


def texts(value: Any) -> list[str]:
    """Return the texts among the members of a list, or the one that stands in a list's place."""
    return [item for item in each(value) if isinstance(item, str)]
