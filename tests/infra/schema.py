"""What the providers' SDKs accept for each type of resource, read from their own argument classes.

The SDKs check no key of a mapping: a misspelt one travels to the provider, which refuses it or drops it.
"""

import inspect
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage] (there is no public way)
from pulumi.runtime import rpc

from evaluation.arguments import arguments_class, is_block, members, options
from evaluation.program import Deployment
from evaluation.recorder import UNKNOWN, Recorded


def problems(resource: Recorded) -> list[str]:
    """Inputs that the SDK's class does not know, lacks, or wants to be of another type, with their paths."""
    inputs = resource.inputs
    if resource.type.startswith("pulumi:providers:"):
        inputs = {key: _parsed(value) for key, value in inputs.items()}
    return list(_structure(arguments_class(resource.type), inputs, ""))


def _structure(cls: type, value: Mapping[str, Any], path: str) -> Iterator[str]:
    known = members(cls)
    for key, item in value.items():
        if key == "__defaults":
            continue
        if key not in known:
            yield f"{path}{key} is unknown to {cls.__name__}, which has {', '.join(sorted(known))}"
        else:
            yield from _value(known[key], item, f"{path}{key}")
    for missing in sorted(_required(cls) - value.keys()):
        yield f"{path}{missing} is missing in {cls.__name__}"


def _value(expected: object, value: object, path: str) -> Iterator[str]:
    if rpc.is_rpc_secret(value):
        value = rpc.unwrap_rpc_secret(cast("Any", value))
    if value is None or value == UNKNOWN:
        return
    findings = [list(_as(option, value, path)) for option in options(expected)]
    if all(findings):  # no alternative takes it
        yield from min(findings, key=len)


def _as(expected: object, value: object, path: str) -> Iterator[str]:
    """Check against one alternative; yields nothing when it fits."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return
    if is_block(expected):
        if isinstance(value, dict):
            yield from _structure(expected, cast("dict[str, Any]", value), f"{path}.")
        else:
            yield f"{path} has to be a block, not {type(value).__name__}"
    elif origin in {list, Sequence, dict, Mapping}:
        yield from _collection(origin in {list, Sequence}, arguments[-1], value, path)
    elif not _is_scalar(cast("type", expected), value):
        yield f"{path} has to be {getattr(expected, '__name__', expected)}, not {value!r}"


def _collection(is_list: bool, member: object, value: object, path: str) -> Iterator[str]:
    if is_list and isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _value(member, item, f"{path}[{index}]")
    elif not is_list and isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from _value(member, item, f"{path}.{key}")
    else:
        yield f"{path} has to be a {'list' if is_list else 'mapping'}, not {type(value).__name__}"


def _is_scalar(expected: type, value: object) -> bool:
    if isinstance(value, dict | list):
        return False
    if expected is bool:
        return isinstance(value, bool) or value in {"true", "false"}
    if expected in {int, float}:
        # Numbers travel as floats.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (expected is float or float(cast("float", value)).is_integer())
    if expected is str:
        return isinstance(value, str)
    # Enumerations of the SDK are strings; assets are objects of its own.
    return True


@cache
def _required(cls: type) -> frozenset[str]:
    names = sdk_types.input_type_py_to_pulumi_names(cls)
    parameters = inspect.signature(cls).parameters.items()
    return frozenset(names[name] for name, found in parameters if found.default is inspect.Parameter.empty)


def _parsed(value: object) -> object:
    # A provider's own inputs travel as JSON text, whatever their type.
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value


def provided(deployment: Deployment) -> list[Recorded]:
    """The resources that a provider manages, and the providers."""
    return [found for found in deployment.resources.values() if not found.type.startswith("nova:")]


def mistakes(deployment: Deployment) -> dict[str, list[str]]:
    """The problems of each resource that has some, by type and name."""
    return {
        f"{resource.type} {resource.name}": found
        for resource in provided(deployment)
        if (found := problems(resource))
    }
