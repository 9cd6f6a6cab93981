"""Reads what the engine would do: the document that `pulumi preview --json` prints.

Its shape is `PreviewDigest` of the engine (pkg/display/json.go): `steps`, each with `op`, `urn`, `oldState`,
`newState`, `replaceReasons`, `diffReasons` and `detailedDiff`, then `diagnostics` and `changeSummary`.
Policies leave no trace in it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from pulumi_cli.stateful import STATEFUL
from pulumi_cli.urns import Identified

UNCHANGED = frozenset({"same", "read", "refresh", "read-discard", "discard"})
REPLACEMENTS = frozenset({"replace", "create-replacement", "delete-replaced"})


class PreviewError(ValueError):
    """A text is not the engine's document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Identified):
    """What would be done to one resource that does not stay as it is."""

    op: str
    """As the engine calls it; every part of a replacement is a ``replace``."""
    because: tuple[str, ...] = ()
    """The properties that differ; for a replacement those that force it."""
    protected: bool = False
    """Whether the engine refuses to delete it."""
    kept: bool = False
    """Whether a deletion only forgets it."""

    @property
    def key(self) -> str:
        """What it is called in every stack."""
        return f"{self.type} {self.name}"

    @property
    def leaves(self) -> bool:
        """Whether the stack would not have it any more as it is: also one that is only forgotten."""
        return self.op in {"delete", "replace"}

    @property
    def destroys(self) -> bool:
        """Whether something that is there would be gone."""
        return self.op == "replace" or (self.op == "delete" and not self.kept)

    @property
    def loses_data(self) -> bool:
        """Whether what would be gone holds something that cannot be made again."""
        return self.destroys and (self.protected or self.type in STATEFUL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an update would do."""

    changes: tuple[Change, ...]
    errors: tuple[str, ...] = ()
    """What the engine or the program said that keeps the update from working."""
    warnings: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many resources each operation is about."""
        return dict(sorted(Counter(change.op for change in self.changes).items()))

    def destroyed(self) -> tuple[Change, ...]:
        """Return what would be deleted or replaced."""
        return tuple(change for change in self.changes if change.destroys)

    def losses(self) -> tuple[Change, ...]:
        """Return what would be deleted or replaced and holds data."""
        return tuple(change for change in self.changes if change.loses_data)

    def beyond(self, approved: "Preview") -> tuple[Change, ...]:
        """Return what would be deleted or replaced and was not when somebody approved it."""
        known = {change.key for change in approved.destroyed()}
        return tuple(change for change in self.destroyed() if change.key not in known)


def read(text: str) -> Preview:
    """Read the engine's document; raises ``PreviewError`` for what is none."""
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise PreviewError(
            f"this is no preview of the engine: {error}; it begins with {text[:80]!r}"
        ) from error
    digest = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if not digest.keys() & {"steps", "diagnostics", "changeSummary"}:
        raise PreviewError("this is no preview of the engine: it has neither steps nor diagnostics")
    diagnostics: list[dict[str, Any]] = digest.get("diagnostics") or []
    errors = _said(diagnostics, "error")
    if digest.get("maybeCorrupt"):
        errors.append("the engine says that the state may be corrupt: look at it before anything is deployed")
    return Preview(
        changes=_changes(digest.get("steps") or []),
        errors=tuple(errors),
        warnings=tuple(
            found["message"].strip() for found in diagnostics if found.get("severity") == "warning"
        ),
    )


def _said(diagnostics: list[dict[str, Any]], severity: str) -> list[str]:
    return [str(found["message"]).strip() for found in diagnostics if found.get("severity") == severity]


def _changes(steps: Iterable[dict[str, Any]]) -> tuple[Change, ...]:
    found: dict[tuple[str, str], Change] = {}
    for step in steps:
        if step["op"] not in UNCHANGED:
            change = _change(step)
            # A replacement comes as one step, or as three where its parts are asked for.
            found.setdefault((change.op, change.urn), change)
    return tuple(found.values())


def _change(step: dict[str, Any]) -> Change:
    old: dict[str, Any] = step.get("oldState") or {}
    reasons: list[str] = step.get("replaceReasons") or step.get("diffReasons") or []
    return Change(
        op="replace" if step["op"] in REPLACEMENTS else step["op"],
        urn=step["urn"],
        because=tuple(reasons or sorted(step.get("detailedDiff") or {})),
        protected=bool(old.get("protect")),
        kept=bool(old.get("retainOnDelete")),
    )
