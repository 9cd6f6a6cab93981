"""Runs the whole program of a stack against a recorder."""

import asyncio
import contextvars
import gc
import os
import runpy
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime import mocks, set_all_config
from pulumi.runtime import settings as runtime_settings
from pulumi.runtime import stack as runtime_stack

from evaluation.recorder import Cloud, Recorded, RecordingMonitor
from settings.project import project_schema, stack_config

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a program registered."""

    resources: dict[str, Recorded]
    """By URN; the stack itself is left out."""
    outputs: dict[str, Any]
    invokes: tuple[str, ...]

    def of_type(self, kind: str) -> list[Recorded]:
        """Return the resources of one type, by name."""
        found = [resource for resource in self.resources.values() if resource.type == kind]
        return sorted(found, key=lambda resource: resource.name)

    def one(self, kind: str, name: str) -> Recorded:
        """Return the resource of a type and name."""
        (found,) = [resource for resource in self.of_type(kind) if resource.name == name]
        return found


def evaluate(
    stack: str,
    preview: bool = False,
    directory: Path = ROOT,
    monitor: RecordingMonitor | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Deployment:
    """Run the program of ``directory`` for ``stack``; ``overrides`` replace configuration by short key.

    Errors of the program are raised here. The run has a context of its own and leaves no trace in the
    process.
    """
    project = project_schema(directory).name
    config = stack_config(directory, stack) | {
        f"{project}:{key}": text for key, text in (overrides or {}).items()
    }

    def program() -> None:
        runpy.run_path(str(directory / "__main__.py"), run_name="__main__")

    return run(program, project, stack, config, preview, directory, monitor)


def run(
    program: Callable[[], None],
    project: str = "nova",
    stack: str = "test",
    config: dict[str, str] | None = None,
    preview: bool = False,
    directory: Path = ROOT,
    monitor: RecordingMonitor | None = None,
) -> Deployment:
    """Run ``program`` as the program of a stack; a given ``monitor`` shows what a failed run did."""
    values = config or {}
    monitor = RecordingMonitor(Cloud(preview)) if monitor is None else monitor

    outputs = set[asyncio.Task[Any]]()

    async def settled() -> None:
        program()
        # The SDK waits for one output after the other, and looks at all the others each time.
        while pending := {task for task in outputs if not task.done()}:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
            if any(task.exception() for task in done):
                return

    async def main() -> None:
        # After the first error the others, which follow from it, would only be noise.
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        await runtime_stack.run_in_stack(settled)

    def body() -> None:
        set_all_config(values)
        deployment = monitor.GetDeploymentInfo(empty_pb2.Empty())  # pyright: ignore[reportUnknownMemberType]
        runtime_settings.configure(
            mocks.MockSettings(
                monitor=monitor,
                monitor_features=set(deployment.supportedFeatures),
                engine=mocks.MockEngine(None),
                project=project,
                stack=stack,
                dry_run=preview,
                organization="organization",
                callbacks=None,
                # Of its own too: a run that fails leaves outputs that nobody will wait for.
                outputs=outputs,
            )
        )
        asyncio.run(main())

    with _working_directory(directory), _without_collections(), _without_origins():
        contextvars.copy_context().run(body)
    resources = {urn: found for urn, found in monitor.recorded.items() if found.type != "pulumi:pulumi:Stack"}
    return Deployment(resources=resources, outputs=monitor.outputs, invokes=tuple(monitor.cloud.invokes))


@contextmanager
def _without_collections() -> Generator[None]:
    # The program switches collections off for its own good (components/startup.py), which is over here.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _without_origins() -> Generator[None]:
    # The SDK tells the engine by which calls each resource came about, and looks up file and line of every
    # frame for it, those of this evaluation too: a tenth of its time. No recorder asks for that; where there
    # is but one frame, nothing is told.
    before: int | None = getattr(sys, "tracebacklimit", None)
    sys.tracebacklimit = 1
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before


@contextmanager
def _working_directory(directory: Path) -> Generator[None]:
    # The engine runs a program in its own folder, and image sources are relative to it.
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
