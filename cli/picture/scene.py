"""What the picture of a stack shows: its boxes and areas, and the lines between them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.picture.flows import CLIENTS, Flow, Kind, flows
from cli.picture.layout import Band, Line
from cli.picture.parts import Part, Parts

if TYPE_CHECKING:
    from evaluation.program import Deployment

WORKERS, OUTSIDE = "workers", "outside"
SERVING = " for all"
"""Ends the names of areas whose members serve the others."""
TITLES: Mapping[str, str] = {
    CLIENTS: "",
    "edge": "edge",
    "compute": "compute: what answers requests",
    "agent": "agent",
    "data": "data",
    OUTSIDE: "services of AWS",
    WORKERS: "compute: what works off messages",
    "messaging": "messaging",
    f"compute{SERVING}": "compute: for all",
    f"data{SERVING}": "data: for all",
    "network": "network",
    "observe": "observe",
}
BANDS = (
    Band(areas=(CLIENTS,)),
    Band(areas=("edge",)),
    Band(areas=("compute", "agent")),
    Band(areas=("data", OUTSIDE)),
    Band(areas=(WORKERS,)),
    Band(areas=("messaging",), upward=True),
    Band(areas=(f"compute{SERVING}", f"data{SERVING}", "network", "observe")),
)
"""Areas from top to bottom: requests come from above, messages rise from below, data is between them."""

SHARED: Mapping[str, str] = {
    "nova:compute:Cluster": "runs",
    "nova:compute:JobGround": "logs of",
    "nova:data:AccessLogs": "logs of",
    "nova:data:Backups": "copies",
    "nova:data:Keys": "encrypt",
    "nova:network:Vpc": "holds",
    "nova:observe:Alerts": "told by",
    "nova:observe:Dashboard": "shows",
}
"""What serves the others and is no way of anything: a number says whom, where lines would hide all others."""
STRONGEST = (Kind.MESSAGE, Kind.DATA, Kind.REQUEST)
"""A line is drawn as the first of what flows on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A box and what stands in it."""

    key: str
    area: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What flows on a line, and at which of its ends it arrives."""

    kind: Kind
    to_first: bool
    to_second: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that is drawn of a stack."""

    title: str
    boxes: tuple[Labelled, ...]
    lines: Mapping[Line, Way]


def scene(stack: str, deployment: "Deployment") -> Scene:
    """Choose what is drawn of a stack."""
    parts = Parts(deployment)
    found = [flow for flow in flows(deployment, parts) if _is_drawn(flow, parts)]
    made = sum(1 for resource in deployment.resources.values() if resource.custom or resource.remote)
    return Scene(
        title=f"Nova, stack {stack}: {len(parts.all)} components, {made} resources",
        boxes=tuple(_boxes(deployment, parts, found)),
        lines=_lines(found),
    )


def _is_drawn(flow: Flow, parts: Parts) -> bool:
    """Whether a flow is a line: to what nearly everybody uses, only messages are."""
    ends = [parts.all[end] for end in (flow.source, flow.target) if end in parts.all]
    return flow.kind == Kind.MESSAGE or not any(part.token in SHARED for part in ends)


def _lines(found: Sequence[Flow]) -> dict[Line, Way]:
    """Put all that flows between the same two ends on one line."""
    between: dict[frozenset[str], list[Flow]] = {}
    for flow in found:
        between.setdefault(frozenset({flow.source, flow.target}), []).append(flow)
    lines: dict[Line, Way] = {}
    for group in between.values():
        first, second = group[0].source, group[0].target
        kind = next(kind for kind in STRONGEST if any(flow.kind == kind for flow in group))
        targets = {flow.target for flow in group}
        lines[first, second] = Way(kind=kind, to_first=first in targets, to_second=second in targets)
    return lines


def _boxes(deployment: "Deployment", parts: Parts, found: Sequence[Flow]) -> list[Labelled]:
    asked = {flow.target for flow in found if flow.kind == Kind.REQUEST}
    working = {flow.target for flow in found if flow.kind == Kind.MESSAGE} - asked
    served = _served(deployment, parts)
    boxes = [
        Labelled(
            key=part.urn,
            area=_area_of(part, part.urn in working),
            name=part.name,
            detail=_detail(part, served[part.urn]),
        )
        for part in parts.all.values()
    ]
    outside = sorted({end for flow in found for end in (flow.source, flow.target)} - parts.all.keys())
    return boxes + [
        Labelled(
            key=end,
            area=CLIENTS if end == CLIENTS else OUTSIDE,
            name=end,
            detail="people, and programs that ask for them" if end == CLIENTS else "called, not made here",
        )
        for end in outside
    ]


def _area_of(part: Part, is_worker: bool) -> str:
    if part.token in SHARED:
        return part.area + SERVING if part.area in {"compute", "data"} else part.area
    return WORKERS if part.area == "compute" and is_worker else part.area


def _detail(part: Part, served: int) -> str:
    if part.token in SHARED:
        return f"{SHARED[part.token]} {served} others"
    return f"{part.what}, {part.resources} resource{'s' if part.resources != 1 else ''}"


def _served(deployment: "Deployment", parts: Parts) -> Counter[str]:
    """Count for each part the others that refer to it or that it refers to, but for those that serve all."""
    serving = {urn for urn, part in parts.all.items() if part.token in SHARED}
    pairs = {
        (one, other)
        for resource in deployment.resources.values()
        for urns in resource.references.values()
        for urn in urns
        if (one := parts.of(resource.urn)) is not None and (other := parts.of(urn)) is not None
    }
    return Counter(one for one, other in pairs | {(b, a) for a, b in pairs} if other not in serving)
