"""The price table, `prices.toml`, as what one of each kind costs in a month."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one of a kind costs."""

    usd_a_month: float
    free: int
    """How many an account has for nothing each month."""


@cache
def rates(region: str) -> dict[str, Rate]:
    """Return by kind what one costs in ``region``; empty for a region that the table does not have."""
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    months = {"hour": document["hours_a_month"], "month": 1}
    rows: dict[str, dict[str, Any]] = document["prices"]
    return {
        kind: Rate(usd_a_month=row[region] * months[row["unit"]], free=row.get("free", 0))
        for kind, row in rows.items()
        if region in row
    }


def regions() -> list[str]:
    """Return the regions that the table has prices of."""
    return list(tomllib.loads(FILE.read_text(encoding="utf-8"))["zones"])
