"""What it costs to evaluate stack prod without the engine: ``python -m benchmarks.program_start``.

Prints CPU seconds of a process of its own, and their ratio to the limit. CPU is measured rather than wall
time, and the best of several runs counts, because other work on the machine lengthens both.
"""

import argparse
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_CPU_S = 3.0
"""On two cores that nobody else uses; see `make bench`."""
# A process that ends with the program, as the engine's does: components.startup is its first import.
_PROGRAM = """
import components.startup
from evaluation.program import evaluate
print(len(evaluate('prod').resources))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One evaluation."""

    cpu_s: float
    resources: int


def measured() -> Start:
    """Evaluate prod in a new process, as a person's shell would start it."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", _PROGRAM],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Start(cpu_s=cpu_s, resources=int(printed))


def best(runs: int) -> Start:
    """Return the cheapest of ``runs`` evaluations, after one that compiles what has changed."""
    measured()
    return min((measured() for _ in range(runs)), key=lambda start: start.cpu_s)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 1 if the limit is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.program_start", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=5, help="the best of so many counts (default %(default)s)"
    )
    parser.add_argument(
        "--at-most",
        type=float,
        default=1.0,
        help="fail above this multiple of the limit (default %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    found = best(chosen.runs)
    ratio = found.cpu_s / LIMIT_CPU_S
    print(
        f"evaluating prod: {found.cpu_s:.2f} s CPU (best of {chosen.runs}) for {found.resources} resources, "
        f"{ratio:.2f} of the limit of {LIMIT_CPU_S:.0f} s"
    )
    return int(ratio > chosen.at_most)


if __name__ == "__main__":
    sys.exit(main())
