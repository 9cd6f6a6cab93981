"""Checks values against the shapes of AWS's service models, further than botocore itself does.

botocore checks names, required members, types and lower limits. The models also have patterns, enumerations
and upper limits, which nothing checks before the service does.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

# Classes of characters that Python's `re` does not know, written for ASCII, as our names and texts are.
_CLASSES = {
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{L}": "a-zA-Z",
    r"\p{M}": "",
    r"\p{N}": "0-9",
    r"\p{P}": r"!\"#%&'()*,\-./:;?@\[\\\]_{}",
    r"\p{S}": r"$+<=>\^`|~",
    r"\p{Zs}": " ",
    r"\p{Z}": " ",
    r"\p{C}": r"\x00-\x1f\x7f",
}
_SPELLINGS = {
    # Surrogate pairs of UTF-16 for what lies beyond the basic plane.
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",
    # A hyphen after a class is the character.
    r"[\w-": r"[\w\-",
}


@cache
def service_model(service: str) -> ServiceModel:
    """Return the model of a service by botocore's name for it."""
    return _session().get_service_model(service)


@cache
def shape_of(service: str, name: str) -> StructureShape:
    """Return the input of an operation, or a structure of the model, by its name."""
    model = service_model(service)
    if name in model.operation_names:
        return cast("StructureShape", model.operation_model(name).input_shape)
    return cast("StructureShape", model.shape_for(name))


def problems(shape: StructureShape, value: Mapping[str, Any]) -> list[str]:
    """Say what of ``value`` the service would refuse, by its model."""
    report = ParamValidator().validate(value, shape).generate_report()
    return [*report.splitlines(), *_limits(shape, value, shape.name)]


def _limits(shape: Shape, value: object, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            if key in shape.members:  # another one is botocore's finding
                yield from _limits(shape.members[key], item, f"{path}.{key}")
    elif isinstance(shape, ListShape) and isinstance(value, list):
        items = cast("list[object]", value)
        yield from _size(shape, len(items), path)
        for index, item in enumerate(items):
            yield from _limits(shape.member, item, f"{path}[{index}]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        members = cast("dict[str, object]", value)
        yield from _size(shape, len(members), path)
        for key, item in members.items():
            yield from _limits(shape.key, key, f"{path} (key)")
            yield from _limits(shape.value, item, f"{path}.{key}")
    elif isinstance(value, str):
        yield from _size(shape, len(value), path)
        yield from _text(shape, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _size(shape, value, path)


def _size(shape: Shape, size: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path}: {size} is less than {least}"
    if most is not None and size > most:
        yield f"{path}: {size} is more than {most}"


def _text(shape: Shape, value: str, path: str) -> Iterator[str]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield f"{path}: {value!r} is none of {', '.join(allowed)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not compiled(pattern).fullmatch(value):
        yield f"{path}: {value!r} does not match {pattern}"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of a model, which is written for Java's engine; raises ``re.error``."""
    for spelling, ours in _SPELLINGS.items():
        pattern = pattern.replace(spelling, ours)
    pattern = _without_classes(pattern)
    if "(?i)" in pattern:
        pattern = f"(?i){pattern.replace('(?i)', '')}"
    # Line ends count: the models' patterns mean the whole value.
    return re.compile(pattern, re.DOTALL)


def _without_classes(pattern: str) -> str:
    """Write the classes out: as they are inside of brackets, in brackets of their own elsewhere."""
    written: list[str] = []
    in_brackets = False
    for token in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        if token in _CLASSES:
            written.append(_CLASSES[token] if in_brackets else f"[{_CLASSES[token]}]")
            continue
        in_brackets = token == "[" or (in_brackets and token != "]")
        written.append(token)
    return "".join(written)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()
