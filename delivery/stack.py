"""One stack of this checkout: what images its file names, and the engine that brings it there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.errors import DeliveryError
from pulumi_cli.engine import Engine
from pulumi_cli.preview import Preview

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
        return self._engine.outputs()

    def preview(self) -> tuple[Preview, str]:
        """Return what an update would do, and the engine's own document."""
        return self._engine.preview()

    def drift(self) -> tuple[Preview, str]:
        """Return what has changed in the account since the last update; the program is not asked."""
        return self._engine.drift()

    def update(self) -> None:
        """Update; what the engine says goes to the log. Raises ``DeliveryError`` when it fails."""
        self._engine.show("up", "--yes", "--non-interactive")

    def take(self, images: dict[str, str]) -> None:
        """Write into this checkout's stack file which images are taken; the file is not given back."""
        values = self._settings()
        values.setdefault("config", {})[f"{self._project()}:{IMAGES}"] = dict(sorted(images.items()))
        self._file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

    @property
    def _engine(self) -> Engine:
        return Engine(folder=self.folder, stack=self.name, error=DeliveryError)

    @property
    def _file(self) -> Path:
        return self.folder / f"Pulumi.{self.name}.yaml"

    def _settings(self) -> dict[str, Any]:
        if not self._file.is_file():
            raise DeliveryError(f"there is no {self._file.name}: say which stack it is with --stack")
        return yaml.safe_load(self._file.read_text(encoding="utf-8")) or {}

    def _project(self) -> str:
        return yaml.safe_load((self.folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]


def references(images: dict[str, Any]) -> dict[str, str]:
    """Return ``<repository>@<digest>`` of images as an output names them, which is with their registry."""
    return {name: str(image).partition("/")[2] or str(image) for name, image in images.items()}
