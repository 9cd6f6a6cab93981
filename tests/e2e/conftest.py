import tempfile
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.browsing import chromium
from tests.e2e.neighbour import Neighbour
from tests.e2e.running import CHECKOUT, Running

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, so that none is run with those that need no platform.

    Run first what begins something that takes minutes of waiting, and last what sees the end of something
    that began in the middle.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Which third of a run a test is in; within it, tests stay in their order."""
    if item.get_closest_marker("begins"):
        return 0
    return 2 if item.get_closest_marker("ends") else 1


@pytest.fixture(scope="session")
def platform() -> Generator[Running]:
    """The platform, up for all tests and gone without a trace afterwards."""
    with tempfile.TemporaryDirectory(prefix="nova-e2e-") as directory:
        running = Running(Path(directory).resolve())
        try:
            running.up()
            yield running
        finally:
            running.remove()


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Generator[Neighbour]:
    """A second platform, which begins to start with the first test that names it."""
    neighbour = Neighbour(tmp_path_factory.mktemp("neighbour").resolve())
    try:
        yield neighbour
    finally:
        neighbour.end()


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
