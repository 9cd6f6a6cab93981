"""Checks requests against the service's own API model (botocore's), with the messages that AWS answers."""

import re
from typing import Any, cast

from local_cloud.documents import Document
from local_cloud.gateway.protocol import AwsError

NUMBERS = ("integer", "long", "float", "double")
KINDS: dict[str, type | tuple[type, ...]] = {
    "structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "blob": str,
    "integer": int, "long": int, "float": (int, float), "double": (int, float),
    "timestamp": (int, float, str),
}  # fmt: skip
UNICODE_CLASSES = {r"\p{L}\p{Z}\p{N}": r"\w\s"}
"""Java's character classes in the models' patterns, in Python's notation."""

type Fault = tuple[str, str]
"""Where (a JSON pointer), and what is wrong there."""


def check(shape: Any, document: Document) -> None:  # noqa: ANN401 (botocore has no public type for it)
    """Accept a request that is what its shape says.

    Raises:
        AwsError: ValidationException with every fault found.

    """
    faults = list(_faults(shape, document, ""))
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise AwsError(
            "ValidationException",
            f"{len(faults)} validation {noun} detected. " + "; ".join(message for _, message in faults),
            members={"fieldList": [{"path": path, "message": message} for path, message in faults]},
        )


def _faults(shape: Any, value: object, path: str) -> list[Fault]:  # noqa: ANN401
    kind: str = shape.type_name
    if kind == "structure" and shape.is_document_type:
        return (
            [] if isinstance(value, dict | list | str | int | float | bool) else [_fault(path, "not be null")]
        )
    if not isinstance(value, KINDS[kind]) or (kind in NUMBERS and isinstance(value, bool)):
        return [_fault(path, f"be a {kind}")]
    faults = [_fault(path, rule) for rule in _broken_rules(shape, value)]
    match kind:
        case "structure":
            faults += _structure_faults(shape, cast("Document", value), path)
        case "list":
            items = cast("list[object]", value)
            if not _plain_numbers(shape.member, items):
                for number, item in enumerate(items):
                    faults += _faults(shape.member, item, f"{path}/{number}")
        case "map":
            for key, item in cast("Document", value).items():
                faults += _faults(shape.key, key, path) + _faults(shape.value, item, f"{path}/{key}")
        case _:
            pass
    return faults


def _plain_numbers(member: Any, items: list[object]) -> bool:  # noqa: ANN401
    """Whether a list is all numbers and may hold any: hundreds of thousands come with one PutVectors."""
    return member.type_name == "float" and not member.metadata and {*map(type, items)} <= {int, float}


def _structure_faults(shape: Any, value: Document, path: str) -> list[Fault]:  # noqa: ANN401
    given = {name: item for name, item in value.items() if item is not None}
    faults = [_fault(f"{path}/{name}", "not be null") for name in shape.required_members if name not in given]
    known = {name: member for name, member in shape.members.items() if name in given}
    if shape.is_tagged_union and len(known) != 1:
        faults.append(_fault(path, f"have exactly one of [{', '.join(shape.members)}]"))
    for name, member in known.items():
        faults += _faults(member, given[name], f"{path}/{name}")
    return faults


def _broken_rules(shape: Any, value: Any) -> list[str]:  # noqa: ANN401
    """Return the constraints of a shape that a value of the right type breaks."""
    rules: Document = shape.metadata
    broken: list[str] = []
    least, most = rules.get("min"), rules.get("max")
    measured: Any = value if shape.type_name in NUMBERS else len(value) if hasattr(value, "__len__") else None
    if measured is not None and (
        (least is not None and measured < least) or (most is not None and measured > most)
    ):
        broken.append(_range(shape.type_name in NUMBERS, least, most))
    choices = rules.get("enum")
    if choices and value not in choices:
        broken.append(f"satisfy enum value set: [{', '.join(choices)}]")
    pattern = rules.get("pattern")
    if pattern and not re.fullmatch(_python_pattern(pattern), value):
        broken.append(f"satisfy regular expression pattern: {pattern}")
    return broken


def _range(number: bool, least: object, most: object) -> str:
    measure = "be" if number else "have length"
    if most is None:
        return f"{measure} greater than or equal to {least}"
    if least is None:
        return f"{measure} less than or equal to {most}"
    return f"{measure} between {least} and {most}, inclusive"


def _python_pattern(pattern: str) -> str:
    for theirs, ours in UNICODE_CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    return pattern


def _fault(path: str, rule: str) -> Fault:
    return path, f"Value at '{path or '/'}' failed to satisfy constraint: Member must {rule}"
