"""How tests are spread over the machine, and what they share."""

import gc
import os
from contextlib import ExitStack

import pytest

from tests.shared import shared_folder


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: some tests wait for processes that they start."""
    return (os.process_cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Begin the folder that the workers of this run share, in the process that starts them."""
    if not hasattr(config, "workerinput"):
        until_the_end = ExitStack()
        until_the_end.enter_context(shared_folder())
        config.add_cleanup(until_the_end.close)


COLLECTED_AFTER = (50_000, 20, 20)
"""So many new objects, collections of these, and of what survived one, are followed by the next greater one.

With Python's own numbers (2,000, 10, 10) a fifth of the time of tests went into collections.
"""


def pytest_collection_finish() -> None:
    """Collect seldom, and never look at what all tests have loaded, which is no garbage.

    Collections have to be switched on again: who imports all components imports `components.startup`, too.
    Without any, the tasks of every program that a test ran stay, and each event loop that closes sees all.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
    gc.enable()
