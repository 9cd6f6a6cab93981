"""Condition operators of policies (IAM user guide, "IAM JSON policy elements: Condition operators").

Corrects of MiniStack's evaluator (core/iam_evaluator.py): policy variables are not resolved, ARN operators
match across the colons of an ARN, an operator for one value compares the text of a whole list, values of
JSON's own types are compared as Python writes them, an operator that does not exist lets a Deny pass.
"""

import base64
import binascii
import ipaddress
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from local_cloud.gateway.iam import patterns as iam_patterns
from local_cloud.gateway.iam.requests import Keys

type Compare = Callable[[str, str], bool]


class UnknownOperatorError(Exception):
    """A condition operator that does not exist."""


def _number(compare: Callable[[float, float], bool]) -> Compare:
    def compared(actual: str, expected: str) -> bool:
        try:
            return compare(float(actual), float(expected))
        except ValueError:
            return False

    return compared


def _moment(text: str) -> datetime | None:
    """Return a moment written as ISO 8601 or in epoch seconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.fromtimestamp(float(text), UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(compare: Callable[[Any, Any], bool]) -> Compare:
    def compared(actual: str, expected: str) -> bool:
        left, right = _moment(actual), _moment(expected)
        return left is not None and right is not None and compare(left, right)

    return compared


def _address(actual: str, expected: str) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(expected, strict=False)
    except ValueError:
        return False


def _binary(actual: str, expected: str) -> bool:
    try:
        return base64.b64decode(actual, validate=True) == base64.b64decode(expected, validate=True)
    except (binascii.Error, ValueError):
        return False


def _flag(actual: str, expected: str) -> bool:
    return expected.lower() in ("true", "false") and actual.lower() == expected.lower()


OPERATORS: dict[str, Compare] = {
    "stringequals": operator.eq,
    "stringequalsignorecase": lambda actual, expected: actual.lower() == expected.lower(),
    "stringlike": iam_patterns.matches_text,
    "numericequals": _number(operator.eq),
    "numericlessthan": _number(operator.lt),
    "numericlessthanequals": _number(operator.le),
    "numericgreaterthan": _number(operator.gt),
    "numericgreaterthanequals": _number(operator.ge),
    "dateequals": _date(operator.eq),
    "datelessthan": _date(operator.lt),
    "datelessthanequals": _date(operator.le),
    "dategreaterthan": _date(operator.gt),
    "dategreaterthanequals": _date(operator.ge),
    "bool": _flag,
    "binaryequals": _binary,
    "ipaddress": _address,
    "arnequals": iam_patterns.matches_arn,
    "arnlike": iam_patterns.matches_arn,
}
NEGATIONS = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}
PATTERNS = frozenset(("stringlike", "arnequals", "arnlike"))
SINGLE = ""


def _text(value: object) -> str:
    """Return a policy's value as text; JSON's true and 5 stand for "true" and "5"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(value: object) -> list[str]:
    return (
        [_text(item) for item in cast("list[object]", value)] if isinstance(value, list) else [_text(value)]
    )


def _expected(value: object, keys: Keys, base: str, variables: bool) -> list[str]:
    """Return the policy's values with their variables resolved."""
    texts = _values(value)
    if not variables or not any("${" in text for text in texts):
        return texts
    return [iam_patterns.resolve(text, keys, literal=base not in PATTERNS) for text in texts]


def _holds(name: str, key: str, value: object, keys: Keys, variables: bool) -> bool:
    """Whether one operator holds for one condition key."""
    quantifier, _, base = name.lower().rpartition(":")
    actual = keys.get(key.lower())
    if base == "null":
        return any((actual is None) == (text.lower() == "true") for text in _values(value))
    optional = base.endswith("ifexists")
    base = base.removesuffix("ifexists")
    negated = base in NEGATIONS
    compare = OPERATORS.get(NEGATIONS.get(base, base))
    if compare is None or quantifier not in (SINGLE, "forallvalues", "foranyvalue"):
        raise UnknownOperatorError(name)
    if actual is None:
        return optional or quantifier == "forallvalues" or (negated and quantifier != "foranyvalue")
    expected = _expected(value, keys, NEGATIONS.get(base, base), variables)
    results = [
        any(compare(item, text) for text in expected) != negated
        for item in (actual if isinstance(actual, list) else [actual])
    ]
    return all(results) if quantifier == "forallvalues" or (negated and not quantifier) else any(results)


def met(conditions: Mapping[str, Mapping[str, object]], keys: Keys, variables: bool) -> bool:
    """Whether all conditions of a statement hold.

    Raises:
        UnknownOperatorError: one names an operator that does not exist.
        iam_patterns.UnresolvedError: one uses a variable without a value.

    """
    return all(
        _holds(name, key, value, keys, variables)
        for name, block in conditions.items()
        for key, value in block.items()
    )


def names(conditions: Iterable[Mapping[str, object]], prefix: str) -> bool:
    """Whether a condition key that begins with a prefix (lower case) is asked for."""
    return any(key.lower().startswith(prefix) for block in conditions for key in block)
