"""The state directory of one platform, and the files in it."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cli.errors import NovaError

CHECKOUT = Path(__file__).resolve().parents[1]
HOME_VARIABLE = "NOVA_HOME"

# What `nova up` makes and `nova down --volumes` removes: the data, and what is made again when it is missing.
MADE = (
    "state", "s3", "redis", "vectors.sqlite", "vectors.sqlite-shm", "vectors.sqlite-wal", "payments",
    "stack.json", "stack.journal", "stack.key", "user.json",
    "images", "tls", "tls-site", "run", "logs", "ports.json", "daemon.json", "env", "traces.sqlite",
    "traces.sqlite-shm", "traces.sqlite-wal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the state directory; nothing is created by naming them."""

    path: Path

    @property
    def daemon_file(self) -> Path:
        """Where the daemon says that it runs, and as whom to administer it."""
        return self.path / "daemon.json"

    @property
    def ports_file(self) -> Path:
        """The port of this platform, kept so that URLs stay the same."""
        return self.path / "ports.json"

    @property
    def user_file(self) -> Path:
        """Name and password of the demo user."""
        return self.path / "user.json"

    @property
    def stack_file(self) -> Path:
        """The applier's checkpoint, with the stack's outputs."""
        return self.path / "stack.json"

    @property
    def logs(self) -> Path:
        """One log file for each service, and the daemon's own."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """Locks and stamps."""
        return self.path / "run"

    @property
    def environment(self) -> Path:
        """The virtual environment of gateway and runtime."""
        return self.path / "env"

    @property
    def interpreter(self) -> Path:
        """Python of that environment."""
        return self.environment / "bin" / "python"

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs; empty before the first complete run."""
        return read_json(self.stack_file).get("outputs", {})


def find_home() -> Home:
    """Return the home that NOVA_HOME names, or the one in this checkout."""
    given = os.environ.get(HOME_VARIABLE)
    return Home(Path(given).expanduser().resolve() if given else CHECKOUT / ".nova")


@contextlib.contextmanager
def alone(home: Home) -> Generator[None]:
    """Hold the home's lock: two commands that change the same platform would undo each other's work.

    Raises ``NovaError`` while another command holds it.
    """
    home.path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise NovaError(
            f"another nova command is changing the platform in {home.path}: wait for it"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def remove_data(home: Home) -> None:
    """Remove what was made; images side by side, as the disk is waited for at each of their directories."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_remove, (home.path / "images").glob("*")))
        list(pool.map(_remove, (home.path / name for name in MADE)))


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file; empty when there is no such file or it is being written."""
    try:
        return cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file atomically, readable for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    temporary.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
