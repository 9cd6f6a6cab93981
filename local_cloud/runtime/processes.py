"""One container's process: a process group of its own, its output, its end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from local_cloud.runtime.orphans import Orphans

CHUNK_BYTES = 65536
LINE_BYTES = 262144
"""A line is cut here, as CloudWatch Logs cuts events at 256 KB."""
DRAIN_SECONDS = 1.0
AGAIN_SECONDS = 0.5
"""After so long whoever nobody can call any more is told a second time to stop."""


class Process:
    """A running (or ended) process and everything it started."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        environment: Mapping[str, str],
        directory: Path,
        orphans: Orphans,
    ) -> None:
        self._process = process
        self._environment = environment
        self._directory = directory
        self._orphans = orphans
        self._output: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        command: list[str],
        environment: Mapping[str, str],
        directory: Path,
        orphans: Orphans,
        descriptors: tuple[int, ...] = (),
    ) -> Self:
        """Start a command with exactly this environment and these files, as the leader of its own session.

        Raises:
            OSError: the program cannot be found or executed.

        """
        process = await _execute(command, environment, directory, asyncio.subprocess.PIPE, descriptors)
        orphans.add(process.pid)
        return cls(process, environment, directory, orphans)

    @property
    def exit_code(self) -> int:
        """The exit code; the negative signal number when a signal ended it."""
        return self._process.returncode or 0

    def copy_output(self, write: Callable[[bytes], None]) -> None:
        """Hand every line that the process writes to `write`."""
        if self._process.stdout is not None:
            self._output = asyncio.create_task(copy_lines(self._process.stdout, write))

    async def wait(self) -> int:
        """Wait until the process has ended."""
        return await self._process.wait()

    async def check(self, command: list[str], timeout_seconds: float) -> bool:
        """Run a command beside the process, in the same environment; whether it succeeded in time."""
        try:
            probe = await _execute(command, self._environment, self._directory, asyncio.subprocess.DEVNULL)
        except OSError:
            return False
        try:
            async with asyncio.timeout(timeout_seconds):
                return await probe.wait() == 0
        except TimeoutError:
            return False
        finally:
            if probe.returncode is None:
                _signal(probe.pid, signal.SIGKILL)

    async def end(self, timeout_seconds: float, unreachable: asyncio.Event | None = None) -> None:
        """Send SIGTERM to the process group, SIGKILL after the timeout; wait for the end of the output.

        Once it is `unreachable`, a second SIGTERM says that nobody is left to serve on for.
        """
        if self._process.returncode is None:
            _signal(self._process.pid, signal.SIGTERM)
            again = asyncio.create_task(self._tell_again(unreachable or asyncio.Event()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._process.wait()
            again.cancel()
        _signal(self._process.pid, signal.SIGKILL)  # also what the leader left behind
        await self._process.wait()
        self._orphans.remove(self._process.pid)
        if self._output is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._output

    async def _tell_again(self, unreachable: asyncio.Event) -> None:
        await unreachable.wait()
        await asyncio.sleep(AGAIN_SECONDS)
        _signal(self._process.pid, signal.SIGTERM)


async def copy_lines(stream: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
    """Hand every line of a stream to `write`, until its end."""
    rest = b""
    while chunk := await stream.read(CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            write(line)
        if len(rest) > LINE_BYTES:
            write(rest)
            rest = b""
    if rest:
        write(rest)


async def _execute(
    command: list[str],
    environment: Mapping[str, str],
    directory: Path,
    output: int,
    descriptors: tuple[int, ...] = (),
) -> asyncio.subprocess.Process:
    # The program is looked up in the container's own PATH, never in the daemon's.
    return await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT if output == asyncio.subprocess.PIPE else output,
        start_new_session=True,
        pass_fds=descriptors,
    )


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
