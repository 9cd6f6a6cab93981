"""Places boxes in rows and lines between them (pure; the same input always gives the same picture).

The method is Sugiyama's: rows are given by bands and by what flows inside of one, the order in a row is
sought by barycentres, and coordinates come from a least-squares fit that keeps order and distances.

Graphviz would be one more program to install, and graphlay 0.3, which is a wheel, refuses rows that are given
when a line connects two boxes of one.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

BOX_HEIGHT = 46.0
BOX_GAP = 18.0
LINE_GAP = 14.0
"""Between a line that passes a row and what stands beside it."""
ROW_GAP = 62.0
HEADER = 28.0
"""Above the boxes of an area, for its name."""
PADDING = 16.0
AREA_GAP = 2 * PADDING + 12.0
SWEEPS = 60
FITS = 8
CROSSING = 40.0
"""How far aside a line may go to cross one less."""
OVERLAP = 20.0
"""How far aside lines may go to bring an area one unit further out of another."""
TOLERANCE = 1.0
FIRM = 1000.0
"""How much the first box of an area insists on standing outside of the area before."""
LOOSE = 0.01
"""How much a box without lines insists on its place, compared with one that has some."""
STRAIGHTNESS = 8.0
"""How much more a passing line than a box insists on its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Something to place."""

    key: str
    area: str
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Areas that stand beside each other, from left to right."""

    areas: tuple[str, ...]
    upward: bool = False
    """Whether what flows inside of it rises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A place in the picture, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height


type Point = tuple[float, float]
type Line = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything is."""

    boxes: Mapping[str, Rectangle]
    areas: Mapping[str, Rectangle]
    lines: Mapping[Line, tuple[Point, ...]]
    """By their two ends, each line's points from the first end to the second; it is vertical in each."""
    width: float
    height: float


@dataclass(slots=True, kw_only=True)
class _Item:
    """A box, or the place where a line passes a row."""

    key: str
    row: int
    area: str = ""
    width: float = 0.0
    x: float = 0.0
    """Of its middle."""


def place(boxes: Sequence[Box], lines: Sequence[Line], bands: Sequence[Band]) -> Layout:
    """Place ``boxes`` and route ``lines``; a line's first end is where something flows from."""
    levels = _levels(boxes, lines, bands)
    items = {
        box.key: _Item(key=box.key, row=levels[box.key], area=box.area, width=box.width) for box in boxes
    }
    chains = {line: _chain(line, items) for line in lines}
    rows = _Rows(items, chains, bands).arranged()
    return _drawn(rows, boxes, chains, bands)


def _levels(boxes: Sequence[Box], lines: Sequence[Line], bands: Sequence[Band]) -> dict[str, int]:
    """Give each box a row: its band's, and within that one row further for each step of what flows there.

    What takes no part in that stands in the band's first row.
    """
    levels: dict[str, int] = {}
    first = 0
    for band in bands:
        members = [box.key for box in boxes if box.area in band.areas]
        inside = [line for line in lines if line[0] in members and line[1] in members]
        steps = _steps(members, inside)
        depth = max(steps.values(), default=-1)
        taking_part = {end for line in inside for end in line}
        for key, step in steps.items():
            levels[key] = first + (depth - step if band.upward and key in taking_part else step)
        first += depth + 1
    return levels


def _steps(members: Sequence[str], lines: Sequence[Line]) -> dict[str, int]:
    """Count the longest way to each member; a line that would close a circle does not count."""
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in sorted(lines):
        before[target].append(source)
    steps: dict[str, int] = {}

    def visit(key: str, way: frozenset[str]) -> int:
        if key not in steps:
            ways = [visit(source, way | {key}) + 1 for source in before[key] if source not in way | {key}]
            steps[key] = max(ways, default=0)
        return steps[key]

    for key in sorted(members):
        visit(key, frozenset())
    return steps


def _chain(line: Line, items: dict[str, _Item]) -> tuple[_Item, ...]:
    """Add an item to each row between the ends of a line, and return all on its way."""
    source, target = items[line[0]], items[line[1]]
    step = 1 if target.row >= source.row else -1
    between: list[_Item] = []
    for row in range(source.row + step, target.row, step):
        passing = _Item(key=f"{line[0]} {line[1]} {row}", row=row)
        items[passing.key] = passing
        between.append(passing)
    return (source, *between, target)


# --- order and coordinates ---


class _Rows:
    """The rows while they are being arranged."""

    def __init__(
        self,
        items: Mapping[str, _Item],
        chains: Mapping[Line, tuple[_Item, ...]],
        bands: Sequence[Band],
    ) -> None:
        self._bands = bands
        self._rank = {area: index for index, area in enumerate(area for band in bands for area in band.areas)}
        self._around: dict[str, list[_Item]] = defaultdict(list)
        for chain in chains.values():
            for one, other in itertools.pairwise(chain):
                self._around[one.key].append(other)
                self._around[other.key].append(one)
        self._members = {area: [i for i in items.values() if i.area == area] for area in self._rank}
        self._starts: dict[str, float] = {}
        """Where an area may begin, for those that have another to their left."""
        height = max(item.row for item in items.values()) + 1
        self._rows = [self._named(row, items.values()) for row in range(height)]

    def _named(self, row: int, items: Iterable[_Item]) -> list[_Item]:
        members = [item for item in items if item.row == row]
        return sorted(members, key=lambda item: (self._rank.get(item.area, -1), item.key))

    def arranged(self) -> list[list[_Item]]:
        """Find rows with short lines and few crossings; the boxes of an area stay together."""
        self._spread()
        best, places, least = list(self._rows), self._places(), math.inf
        for sweep in range(SWEEPS):
            indexes = range(len(self._rows))
            for index in indexes if sweep % 2 == 0 else reversed(indexes):
                self._rows[index] = self._sorted(self._rows[index])
                self._settle(self._rows[index])
            self._fit()
            ugliness = self._length() + CROSSING * self._crossings() + OVERLAP * self._overlap()
            if ugliness < least:
                best, places, least = list(self._rows), self._places(), ugliness
        for item in itertools.chain.from_iterable(best):
            item.x = places[item.key]
        return best

    def _places(self) -> dict[str, float]:
        return {item.key: item.x for row in self._rows for item in row}

    def _spread(self) -> None:
        """Put the items of each row side by side, all rows around one middle."""
        for row in self._rows:
            for one, other in itertools.pairwise(row):
                other.x = one.x + _distance(one, other)
            middle = (row[0].x + row[-1].x) / 2
            for item in row:
                item.x -= middle

    def _fit(self) -> None:
        """Move every item towards its neighbours, as far as order, distances and areas allow."""
        for sweep in range(FITS):
            for row in self._rows if sweep % 2 == 0 else reversed(self._rows):
                self._settle(row)
            self._bound()
        # What was moved last has to respect what was found last.
        for row in self._rows:
            self._settle(row)

    def _bound(self) -> None:
        """Find where areas may begin: right of those on their left."""
        for band in self._bands:
            edge = -math.inf
            for area in band.areas:
                self._starts[area] = edge + AREA_GAP
                left, right = _extent(self._members[area])
                if left < right:
                    edge = max(right, edge + AREA_GAP + right - left)

    def _wish(self, item: _Item) -> float:
        """Return where an item would stand best: in the middle of its neighbours; without any, at the end."""
        around = [other.x for other in self._around.get(item.key, [])]
        wish = sum(around) / len(around) if around else math.inf
        return max(wish, self._starts.get(item.area, -math.inf) + item.width / 2)

    def _sorted(self, row: Sequence[_Item]) -> list[_Item]:
        """Sort boxes by area and wish, and put passing lines between where those settle."""
        boxes = sorted((i for i in row if i.area), key=lambda i: (self._rank[i.area], self._wish(i), i.key))
        passing = sorted((i for i in row if not i.area), key=lambda i: (self._wish(i), i.key))
        self._settle(boxes)
        merged: list[_Item] = []
        for box in boxes:
            while passing and self._wish(passing[0]) < box.x:
                merged.append(passing.pop(0))
            merged.append(box)
        return [*merged, *passing]

    def _settle(self, row: Sequence[_Item]) -> None:
        """Find the places nearest to the wishes (isotonic regression, by pooling adjacent violators)."""
        offsets = [0.0]
        for one, other in itertools.pairwise(row):
            offsets.append(offsets[-1] + _distance(one, other))
        pools: list[tuple[float, float, int]] = []  # weighted sum, weight, members
        for item, offset in zip(row, offsets, strict=True):
            wish, weight = self._wish(item), 1.0 if item.area else STRAIGHTNESS
            if item.area in self._starts and wish <= self._starts[item.area] + item.width / 2:
                weight = FIRM
            if math.isinf(wish):  # beside the one before
                wish, weight = offset + (pools[-1][0] / pools[-1][1] if pools else 0.0), LOOSE
            pool = ((wish - offset) * weight, weight, 1)
            while pools and pools[-1][0] / pools[-1][1] > pool[0] / pool[1]:
                before = pools.pop()
                pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
            pools.append(pool)
        fitted = itertools.chain.from_iterable([total / weight] * count for total, weight, count in pools)
        for item, place_of, offset in zip(row, fitted, offsets, strict=True):
            item.x = place_of + offset

    def _overlap(self) -> float:
        """Add up how far areas reach into those on their right."""
        total = 0.0
        for band in self._bands:
            edge = -math.inf
            for area in band.areas:
                left, right = _extent(self._members[area])
                if left < right:
                    total += max(0.0, edge + AREA_GAP - left - TOLERANCE)
                    edge = right
        return total

    def _length(self) -> float:
        """Add up how far the lines go sideways."""
        return (
            sum(
                abs(item.x - other.x)
                for row in self._rows
                for item in row
                for other in self._around[item.key]
            )
            / 2
        )

    def _crossings(self) -> int:
        total = 0
        for upper, lower in itertools.pairwise(self._rows):
            place_of = {item.key: index for index, item in enumerate(lower)}
            ends = [
                (index, place_of[other.key])
                for index, item in enumerate(upper)
                for other in self._around[item.key]
                if other.key in place_of
            ]
            total += sum(
                1
                for one, other in itertools.combinations(ends, 2)
                if (one[0] - other[0]) * (one[1] - other[1]) < 0
            )
        return total


def _extent(members: Sequence[_Item]) -> Point:
    lefts, rights = [i.x - i.width / 2 for i in members], [i.x + i.width / 2 for i in members]
    return min(lefts, default=0.0), max(rights, default=0.0)


def _distance(one: _Item, other: _Item) -> float:
    gap = BOX_GAP if one.area and other.area else LINE_GAP
    if one.area and other.area and one.area != other.area:
        gap = AREA_GAP
    return (one.width + other.width) / 2 + gap


# --- the picture ---


def _drawn(
    rows: Sequence[Sequence[_Item]],
    boxes: Sequence[Box],
    chains: Mapping[Line, tuple[_Item, ...]],
    bands: Sequence[Band],
) -> Layout:
    margin = 2 * PADDING - min(item.x - item.width / 2 for row in rows for item in row)
    for row in rows:
        for item in row:
            item.x += margin
    tops = _tops(rows, bands)
    placed = {
        item.key: Rectangle(x=item.x - item.width / 2, y=tops[item.row], width=item.width, height=BOX_HEIGHT)
        for row in rows
        for item in row
        if item.area
    }
    areas = {
        area: _around([placed[box.key] for box in boxes if box.area == area], ys)
        for band, ys in _heights(boxes, bands, placed)
        for area in band.areas
        if any(box.area == area for box in boxes)
    }
    lines = dict(_routes(chains, tops))
    right = max([*(area.right for area in areas.values()), *(x for way in lines.values() for x, _ in way)])
    bottom = max(area.bottom for area in areas.values())
    return Layout(boxes=placed, areas=areas, lines=lines, width=right + PADDING, height=bottom + PADDING)


def _tops(rows: Sequence[Sequence[_Item]], bands: Sequence[Band]) -> list[float]:
    band_of = {area: index for index, band in enumerate(bands) for area in band.areas}
    of_row = [next(band_of[item.area] for item in row if item.area) for row in rows]
    tops = [PADDING + HEADER]
    for before, band in itertools.pairwise(of_row):
        new_band = 2 * PADDING + HEADER if band != before else 0.0
        tops.append(tops[-1] + BOX_HEIGHT + ROW_GAP + new_band * 0.5)
    return tops


def _heights(
    boxes: Sequence[Box], bands: Sequence[Band], placed: Mapping[str, Rectangle]
) -> Iterator[tuple[Band, Point]]:
    for band in bands:
        members = [placed[box.key] for box in boxes if box.area in band.areas]
        if members:
            yield band, (min(box.y for box in members), max(box.bottom for box in members))


def _around(members: Sequence[Rectangle], ys: Point) -> Rectangle:
    left, right = min(box.x for box in members), max(box.right for box in members)
    top, bottom = ys
    return Rectangle(
        x=left - PADDING,
        y=top - HEADER,
        width=right - left + 2 * PADDING,
        height=bottom - top + HEADER + PADDING * 0.75,
    )


def _routes(
    chains: Mapping[Line, tuple[_Item, ...]], tops: Sequence[float]
) -> Iterator[tuple[Line, tuple[Point, ...]]]:
    ports = _ports(chains)
    for line, chain in chains.items():
        down = chain[-1].row >= chain[0].row
        points: list[Point] = []
        for index, item in enumerate(chain):
            top, bottom = tops[item.row], tops[item.row] + BOX_HEIGHT
            near, far = (top, bottom) if down else (bottom, top)
            if index > 0:
                points.append((ports.get((line, item.key), item.x), near))
            if index < len(chain) - 1:
                points.append((ports.get((line, item.key), item.x), far))
        yield line, tuple(points)


def _ports(chains: Mapping[Line, tuple[_Item, ...]]) -> dict[tuple[Line, str], float]:
    """Spread the lines of a box over its side, in the order in which they leave."""
    sides: dict[tuple[str, bool], list[tuple[float, Line, _Item]]] = defaultdict(list)
    for line, chain in chains.items():
        for end, beside in ((chain[0], chain[1]), (chain[-1], chain[-2])):
            sides[end.key, beside.row > end.row].append((beside.x, line, end))
    ports: dict[tuple[Line, str], float] = {}
    for found in sides.values():
        found.sort(key=lambda side: (side[0], side[1]))
        for index, (_, line, end) in enumerate(found):
            ports[line, end.key] = end.x + end.width * 0.8 * ((index + 1) / (len(found) + 1) - 0.5)
    return ports
