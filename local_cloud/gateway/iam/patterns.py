"""Wildcards and policy variables.

Sources: IAM user guide, "IAM JSON policy elements: Resource" (wildcards work within the colon-separated
parts of an ARN; an incomplete ARN is completed with wildcards), "IAM policy elements: Variables and tags"
(variables exist since version 2012-10-17; `${*}`, `${?}` and `${$}` are the characters; a default follows
a comma; a variable without a value makes its statement match nothing).

Corrects of MiniStack's evaluator: it knows no variables, and its `*` reaches over the colons of an ARN.
"""

import functools
import re

from local_cloud.gateway.iam.requests import Keys

VARIABLE = re.compile(r"\$\{\s*([^},\s]+)\s*(?:,\s*'([^']*)'\s*)?\}")
LITERALS = {"*": "\ue000", "?": "\ue001", ":": "\ue002"}
"""Stand-ins of characters that a variable put there: they match themselves and nothing else."""
ARN_PARTS = 6


class UnresolvedError(Exception):
    """A variable has no value in this request."""


def resolve(pattern: str, keys: Keys, *, literal: bool = False) -> str:
    """Return a pattern with its variables' values; `literal` where the pattern has no wildcards anyway.

    Raises:
        UnresolvedError: a variable has neither one value nor a default.

    """
    if "${" not in pattern:
        return pattern

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("*", "?", "$"):
            text: str | list[str] | None = name
        else:
            text = keys.get(name.lower(), found[2])
        if not isinstance(text, str):
            raise UnresolvedError(name)
        return text if literal else "".join(LITERALS.get(letter, letter) for letter in text)

    return VARIABLE.sub(value, pattern)


@functools.lru_cache(8192)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    plain = {stand_in: letter for letter, stand_in in LITERALS.items()}
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(letter) or re.escape(plain.get(letter, letter)) for letter in pattern)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matches_text(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern, case-sensitively (StringLike)."""
    return pattern == "*" or _compiled(pattern, False).fullmatch(text) is not None


def matches_action(action: str, pattern: str) -> bool:
    """Whether an action matches a pattern; neither prefix nor name are case-sensitive."""
    return pattern == "*" or _compiled(pattern.lower(), True).fullmatch(action) is not None


@functools.lru_cache(8192)
def _parts(pattern: str) -> tuple[str, ...]:
    pieces = pattern.split(":", ARN_PARTS - 1)
    return (*pieces, *["*"] * (ARN_PARTS - len(pieces)))


def matches_arn(arn: str, pattern: str) -> bool:
    """Whether an ARN matches a pattern, each of its six parts on its own."""
    if pattern == "*":
        return True
    pieces = arn.split(":", ARN_PARTS - 1)
    if len(pieces) != ARN_PARTS:
        return arn == pattern
    return all(
        wanted == "*" or _compiled(wanted, False).fullmatch(piece) is not None
        for piece, wanted in zip(pieces, _parts(pattern), strict=True)
    )
