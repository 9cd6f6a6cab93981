"""The inputs of a resource as the provider's own arguments: names, blocks and numbers."""

import typing
from collections.abc import Mapping, Sequence
from typing import Any, cast

from evaluation.arguments import arguments_class, is_block, members, options
from evaluation.secrecy import is_secret, plain
from evaluation.terraform.naming import terraform_name

SENSITIVE = "(sensitive value)"
"""Stands in the place of a text that is secret; a plan is a file that people hand on.

Lists and blocks are secret as a whole where a part of them is. They are written out: what is compared with a
rule is in them, and an evaluation has no secret but those that it made up.
"""


def terraform_values(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a resource of type ``kind``; raises ``UnknownTypeError`` for one no SDK has."""
    return _members(kind, arguments_class(kind), inputs)


def terraform_input(kind: str, name: str) -> str:
    """Return what the provider calls the input ``name`` of a type."""
    return _named(kind, name, members(arguments_class(kind)).get(name))


def _members(kind: str, cls: type, inputs: Mapping[str, Any]) -> dict[str, Any]:
    known = members(cls)
    return {
        _named(kind, key, known.get(key)): _value(kind, known.get(key), value)
        for key, value in inputs.items()
        if key != "__defaults" and value is not None
    }


def _named(kind: str, name: str, expected: object) -> str:
    return terraform_name(kind, name, repeated_block=_member_block(expected) is not None)


def _value(kind: str, expected: object, value: object) -> Any:  # noqa: ANN401 (an input has any type)
    if is_secret(value):
        value = plain(value)
        if not isinstance(value, dict | list):
            return SENSITIVE
    block = next((option for option in options(expected) if is_block(option)), None)
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        if block is not None:
            # A block that occurs once is a list of one in Terraform.
            return [_members(kind, block, inner)]
        return {key: _value(kind, None, item) for key, item in inner.items()}
    if isinstance(value, list):
        member = _member_block(expected)
        items = cast("list[Any]", value)
        if member is None:
            return [_value(kind, None, item) for item in items]
        return [_members(kind, member, item) for item in items]
    # Numbers travel as floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _member_block(expected: object) -> type | None:
    """Return the class of a list's members, where these are blocks."""
    for option in options(expected):
        if typing.get_origin(option) in {list, Sequence}:
            for member in options(typing.get_args(option)[0]):
                if is_block(member):
                    return member
    return None
