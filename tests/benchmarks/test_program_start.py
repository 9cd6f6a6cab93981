"""The program switches garbage collections off for its own time only; what it costs is measured apart."""

import subprocess
import sys
from typing import Any, override

import pulumi
import pytest

from benchmarks import program_start
from evaluation.program import run
from evaluation.recorder import Cloud, RecordingMonitor
from tests.infra.deployment import ROOT

TWICE = """
import gc
from evaluation.program import evaluate
for _ in range(2):
    evaluate("local")
    print(gc.isenabled(), gc.get_freeze_count())
"""


def test_collections_are_off_only_while_the_program_runs_and_a_second_run_keeps_nothing_of_the_first() -> (
    None
):
    done = subprocess.run([sys.executable, "-c", TWICE], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("True ")
    assert second == first


class Told(RecordingMonitor):
    """Keeps by which calls resources came about."""

    def __init__(self) -> None:
        super().__init__(Cloud(preview=False))
        self.frames: list[int] = []

    @override
    def RegisterResource(self, request: Any) -> Any:
        self.frames.append(len(request.stackTrace.frames))
        return super().RegisterResource(request)


def test_nobody_is_told_by_which_calls_a_resource_came_about() -> None:
    monitor = Told()
    run(lambda: pulumi.ComponentResource("test:test:Part", "part") and None, monitor=monitor)
    assert monitor.frames
    assert not any(monitor.frames)


def test_tracebacks_are_whole_again_after_a_program_that_ends_and_one_that_fails() -> None:
    def failing() -> None:
        assert sys.tracebacklimit == 1
        raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"):
        run(failing)
    assert not hasattr(sys, "tracebacklimit")
    sys.tracebacklimit = 77
    try:
        run(lambda: None)
        assert sys.tracebacklimit == 77
    finally:
        del sys.tracebacklimit


def test_a_start_over_its_limit_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = program_start.Start(cpu_s=program_start.LIMIT_CPU_S * 1.2, resources=500)

    def found(_runs: int) -> program_start.Start:
        return slow

    monkeypatch.setattr(program_start, "best", found)
    assert program_start.main(["--at-most", "1.1"]) == 1
    assert "1.20 of the limit of 3 s" in capsys.readouterr().out
    assert program_start.main(["--at-most", "1.3"]) == 0
