"""What an update would do to a stack, by the engine's preview, and what of that would lose data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.stateful import STATEFUL
from evaluation.urns import type_of

_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
"""Sleep takes it away on purpose: what it holds is made again."""
HOLDS_DATA = (STATEFUL - {_CACHE}) | {
    "aws:sqs/queue:Queue",
    "awsx:ecr:Repository",
    "random:index/randomPassword:RandomPassword",
}
"""Types of resources that take something with them which no program makes again: also messages that wait,
images of versions before, and passwords that others know."""
_WORDS: Mapping[str, str] = {
    "create": "made",
    "update": "changed",
    "delete": "deleted",
    "create-replacement": "replaced",
}
_LOSING = frozenset({"delete", "delete-replaced", "replace", "create-replacement"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Operations of a preview."""

    counts: Mapping[str, int]
    """By operation, without what stays as it is."""
    losing: tuple[str, ...]
    """URNs of resources with data that would be deleted or replaced."""

    def summary(self) -> str:
        """Return the counts in words."""
        words = [f"{self.counts[key]} {word}" for key, word in _WORDS.items() if self.counts.get(key)]
        return ", ".join(words) or "nothing to do"


def read_changes(preview: Mapping[str, Any]) -> Changes:
    """Return what `pulumi preview --json` says."""
    steps: list[tuple[str, str]] = [(str(step["op"]), str(step["urn"])) for step in preview.get("steps", [])]
    return Changes(
        counts=Counter(operation for operation, _ in steps if operation not in {"same", "read"}),
        losing=tuple(
            sorted({urn for operation, urn in steps if operation in _LOSING and type_of(urn) in HOLDS_DATA})
        ),
    )
