"""What a dashboard shows, and how CloudWatch wants to be told (pure, no resources).

A graph stands for one thing that can go wrong, or for one thing that is used: it has a curve for each
resource of the kind, and a line where the alarm goes off.

Sources: CloudWatch API reference, "Dashboard body structure and syntax" (grid, properties of widgets, 100
alarms in a widget); CloudWatch quotas (metrics of a graph and of a dashboard).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched

import pulumi

from .metrics import RESULT, Expression, Metric

COLUMNS = 24
"""Width of a dashboard in grid units."""
GRAPH_WIDTH, GRAPH_HEIGHT = 8, 6
HEADING_HEIGHT = 1
ALARMS_A_ROW = 4
"""How many alarms a widget of the whole width shows side by side, one grid unit high, on a small screen."""
ALARMS_MAX = 100
METRICS_OF_A_GRAPH_MAX = 500
METRICS_MAX = 2500
"""Most of a whole dashboard."""

type Widget = dict[str, object]


class Section(StrEnum):
    """Headings of the dashboard, in their order."""

    EDGE = "What callers meet"
    SERVICES = "Services"
    EVENTS = "Events and queues"
    DATA = "Data"
    AGENT = "Agent and models"
    COST = "Cost"
    OTHERS = "Others"


_NAMESPACES: Mapping[Section, tuple[str, ...]] = {
    Section.EDGE: ("AWS/CloudFront", "AWS/WAFV2", "AWS/ApiGateway", "AWS/ApplicationELB", "AWS/Cognito"),
    Section.SERVICES: ("AWS/ECS", "AWS/Lambda"),
    Section.EVENTS: ("AWS/SQS", "AWS/SNS", "AWS/Events", "AWS/EventBridge/Pipes"),
    Section.DATA: ("AWS/Backup", "AWS/DynamoDB", "AWS/ElastiCache", "AWS/S3"),
    Section.AGENT: ("AWS/Bedrock", "AWS/Bedrock-AgentCore", "AWS/Bedrock/Guardrails"),
    Section.COST: ("AWS/Billing",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One resource's part of a graph."""

    label: str
    metric: Metric | Expression
    region: str | None = None
    """Where the metric is reported, unless that is the dashboard's region."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What it reads."""
        return (self.metric,) if isinstance(self.metric, Metric) else tuple(self.metric.metrics.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One graph: curves, and what they should not cross.

    Raises ``ValueError`` for more metrics than a graph takes.
    """

    title: str
    section: Section
    curves: tuple[Curve, ...]
    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the number of metrics."""
        count = sum(len(curve.metrics) for curve in self.curves)
        if not 1 <= count <= METRICS_OF_A_GRAPH_MAX:
            raise ValueError(
                f"curves: {count} metrics are not allowed; a graph takes 1 to {METRICS_OF_A_GRAPH_MAX}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmList:
    """Alarms whose state is shown, by ARN."""

    title: str
    arns: Sequence[pulumi.Input[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A whole dashboard; raises ``ValueError`` for more metrics than one takes."""

    region: str
    text: str
    """What stands at its top, in Markdown."""
    alarms: tuple[AlarmList, ...]
    graphs: tuple[Graph, ...]

    def __post_init__(self) -> None:
        """Check the number of metrics."""
        count = sum(len(curve.metrics) for graph in self.graphs for curve in graph.curves)
        if count > METRICS_MAX:
            raise ValueError(f"graphs: {count} metrics are not allowed; a dashboard takes {METRICS_MAX}")

    def body(self) -> Widget:
        """Return the dashboard's body, in which identities of resources are still to be known."""
        return {"widgets": [widget for row in self._rows() for widget in row]}

    def _rows(self) -> Iterator[list[Widget]]:
        top = 0
        for row in self._unplaced():
            for column, widget in enumerate(row):
                widget["x"] = column * GRAPH_WIDTH
                widget["y"] = top
            yield row
            top += max(int(str(widget["height"])) for widget in row)

    def _unplaced(self) -> Iterator[list[Widget]]:
        yield [_text(self.text, height=2)]
        for alarms in self.alarms:
            for part in batched(alarms.arns, ALARMS_MAX, strict=False):
                yield [_states(alarms.title, part)]
        for section in Section:
            graphs = [graph for graph in self.graphs if graph.section is section]
            if graphs:
                yield [_text(f"## {section}", height=HEADING_HEIGHT)]
            for row in batched(graphs, COLUMNS // GRAPH_WIDTH, strict=False):
                yield [_graph(graph, self.region) for graph in row]


def section_of(metric: Metric | Expression) -> Section:
    """Return where a metric belongs, by its namespace; our own count what services log.

    What is computed belongs where its last metric does.
    """
    named = metric if isinstance(metric, Metric) else list(metric.metrics.values())[-1]
    if not named.namespace.startswith("AWS/"):
        return Section.SERVICES
    found = (section for section, namespaces in _NAMESPACES.items() if named.namespace in namespaces)
    return next(found, Section.OTHERS)


def merged(graphs: Iterable[Graph]) -> tuple[Graph, ...]:
    """Put graphs with the same title together: their curves, and the lines that they have."""
    by_title: dict[tuple[Section, str], list[Graph]] = {}
    for graph in graphs:
        by_title.setdefault((graph.section, graph.title), []).append(graph)
    return tuple(
        Graph(
            title=title,
            section=section,
            curves=tuple(curve for part in parts for curve in part.curves),
            thresholds=tuple(sorted({line for part in parts for line in part.thresholds})),
        )
        for (section, title), parts in by_title.items()
    )


def _text(markdown: str, height: int) -> Widget:
    properties = {"markdown": markdown, "background": "transparent"}
    return {"type": "text", "width": COLUMNS, "height": height, "properties": properties}


def _states(title: str, arns: Sequence[pulumi.Input[str]]) -> Widget:
    return {
        "type": "alarm",
        "width": COLUMNS,
        "height": 1 + -(-len(arns) // ALARMS_A_ROW),
        # What is wrong comes first, the latest first.
        "properties": {"title": title, "sortBy": "stateUpdatedTimestamp", "alarms": list(arns)},
    }


def _graph(graph: Graph, region: str) -> Widget:
    lines = [{"label": "alarm", "value": threshold} for threshold in graph.thresholds]
    properties: Widget = {
        "title": graph.title,
        "view": "timeSeries",
        "stacked": False,
        "region": region,
        "metrics": [
            row for number, curve in enumerate(graph.curves) for row in _rows_of(curve, f"_{number}", region)
        ],
        "yAxis": {"left": {"min": 0}},
    }
    if lines:
        properties["annotations"] = {"horizontal": lines}
    return {"type": "metric", "width": GRAPH_WIDTH, "height": GRAPH_HEIGHT, "properties": properties}


def _rows_of(curve: Curve, suffix: str, region: str) -> Iterator[list[object]]:
    place: Widget = {"region": curve.region} if curve.region not in {None, region} else {}
    if isinstance(curve.metric, Metric):
        yield _row(curve.metric, {"label": curve.label, **place})
        return
    expression = curve.metric.suffixed(suffix)
    for name, metric in expression.metrics.items():
        yield _row(metric, {"id": name, "visible": False, **place})
    yield [{"expression": expression.formula, "label": curve.label, "id": f"{RESULT}{suffix}", **place}]


def _row(metric: Metric, options: Widget) -> list[object]:
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    how: Widget = {"stat": metric.statistic, "period": metric.period_seconds}
    return [metric.namespace, metric.name, *dimensions, {**how, **options}]
