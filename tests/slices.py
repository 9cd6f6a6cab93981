"""What slices there are and what they say of themselves, read from their folders: nobody lists them twice."""

import inspect
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi

from settings.services import SELLER, SERVICES, WORKERS

ROOT = Path(__file__).parent.parent
FOLDERS = tuple(sorted(path.parent for path in ROOT.glob("services/*/pyproject.toml")))
"""Of slices that are Python; the site is not."""
NAMES = tuple(folder.name.replace("_", "-") for folder in FOLDERS)
IMAGES = frozenset(path.parent.name.replace("_", "-") for path in ROOT.glob("services/*/Dockerfile"))
"""What each slice's image is called."""
ALWAYS = frozenset(SERVICES) - {SELLER}
"""ECS services of every stack."""
CALLED = ALWAYS - {*WORKERS}
"""Those that are asked: APIs, live voice and the site."""


def project(folder: Path) -> dict[str, Any]:
    """A slice's pyproject.toml."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def holds_nothing(folder: Path) -> str:
    """Why a slice keeps nothing about people; empty for one that does."""
    return str(project(folder).get("tool", {}).get("nova", {}).get("holds-nothing", ""))


def declaring(name: str) -> Any:  # noqa: ANN401 - a component with `routes`
    """The component of a slice that declares its public routes."""
    module = import_module(f"services.{name.replace('-', '_')}.infra")
    (found,) = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, pulumi.ComponentResource)
        and member.__module__ == module.__name__
        and hasattr(member, "routes")
    )
    return found
