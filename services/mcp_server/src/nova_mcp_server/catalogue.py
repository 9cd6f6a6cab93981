"""What the resource server says, for free, that there is to buy: its cities and prices, kept for a while."""

import time
from collections.abc import Callable

from nova_common.contracts.weather import City, Offers
from pydantic import ValidationError

from nova_mcp_server.resource_server import ResourceServer, UnavailableError

PATH = "/api/weather"
KEPT_SECONDS = 300.0
CITIES_MAX = 200
"""Cities that a tool's schema names; beyond, it takes any text."""


class Catalogue:
    """The offers of the resource server."""

    def __init__(self, server: ResourceServer, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._offers: Offers | None = None
        self._until = 0.0

    def offers(self) -> Offers:
        """Return what there is; UnavailableError when it was never told, and is not now."""
        if self._offers is None or self._clock() >= self._until:
            try:
                self._offers = self._asked()
                self._until = self._clock() + KEPT_SECONDS
            except UnavailableError:
                if self._offers is None:
                    raise
        return self._offers

    def known_cities(self) -> list[str]:
        """Return the ids of cities that a schema may name; none while nobody knows them."""
        try:
            cities = [city.id for city in self.offers().cities]
        except UnavailableError:
            return []
        return cities if len(cities) <= CITIES_MAX else []

    def city(self, name: str) -> City | None:
        """Return a city by its id or name."""
        wanted = name.strip().casefold()
        return next(
            (city for city in self.offers().cities if wanted in (city.id, city.name.casefold())), None
        )

    def _asked(self) -> Offers:
        answer = self._server.ask(PATH)
        try:
            return Offers.model_validate_json(answer.body if answer.succeeded else "")
        except ValidationError as error:
            message = "the resource server does not say what there is"
            raise UnavailableError(message) from error
