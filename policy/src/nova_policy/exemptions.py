"""Exceptions from rules: one reviewed file, each with a reason and an end (pure but for reading it).

The same file holds exceptions from an independent scanner, by that scanner's own names of rules
(``CKV_AWS_18``): ``Exemption.scanned`` tells them apart, and whoever runs the scanner looks after them.
"""

import datetime
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from nova_policy.graph import Resource
from nova_policy.settings import PolicySettingsError

DAYS_MAX = 366
"""The longest that an exception may last before somebody looks at it again."""
REASON_MIN = 20
"""Characters of the shortest reason that can say something."""
_SCANNER = re.compile(r"CKV\d?_[A-Z]+_\d+")
_KEYS = {"rule", "resource", "stacks", "reason", "expires", "reviewed_by"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """That a rule does not hold for some resources for a while."""

    rule: str
    resource: str
    """Name or URN of resources, with ``*`` for any text."""
    stacks: tuple[str, ...]
    """Names of stacks, with ``*`` for any text."""
    reason: str
    expires: datetime.date
    """The last day on which it holds."""
    reviewed_by: str

    @property
    def scanned(self) -> bool:
        """Whether its rule is an independent scanner's."""
        return bool(_SCANNER.fullmatch(self.rule))

    @property
    def label(self) -> str:
        """How people find it in the file."""
        return f"{self.rule} for {self.resource}"

    def holds_in(self, stack: str) -> bool:
        """Whether it is about ``stack``."""
        return any(fnmatchcase(stack, pattern) for pattern in self.stacks)

    def covers(self, rule: str, resource: Resource, today: datetime.date) -> bool:
        """Whether a finding of ``rule`` about ``resource`` is accepted; once it has ended, nothing is."""
        return (
            self.rule == rule
            and today <= self.expires
            and self.holds_in(resource.stack)
            and any(fnmatchcase(text, self.resource) for text in (resource.name, resource.urn))
        )


def read_exemptions(path: Path) -> tuple[Exemption, ...]:
    """Read the file; raises ``PolicySettingsError`` for one that cannot be understood."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicySettingsError(f"{path.name} cannot be read: {error}") from error
    entries: Any = document.get("exception", [])
    if set(document) - {"exception"} or not isinstance(entries, list):
        raise PolicySettingsError(f"{path.name} may hold [[exception]] tables and nothing else")
    return tuple(
        _exemption(path, number, entry) for number, entry in enumerate(cast("list[Any]", entries), start=1)
    )


def problems(
    exemptions: Iterable[Exemption], rules: Collection[str], today: datetime.date
) -> Iterator[tuple[Exemption, str]]:
    """Yield each exception that should not be there, and why; ``rules`` are the names of all that exist."""
    for one in exemptions:
        if not one.scanned and one.rule not in rules:
            yield one, f"there is no rule {one.rule}"
        if len(one.reason.strip()) < REASON_MIN:
            yield one, f"the reason says too little: {REASON_MIN} characters at least"
        if not one.reviewed_by.strip():
            yield one, "nobody has reviewed it"
        if one.expires < today:
            yield one, f"it ended on {one.expires}: mend the resource, or have the exception reviewed again"
        elif (one.expires - today).days > DAYS_MAX:
            yield one, f"it ends on {one.expires}, more than {DAYS_MAX} days from now"


def _exemption(path: Path, number: int, entry: object) -> Exemption:
    where = f"{path.name}, exception {number}"
    if not isinstance(entry, dict):
        raise PolicySettingsError(f"{where}: it has to be a table")
    given = cast("dict[str, Any]", entry)
    if set(given) != _KEYS:
        missing, unknown = sorted(_KEYS - set(given)), sorted(set(given) - _KEYS)
        said = [f"{', '.join(missing)} is missing"] * bool(missing) + [
            f"{', '.join(unknown)} is not known"
        ] * bool(unknown)
        raise PolicySettingsError(f"{where}: {'; '.join(said)}")
    if type(given["expires"]) is not datetime.date:
        raise PolicySettingsError(f"{where}: expires has to be a day, such as 2030-01-31, without quotes")
    stacks: Any = given["stacks"]
    if (
        not isinstance(stacks, list)
        or not stacks
        or not all(isinstance(one, str) for one in cast("list[Any]", stacks))
    ):
        raise PolicySettingsError(f'{where}: stacks has to be a list of names, such as ["dev"]')
    texts = {key: given[key] for key in ("rule", "resource", "reason", "reviewed_by")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise PolicySettingsError(f"{where}: {key} has to be a text")
    return Exemption(**texts, stacks=tuple(cast("list[str]", stacks)), expires=given["expires"])
