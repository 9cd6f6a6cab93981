"""Each stack's whole program is run once a session and mode; tests look at what it registered."""

from functools import cache

import pytest

from tests.infra.deployment import Deployment, deploy

STACKS = ("local", "dev", "prod")

deployed = cache(deploy)
"""``deploy`` with its result kept, as deployments are never changed."""


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
