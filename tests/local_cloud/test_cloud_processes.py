"""How a container's process is ended: with its patience, or at once when nobody is left to call it."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.processes import Process

SERVES_ON = """
import signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1) if not told else sys.exit(0))
print("ready", flush=True)
time.sleep(60)
"""
"""Serves on after a first SIGTERM, for callers that hold its address, and ends at the second."""


def ended(directory: Path, patience_s: float, *, unreachable: bool) -> tuple[int, float]:
    """Start such a process and end it; returns its exit code and how long that took."""

    async def scenario() -> tuple[int, float]:
        orphans, ready = Orphans(directory / "processes.json"), asyncio.Event()
        process = await Process.start([sys.executable, "-c", SERVES_ON], {}, directory, orphans)
        process.copy_output(lambda _line: ready.set())
        await ready.wait()
        nobody_calls, begun = asyncio.Event(), time.monotonic()
        if unreachable:
            nobody_calls.set()
        await process.end(patience_s, nobody_calls)
        return process.exit_code, time.monotonic() - begun

    return asyncio.run(scenario())


def test_who_serves_on_for_nobody_is_told_again(tmp_path: Path) -> None:
    code, seconds = ended(tmp_path, 30, unreachable=True)
    assert code == 0
    assert seconds < 10


def test_who_may_still_be_called_has_its_patience(tmp_path: Path) -> None:
    code, seconds = ended(tmp_path, 1.5, unreachable=False)
    assert code == -signal.SIGKILL
    assert seconds == pytest.approx(1.5, abs=1)
