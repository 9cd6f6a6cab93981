"""Contracts of the seller: its HTTP models, and the events of its sales."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from nova_common.contracts.wire import Contract
from nova_common.events import AggregateType, EventData

type Cents = Annotated[str, StringConstraints(pattern=r"^\d{1,9}\.\d{2,6}$")]
"""US dollars as a decimal number, such as `0.01`: never a float where money counts."""

type OfferName = Literal["month", "year"]


class City(Contract):
    """A city of which there is data. `id` is its name in paths."""

    id: str
    name: str
    country: str = Field(description="ISO 3166-1 alpha-2")


class Offer(Contract):
    """Something to buy: a path with `{city}` in it, and what each request of it costs."""

    name: OfferName
    path: str
    description: str
    price_usd: Cents


class Offers(Contract):
    """Answer of `GET /api/weather`, which is free: what there is and what it costs.

    `network` (CAIP-2), `asset` (address of the token) and `pay_to` are what a payment will name.
    """

    cities: list[City]
    offers: list[Offer]
    network: str
    asset: str
    pay_to: str


class MonthOfWeather(Contract):
    """Typical weather of a month: long-term averages, no forecast."""

    month: int = Field(ge=1, le=12)
    high_celsius: int = Field(description="Mean of the days' highest temperatures")
    low_celsius: int = Field(description="Mean of the days' lowest temperatures")
    precipitation_mm: int = Field(ge=0, description="Rain and snow of the month")


class TypicalMonth(Contract):
    """Answer of `GET /api/weather/{city}`."""

    city: City
    weather: MonthOfWeather


class TypicalYear(Contract):
    """Answer of `GET /api/weather/{city}/year`: all months, January first."""

    city: City
    months: list[MonthOfWeather]


class SaleStarted(EventData):
    """A payment was found valid, and what it pays for is ready: it is being settled.

    `amount` counts the asset's smallest units. `retry_key` is the SHA-256 of the payment identifier, which
    lets its owner ask again for what was paid, empty when there is none.
    """

    offer: OfferName
    resource: str
    amount: str
    asset: str
    network: str
    payer: str
    nonce: str
    retry_key: str = ""


class SaleSettled(EventData):
    """The payment is on the chain, in this transaction: the receipt."""

    transaction: str


class SaleFailed(EventData):
    """The payment was not settled; nothing was given for it."""

    severity = "warning"

    reason: str


SALE = AggregateType(name="Sale", source="nova.x402-seller", events=(SaleStarted, SaleSettled, SaleFailed))
"""One payment for one resource: from its settlement's begin to its end."""
