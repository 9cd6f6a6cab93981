"""What `nova up` needs, checked before it changes anything."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from cli.ports import choose_port
from cli.tools import base_interpreter, find_uv

# The environments of the local cloud and of two images take about 0.6 GB.
DISK_FREE_MIN_MB = 1500
PYTHON_VERSION = (3, 13)
# The first that can forbid a part of a command, as caches do (Redis 7.0 release notes, ACL).
REDIS_VERSION_MIN = 7


def problems(home: Home, *, running_port: int | None) -> list[str]:
    """Everything that is missing, each with its remedy; empty when `nova up` can go ahead."""
    checks = (
        _platform(),
        _python(),
        _uv(),
        _redis(),
        _home(home),
        _disk(home),
        _port(home, running_port),
        _program(),
    )
    return [problem for problem in checks if problem]


def _platform() -> str:
    if sys.platform in {"linux", "darwin"}:
        return ""
    return f"{sys.platform} is not supported: use Linux, macOS or WSL 2"


def _python() -> str:
    wanted = ".".join(map(str, PYTHON_VERSION))
    if sys.version_info[:2] != PYTHON_VERSION:
        running = ".".join(map(str, sys.version_info[:2]))
        return f"this is Python {running}, the platform needs {wanted}: start it with ./nova, which finds one"
    if not base_interpreter().exists():
        return f"the interpreter {base_interpreter()} is gone: remove .venv and start ./nova again"
    return ""


def _uv() -> str:
    if find_uv():
        return ""
    return "uv is missing: start with ./nova, which gets it, or run `python3 -m pip install uv`"


def _redis() -> str:
    remedy = "run `sudo scripts/install-system`, on macOS `brew install redis`"
    program = shutil.which("redis-server")
    if program is None:
        return f"redis-server is missing: {remedy}"
    asked = [program, "--version"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 (no shell)
    version = re.search(r"\bv=(\d+)\.", shown)
    if version is None or int(version[1]) < REDIS_VERSION_MIN:
        wanted = f"redis-server {REDIS_VERSION_MIN} or newer is needed"
        return f"{wanted}, {program} is {shown or 'silent'}: put a newer one on PATH, or {remedy}"
    return ""


def _home(home: Home) -> str:
    nearest = _existing(home.path)
    if os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir():
        return ""
    return f"{home.path} cannot be written: set NOVA_HOME to a directory of yours"


def _disk(home: Home) -> str:
    free_mb = shutil.disk_usage(_existing(home.path)).free // 1_000_000
    if free_mb >= DISK_FREE_MIN_MB:
        return ""
    return (
        f"{free_mb} MB are free on the disk of {home.path}, {DISK_FREE_MIN_MB} MB are needed: "
        "make room, or set NOVA_HOME to a directory on another disk"
    )


def _port(home: Home, running_port: int | None) -> str:
    try:
        choose_port(home, running_port=running_port)
    except NovaError as error:
        return str(error)
    return ""


def _program() -> str:
    missing = [name for name in ("__main__.py", "Pulumi.yaml", "uv.lock") if not (CHECKOUT / name).exists()]
    return f"{CHECKOUT} is not a whole checkout: {', '.join(missing)} missing" if missing else ""


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
