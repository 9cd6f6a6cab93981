"""The services that the tools ask."""

import pytest

from tests.services.support.stub_services import StubServices


@pytest.fixture
def services() -> StubServices:
    return StubServices()
