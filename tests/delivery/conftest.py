"""A job of GitHub Actions, as far as deliveries see it."""

from collections.abc import Generator

import pytest

from tests.delivery.loopback import GitHub, serving


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Generator[GitHub]:
    """The API of a job for the repository nova/nova."""
    api = GitHub()
    with serving(api) as address:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_API_URL", address)
        monkeypatch.setenv("GITHUB_REPOSITORY", "nova/nova")
        monkeypatch.setenv("GITHUB_TOKEN", api.token)
        monkeypatch.setenv("GITHUB_SHA", "0" * 40)
        yield api
