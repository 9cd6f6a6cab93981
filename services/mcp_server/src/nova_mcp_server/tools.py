"""The tools: what there is, for free, and weather data that is bought for the person who asks.

A server is made for each request, as is: it has no session, and what is bought is bought as the request's
person. Results are typed; what was not bought says why, in words that a model can pass on.
"""

import calendar
import json
import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

from anyio import to_thread
from botocore.exceptions import BotoCoreError, ClientError
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from nova_common.contracts.payments import PAID_USD, TOKEN_HEADER, USE_KEY
from nova_common.contracts.weather import TypicalMonth, TypicalYear
from nova_common.identity import Caller
from nova_common.problems import Problem
from pydantic import BaseModel, Field, ValidationError

from nova_mcp_server.catalogue import PATH, Catalogue
from nova_mcp_server.domain import Purchase, RefusedError, Terms
from nova_mcp_server.payer import Bought, Payer
from nova_mcp_server.resource_server import UnavailableError

NAME = "nova"
OFFERS, MONTH, YEAR = "list_weather_offers", "get_weather_of_city", "get_weather_of_city_all_year"
TOOLS = (OFFERS, MONTH, YEAR)
"""What the server is called and offers; the program names them to the agent."""

KEY_CHARACTERS_MAX = 128

INSTRUCTIONS = (
    "Weather data of cities, bought for the signed-in person within a budget. A result with status "
    "waiting_for_approval costs more than is paid unasked: tell the person its price, and that they can "
    "approve it; ask again once they have."
)
SIGN_IN = "nobody is signed in: send a person's access token in the header " + TOKEN_HEADER

type Status = Literal["bought", "free", "waiting_for_approval", "refused", "unavailable"]

logger = logging.getLogger(__name__)


class PaymentTold(BaseModel):
    """What was paid, or would be."""

    amount_usd: str
    network: str
    payee: str
    transaction: str | None = None


class Told(BaseModel):
    """What every result says beside its data."""

    status: Status
    message: str
    approval_id: str | None = Field(default=None, description="Of the approval that is waited for")
    payment: PaymentTold | None = None


class MonthResult(Told):
    """Typical weather of a city in one month."""

    weather: TypicalMonth | None = None


class YearResult(Told):
    """Typical weather of a city in each month."""

    weather: TypicalYear | None = None


class OfferTold(BaseModel):
    """Something that can be bought."""

    tool: str
    description: str
    price_usd: str


class OffersResult(Told):
    """Which cities there are, and what is sold about each."""

    # Clients hold refusals to the schema, too: what a refusal lacks has a default.
    cities: list[str] = Field(default_factory=list[str])
    offers: list[OfferTold] = Field(default_factory=list[OfferTold])


class Shop:
    """What the tools work with; one for a process."""

    def __init__(self, terms: Terms, payer: Payer, catalogue: Catalogue) -> None:
        self.terms = terms
        self.payer = payer
        self.catalogue = catalogue


def make_server(shop: Shop, identify: Callable[[], Caller]) -> MCPServer:
    """Return a server for one request; `identify` verifies its person, or raises a Problem."""
    server = MCPServer(NAME, instructions=INSTRUCTIONS)
    known = shop.catalogue.known_cities()
    city_schema: dict[str, Any] = {"enum": known} if known else {}
    city_field = Field(min_length=1, max_length=80, description="The city", json_schema_extra=city_schema)
    read_only = ToolAnnotations(read_only_hint=True)
    buys = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True)

    @server.tool(name=OFFERS, annotations=read_only)
    async def list_offers() -> Annotated[CallToolResult, OffersResult]:
        """List the cities of which there is weather data, and what it costs. This is free."""
        return await to_thread.run_sync(_offers, shop, identify)

    @server.tool(name=MONTH, annotations=buys)
    async def get_month(
        context: Context[Any, Any],
        city: Annotated[str, city_field],
        month: Annotated[
            int | None, Field(ge=1, le=12, description="1 to 12; the present one unless it is given")
        ] = None,
    ) -> Annotated[CallToolResult, MonthResult]:
        """Tell what the weather in a city is like in a month: temperatures and rain. It costs a little."""
        key = _key(context)
        return await to_thread.run_sync(_month, shop, identify, city, month, key)

    @server.tool(name=YEAR, annotations=buys)
    async def get_year(
        context: Context[Any, Any], city: Annotated[str, city_field]
    ) -> Annotated[CallToolResult, YearResult]:
        """Tell the climate of a city over the whole year, month by month. It costs more than one month."""
        key = _key(context)
        return await to_thread.run_sync(_year, shop, identify, city, key)

    return server


def _offers(shop: Shop, identify: Callable[[], Caller]) -> CallToolResult:
    try:
        identify()
        offers = shop.catalogue.offers()
    except Problem as problem:
        return _failed(f"{problem.detail}", "refused")
    except UnavailableError as error:
        return _failed(str(error), "unavailable")
    tools = {"month": MONTH, "year": YEAR}
    told = OffersResult(
        status="free",
        message="The list is free; what it names is not.",
        cities=[city.id for city in offers.cities],
        offers=[
            OfferTold(tool=tools[offer.name], description=offer.description, price_usd=offer.price_usd)
            for offer in offers.offers
        ],
    )
    return _result(told, json.dumps(told.model_dump(mode="json"), ensure_ascii=False))


def _month(
    shop: Shop, identify: Callable[[], Caller], city: str, month: int | None, key: str
) -> CallToolResult:
    query = f"?month={month}" if month else ""
    when = f" in {calendar.month_name[month]}" if month else ""
    return _bought(shop, identify, city, (MONTH, query, f"Weather of {{}}{when}", key), MonthResult)


def _year(shop: Shop, identify: Callable[[], Caller], city: str, key: str) -> CallToolResult:
    return _bought(shop, identify, city, (YEAR, "/year", "Weather of {} all year", key), YearResult)


def _bought(
    shop: Shop,
    identify: Callable[[], Caller],
    name: str,
    wanted: tuple[str, str, str, str],
    kind: type[MonthResult] | type[YearResult],
) -> CallToolResult:
    tool, rest, description, key = wanted
    try:
        caller = identify()
        city = shop.catalogue.city(name)
        if city is None:
            raise RefusedError(f"there is no data of this city; {OFFERS} lists those that there are")
        purchase = Purchase(
            user=caller.user_id,
            tool=tool,
            resource=f"{PATH}/{city.id}{rest}",
            description=description.format(city.name),
            key=key,
        )
        bought = shop.payer.buy(purchase)
        return _told(shop.terms, bought, kind)
    except Problem as problem:
        return _failed(f"{problem.detail}", "refused")
    except RefusedError as error:
        return _failed(f"nothing was paid: {error}", "refused")
    except UnavailableError as error:
        return _failed(str(error), "unavailable")
    except (ClientError, BotoCoreError, ValidationError) as error:
        # Of a validation error the traceback names fields, and no values.
        logger.exception("a purchase failed", extra={"fields": {"cause": type(error).__name__}})
        return _failed("payments are out of order at the moment; nothing is paid twice", "unavailable")


def _told(terms: Terms, bought: Bought, kind: type[MonthResult] | type[YearResult]) -> CallToolResult:
    attempt = bought.attempt
    if attempt is None:
        told = kind(status="free", message="this was free", weather=json.loads(bought.answer))
        return _result(told, _in_words(told))
    price = terms.usd(attempt.amount)
    payment = PaymentTold(
        amount_usd=price,
        network=attempt.network,
        payee=attempt.payee,
        transaction=attempt.transaction or None,
    )
    if bought.approval is not None:
        message = (
            f"This costs {price} USD, which a person has to approve first: approval {bought.approval.id}, "
            f"until {bought.approval.expires_at:%H:%M} UTC. Nothing is paid yet. Ask again once it is."
        )
        told = kind(
            status="waiting_for_approval",
            message=message,
            approval_id=bought.approval.id,
            payment=payment,
        )
        return _result(told, message)
    weather: Any = json.loads(bought.answer)
    message = f"Paid {price} USD for it" + (" before." if bought.is_repeated else ".")
    told = kind(status="bought", message=message, payment=payment, weather=weather)
    # What was paid before is counted already.
    meta = {PAID_USD: "0.00" if bought.is_repeated else price}
    return _result(told, f"{_in_words(told)}\n{told.message}", meta)


def _in_words(told: MonthResult | YearResult) -> str:
    """Return what was bought as sentences, for models that read no structure."""
    weather = told.weather
    if weather is None:
        return told.message
    months = [weather.weather] if isinstance(weather, TypicalMonth) else weather.months
    place = f"{weather.city.name} ({weather.city.country})"
    return "\n".join(
        f"The weather in {place} in {calendar.month_name[month.month]} is typically {month.high_celsius} °C "
        f"by day and {month.low_celsius} °C by night, with {month.precipitation_mm} mm of rain and snow."
        for month in months
    )


def _result(told: BaseModel, text: str, meta: dict[str, Any] | None = None) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=told.model_dump(mode="json", exclude_none=True),
        _meta=cast("Any", meta),
    )


def _failed(message: str, status: Status) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=message)],
        structured_content={"status": status, "message": message},
        is_error=True,
    )


def _key(context: Context[Any, Any]) -> str:
    """Return the name that the client gives this use; none for a longer one than is kept."""
    meta: Any = context.request_context.meta
    fields: dict[str, Any] = dict(meta) if meta else {}
    key: object = fields.get(USE_KEY, "")
    return key if isinstance(key, str) and len(key) <= KEY_CHARACTERS_MAX else ""
