"""AWS's Service Authorization Reference: which actions there are, and on which ARNs each is authorized.

The reference comes with policy_sentry, whose data is read when somebody first asks. What it lacks stands in
`GAPS`, with its source.
"""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the reference says of one action."""

    shapes: frozenset[str]
    """ARNs with placeholders; empty for an action without resource level."""
    conditions: frozenset[str]
    """Condition keys that it knows besides the global ones."""


GAPS: Mapping[str, Known] = {}
"""Actions that AWS documents and policy_sentry does not have yet."""

REGIONLESS: Mapping[str, str] = {
    "arn:aws:bedrock:::foundation-model/": "a global inference profile is authorized on the model without a "
    "region (Bedrock user guide, prerequisites for inference profiles)",
}
"""Starts of ARNs that have no region although their shape has one."""

# Names that may hold colons: times, versions of models, and the ":*" that AWS appends to a log group's ARN.
_WITH_COLONS = frozenset({"LogGroupName", "ResourceId", "StreamLabel"})
# Names that may hold slashes: those of "...WithPath", and these.
_PATHS = frozenset(
    {
        "KeyName", "LogGroupName", "LogStreamName", "ObjectName", "ParameterNameWithoutLeadingSlash",
        "RepositoryName", "SecretId",
    }
)  # fmt: skip
_VARIABLE = re.compile(r"\$\{[^}]*\}|\?")
"""A variable of a policy, and the mark of any one character: both are read as any text."""


def is_pattern(action: str) -> bool:
    """Whether a name of an action may mean several."""
    return "*" in action or "?" in action


@cache
def known_action(action: str) -> Known | None:
    """Look an action up; None when AWS has no such action, or writes it otherwise."""
    from policy_sentry.querying.actions import get_action_data  # noqa: PLC0415 (reads megabytes)

    if action in GAPS:
        return GAPS[action]
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    if not found:
        return None
    rows: list[dict[str, Any]] = [row for rows in found.values() for row in rows]
    # policy_sentry finds names in any case; IAM does too, readers do not.
    if any(row["action"] != action for row in rows):
        return None
    return Known(
        shapes=frozenset(row["resource_arn_format"] for row in rows) - {ANY},
        conditions=frozenset(key for row in rows for key in row["condition_keys"]),
    )


@cache
def matching(pattern: str) -> frozenset[str]:
    """Return the actions of AWS that a name with stars means; itself where that is every service's."""
    from policy_sentry.querying.actions import get_actions_for_service  # noqa: PLC0415 (as above)

    service, _, _ = pattern.partition(":")
    if is_pattern(service):
        return frozenset({pattern})
    if not is_pattern(pattern):
        return frozenset({pattern} if known_action(pattern) is not None else ())
    return frozenset(fnmatch.filter(get_actions_for_service(service), pattern))


@cache
def services() -> frozenset[str]:
    """Return the prefixes of all services."""
    from policy_sentry.querying.all import get_all_service_prefixes  # noqa: PLC0415 (as above)

    return frozenset(cast("Sequence[str]", get_all_service_prefixes()))


@cache
def fits(shape: str, resource: str) -> bool:
    """Whether some ARN of ``shape`` is meant by ``resource``, which may have ``*`` in it."""
    if any(resource.startswith(start) for start in REGIONLESS):
        shape = shape.replace("${Region}", "")
    return _overlap(_shape_tokens(shape), tuple(_VARIABLE.sub(ANY, resource)))


def _shape_tokens(shape: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\$\{\w+\}|.", shape))


def _overlap(shape: tuple[str, ...], resource: tuple[str, ...]) -> bool:
    """Whether a text exists that both describe: placeholders take one character or more, stars any number."""

    @cache
    def matches(i: int, j: int, inside: bool) -> bool:
        """Say whether the rest of both fits; ``inside``: the placeholder at i has taken a character."""
        if i == len(shape) and j == len(resource):
            return True
        token = shape[i] if i < len(shape) else ""
        placeholder = token.startswith("${")
        if placeholder and inside and matches(i + 1, j, False):
            return True
        if j == len(resource):
            return False
        if resource[j] == "*":
            # The star ends here, or takes what the shape has next.
            return matches(i, j + 1, inside) or (i < len(shape) and matches(i + 1, j, False))
        if placeholder:
            return _takes(token, resource[j]) and matches(i, j + 1, True)
        return token == resource[j] and matches(i + 1, j + 1, False)

    return matches(0, 0, False)


def _takes(placeholder: str, character: str) -> bool:
    name = placeholder[2:-1]
    if character == ":":
        return name in _WITH_COLONS
    return character != "/" or name in _PATHS or name.endswith("WithPath")
