"""The program switches garbage collections off for its own time only; what it costs is measured apart."""

import subprocess
import sys

import pytest

from benchmarks import program_start
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
    run = subprocess.run([sys.executable, "-c", TWICE], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first.startswith("True ")
    assert second == first


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
