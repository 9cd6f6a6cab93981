"""How tests are spread over the machine."""

import gc
import os


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: some tests wait for processes that they start."""
    return (os.process_cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Switch collections on again: who imports all components imports `components.startup`, too.

    Without them the tasks of every program that a test ran stay, and each event loop that closes sees all.
    """
    gc.enable()
