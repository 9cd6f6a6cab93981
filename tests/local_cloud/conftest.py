import os
import subprocess
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from cli.home import Home
from cli.tools import build_environment, find_uv
from tests.local_cloud.iam_matrix import World
from tests.local_cloud.running import CHECKOUT, Running
from tests.shared import made_once


@pytest.fixture(scope="session")
def cloud_python() -> Path:
    """The local cloud's own interpreter: NOVA_CLOUD_PYTHON, else one built from the lock, once a run."""
    given = os.environ.get("NOVA_CLOUD_PYTHON")
    return Path(given) if given else Home(made_once("cloud", _build)).interpreter


def _build(folder: Path) -> None:
    printed = [str(CHECKOUT / "nova"), "--print-uv"]
    uv = find_uv() or subprocess.run(printed, capture_output=True, text=True, check=True).stdout.strip()
    folder.mkdir()
    build_environment(Home(folder), uv)


@pytest.fixture(scope="session")
def cloud(cloud_python: Path) -> Generator[Running]:
    """A daemon that tests share; each uses names of its own."""
    with tempfile.TemporaryDirectory(prefix="nova-cloud-") as directory:
        running = Running(cloud_python, Path(directory).resolve()).start()
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="session")
def world(cloud: Running) -> World:
    """Resources and principals for tests of authorization."""
    return World(cloud)


@pytest.fixture
def new_cloud(cloud_python: Path, tmp_path: Path) -> Generator[Callable[..., Running]]:
    """Makes daemons (not started) of the test's own, by name and options of the command line."""
    made: list[Running] = []

    def make(name: str, *options: str) -> Running:
        made.append(Running(cloud_python, tmp_path / name, *options))
        return made[-1]

    yield make
    for running in made:
        if running.process is not None and running.process.poll() is None:
            running.stop()
