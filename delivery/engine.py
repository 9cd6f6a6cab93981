"""The `pulumi` command line, run on one stack of this checkout."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.errors import DeliveryError
from delivery.preview import Preview, read

ROOT = Path(__file__).parents[1]
IMAGES = "images"
"""The stack's setting and its output: which image each workload runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack; where its state is says the environment (`PULUMI_BACKEND_URL`)."""

    name: str
    folder: Path = ROOT

    def asleep(self) -> bool:
        """Whether the stack's file has it asleep, so that nobody is at home."""
        return bool(self._settings().get("config", {}).get(f"{self._project()}:asleep"))

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs; none before its first update."""
        return json.loads(self._run("stack", "output", "--json").stdout or "{}")

    def preview(self) -> tuple[Preview, str]:
        """Return what an update would do, and the engine's own document."""
        return self._document("preview", "--json")

    def drift(self) -> tuple[Preview, str]:
        """Return what has changed in the account since the last update; the program is not asked."""
        return self._document("refresh", "--preview-only", "--json")

    def update(self) -> None:
        """Update; what the engine says goes to the log. Raises ``DeliveryError`` when it fails."""
        arguments = self._arguments("up", "--yes")
        if code := subprocess.run(arguments, cwd=self.folder, check=False).returncode:  # noqa: S603 (no shell)
            raise DeliveryError(f"`pulumi up` of stack {self.name} ended with {code}; what it said is above")

    def take(self, images: dict[str, str]) -> None:
        """Write into this checkout's stack file which images are taken; the file is not given back."""
        values = self._settings()
        values.setdefault("config", {})[f"{self._project()}:{IMAGES}"] = dict(sorted(images.items()))
        self._file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

    @property
    def _file(self) -> Path:
        return self.folder / f"Pulumi.{self.name}.yaml"

    def _settings(self) -> dict[str, Any]:
        if not self._file.is_file():
            raise DeliveryError(f"there is no {self._file.name}: say which stack it is with --stack")
        return yaml.safe_load(self._file.read_text(encoding="utf-8")) or {}

    def _project(self) -> str:
        return yaml.safe_load((self.folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]

    def _document(self, *arguments: str) -> tuple[Preview, str]:
        finished = self._run(*arguments, check=False)
        if not finished.stdout.strip():
            raise DeliveryError(
                f"`pulumi {arguments[0]}` of stack {self.name} said nothing:\n{finished.stderr}"
            )
        found = read(finished.stdout)
        if finished.returncode and not found.errors:
            raise DeliveryError(f"`pulumi {arguments[0]}` of stack {self.name} failed:\n{finished.stderr}")
        return found, finished.stdout

    def _run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(  # noqa: S603 (no shell)
            self._arguments(*arguments), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if check and finished.returncode:
            said = finished.stderr.strip() or finished.stdout.strip()
            raise DeliveryError(f"`pulumi {' '.join(arguments[:2])}` of stack {self.name} failed:\n{said}")
        return finished

    def _arguments(self, *arguments: str) -> list[str]:
        program = shutil.which("pulumi")
        if program is None:
            raise DeliveryError("pulumi is not on PATH: get it from https://www.pulumi.com/docs/install/")
        return [program, *arguments, "--stack", self.name, "--non-interactive"]


def references(images: dict[str, Any]) -> dict[str, str]:
    """Return ``<repository>@<digest>`` of images as an output names them, which is with their registry."""
    return {name: str(image).partition("/")[2] or str(image) for name, image in images.items()}
