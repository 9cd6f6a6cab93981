"""The tables of services.toml: what each operation of most services is authorized as."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NONE = "*"
"""The kind of an action without resource-level permissions."""


@dataclass(frozen=True, slots=True)
class Table:
    """One service; the members are described in services.toml."""

    namespace: str
    resources: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    """Kind of resource by operation."""
    actions: Mapping[str, str]
    passes: Mapping[str, Mapping[str, str]]
    """By operation: members that name a role, and the service that gets it."""


def _load() -> dict[str, Table]:
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    return {
        service: Table(
            namespace=table["namespace"],
            resources={kind: tuple(templates) for kind, templates in table.get("resources", {}).items()},
            kinds={name: kind for kind, names in table["operations"].items() for name in names.split()},
            actions=table.get("actions", {}),
            passes=table.get("passes", {}),
        )
        for service, table in tables.items()
    }


TABLES = _load()
"""By MiniStack's name of the service."""
