"""The state directory of one platform, and the files in it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

CHECKOUT = Path(__file__).resolve().parents[1]
HOME_VARIABLE = "NOVA_HOME"

# What holds the platform's data. Everything else in the home is made again when it is missing.
DATA = (
    "state", "s3", "redis", "vectors.sqlite", "vectors.sqlite-shm", "vectors.sqlite-wal", "stack.json",
    "stack.journal", "stack.key", "user.json",
)  # fmt: skip
# What `nova up` makes and `nova down --volumes` removes together with the data.
MADE = (
    *DATA, "images", "tls", "run", "logs", "ports.json", "daemon.json", "env", "traces.sqlite",
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
