"""Whether a stack answers: its site to everybody, its API to nobody without a token.

`python -m delivery.smoke SITE_URL API_URL`
"""

import argparse
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from delivery.errors import DeliveryError, run

SECONDS_MAX = 300
"""A distribution's new settings take minutes to be everywhere."""
PAUSE_SECONDS = 5.0
TIMEOUT_SECONDS = 20
OK, UNAUTHORIZED = 200, 401
PROTECTED_PATH = "/audio"
"""A route of the API that every stack has; without a token it is refused by the API's authorizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One request and how it has to be answered."""

    url: str
    status: int
    content_type: str = ""

    def problem(self) -> str:
        """Ask; return what is wrong with the answer, or nothing."""
        try:
            status, content_type = _answer(self.url)
        except OSError as error:
            return f"{self.url}: {error}"
        if status != self.status:
            return f"{self.url}: {status} instead of {self.status}"
        if not content_type.startswith(self.content_type):
            return f"{self.url}: {content_type or 'nothing'} instead of {self.content_type}"
        return ""


def check(
    site_url: str, api_url: str, seconds_max: float = SECONDS_MAX, pause: float = PAUSE_SECONDS
) -> None:
    """Ask until the site and the API answer as they have to; raises ``DeliveryError`` with what is wrong."""
    wanted = (
        Expected(url=site_url, status=OK, content_type="text/html"),
        Expected(url=api_url.rstrip("/") + PROTECTED_PATH, status=UNAUTHORIZED),
    )
    deadline = time.monotonic() + seconds_max
    while problems := [problem for each in wanted if (problem := each.problem())]:
        if time.monotonic() >= deadline:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            raise DeliveryError(f"the stack does not answer as it should for {seconds_max:g} s:\n{listed}")
        time.sleep(pause)


def main(arguments: list[str]) -> None:
    """Check the addresses that the arguments name."""
    parser = argparse.ArgumentParser(prog="delivery.smoke", description="Whether a stack answers.")
    parser.add_argument("site_url", help="output site_url of the stack")
    parser.add_argument("api_url", help="output api_url of the stack")
    parser.add_argument("--seconds", type=float, default=SECONDS_MAX, help="how long it may take")
    given = parser.parse_args(arguments)
    check(given.site_url, given.api_url, given.seconds)
    print(f"{given.site_url} answers, and {given.api_url} asks for a token")


def _answer(url: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"User-Agent": "nova-smoke-test", "Accept": "text/html"})  # noqa: S310 (from the stack's outputs)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (as above)
            return answer.status, answer.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Content-Type", "")


if __name__ == "__main__":
    run(main)
