"""What is sold, and for how much (pure)."""

import importlib.resources
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from nova_common.contracts.weather import City, MonthOfWeather, Offer, OfferName

UNITS_PER_USD = 1_000_000
"""The stablecoins of x402 have six decimals."""

MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedOffer:
    """An offer: its path under the API's root, with `{city}`, and its price in millionths of a US dollar."""

    name: OfferName
    path: str
    description: str
    price: int

    def path_of(self, city: str) -> str:
        """Return the path for one city."""
        return self.path.replace("{city}", city)

    def shown(self) -> Offer:
        """Return what callers are told of it."""
        usd = (Decimal(self.price) / UNITS_PER_USD).quantize(Decimal("0.01"))
        return Offer(name=self.name, path=self.path, description=self.description, price_usd=str(usd))


MONTH = PricedOffer(
    name="month",
    path="/api/weather/{city}",
    description="Typical weather of a city in one month: temperatures by day and night, precipitation",
    price=10_000,
)
YEAR = PricedOffer(
    name="year",
    path="/api/weather/{city}/year",
    description="Typical weather of a city in each month of the year",
    price=300_000,
)
OFFERS = (MONTH, YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """A city and its twelve months."""

    city: City
    months: tuple[MonthOfWeather, ...]


@cache
def climates() -> Mapping[str, Climate]:
    """Return what is known, by the cities' ids; ValueError for data that does not have twelve months."""
    text = importlib.resources.files("nova_x402_seller").joinpath("weather.toml").read_text("utf-8")
    return {key: _climate(key, entry) for key, entry in tomllib.loads(text).items()}


def _climate(key: str, entry: Mapping[str, str | list[int]]) -> Climate:
    columns = [entry["high"], entry["low"], entry["precipitation"]]
    if any(len(column) != MONTHS for column in columns):
        message = f"{key}: give {MONTHS} values each of high, low and precipitation"
        raise ValueError(message)
    months = tuple(
        MonthOfWeather.model_validate(
            {"month": month, "high_celsius": high, "low_celsius": low, "precipitation_mm": rain}
        )
        for month, (high, low, rain) in enumerate(zip(*columns, strict=True), start=1)
    )
    city = City.model_validate({"id": key, "name": entry["name"], "country": entry["country"]})
    return Climate(city=city, months=months)
