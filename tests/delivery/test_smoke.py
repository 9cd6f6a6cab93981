"""Whether a stack answers, as a person without an account sees it."""

import subprocess
import sys

import pytest

from delivery import smoke
from delivery.errors import DeliveryError
from tests.delivery.loopback import Answer, serving

PAGE: Answer = (200, "text/html; charset=utf-8", b"<html></html>")
REFUSED: Answer = (401, "application/json", b"{}")


def stack(site: Answer, api: Answer, later: int = 0):  # noqa: ANN201 (a generator of a context)
    """A stack that answers like that after ``later`` rounds of failures."""
    rounds = {"/": 0, "/api/audio": 0}

    def answer(_method: str, path: str, _headers: dict[str, str], _body: bytes) -> Answer:
        rounds[path] += 1
        if rounds[path] <= later:
            return 503, "text/plain", b""
        return site if path == "/" else api

    return serving(answer)


def test_a_stack_that_answers_passes_even_if_it_takes_its_time() -> None:
    with stack(PAGE, REFUSED, later=2) as address:
        smoke.check(f"{address}/", f"{address}/api/", seconds_max=5, pause=0.01)


@pytest.mark.parametrize(
    ("site", "api", "problem"),
    [
        ((502, "text/html", b""), REFUSED, "502 instead of 200"),
        ((200, "application/json", b"{}"), REFUSED, "application/json instead of text/html"),
        (PAGE, (200, "application/json", b"[]"), "200 instead of 401"),
        (PAGE, (403, "application/json", b"{}"), "403 instead of 401"),
    ],
)
def test_any_other_answer_is_told(site: Answer, api: Answer, problem: str) -> None:
    with stack(site, api) as address, pytest.raises(DeliveryError, match=problem):
        smoke.check(f"{address}/", f"{address}/api", seconds_max=0.05, pause=0.01)


def test_nobody_at_home_is_told() -> None:
    with stack(PAGE, REFUSED) as address:
        pass
    with pytest.raises(DeliveryError, match=r"does not answer as it should"):
        smoke.check(address, f"{address}/api", seconds_max=0, pause=0)


def test_it_runs_as_a_command() -> None:
    with stack(PAGE, REFUSED) as address:
        command = [sys.executable, "-m", "delivery.smoke", f"{address}/", f"{address}/api", "--seconds", "5"]
        assert "answers" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = subprocess.run([*command[:-1], "0"], check=False, capture_output=True, text=True)
    assert (failed.returncode, failed.stderr.splitlines()[0][:9]) == (1, "delivery:")
