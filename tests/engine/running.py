"""A program on the real engine: a checkout, a backend and providers of its own, and what the engine does."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pulumi import automation as auto
from pulumi.automation import CommandError, EngineEvent, OpType

from pulumi_cli.engine import Engine
from pulumi_cli.urns import type_of
from tests.engine.stand_in import attached_providers

ROOT = Path(__file__).parents[2]
SECRET = "4dabf18193072939515e22adb298388d"
"""Key by which the engine's state marks a secret."""
UNCHANGED = {OpType.SAME, OpType.READ}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation did or would do: URNs of changed resources by operation, and diagnostics."""

    changes: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    errors: list[str] = field(default_factory=list[str])

    def types(self) -> set[str]:
        """The types of everything that changes."""
        return {type_of(urn) for urns in self.changes.values() for urn in urns}

    def lost(self) -> set[str]:
        """URNs of what is deleted, for good or to be replaced."""
        kinds = ("delete", "delete-replaced", "replace", "create-replacement")
        return set[str]().union(*(self.changes.get(kind, set()) for kind in kinds))

    def take(self, event: EngineEvent) -> None:
        """Take in one of the engine's events."""
        if (step := event.resource_pre_event) and step.metadata.op not in UNCHANGED:
            self.changes.setdefault(step.metadata.op.value, set()).add(step.metadata.urn)
        if (said := event.diagnostic_event) and said.severity == "error":
            self.errors.append(said.message)


@dataclass(frozen=True, slots=True)
class Running:
    """One stack of a program in a checkout of its own."""

    stack: auto.Stack
    folder: Path
    """The program's."""

    def preview(self) -> Plan:
        """What an update would do."""
        plan = Plan()
        self.stack.preview(on_event=plan.take)
        return plan

    def update(self) -> Plan:
        """Update, and say what was done."""
        plan = Plan()
        self.stack.up(on_event=plan.take)
        return plan

    @contextmanager
    def setting(self, key: str, value: str) -> Generator[None]:
        """Set a key of the stack's configuration for a while."""
        stack_file = self.folder / f"Pulumi.{self.stack.name}.yaml"
        before = stack_file.read_text(encoding="utf-8")
        self.stack.set_config(key, auto.ConfigValue(value))
        try:
            yield
        finally:
            stack_file.write_text(before, encoding="utf-8")

    def resources(self) -> list[dict[str, Any]]:
        """What the engine's state holds, as it lies in the backend."""
        project = self.stack.workspace.project_settings().name
        backend = unquote(urlsplit(self.stack.workspace.env_vars["PULUMI_BACKEND_URL"]).path)
        state = Path(backend) / ".pulumi" / "stacks" / project / f"{self.stack.name}.json"
        latest = json.loads(state.read_text(encoding="utf-8"))["checkpoint"]["latest"]
        assert not latest.get("pending_operations")
        return latest.get("resources", [])

    def unprotect(self, urns: Iterable[str]) -> None:
        """Let resources be deleted, as a person does who means it."""
        for urn in urns:
            self.pulumi("state", "unprotect", urn, "--yes", "--stack", self.stack.name)

    def command_line(self) -> Engine:
        """The stack as this repository's own tools see it."""
        variables = {**os.environ, **self.stack.workspace.env_vars}
        return Engine(folder=self.folder, stack=self.stack.name, error=AssertionError, environment=variables)

    def pulumi(self, *arguments: str) -> str:
        """Run the command line on this stack's backend; returns what it prints."""
        workspace = self.stack.workspace
        return workspace.pulumi_command.run(
            list(arguments), workspace.work_dir, dict(workspace.env_vars)
        ).stdout


def copy_of_the_checkout(directory: Path, *, environment: bool = True) -> Path:
    """Copy the tracked files, because the engine writes a stack's encryption salt into its stack file.

    The ``environment`` is the one that runs this test, so that the engine installs nothing; or there is none.
    """
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    if environment:
        (directory / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    return directory


def without_type_checks(folder: Path) -> None:
    """Take the type checker out of the project file in ``folder``: it takes longer than all the rest."""
    project = folder / "Pulumi.yaml"
    lines = project.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.strip() != "typechecker: pyright"]
    assert len(kept) == len(lines) - 1
    project.write_text("".join(kept), encoding="utf-8")


@contextmanager
def engine(directory: Path, refused: Collection[str] = ()) -> Generator[dict[str, str]]:
    """Serve the providers; yields the variables that lead the engine to them and to a backend of its own.

    They refuse what is told one of the texts in ``refused``.
    """
    backend = directory / "backend"
    backend.mkdir()
    with attached_providers(refused) as providers:
        yield {
            "PULUMI_DEBUG_PROVIDERS": providers,
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only-for-this-test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # uv syncs before it runs anything; the environment's own packages stay those of this checkout.
            "UV_NO_INSTALL_LOCAL": "1",
            # The tests' own environment must not lead the program elsewhere.
            "VIRTUAL_ENV": "",
            "PATH": os.environ["PATH"],
        }


@contextmanager
def running(
    directory: Path, stack: str, folder: str = ".", prepare: Callable[[Path], None] = without_type_checks
) -> Generator[Running]:
    """Make ``stack`` of the program in the checkout's ``folder``, changed by ``prepare``."""
    with engine(directory) as variables:
        program = copy_of_the_checkout(directory / "checkout") / folder
        prepare(program)
        workspace = auto.LocalWorkspace(work_dir=str(program), env_vars=variables)
        workspace.create_stack(stack)
        yield Running(auto.Stack.select(stack, workspace), program)


def check_that_it_goes_away(stack: Running) -> None:
    """What is protected refuses to go until a person unprotects it; then everything goes, in order."""
    protected = {found["urn"] for found in stack.resources() if found.get("protect")}
    if protected:
        before = {found["urn"] for found in stack.resources()}
        # With its preview, as a person runs it: --skip-preview takes away what is not protected.
        with pytest.raises(CommandError, match="because it is protected"):
            stack.pulumi("destroy", "--yes", "--stack", stack.stack.name)
        assert {found["urn"] for found in stack.resources()} == before
        stack.unprotect(protected)
    stack.stack.destroy()
    assert stack.resources() == []
