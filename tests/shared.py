"""What takes long to make is made once a run of the tests, by whichever of its workers needs it first.

It lies in a folder that begins and ends with the run, so that nothing of an earlier one is ever met.
"""

import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

VARIABLE = "NOVA_TESTS_SHARED"
"""Tells the workers of a run its folder."""


@contextmanager
def shared_folder() -> Generator[Path]:
    """The folder of a run, for the process that starts the workers; on leaving it is deleted."""
    with tempfile.TemporaryDirectory(prefix="nova-tests-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[VARIABLE]


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the path of ``name``, which ``make`` has filled in this run; others wait until it has.

    What fails leaves nothing behind: its error is raised here, and the next who asks tries again.
    """
    target = Path(os.environ[VARIABLE]) / name
    made = target.with_name(f"{name}.made")
    with target.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            try:
                make(target)
            except BaseException:
                _remove(target)
                raise
            made.touch()
    return target


def computed_once[Value](question: str, compute: Callable[[], Value]) -> Value:
    """Return what ``compute`` has answered to ``question`` in this run: each time an object of its own."""
    fresh: list[Value] = []

    def keep(path: Path) -> None:
        fresh.append(compute())
        path.write_bytes(pickle.dumps(fresh[0], pickle.HIGHEST_PROTOCOL))

    path = made_once(sha256(question.encode()).hexdigest(), keep)
    return fresh[0] if fresh else pickle.loads(path.read_bytes())  # noqa: S301 (written by this run)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
