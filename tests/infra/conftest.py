"""Each stack's whole program is run once a run of the tests and mode; they look at what it registered."""

import pytest

from tests.infra.deployment import Deployment, deployed

STACKS = ("local", "dev", "prod")


@pytest.fixture(params=STACKS)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The update of each stack in turn."""
    return deployed(request.param)


@pytest.fixture
def production() -> Deployment:
    """The update of stack prod."""
    return deployed("prod")


@pytest.fixture
def development() -> Deployment:
    """The update of stack dev."""
    return deployed("dev")
