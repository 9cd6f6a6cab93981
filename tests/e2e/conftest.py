import tempfile
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.running import CHECKOUT, Running


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
