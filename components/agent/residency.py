"""Where data may be processed, and what would be processed elsewhere (pure, no resources)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .model_ids import GEOGRAPHIES, parse_model_id


class Residency(StrEnum):
    """A geography of Amazon Bedrock, which nothing that people say leaves; or none.

    The geographies are AWS's own, as its inference profiles define them (``GEOGRAPHIES``): ``eu`` has London
    and Zurich too, which lie outside the European Union.
    """

    JP = "jp"
    EU = "eu"
    US = "us"
    GLOBAL = "global"

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that belong to it; none for ``global``, to which all belong."""
        return _REGIONS[self]

    def admits(self, region: str) -> bool:
        """Whether data may be processed in ``region``."""
        return self is Residency.GLOBAL or region in self.regions


_REGIONS = {
    Residency.JP: GEOGRAPHIES["jp"],
    Residency.EU: GEOGRAPHIES["eu"],
    Residency.US: GEOGRAPHIES["us"],
    Residency.GLOBAL: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Something that a stack uses, and where that processes data."""

    label: str
    """The setting's key with its value, such as ``embeddingRegion us-east-1``."""
    regions: tuple[str, ...]
    """Every region that it may use; empty for any commercial region."""


def model_place(key: str, model_id: str, region: str) -> Place:
    """Return where the model or profile ``model_id`` of the setting ``key`` runs when ``region`` calls it.

    Raises ``ValueError`` for an id that is none.
    """
    parsed = parse_model_id(model_id)
    if parsed.scope == "global":
        return Place(label=f"{key} {model_id}", regions=())
    # A profile may also stay in the region that calls it.
    return Place(label=f"{key} {model_id}", regions=tuple(sorted({region, *parsed.destinations})))


def departures(residency: Residency, places: Sequence[Place]) -> tuple[str, ...]:
    """Say of each of ``places`` that leaves ``residency`` what it is and where it goes."""
    return tuple(found for place in places if (found := _departure(residency, place)))


def _departure(residency: Residency, place: Place) -> str:
    if residency is Residency.GLOBAL:
        return ""
    if not place.regions:
        return f"{place.label} (any commercial region)"
    outside = ", ".join(region for region in place.regions if not residency.admits(region))
    if not outside:
        return ""
    # Where the label ends in the region itself, once is enough.
    return place.label if place.label.endswith(f" {outside}") else f"{place.label} ({outside})"
