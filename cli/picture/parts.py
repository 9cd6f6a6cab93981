"""Which components of a stack a picture shows, and which of them a resource belongs to."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.program import Deployment

AREAS = ("edge", "compute", "agent", "data", "messaging", "network", "observe")
"""Packages of components whose members are shown; those of others are parts of what they stand in."""
PROJECT = "nova-"
"""Begins the names of what the platform shares."""
UNSHOWN = frozenset(
    {
        "nova:agent:ModelProfile",
        "nova:compute:Image",
        "nova:edge:OriginProof",
        "nova:observe:SavedQueries",
        "nova:observe:TraceSampling",
    }
)
"""What runs nowhere by itself, as images of services that are shown, and questions that nobody asks yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component as the picture shows it."""

    urn: str
    token: str
    """``nova:<area>:<Class>``."""
    name: str
    """Its own, without the project's."""
    resources: int
    """How many resources it consists of, with those of its own components."""

    @property
    def area(self) -> str:
        """The package that it is from."""
        return self.token.split(":")[1]

    @property
    def what(self) -> str:
        """Its class in words."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.token.split(":")[2])
        return words[0] + words[1:].lower()


class Parts:
    """The shown components of a deployment."""

    def __init__(self, deployment: "Deployment") -> None:
        self._resources = deployment.resources

    @cached_property
    def all(self) -> dict[str, Part]:
        """Every part by its URN, in the order of areas and names."""
        shown = [urn for urn in self._resources if self.of(urn) == urn]
        made = [urn for urn, found in self._resources.items() if found.custom or found.remote]
        sizes = Counter(self.of(urn) for urn in made)
        parts = [
            Part(
                urn=urn,
                token=self._resources[urn].type,
                name=self._resources[urn].name.removeprefix(PROJECT),
                resources=sizes[urn],
            )
            for urn in shown
        ]
        return {
            part.urn: part for part in sorted(parts, key=lambda part: (AREAS.index(part.area), part.name))
        }

    def of(self, urn: str) -> str | None:
        """Return the part that a resource belongs to: the outermost shown component that it stands in."""
        found = None
        while urn in self._resources:
            if _is_shown(self._resources[urn].type):
                found = urn
            urn = self._resources[urn].parent
        return found


def _is_shown(token: str) -> bool:
    project, area, _ = token.split(":", maxsplit=2)
    return project == "nova" and area in AREAS and token not in UNSHOWN
