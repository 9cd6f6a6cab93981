import tempfile
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.browsing import chromium
from tests.e2e.running import CHECKOUT, Running

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that none is run with those that need no platform.

    Run first what begins something that takes minutes of waiting: another test sees its end.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: item.get_closest_marker("begins") is None)


@pytest.fixture(scope="session")
def platform() -> Generator[Running]:
    """The platform, up for all tests and gone without a trace afterwards."""
    with tempfile.TemporaryDirectory(prefix="nova-e2e-") as directory:
        running = Running(Path(directory).resolve())
        try:
            running.up()
            yield running
        finally:
            running.down("--volumes", "--yes")


@pytest.fixture
def api(platform: Running) -> Generator[httpx2.Client]:
    with platform.api() as client:
        yield client


@pytest.fixture(scope="session")
def sample() -> Path:
    return CHECKOUT / "samples" / "meeting.wav"


@pytest.fixture(scope="session")
def playwright() -> Generator[Playwright]:
    """What drives browsers; a process has one of it at a time."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Generator[Browser]:
    """The browser of all people who need no microphone."""
    with chromium(playwright) as launched:
        yield launched
