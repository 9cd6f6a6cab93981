"""What the providers' SDKs accept for each type of resource, read from their own argument classes."""

import importlib
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeIs, cast

from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage] (there is no public way)
from pulumi.runtime import rpc


class UnknownTypeError(Exception):
    """No SDK of this environment has a class for a type of resource."""


@cache
def arguments_class(kind: str) -> type:
    """Return the class of a resource's arguments; raises ``UnknownTypeError``."""
    package, module_name, name = kind.split(":")
    if package == "pulumi" and module_name == "providers":
        return importlib.import_module(f"pulumi_{name}").ProviderArgs
    importlib.import_module(f"pulumi_{package}")
    registered = rpc.get_resource_module(package, module_name, "")
    described: dict[str, Any] = getattr(registered, "mod_info", {"classes": {}})
    if kind not in described["classes"]:
        raise UnknownTypeError(f"no SDK registers {kind}")
    python_module, class_name = importlib.import_module(described["fqn"]), described["classes"][kind]
    # A resource whose name a block has too has arguments of a longer name.
    initial = getattr(python_module, f"{class_name}InitArgs", None)
    return initial or getattr(python_module, f"{class_name}Args")


@cache
def members(cls: type) -> dict[str, object]:
    """Return the types of a class's members by the provider's names."""
    return cast("dict[str, object]", sdk_types.input_type_types(cls))


def is_block(expected: object) -> TypeIs[type]:
    """Whether a type is a class of arguments, and not a value or a mapping of them."""
    return isinstance(expected, type) and sdk_types.is_input_type(expected)


def options(expected: object) -> Iterator[object]:
    """Return the plain alternatives of a type, without optionality and without awaitables."""
    if isinstance(expected, typing.TypeAliasType):
        expected = expected.__value__
    origin = typing.get_origin(expected)
    if origin in {typing.Union, types.UnionType}:
        for argument in typing.get_args(expected):
            if argument is not type(None) and not _is_promise(argument):
                yield from options(argument)
    elif not (isinstance(expected, type) and typing.is_typeddict(expected)):
        yield expected


def _is_promise(expected: object) -> bool:
    name = getattr(typing.get_origin(expected) or expected, "__name__", "")
    return name in {"Awaitable", "Output"}
