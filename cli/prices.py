"""The price table, `prices.toml`: what AWS charges for what is there and not used."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from nova_policy.prices import FILE

from cli.errors import NovaError

PLACE = "policy/src/nova_policy/prices.toml"
"""Where people find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One row of the table."""

    key: str
    what: str
    unit: str
    """``hour`` or ``month``."""
    free: int
    """How many an account has for nothing each month."""
    usd: Mapping[str, float]
    """By region, for one of them in one unit."""
    source: str
    check: str
    """AWS's own page."""
    verified: bool
    """Whether the figures were read somewhere; others were written down from memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """All rows, and what they hold for."""

    date: date
    hours_a_month: int
    zones: Mapping[str, str]
    """Letters of a region's zones; its keys are the regions that are priced."""
    prices: Mapping[str, Price]

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that the table has prices of."""
        return tuple(self.zones)

    def of(self, key: str) -> Price:
        """Return a row; raises ``NovaError`` when there is none."""
        if key not in self.prices:
            known = ", ".join(self.prices)
            raise NovaError(f"{PLACE} has no price of {key}: add it, with its source. It has {known}")
        return self.prices[key]


@cache
def price_table() -> PriceTable:
    """Read the table."""
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    regions: dict[str, str] = document["zones"]
    return PriceTable(
        date=document["date"],
        hours_a_month=document["hours_a_month"],
        zones=regions,
        prices={key: _price(key, row, tuple(regions)) for key, row in document["prices"].items()},
    )


def _price(key: str, row: Mapping[str, Any], regions: tuple[str, ...]) -> Price:
    return Price(
        key=key,
        what=row["what"],
        unit=row["unit"],
        free=row.get("free", 0),
        usd={region: row[region] for region in regions},
        source=row["source"],
        check=row["check"],
        verified=row.get("verified", True),
    )
