"""Evaluates the Pulumi program in this process."""

import asyncio
import contextlib
import os
import runpy
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime import mocks, settings
from pulumi.runtime.stack import run_in_stack

from .engine import ApplyError
from .monitor import EngineLog, Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A project's directory, its stack, and the stack's configuration (full keys such as "nova:zones")."""

    directory: Path
    project: str
    stack: str
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_keys: frozenset[str] = frozenset()


def evaluate(program: Program, monitor: Monitor, log: EngineLog) -> None:
    """Run `__main__.py` to its end, all registrations included; raises ApplyError when any failed."""
    pulumi.runtime.set_all_config(dict(program.config), list(program.secret_keys))
    with _standing_in(program.directory):
        try:
            asyncio.run(_run(program, monitor, log))
        except Exception as error:
            # A failed registration also fails what depends on it; the first one is the cause.
            if monitor.failures:
                raise ApplyError("\n".join(monitor.failures)) from error
            raise
    if monitor.failures:
        raise ApplyError("\n".join(monitor.failures))


async def _run(program: Program, monitor: Monitor, log: EngineLog) -> None:
    # The SDK leaves futures of dependents behind when a registration fails; asyncio would print each of them.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    settings.set_root_resource(None)  # pyright: ignore[reportArgumentType]
    deployment = cast("Any", monitor).GetDeploymentInfo(empty_pb2.Empty())
    settings.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=set(deployment.supportedFeatures),
            engine=log,
            project=program.project,
            stack=program.stack,
            dry_run=False,
            organization="organization",
            callbacks=None,
        )
    )
    await run_in_stack(lambda: _execute(program.directory))


def _execute(directory: Path) -> None:
    runpy.run_path(str(directory / "__main__.py"), run_name="__main__")


@contextlib.contextmanager
def _standing_in(directory: Path) -> Generator[None]:
    """Work in the program's directory with its modules importable, and keep its prints off standard output.

    Paths of assets and build contexts are read while registrations run, so this holds until the last of them.
    """
    before: Any = (Path.cwd(), list(sys.path))
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.chdir(before[0])
        sys.path[:] = before[1]
