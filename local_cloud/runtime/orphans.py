"""Remembers the processes that the runtime started, so that a killed daemon's leftovers can be ended."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil

TERMINATE_SECONDS = 2.0
"""How long a leftover may take to end after SIGTERM before it is killed."""
START_TOLERANCE_SECONDS = 1.0
"""Start times come from clock ticks: equal within this much means the same process."""


def members(group: int, started_at: float) -> list[psutil.Process]:
    """Return the live processes of a process group that began with (or after) its recorded leader."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            same_group = os.getpgid(process.pid) == group
            if same_group and process.create_time() >= started_at - START_TOLERANCE_SECONDS:
                found.append(process)
    return found


class Orphans:
    """The record of running process groups: leader's process id -> its start time (epoch seconds)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._groups: dict[int, float] = {}

    def add(self, process_id: int) -> None:
        """Record a process group that was just started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._groups[process_id] = psutil.Process(process_id).create_time()
        self._write()

    def remove(self, process_id: int) -> None:
        """Forget a process group that has ended."""
        self._groups.pop(process_id, None)
        self._write()

    def _write(self) -> None:
        temporary = self._path.with_suffix(".json.tmp")
        temporary.write_text(json.dumps(self._groups))
        temporary.replace(self._path)

    def sweep(self) -> int:
        """End every process group that an earlier daemon recorded and left; return how many there were."""
        recorded: dict[str, float] = json.loads(self._path.read_text()) if self._path.exists() else {}
        left: dict[int, list[psutil.Process]] = {}
        for key, started_at in recorded.items():
            if processes := members(int(key), started_at):
                left[int(key)] = processes
        for group in left:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + TERMINATE_SECONDS
        _, alive = psutil.wait_procs(
            [process for processes in left.values() for process in processes],
            timeout=max(0.0, deadline - time.monotonic()),
        )
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._path.unlink(missing_ok=True)
        return len(left)
