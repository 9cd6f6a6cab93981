"""What slices there are and what they say of themselves, read from their folders: nobody lists them twice."""

import inspect
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi

from settings.slices import HOLDS_NOTHING, Calls, read_slices

ROOT = Path(__file__).parent.parent
FOLDERS = tuple(sorted(path.parent for path in ROOT.glob("services/*/pyproject.toml")))
"""Of slices that are Python; the site is not."""
NAMES = tuple(folder.name.replace("_", "-") for folder in FOLDERS)
IMAGES = frozenset(path.parent.name.replace("_", "-") for path in ROOT.glob("services/*/Dockerfile"))
"""What each slice's image is called."""
DECLARED = read_slices()
SERVICES = tuple(DECLARED.services)
"""ECS services, by name."""
ALWAYS = frozenset(name for name, service in DECLARED.services.items() if not service.only_with)
"""Those of every stack."""
WORKERS = tuple(name for name, service in DECLARED.services.items() if service.queue)
"""Those that consume a queue."""
CALLS: dict[str, Calls] = {name: service.calls for name, service in DECLARED.services.items()} | dict(
    DECLARED.runtimes
)
"""What each service and each runtime calls."""
CALLED = ALWAYS - {*WORKERS}
"""Those that are asked: APIs, live voice and the site."""


def holds_nothing(folder: Path) -> str:
    """Why a slice keeps nothing about people; empty for one that does."""
    file = folder / "slice.toml"
    told = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return str(told.get(HOLDS_NOTHING, ""))


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
