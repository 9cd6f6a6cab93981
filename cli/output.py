"""What is printed: progress and results, styled on a terminal and plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Generator, Sequence
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Step:
    """A step in progress; `update` says what it is at, `summary` what came of it."""

    def __init__(self, title: str, console: Console) -> None:
        self._title = title
        self._status: Status | None = console.status(title) if console.is_terminal else None
        self.summary = ""

    def update(self, detail: str) -> None:
        """Show what the step is doing now (on a terminal only)."""
        if self._status is not None:
            self._status.update(f"{self._title}: {escape(detail)}")

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._status is not None:
            self._status.stop()
            sys.stderr.flush()


class Output:
    """Progress goes to standard error, results to standard output, so that results can be piped."""

    def __init__(self) -> None:
        self.results = Console(soft_wrap=True, highlight=False)
        self.progress = Console(stderr=True, soft_wrap=True, highlight=False)

    def line(self, text: str = "") -> None:
        """Print a result, exactly as it is."""
        self.results.print(text, markup=False)

    def piece(self, text: str) -> None:
        """Print a piece of a result as it comes, without ending the line."""
        self.results.print(text, markup=False, end="")
        self.results.file.flush()

    def note(self, text: str) -> None:
        """Print a line of progress."""
        self.progress.print(text, markup=False)

    def warning(self, text: str) -> None:
        """Print a warning."""
        self.progress.print(f"[yellow]{escape(text)}[/yellow]")

    def failure(self, text: str) -> None:
        """Print an error."""
        self.progress.print(f"[red]error:[/red] {escape(text)}")

    @contextlib.contextmanager
    def step(self, title: str) -> Generator[Step]:
        """Show one step with a spinner while it runs, and with its time when it is done."""
        started = time.monotonic()
        step = Step(title, self.progress)
        if not self.progress.is_terminal:
            self.note(f"{title} ...")
        with step:
            yield step
        detail = f": {step.summary}" if step.summary else ""
        self.note(f"{title}{detail} ({time.monotonic() - started:.1f} s)")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a table in columns, the first of them flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
