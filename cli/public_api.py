"""A client of the platform's public API, and the platform's own words when it refuses."""

import contextlib
from collections.abc import Generator
from typing import Any

import httpx2

from cli.errors import NovaError

REQUEST_TIMEOUT_S = 30


@contextlib.contextmanager
def client(api: str, token: str) -> Generator[httpx2.Client]:
    """Give a client that is signed in; raises NovaError when the platform stops answering."""
    with httpx2.Client(
        base_url=api,
        headers={"Authorization": f"Bearer {token}"},
        timeout=REQUEST_TIMEOUT_S,
        trust_env=False,
    ) as signed_in:
        try:
            yield signed_in
        except httpx2.HTTPError as error:
            raise NovaError(f"the platform does not answer at {api}: {error}") from error


def answer(response: httpx2.Response, failure: str) -> dict[str, Any]:
    """Return a successful answer's JSON; raises NovaError with `failure` and the problem's own words."""
    if response.is_success:
        return response.json()
    is_problem = "json" in response.headers.get("content-type", "")
    problem: dict[str, Any] = response.json() if is_problem else {"detail": response.text[:500]}
    raise NovaError(f"{failure} ({response.status_code}): {words(problem)}")


def words(problem: dict[str, Any]) -> str:
    """Return what a problem document says to people."""
    detail = problem.get("detail") or problem.get("title") or problem.get("message") or "it gave no reason"
    errors: list[Any] = problem.get("errors") or []
    fields = "; ".join(str(item) for item in errors)
    return f"{detail}{f' ({fields})' if fields else ''}"
