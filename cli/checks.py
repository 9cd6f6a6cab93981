"""What `nova up` needs, checked before it changes anything, and by `nova doctor`."""

import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from cli.doctor.finding import Broken, Check, Ok, Verdict
from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from cli.ports import choose_port
from cli.tools import base_interpreter, find_uv

# The environments of the local cloud and of two images take about 0.6 GB.
DISK_FREE_MIN_MB = 1500
PYTHON_VERSION = (3, 13)
SYSTEM = sys.platform
# The first that can forbid a part of a command, as caches do (Redis 7.0 release notes, ACL).
REDIS_VERSION_MIN = 7
INSTALL = "run `sudo scripts/install-system`"


def checks(home: Home, *, running_port: int | None) -> tuple[Check, ...]:
    """Return what `nova up` needs; ``running_port`` is the one that this home's daemon holds."""
    return (
        Check(name="system", ask=_platform),
        Check(name="python", ask=_python),
        Check(name="uv", ask=_uv),
        Check(name="certificates", ask=_certificates),
        Check(name="redis-server", ask=_redis),
        Check(name="home", ask=lambda: _home(home)),
        Check(name="disk", ask=lambda: _disk(home)),
        Check(name="port", ask=lambda: _port(home, running_port)),
        Check(name="checkout", ask=_program),
    )


def problems(home: Home, *, running_port: int | None) -> list[str]:
    """Everything that is missing, each with its remedy; empty when `nova up` can go ahead."""
    verdicts = [check.ask() for check in checks(home, running_port=running_port)]
    return [str(verdict) for verdict in verdicts if isinstance(verdict, Broken)]


def _platform() -> Verdict:
    if SYSTEM in {"linux", "darwin"}:
        return Ok(SYSTEM)
    return Broken(f"{SYSTEM} is not supported", "use Linux, macOS or WSL 2")


def _python() -> Verdict:
    wanted, running = (".".join(map(str, version)) for version in (PYTHON_VERSION, sys.version_info[:2]))
    if sys.version_info[:2] != PYTHON_VERSION:
        return Broken(
            f"this is Python {running}, the platform needs {wanted}", "start it with ./nova, which finds one"
        )
    if not base_interpreter().exists():
        return Broken(f"the interpreter {base_interpreter()} is gone", "remove .venv and start ./nova again")
    return Ok(f"Python {running}")


def _uv() -> Verdict:
    if found := find_uv():
        return Ok(found)
    return Broken("uv is missing", "start with ./nova, which gets it, or run `python3 -m pip install uv`")


def _certificates() -> Verdict:
    paths = ssl.get_default_verify_paths()
    if any(place and Path(place).exists() for place in (paths.cafile, paths.capath, *_BUNDLES)):
        return Ok("certificates of authorities are there")
    return Broken("no certificates of authorities are there, by which packages are got", INSTALL)


_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def _redis() -> Verdict:
    remedy = f"{INSTALL}, on macOS `brew install redis`"
    program = shutil.which("redis-server")
    if program is None:
        return Broken("redis-server is missing", remedy)
    asked = [program, "--version"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 (no shell)
    version = re.search(r"\bv=(\d+)\.", shown)
    if version is None or int(version[1]) < REDIS_VERSION_MIN:
        wanted = f"redis-server {REDIS_VERSION_MIN} or newer is needed"
        return Broken(f"{wanted}, {program} is {shown or 'silent'}", f"put a newer one on PATH, or {remedy}")
    return Ok(f"{program}, version {version[1]}")


def _home(home: Home) -> Verdict:
    nearest = _existing(home.path)
    if os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir():
        return Ok(str(home.path))
    return Broken(f"{home.path} cannot be written", "set NOVA_HOME to a directory of yours")


def _disk(home: Home) -> Verdict:
    free_mb = shutil.disk_usage(_existing(home.path)).free // 1_000_000
    if free_mb >= DISK_FREE_MIN_MB:
        return Ok(f"{free_mb} MB are free")
    return Broken(
        f"{free_mb} MB are free on the disk of {home.path}, {DISK_FREE_MIN_MB} MB are needed",
        "make room, or set NOVA_HOME to a directory on another disk",
    )


def _port(home: Home, running_port: int | None) -> Verdict:
    try:
        return Ok(str(choose_port(home, running_port=running_port)))
    except NovaError as error:
        found, _, fix = str(error).partition(": ")
        return Broken(found, fix)


def _program() -> Verdict:
    missing = [name for name in ("__main__.py", "Pulumi.yaml", "uv.lock") if not (CHECKOUT / name).exists()]
    if missing:
        return Broken(f"{CHECKOUT} is not a whole checkout, {', '.join(missing)} missing", "clone it again")
    return Ok(str(CHECKOUT))


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
