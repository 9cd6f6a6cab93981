"""Turns Pulumi's camelCase inputs into the request shape of an AWS operation.

The names of both sides come from the same API, so most properties find their place without help: names are
compared without case, and in singular and plural, because Terraform's schema (which pulumi-aws follows) names
repeated blocks in the singular and Pulumi pluralises them again. What deviates is declared per kind.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

# A JSON value. Inputs and requests nest without end, and each converter decides by the shape what it takes.
type Value = Any

# Inputs that every pulumi-aws resource accepts and that are no member of any request.
COMMON_INPUTS = frozenset({"region", "tagsAll", "__defaults"})
TAG_MEMBERS = frozenset({frozenset({"key", "value"}), frozenset({"tagkey", "tagvalue"})})


@dataclass(slots=True)
class Request:
    """A request under construction and the inputs which found no place in it."""

    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    unplaced: list[str] = field(default_factory=list[str])


def build_request(shape: StructureShape, inputs: Mapping[str, Any], rename: Mapping[str, str]) -> Request:
    """Place `inputs` into the members of `shape`; `rename` maps an input to a member of another name."""
    request = Request()
    for key, value in inputs.items():
        if value is None or key in COMMON_INPUTS:
            continue
        member = find_member(shape, rename.get(key, key))
        if member is None:
            request.unplaced.append(key)
        else:
            request.parameters[member] = convert(shape.members[member], value, key, request.unplaced)
    return request


def find_member(shape: StructureShape, key: str) -> str | None:
    """Return the member of `shape` that `key` names, apart from case, underscores and number."""
    members = {_normalise(name): name for name in shape.members}
    return next((members[form] for form in _number_forms(_normalise(key)) if form in members), None)


def convert(shape: Shape, value: Value, path: str, unplaced: list[str]) -> Value:
    """Convert `value` to `shape`; the path of every nested input without a place goes to `unplaced`."""
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path, unplaced)
    if isinstance(shape, ListShape):
        return _list(shape, value, path, unplaced)
    if isinstance(shape, MapShape):
        items = cast("Mapping[str, Any]", value).items()
        return {key: convert(shape.value, item, f"{path}.{key}", unplaced) for key, item in items}
    return _scalar(shape, value)


def _structure(shape: StructureShape, value: Value, path: str, unplaced: list[str]) -> dict[str, Any]:
    if isinstance(value, list) and shape.members.keys() >= {"Quantity", "Items"}:  # CloudFront counts lists
        items = convert(shape.members["Items"], value, path, unplaced)
        return {"Quantity": len(items), "Items": items}
    if isinstance(value, list):  # a block that may occur once arrives as a list of one
        blocks = cast("list[Any]", value)
        value = blocks[0] if blocks else {}
    fields = cast("Mapping[str, Any]", json.loads(value) if isinstance(value, str) else value)
    if len(shape.members) == 1 and fields and not any(find_member(shape, key) for key in fields):
        # Terraform leaves out a wrapper that has a single member, such as ECS's awsvpcConfiguration.
        (only,) = shape.members
        return {only: convert(shape.members[only], fields, path, unplaced)}
    converted: dict[str, Any] = {}
    for key, item in fields.items():
        if item is None:
            continue
        member = find_member(shape, key)
        if member is None:
            unplaced.append(f"{path}.{key}")
        else:
            converted[member] = convert(shape.members[member], item, f"{path}.{key}", unplaced)
    return converted


def _list(shape: ListShape, value: Value, path: str, unplaced: list[str]) -> list[Any]:
    if isinstance(value, str) and value.startswith("["):
        value = json.loads(value)
    element = shape.member
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        if isinstance(element, StructureShape) and _is_tag(element):
            key_member, value_member = _tag_members(element)
            return [{key_member: key, value_member: str(item)} for key, item in fields.items()]
        value = [fields]
    items = cast("list[Any]", value if isinstance(value, list) else [value])
    return [convert(element, item, path, unplaced) for item in items]


def _scalar(shape: Shape, value: Value) -> Value:
    scalars: dict[str, Callable[[Any], Any]] = {
        "integer": int,
        "long": int,
        "float": float,
        "double": float,
        "boolean": _boolean,
        "string": lambda item: _string(shape, item),
    }
    converter = scalars.get(shape.type_name)
    return converter(value) if converter else value


def _boolean(value: Value) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _string(shape: Shape, value: Value) -> str:
    if isinstance(value, bool):
        if set(cast("list[str]", getattr(shape, "enum", []))) == {"ENABLED", "DISABLED"}:
            return "ENABLED" if value else "DISABLED"
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():  # the program's integers arrive as floats
        return str(int(value))
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _is_tag(shape: StructureShape) -> bool:
    return frozenset(_normalise(name) for name in shape.members) in TAG_MEMBERS


def _tag_members(shape: StructureShape) -> tuple[str, str]:
    names = sorted(shape.members, key=lambda name: _normalise(name).endswith("value"))
    return names[0], names[1]


def _normalise(name: str) -> str:
    return name.lower().replace("_", "")


def _number_forms(name: str) -> list[str]:
    forms = [name, f"{name}s", f"{name}es"]
    if name.endswith("ies"):
        forms.append(f"{name[:-3]}y")
    if name.endswith("es"):
        forms.append(name[:-2])
    if name.endswith("s"):
        forms.append(name[:-1])
    return forms
