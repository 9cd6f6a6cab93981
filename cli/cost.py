"""What a stack costs in a month in which nobody uses it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.charges import Charges
from cli.errors import NovaError
from cli.graph import configuration, evaluated
from cli.prices import PLACE, Price, PriceTable, price_table

if TYPE_CHECKING:
    from evaluation.program import Deployment

REGION, ZONES = "nova:region", "nova:availabilityZones"
ASLEEP: Mapping[str, str] = {"asleep": "true"}
"""The setting by which a stack sleeps."""
UNVERIFIED = "*"
"""Marks a price that was written down from memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the bill."""

    price: Price
    count: dict[str, float]
    """By region, how many there are, those included that an account has for nothing."""
    usd: dict[str, float]
    """By region, for the month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The idle month of a stack."""

    lines: tuple[Line, ...]

    def total(self, region: str) -> float:
        """Return the sum in USD."""
        return sum(line.usd[region] for line in self.lines)


def bill(stack: str, regions: tuple[str, ...], *, asleep: bool = False) -> Bill:
    """Evaluate ``stack`` in each region, perhaps as if it slept, and price it.

    Raises ``NovaError`` for a region without prices, or one that the stack's settings refuse.
    """
    table = price_table()
    setting: Mapping[str, str] = ASLEEP if asleep else {}
    found = {region: priced(placed_in(stack, region, table, setting), table, region) for region in regions}
    return joined(found)


def joined(bills: Mapping[str, Bill]) -> Bill:
    """Put the bills of a stack in several regions side by side; what a region lacks counts 0 there."""
    nothing = dict.fromkeys(bills, 0.0)
    lines: dict[str, Line] = {}
    for line in (line for found in bills.values() for line in found.lines):
        before = lines.get(line.price.key, Line(price=line.price, count=nothing, usd=nothing))
        lines[line.price.key] = Line(
            price=line.price, count=before.count | line.count, usd=before.usd | line.usd
        )
    return Bill(lines=tuple(lines.values()))


def placed_in(
    stack: str, region: str, table: PriceTable, overrides: Mapping[str, str] | None = None
) -> "Deployment":
    """Evaluate the program as if ``stack`` were in ``region``, in as many zones as it spans.

    ``overrides`` replace further settings by short key.
    """
    if region not in table.regions:
        raise NovaError(f"{PLACE} has no prices for {region}; it has {', '.join(table.regions)}")
    config = configuration(stack)
    own_zones: list[str] = json.loads(config[ZONES])
    letters = table.zones[region][: len(own_zones)]
    if config[REGION] == region:
        return evaluated(stack, overrides)
    names = json.dumps([f"{region}{letter}" for letter in letters])
    return evaluated(stack, {**(overrides or {}), "region": region, "availabilityZones": names})


def priced(deployment: "Deployment", table: PriceTable, region: str) -> Bill:
    """Add up what every resource of a deployment costs in ``region``; the dearest lines come first."""
    counts: Counter[str] = Counter()
    charges = Charges(deployment)
    for resource in deployment.resources.values():
        for charge in charges.of(resource):
            counts[charge.price] += charge.count  # pyright: ignore[reportArgumentType] (halves of a vCPU)
    lines = [_line(table.of(key), count, table, region) for key, count in counts.items() if count]
    return Bill(lines=tuple(sorted(lines, key=lambda line: (-line.usd[region], line.price.key))))


def _line(price: Price, count: float, table: PriceTable, region: str) -> Line:
    charged = max(0.0, count - price.free)
    hours = table.hours_a_month if price.unit == "hour" else 1
    return Line(price=price, count={region: count}, usd={region: charged * hours * price.usd[region]})


def rows(found: Bill, regions: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the bill as a table of texts: what, how many, the unit, and price and USD a month by region."""
    header = ["resource", "count", "unit"]
    for region in regions:
        header += [f"USD, {region}", "a month"]
    table = [tuple(header)]
    for line in found.lines:
        price = line.price
        row = [price.what + ("" if price.verified else f" {UNVERIFIED}"), _counts(line), price.unit]
        for region in regions:
            row += [f"{price.usd[region]:g}", f"{line.usd[region]:.2f}"]
        table.append(tuple(row))
    totals = [text for region in regions for text in ("", f"{found.total(region):.2f}")]
    return [*table, ("total", "", "", *totals)]


def _counts(line: Line) -> str:
    """Say how many there are, once where all regions have as many."""
    return ", ".join(dict.fromkeys(f"{count:g}" for count in line.count.values()))


def listing(found: Bill, table: PriceTable) -> dict[str, Any]:
    """Return the bill as JSON values."""
    return {
        "date": table.date.isoformat(),
        "lines": [
            {
                "price": line.price.key,
                "what": line.price.what,
                "count": line.count,
                "free": line.price.free,
                "unit": line.price.unit,
                "usd": {region: line.price.usd[region] for region in line.usd},
                "usd_a_month": line.usd,
                "source": line.price.source,
                "check": line.price.check,
                "verified": line.price.verified,
            }
            for line in found.lines
        ],
    }


def notes(table: PriceTable) -> list[str]:
    """Return what a reader of a bill has to know."""
    free = "; ".join(f"{price.free} of '{price.what}'" for price in table.prices.values() if price.free)
    return [
        f"Prices of {table.date}, {table.hours_a_month} hours a month, without tax. Those with {UNVERIFIED} "
        f"were written down from memory: compare them with AWS's page, which {PLACE} names.",
        f"Once for all stacks of an account and therefore not charged here: {free}.",
    ]
