"""How tests are spread over the machine."""

import os


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: some tests wait for processes that they start."""
    return (os.process_cpu_count() or 1) + 1
