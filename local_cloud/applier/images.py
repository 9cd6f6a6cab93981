"""Builds images: an environment of its own for one package, and a description of how containers start in it.

What is built by npm has its programs in the same place (see `node`).

An image is the directory `home/images/<sha256>/` with `image.json` (its configuration, whose SHA-256 is the
digest) and `venv/`. It is built under a temporary name beside its place and renamed when it is complete. The
environment is relocatable, so that neither the rename nor a move of the home breaks it. What images share of
compiled modules is in `home/images/.bytecode/` (see `bytecode`).
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from . import bytecode
from .dockerfile import ImageConfig
from .node import NodeBuilder, link_node

# Images of a name that stay beside the one in use: going back to an earlier state is then quick.
UNUSED_KEPT = 2
BUILD_TIMEOUT_S = 600
DESCRIPTION = "image.json"
_PARTIAL_PREFIX = ".partial-"
_BYTECODE = ".bytecode"


class ImageBuildError(RuntimeError):
    """An image could not be built; the message holds the builder's last words."""


class ImageStore:
    """The images of one home, built from one checkout."""

    def __init__(
        self, directory: Path, checkout: Path, uv: str, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._directory = directory
        self._checkout = checkout
        self._uv = uv
        # One image compiles at a time, on all cores: the next one finds most of it done.
        self._compiling = threading.Lock()
        self._node = NodeBuilder(checkout, report)

    def ensure(self, name: str, tag: str, config: ImageConfig) -> tuple[str, str]:
        """Build the image unless it exists; returns its digest (hexadecimal) and its description (JSON)."""
        description = json.dumps(
            {"name": name, "tag": tag, **asdict(config)}, sort_keys=True, separators=(",", ":")
        )
        digest = hashlib.sha256(description.encode()).hexdigest()
        place = self._directory / digest
        if not (place / DESCRIPTION).exists():
            self._build(place, description, tag, config)
        elif config.npm:
            link_node(place / "venv")
        os.utime(place)  # its age since last use decides what is pruned
        return digest, description

    def exists(self, digest: str) -> bool:
        """Whether the image can be used."""
        return (self._directory / digest / DESCRIPTION).exists()

    def prune(self, used: set[str]) -> list[str]:
        """Remove images that nothing refers to, but the newest few of each name; returns their digests."""
        unused: dict[str, list[Path]] = {}
        for place in self._directory.iterdir():
            if place.name.startswith(_PARTIAL_PREFIX):
                shutil.rmtree(place, ignore_errors=True)  # an earlier run was stopped while it built
            elif place.name not in used and (place / DESCRIPTION).exists():
                content = cast("dict[str, Any]", json.loads((place / DESCRIPTION).read_text("utf-8")))
                unused.setdefault(str(content.get("name")), []).append(place)
        removed: list[str] = []
        for places in unused.values():
            for place in sorted(places, key=lambda item: item.stat().st_mtime, reverse=True)[UNUSED_KEPT:]:
                # The description goes first: what is left of a removal that was cut short is no image.
                (place / DESCRIPTION).unlink()
                shutil.rmtree(place)
                removed.append(place.name)
        bytecode.forget_unused(self._directory / _BYTECODE)
        return removed

    def _build(self, place: Path, description: str, tag: str, config: ImageConfig) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL_PREFIX, dir=self._directory))
        try:
            if config.npm:
                self._node.build(config.npm, tag, partial / "venv")
            else:
                self._install(partial / "venv", config.package)
            (partial / DESCRIPTION).write_text(description, "utf-8")
            if place.exists():  # a removal that was cut short
                shutil.rmtree(place)
            partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _install(self, environment: Path, package: str) -> None:
        interpreter = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
        self._run("venv", "--quiet", "--relocatable", "--python", interpreter, str(environment))
        # uv would take a member's wheel from its cache as long as the member's pyproject.toml is unchanged.
        fresh = [option for member in self._members() for option in ("--reinstall-package", member)]
        self._run(
            "sync", "--quiet", "--frozen", "--package", package, "--no-default-groups", "--no-editable",
            "--no-compile-bytecode", "--python", interpreter, *fresh, environment=environment,
        )  # fmt: skip
        store = str(self._directory / _BYTECODE)
        program = [interpreter, "-I", bytecode.__file__, str(environment), store, sys.prefix]
        with self._compiling:
            self._finish(program, {})

    def _members(self) -> list[str]:
        lock = tomllib.loads((self._checkout / "uv.lock").read_text("utf-8"))
        return [
            item["name"]
            for item in lock["package"]
            if {"editable", "directory"} & set(item.get("source", {}))
        ]

    def _run(self, *arguments: str, environment: Path | None = None) -> None:
        variables = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        variables.pop("UV_PROJECT_ENVIRONMENT", None)
        if environment is not None:
            variables["UV_PROJECT_ENVIRONMENT"] = str(environment)
        self._finish([self._uv, *arguments], variables)

    def _finish(self, command: list[str], variables: dict[str, str]) -> None:
        finished = subprocess.run(  # noqa: S603 (uv, our own program, and arguments of ours)
            command,
            cwd=self._checkout,
            env=variables,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
        if finished.returncode:
            tail = "\n".join(finished.stderr.strip().splitlines()[-15:])
            raise ImageBuildError(f"{Path(command[0]).name} {command[1]} failed:\n{tail}")


def find_uv() -> str:
    """Return the uv that the launcher found (NOVA_UV), or the one on the path."""
    return os.environ.get("NOVA_UV") or shutil.which("uv") or "uv"
