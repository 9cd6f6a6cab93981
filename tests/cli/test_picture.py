"""`nova graph`: the picture of a stack, from what flows to where it stands."""

import itertools
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli import graph as graphs
from cli.app import app
from cli.picture import layout, scene, svg
from cli.picture.flows import CLIENTS, OUTSIDE, Kind, flows
from cli.picture.layout import Band, Box, Rectangle
from cli.picture.parts import AREAS, UNSHOWN, Parts
from tests.infra.conftest import STACKS
from tests.infra.deployment import ROOT, Deployment, deployed

SVG = "{http://www.w3.org/2000/svg}"
REQUEST, MESSAGE, DATA = Kind
QUEUE, SERVICE = "Queue", "Fargate service"


def found(stack: str) -> set[tuple[str, str, Kind]]:
    """The flows of a stack by the names and classes of their ends."""
    parts = Parts(deployed(stack))

    def end(key: str) -> str:
        return f"{parts.all[key].name} ({parts.all[key].what})" if key in parts.all else key

    return {(end(flow.source), end(flow.target), flow.kind) for flow in flows(deployed(stack), parts)}


# --- what flows ---


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        (CLIENTS, "users (User pool)", REQUEST),
        (CLIENTS, "site (Distribution)", REQUEST),
        ("site (Distribution)", "api (Api)", REQUEST),
        ("site (Distribution)", "balancer (Load balancer)", REQUEST),
        ("site (Distribution)", "web (Web acls)", REQUEST),
        ("api (Api)", "web (Web acls)", REQUEST),
        ("api (Api)", "users (User pool)", REQUEST),
        ("api (Api)", "balancer (Load balancer)", REQUEST),
        ("balancer (Load balancer)", "audio (Fargate service)", REQUEST),
        ("agent-core (Fargate service)", "search (Fargate service)", REQUEST),
        ("agent-core (Fargate service)", OUTSIDE["bedrock"], REQUEST),
        ("audio-worker (Fargate service)", OUTSIDE["transcribe"], REQUEST),
        (OUTSIDE["transcribe"], "audio-worker (Queue)", MESSAGE),
        ("content (Content bucket)", "audio-worker (Queue)", MESSAGE),
        ("audio-worker (Queue)", "audio-worker (Fargate service)", MESSAGE),
        ("events (Event store)", "pipe (Event pipe)", MESSAGE),
        ("pipe (Event pipe)", "bus (Event bus)", MESSAGE),
        ("bus (Event bus)", "projector-worker (Queue)", MESSAGE),
        ("bus (Event bus)", "severe-events (Event notice)", MESSAGE),
        ("severe-events (Event notice)", "alerts (Alerts)", MESSAGE),
        ("audio (Fargate service)", "events (Event store)", DATA),
        ("events (Event store)", "projector-worker (Fargate service)", DATA),
        ("projector-worker (Fargate service)", "read-model (Read model)", DATA),
        ("read-model (Read model)", "projector (Fargate service)", DATA),
        ("agent-core (Fargate service)", "cache (Cache)", DATA),
        ("vectors (Vector store)", "search (Fargate service)", DATA),
    ],
)
def test_what_flows(source: str, target: str, kind: Kind) -> None:
    assert (source, target, kind) in found("prod")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # The read model is written by the projector alone, and readers write no events.
        ("projector (Fargate service)", "read-model (Read model)"),
        ("projector-worker (Fargate service)", "events (Event store)"),
        ("search (Fargate service)", "vectors (Vector store)"),
        ("audio-worker (Fargate service)", "audio-worker (Queue)"),
        ("bus (Event bus)", "pipe (Event pipe)"),
        ("audio (Fargate service)", "balancer (Load balancer)"),
    ],
)
def test_nothing_flows_the_other_way(source: str, target: str) -> None:
    assert (source, target) not in {(one, other) for one, other, _ in found("prod")}


def test_a_withdrawn_right_takes_its_line_away() -> None:
    deployment = deployed("prod")
    policy = deployment.one("aws:iam/rolePolicy:RolePolicy", "projector-task-policy")
    without = replace(
        deployment, resources={u: r for u, r in deployment.resources.items() if u != policy.urn}
    )
    parts = Parts(deployment)
    lost = set(flows(deployment, parts)) - set(flows(without, parts))
    assert {(parts.all[flow.source].name, parts.all[flow.target].name) for flow in lost} == {
        ("data-keys", "projector"),
        ("read-model", "projector"),
    }


@pytest.mark.parametrize("stack", STACKS)
def test_every_component_is_shown_or_part_of_one_that_is(stack: str) -> None:
    deployment = deployed(stack)
    parts = Parts(deployment)
    hidden = {
        resource.type
        for resource in deployment.resources.values()
        if resource.type.startswith("nova:") and parts.of(resource.urn) is None
    }
    assert {token.split(":")[1] for token in hidden - UNSHOWN}.isdisjoint(AREAS)


def test_every_package_of_components_has_an_area() -> None:
    packages = {path.parent.name for path in (ROOT / "components").glob("*/__init__.py")}
    unseen = {"access", "foundation", "payments"}
    assert packages - {*AREAS, *unseen} == set(), "AREAS in cli/picture/parts.py, BANDS in scene.py"


@pytest.mark.parametrize("stack", STACKS)
def test_only_what_serves_all_stands_alone(stack: str) -> None:
    shown = scene.scene(stack, deployed(stack))
    ends = {end for line in shown.lines for end in line}
    parts = Parts(deployed(stack)).all
    alone = {parts[box.key].token for box in shown.boxes if box.key not in ends}
    others = {"nova:edge:Certificates", "nova:observe:Budget", "nova:observe:LogWatch"}
    assert alone <= scene.SHARED.keys() | others


# --- where it stands ---


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def placed(stack: str) -> layout.Layout:
    shown = scene.scene(stack, deployed(stack))
    boxes = [Box(key=box.key, area=box.area, width=svg.width(box)) for box in shown.boxes]
    return layout.place(boxes, list(shown.lines), scene.BANDS)


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_overlaps(stack: str) -> None:
    found = placed(stack)
    for one, other in itertools.combinations(found.areas.values(), 2):
        assert not overlap(one, other)
    for one, other in itertools.combinations(found.boxes.values(), 2):
        assert not overlap(one, other)
    for box in (*found.boxes.values(), *found.areas.values()):
        assert box.x >= 0
        assert box.right <= found.width


BANDS = (Band(areas=("a",)), Band(areas=("b", "c")), Band(areas=("d",), upward=True))
KEYS = tuple("abcdefghijkl")


@st.composite
def graphs_of_boxes(draw: st.DrawFn) -> tuple[list[Box], list[tuple[str, str]]]:
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, unique=True))
    boxes = [
        Box(key=key, area=draw(st.sampled_from("abcd")), width=draw(st.integers(40, 200))) for key in keys
    ]
    pairs = [(one, other) for one, other in itertools.combinations(sorted(keys), 2)]
    lines = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    turned = draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    # Of two ends only one line, in either direction; none along a row.
    return boxes, [(b, a) if turn else (a, b) for (a, b), turn in zip(lines, turned, strict=True)]


@settings(max_examples=40, deadline=None)
@given(graphs_of_boxes())
def test_any_graph_finds_its_place(drawn: tuple[list[Box], list[tuple[str, str]]]) -> None:
    boxes, lines = drawn
    found = layout.place(boxes, lines, BANDS)
    assert layout.place(boxes[::-1], lines[::-1], BANDS) == found
    for one, other in itertools.combinations(found.boxes.values(), 2):
        assert not overlap(one, other)
    for line, points in found.lines.items():
        for end, (x, y) in zip(line, (points[0], points[-1]), strict=True):
            box = found.boxes[end]
            assert box.x <= x <= box.right
            assert y in {box.y, box.bottom}
        for (x, y), (to_x, to_y) in itertools.pairwise(points):
            if y == to_y or x != to_x:
                continue
            # A straight piece through a row passes between its boxes.
            for key, box in found.boxes.items():
                inside = box.x < x < box.right and min(y, to_y) < box.bottom and box.y < max(y, to_y)
                assert not inside or key in line


# --- the document ---


def test_the_picture_is_a_document_that_says_what_it_shows() -> None:
    root = ElementTree.fromstring(svg.drawn("prod", deployed("prod")))  # noqa: S314 (our own)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts[0] is not None
    assert texts[0].startswith("Nova, stack prod: ")
    assert root.attrib["role"] == "img"
    assert {"agent-core", "read-model", "Bedrock models"} <= set(texts)
    assert any(re.fullmatch(r"encrypt \d+ others", text or "") for text in texts)
    assert texts[1:4] == list(svg.LEGEND.values())
    says = {element.text for element in root.iter(f"{SVG}title")}
    assert "events → pipe: message" in says
    assert "audio-worker ↔ content: data" in says
    (style,) = root.iter(f"{SVG}style")
    assert "prefers-color-scheme: dark" in (style.text or "")


def test_the_order_of_registration_does_not_matter() -> None:
    deployment = deployed("dev")
    turned = replace(deployment, resources=dict(reversed(deployment.resources.items())))
    assert svg.drawn("dev", turned) == svg.drawn("dev", deployment)


def test_the_command_draws_or_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluated(stack: str) -> Deployment:
        return deployed(stack)

    monkeypatch.setattr(graphs, "evaluated", evaluated)
    picture = CliRunner().invoke(app, ["graph", "--stack", "dev"])
    assert picture.stdout == svg.drawn("dev", deployed("dev"))
    data = CliRunner().invoke(app, ["graph", "--stack", "dev", "--json"])
    assert data.stdout.startswith('{\n  "stack": "dev"')
