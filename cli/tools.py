"""The tools that the command line runs: uv and the interpreter, and the environment of the local cloud."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.errors import NovaError
from cli.home import CHECKOUT, Home

UV_VARIABLE = "NOVA_UV"
SYNC_TIMEOUT_S = 900


def find_uv() -> str | None:
    """Return a uv that runs: the launcher's (NOVA_UV) or one on the path. A shim may exist and still fail."""
    for candidate in (os.environ.get(UV_VARIABLE), shutil.which("uv")):
        if candidate and _runs(candidate):
            return candidate
    return None


def base_interpreter() -> Path:
    """Return the Python that this program's environment was made from."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def build_environment(home: Home, uv: str) -> bool:
    """Make or update the environment of gateway and runtime; False when it is up to date already."""
    stamp = home.environment / ".nova-stamp"
    wanted = environment_digest()
    if home.interpreter.exists() and stamp.exists() and stamp.read_text("utf-8") == wanted:
        return False
    variables = clean_environment()
    variables["UV_PROJECT_ENVIRONMENT"] = str(home.environment)
    command = [
        uv, "sync", "--quiet", "--frozen", "--package", "nova-local-cloud", "--no-default-groups",
        "--python", str(base_interpreter()),
    ]  # fmt: skip
    failure = "the local cloud's environment cannot be built"
    _run([*command, "--no-compile-bytecode"], variables, failure)
    take_compiled(home.environment, Path(sys.prefix))
    _run([*command, "--compile-bytecode"], variables, failure)
    stamp.write_text(wanted, "utf-8")
    return True


def take_compiled(environment: Path, known: Path) -> None:
    """Link the compiled modules of another environment of this interpreter, where both have the same source.

    uv links files of packages from its cache, so that they are the same to the last bit, with their times. A
    module that is compiled anew afterwards is another file; the link is not written through.
    """
    for source in (environment / "lib").rglob("*.py"):
        twin = known / source.relative_to(environment)
        compiled, target = (Path(importlib.util.cache_from_source(path)) for path in (twin, source))
        # There is none of it, it is compiled already, or links cannot be made here.
        with contextlib.suppress(OSError):
            if source.samefile(twin) and compiled.exists():
                target.parent.mkdir(exist_ok=True)
                os.link(compiled, target)


def build_isolated_environment(directory: Path, requirements: Path, uv: str) -> bool:
    """Make or update an environment of pinned packages, apart from all others; False when it is up to date.

    ``requirements`` has a hash for each of them. Raises ``NovaError`` when they cannot be installed.
    """
    digest = hashlib.sha256(str(base_interpreter()).encode())
    digest.update(requirements.read_bytes())
    stamp, interpreter = directory / ".nova-stamp", directory / "bin" / "python"
    if interpreter.exists() and stamp.exists() and stamp.read_text("utf-8") == digest.hexdigest():
        return False
    for command in (
        ["venv", "--quiet", "--clear", "--python", str(base_interpreter()), str(directory)],
        [
            "pip", "install", "--quiet", "--python", str(interpreter), "--require-hashes",
            "--requirement", str(requirements),
        ],
    ):  # fmt: skip
        failure = f"what {requirements.name} lists cannot be installed"
        _run([uv, *command], clean_environment(), failure)
    stamp.write_text(digest.hexdigest(), "utf-8")
    return True


def environment_digest() -> str:
    """Return what the environment is made from: the lock, the package's requirements, the interpreter."""
    digest = hashlib.sha256(str(base_interpreter()).encode())
    for name in ("uv.lock", "local_cloud/pyproject.toml"):
        digest.update((CHECKOUT / name).read_bytes())
    return digest.hexdigest()


def clean_environment(*, with_account: bool = False) -> dict[str, str]:
    """Return this process's environment, without what leads a child to other packages.

    The person's AWS account is left out too, unless the child is to call it; endpoint overrides always are.
    """
    left_out = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "PYTHONHOME"}
    prefix = "AWS_ENDPOINT_URL" if with_account else "AWS_"
    return {
        key: value for key, value in os.environ.items() if key not in left_out and not key.startswith(prefix)
    }


def _runs(program: str) -> bool:
    try:
        # Where it will be used: what a version manager's shim runs depends on the directory.
        finished = subprocess.run(  # noqa: S603 (a version query)
            [program, "--version"], cwd=CHECKOUT, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def _run(command: Sequence[str], variables: Mapping[str, str], failure: str) -> None:
    """Run uv in the checkout; raises ``NovaError`` with ``failure`` and what uv said when it fails."""
    finished = subprocess.run(  # noqa: S603 (uv and its arguments are ours)
        command,
        cwd=CHECKOUT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=SYNC_TIMEOUT_S,
        check=False,
    )
    if finished.returncode:
        raise NovaError(f"{failure}:\n{finished.stderr.strip()}")
