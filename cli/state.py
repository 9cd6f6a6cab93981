"""What the engine's state says that a stack consists of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_cli.engine import Engine
from pulumi_cli.urns import Identified


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Identified):
    """One resource of a state."""

    id: str
    """As its provider knows it; empty for components."""
    inputs: dict[str, Any]
    protected: bool
    """Whether the engine refuses to delete it."""
    depends_on: frozenset[str]
    """URNs of what it needs, its parent among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All resources of a stack, the stack itself and providers left out."""

    resources: tuple[Found, ...]

    def of_type(self, *types: str) -> list[Found]:
        """Return the resources of some types, by name."""
        return sorted((found for found in self.resources if found.type in types), key=lambda one: one.name)

    def needing(self, urns: Sequence[str]) -> list[str]:
        """Return ``urns`` and all that needs them, directly or not."""
        found, last = set(urns), set(urns)
        while last:
            last = {one.urn for one in self.resources if one.depends_on & last} - found
            found |= last
        return sorted(found)


def read_state(engine: Engine) -> State:
    """Return what ``engine``'s stack consists of; raises ``NovaError`` where the backend does not say."""
    deployment: dict[str, Any] = engine.state().get("deployment") or {}
    return State(
        resources=tuple(_resources(deployment.get("resources") or [])),
    )


def _resources(listed: list[dict[str, Any]]) -> Iterator[Found]:
    for one in listed:
        kind = str(one["type"])
        if kind.startswith(("pulumi:providers:", "pulumi:pulumi:Stack")) or one.get("delete"):
            continue
        needed: list[str] = [*(one.get("dependencies") or []), str(one.get("parent", ""))]
        yield Found(
            urn=str(one["urn"]),
            id=str(one.get("id", "")),
            inputs=one.get("inputs") or {},
            protected=bool(one.get("protect")),
            depends_on=frozenset(filter(None, needed)),
        )
