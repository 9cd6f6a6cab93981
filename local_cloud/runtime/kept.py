"""A server of the machine that is kept running: started, started again whenever it ends, stopped at last."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.processes import Process

RESTART_FIRST_SECONDS, RESTART_LAST_SECONDS = 0.2, 10.0

logger = logging.getLogger(__name__)


class KeptProcess:
    """One program, run again and again; `command` makes its command line for each time.

    `error` tells why it does not run, None while it does. `write` gets each line of its output.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], list[str]],
        environment: Mapping[str, str],
        directory: Path,
        orphans: Orphans,
        write: Callable[[bytes], None],
        stop_seconds: float,
    ) -> None:
        self.error: str | None = None
        self._name = name
        self._command = command
        self._environment = environment
        self._directory = directory
        self._orphans = orphans
        self._write = write
        self._stop_seconds = stop_seconds
        self._last_line = ""
        self._process: Process | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None

    def start(self) -> None:
        """Keep it running from now on; once."""
        self._running = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """End it, within `stop_seconds`."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def _keep_running(self) -> None:
        pause = RESTART_FIRST_SECONDS
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await self._run()
            except OSError as error:
                self.error = f"{self._name} cannot be started: {error}"
            logger.warning("%s", self.error)
            if asyncio.get_running_loop().time() - begun > RESTART_LAST_SECONDS:
                pause = RESTART_FIRST_SECONDS
            await asyncio.sleep(pause)
            pause = min(RESTART_LAST_SECONDS, 2 * pause)

    async def _run(self) -> None:
        """Run it once, to its end."""
        process = await Process.start(self._command(), self._environment, self._directory, self._orphans)
        self._process, self.error = process, None
        process.copy_output(self._note)
        try:
            code = await process.wait()
            self.error = f"{self._name} ended with {code}: {self._last_line}"
        finally:
            self._process = None
            await asyncio.shield(process.end(self._stop_seconds))

    def _note(self, line: bytes) -> None:
        self._last_line = line.decode(errors="replace")
        self._write(line)
