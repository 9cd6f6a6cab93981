"""Where the engine is missing, every test of this folder is skipped, and says why."""

import os
import shutil
from pathlib import Path

import pytest

STACKS_VARIABLE = "NOVA_ENGINE_STACKS"
HERE = Path(__file__).parent
TIMEOUT_S = 900
NO_ENGINE = "the pulumi command line is not on PATH"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.engine)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))
            item.add_marker(pytest.mark.skipif(shutil.which("pulumi") is None, reason=NO_ENGINE))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is about a stack for dev, which has the least, or for those that the variable names."""
    if "stack_name" in metafunc.fixturenames:
        stacks = os.environ.get(STACKS_VARIABLE, "dev").split()
        metafunc.parametrize("stack_name", stacks)
