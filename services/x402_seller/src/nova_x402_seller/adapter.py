"""How the x402 package reads a request of FastAPI."""

from typing import override

from fastapi import Request
from x402.http.types import HTTPAdapter


class RequestAdapter(HTTPAdapter):
    """A request whose bodies and cookies nobody asks for.

    It never says to come from a browser: what is sold here is read by programs, which find the terms in a
    header, and a page that pays would be the site's.
    """

    def __init__(self, request: Request) -> None:
        self._request = request

    @override
    def get_header(self, name: str) -> str | None:
        """Return a header, whatever its case."""
        return self._request.headers.get(name)

    @override
    def get_method(self) -> str:
        """Return the method."""
        return self._request.method

    @override
    def get_path(self) -> str:
        """Return the path."""
        return self._request.url.path

    @override
    def get_url(self) -> str:
        """Return the address as this process was asked for it; the terms have the public one."""
        return str(self._request.url)

    @override
    def get_accept_header(self) -> str:
        """Return what a program accepts."""
        return "application/json"

    @override
    def get_query_params(self) -> dict[str, str | list[str]]:
        """Return the parameters of the query; prices do not depend on them."""
        return dict(self._request.query_params)

    @override
    def get_query_param(self, name: str) -> str | list[str] | None:
        """Return one of them."""
        return self._request.query_params.get(name)

    @override
    def get_body(self) -> None:
        """Return nothing: what is sold is asked for by GET."""

    @override
    def get_user_agent(self) -> str:
        """Return who asks."""
        return self._request.headers.get("user-agent", "")
