"""Writes the picture of a stack as SVG, readable on light and on dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from cli.picture import layout
from cli.picture.flows import Kind
from cli.picture.layout import Box, Layout, Line, Point, Rectangle
from cli.picture.scene import BANDS, TITLES, Labelled, Scene, Way, scene

if TYPE_CHECKING:
    from evaluation.program import Deployment

NAME_PX, HEADING_PX, DETAIL_PX = 13, 11, 10.5
CHARACTER = 0.62
"""Width of a character by the size of the font, on the safe side."""
STRAIGHT_PX = 0.05
LEGEND_HEIGHT = 74.0
MIN_WIDTH = 720.0
LEGEND: Mapping[Kind, str] = {
    Kind.REQUEST: "request: who calls whom",
    Kind.MESSAGE: "event or message: where it goes",
    Kind.DATA: "data: read and written",
}

STYLE = """
text { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.page { fill: #ffffff } .area { fill: #f3f5f8; stroke: #d3d9e0 } .box { fill: #ffffff; stroke: #8b95a1 }
.title { font-size: 17px; font-weight: 600 } .heading { font-size: 11px; font-weight: 600; fill: #59636e }
.ground { fill: #f3f5f8; fill-opacity: 0.75 }
.name { font-size: 13px; font-weight: 600 } .detail, .legend { font-size: 10.5px; fill: #59636e }
.line { fill: none; stroke-width: 1.4 }
.request { stroke: #0b63ce } .message { stroke: #b45309; stroke-dasharray: 6 3 } .data { stroke: #1a7f4b }
.head.request { fill: #0b63ce; stroke: none } .head.message { fill: #b45309; stroke: none }
.head.data { fill: #1a7f4b; stroke: none }
"""
DARK = """
text { fill: #e6edf3 }
.page { fill: #0d1117 } .area { fill: #161b22; stroke: #30363d } .box { fill: #21262d; stroke: #768390 }
.heading, .detail, .legend { fill: #9da7b3 } .ground { fill: #161b22 }
.request { stroke: #6cb0ff } .message { stroke: #f0a04b } .data { stroke: #4cc38a }
.head.request { fill: #6cb0ff } .head.message { fill: #f0a04b } .head.data { fill: #4cc38a }
"""


def drawn(stack: str, deployment: "Deployment") -> str:
    """Return the picture of a stack."""
    return rendered(scene(stack, deployment))


def rendered(found: Scene) -> str:
    """Return a scene as SVG."""
    boxes = [Box(key=box.key, area=box.area, width=width(box)) for box in found.boxes]
    placed = layout.place(boxes, list(found.lines), BANDS)
    names = {box.key: box.name for box in found.boxes}
    areas = [(TITLES[area], place) for area, place in placed.areas.items() if TITLES[area]]
    content = [
        *(f'<rect class="area" {_at(place)} rx="8"/>' for _, place in areas),
        *(_line(placed.lines[line], way, names, line) for line, way in found.lines.items()),
        *(_heading(title, place) for title, place in areas),
        *(_box(box, placed.boxes[box.key]) for box in found.boxes),
    ]
    return _document(found.title, placed, content)


def width(box: Labelled) -> float:
    """Return how much room the texts of a box take."""
    texts = len(box.name) * NAME_PX, len(box.detail) * DETAIL_PX
    return round(max(texts) * CHARACTER + 20)


def _heading(title: str, place: Rectangle) -> str:
    # On a ground of its own, so that a passing line does not strike it through.
    width = len(title) * HEADING_PX * CHARACTER + 8
    return (
        f'<rect class="ground" x="{place.x + 6:.1f}" y="{place.y + 3:.1f}" width="{width:.1f}" height="16"/>'
        f'<text class="heading" x="{place.x + 10:.1f}" y="{place.y + 15:.1f}">{escape(title)}</text>'
    )


def _box(box: Labelled, place: Rectangle) -> str:
    middle = f'x="{place.x + place.width / 2:.1f}" text-anchor="middle"'
    return (
        f'<rect class="box" {_at(place)} rx="6"/>'
        f'<text class="name" {middle} y="{place.y + 20:.0f}">{escape(box.name)}</text>'
        f'<text class="detail" {middle} y="{place.y + 36:.0f}">{escape(box.detail)}</text>'
    )


def _line(points: Sequence[Point], way: Way, names: Mapping[str, str], line: Line) -> str:
    first, second = (names[end] for end in line)
    sign = "↔" if way.to_first and way.to_second else "→" if way.to_second else "←"
    heads = {"start": way.to_first, "end": way.to_second}
    arrows = "".join(f' marker-{end}="url(#{way.kind})"' for end, is_drawn in heads.items() if is_drawn)
    return (
        f'<path class="line {way.kind}" d="{_curve(points)}"{arrows}>'
        f"<title>{escape(f'{first} {sign} {second}: {way.kind}')}</title></path>"
    )


def _curve(points: Sequence[Point]) -> str:
    """Connect points by curves that are vertical in each of them, and by straight lines along a row."""
    (x, y), *rest = points
    pieces = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        if abs(to_x - x) < STRAIGHT_PX:
            pieces.append(f"V{to_y:.1f}")
        else:
            middle = (y + to_y) / 2
            pieces.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(pieces)


def _at(place: Rectangle) -> str:
    return f'x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}"'


def _legend(title: str) -> Iterator[str]:
    yield f'<text class="title" x="{layout.PADDING:.0f}" y="28">{escape(title)}</text>'
    x = layout.PADDING
    for kind, text in LEGEND.items():
        yield f'<path class="line {kind}" d="M{x:.0f} 50 H{x + 30:.0f}" marker-end="url(#{kind})"/>'
        yield f'<text class="legend" x="{x + 42:.0f}" y="54">{text}</text>'
        x += 42 + len(text) * DETAIL_PX * CHARACTER + 12


def _document(title: str, placed: Layout, content: Sequence[str]) -> str:
    width, height = round(max(placed.width, MIN_WIDTH)), round(placed.height + LEGEND_HEIGHT)
    markers = "".join(
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path class="head {kind}" d="M0 0 L8 4 L0 8 Z"/></marker>'
        for kind in Kind
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{STYLE}@media (prefers-color-scheme: dark) {{{DARK}}}</style>",
        f"<defs>{markers}</defs>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        *_legend(title),
        f'<g transform="translate(0 {LEGEND_HEIGHT - layout.PADDING:.0f})">',
        *content,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
