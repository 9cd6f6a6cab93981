"""The filter language of S3 Vectors (user guide, "Metadata filtering"), compiled to a predicate.

A list in the metadata equals a value when any of its elements does.
"""

import operator
from collections.abc import Callable, Collection
from typing import Any, cast

from local_cloud.documents import Document
from local_cloud.gateway.protocol import AwsError

DEPTH_MAX = 16
"""Deepest nesting of $and and $or that is evaluated: bounds the recursion."""

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le,
}  # fmt: skip

type Predicate = Callable[[Document], bool]
type Primitive = str | int | float | bool


def compiled(condition: object, non_filterable: Collection[str]) -> Predicate:
    """Return the predicate of a filter on metadata.

    Raises:
        AwsError: ValidationException for what is no filter, and for a key that the index cannot filter by.

    """
    return _filter(condition, non_filterable, 0)


def _filter(condition: object, non_filterable: Collection[str], depth: int) -> Predicate:
    if not isinstance(condition, dict) or depth > DEPTH_MAX:
        raise _invalid(f"a filter is an object, nested at most {DEPTH_MAX} times")
    predicates: list[Predicate] = []
    for name, wanted in cast("Document", condition).items():
        if name in ("$and", "$or"):
            if not isinstance(wanted, list) or not wanted:
                raise _invalid(f"{name} takes a list of at least one filter")
            members = [_filter(item, non_filterable, depth + 1) for item in cast("list[object]", wanted)]
            predicates.append(_all(members) if name == "$and" else _any(members))
        elif name.startswith("$"):
            raise _invalid(f"the operator {name} is unknown, or needs a metadata key before it")
        elif name in non_filterable:
            raise _invalid(f"the metadata key {name!r} is non-filterable in this index")
        else:
            predicates.append(_key(name, wanted))
    return _all(predicates)


def _key(name: str, wanted: object) -> Predicate:
    """Return the predicate of one metadata key: operators, or a value that it equals."""
    operators = cast("Document", wanted) if isinstance(wanted, dict) else {"$eq": wanted}
    if not operators:
        raise _invalid(f"the condition on {name!r} is empty")
    return _all([_operator(name, operation, operand) for operation, operand in operators.items()])


def _operator(name: str, operation: str, operand: Any) -> Predicate:  # noqa: ANN401 (any JSON)
    match operation:
        case "$eq" | "$ne" if _is_primitive(operand):
            wanted = _identity(operand)
            return _membership(name, {wanted}, operation == "$eq")
        case "$in" | "$nin" if _is_choice(operand):
            return _membership(name, {_identity(choice) for choice in operand}, operation == "$in")
        case "$exists" if isinstance(operand, bool):
            return lambda metadata: (name in metadata) == operand
        case "$gt" | "$gte" | "$lt" | "$lte" if _is_number(operand):
            return _order(name, ORDERS[operation], operand)
        case _:
            raise _invalid(f"{operation} on {name!r} is unknown, or does not take {operand!r}")


def _membership(name: str, choices: set[tuple[bool, Primitive]], expected: bool) -> Predicate:
    """Return whether the key has (or, if not expected, has not) one of the choices."""

    def decide(metadata: Document) -> bool:
        value: Any = metadata.get(name)
        values: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
        return any((isinstance(item, bool), item) in choices for item in values) == expected

    return decide


def _order(name: str, compare: Callable[[Any, Any], bool], bound: float) -> Predicate:
    return lambda metadata: _is_number(metadata.get(name)) and compare(metadata[name], bound)


def _all(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return lambda metadata: all(predicate(metadata) for predicate in predicates)


def _any(predicates: list[Predicate]) -> Predicate:
    return lambda metadata: any(predicate(metadata) for predicate in predicates)


def _identity(value: Primitive) -> tuple[bool, Primitive]:
    """Return what tells values apart: in Python true equals 1, in JSON it does not."""
    return isinstance(value, bool), value


def _is_primitive(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _is_choice(value: object) -> bool:
    return isinstance(value, list) and value != [] and all(map(_is_primitive, cast("list[object]", value)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _invalid(reason: str) -> AwsError:
    return AwsError("ValidationException", f"Invalid query filter: {reason}")
