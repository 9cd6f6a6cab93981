"""The seller's API: what there is, for free, and weather data for whoever pays."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, override

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.routing import APIRoute
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.weather import SALE, Offers, TypicalMonth, TypicalYear
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.openapi import PUBLIC, problems
from nova_common.problems import Problem

from nova_x402_seller.catalogue import OFFERS, Climate, climates
from nova_x402_seller.gate import PAYMENT_HEADER, RECEIPT_HEADER, REQUIRED_HEADER, Gate
from nova_x402_seller.settings import ApiSettings, PaymentTerms
from nova_x402_seller.storage import Sales

TITLE = "Nova seller"

TEXT = {"schema": {"type": "string"}}
PAYMENT_PARAMETER = {
    "name": PAYMENT_HEADER,
    "in": "header",
    "required": False,
    "description": "A signed payment, in base64 (x402, version 2)",
    **TEXT,
}
PAID: dict[int | str, dict[str, Any]] = {
    200: {"headers": {RECEIPT_HEADER: {"description": "The receipt, in base64 (x402, version 2)", **TEXT}}},
    402: {
        "headers": {
            REQUIRED_HEADER: {"description": "What to pay, in base64 (x402, version 2)", **TEXT},
            RECEIPT_HEADER: {"description": "Why a payment was not settled", **TEXT},
        }
    },
}


class PaidRoute(APIRoute):
    """A route whose answers are given for payments."""

    @override
    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        answer = super().get_route_handler()

        async def sell(request: Request) -> Response:
            gate: Gate = request.app.state.gate
            return await gate.sell(request, await answer(request))

        return sell


router = APIRouter(prefix="/api/weather")
paid = APIRouter(
    route_class=PaidRoute,
    responses=PAID
    | {
        status: {**PAID.get(status, {}), **described}
        for status, described in problems(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.PAYMENT_REQUIRED,
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        ).items()
    },
)
PAID_OPERATION = {**PUBLIC, "parameters": [PAYMENT_PARAMETER]}


def _climate(city: str) -> Climate:
    if (climate := climates().get(city)) is None:
        detail = "there is no data of this city; GET /api/weather lists those that there are"
        raise Problem(HTTPStatus.NOT_FOUND, detail)
    return climate


@router.get("", openapi_extra=PUBLIC)
def list_offers(request: Request) -> Offers:
    """List the cities, what is sold about them and how it is paid. It is free."""
    terms: PaymentTerms = request.app.state.terms
    return Offers(
        cities=[climate.city for climate in climates().values()],
        offers=[offer.shown() for offer in OFFERS],
        network=terms.network,
        asset=terms.asset,
        pay_to=terms.pay_to,
    )


@paid.get("/{city}", openapi_extra=PAID_OPERATION)
def get_month(city: str, month: Annotated[int | None, Query(ge=1, le=12)] = None) -> TypicalMonth:
    """Tell a city's typical weather in a month, 1 to 12; in this one unless it is given."""
    climate = _climate(city)
    chosen = month or datetime.now(UTC).month
    return TypicalMonth(city=climate.city, weather=climate.months[chosen - 1])


@paid.get("/{city}/year", openapi_extra=PAID_OPERATION)
def get_year(city: str) -> TypicalYear:
    """Tell a city's typical weather in each month."""
    climate = _climate(city)
    return TypicalYear(city=climate.city, months=list(climate.months))


router.include_router(paid)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the seller from what its environment names."""
    store = DynamoEventStore(
        aws.dynamodb(settings.region), settings.event_store_table, EventRegistry((SALE,))
    )
    gate = Gate(settings.terms, settings.public_url, Sales(store))
    app = create_application(
        TITLE, checks={"event_store": store.check_ready, "facilitator": gate.check_ready}
    )
    app.state.gate = gate
    app.state.terms = settings.terms
    app.include_router(router)
    return app


def main() -> None:
    """Serve the API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
