"""Runs the applier as a child and shows its progress."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from typing import Any

from cli.daemon import Daemon
from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from cli.output import Output, Step
from cli.tools import UV_VARIABLE, clean_environment

OPERATIONS = ("create", "update", "replace", "delete", "record")


@dataclass(slots=True)
class Applied:
    """What the applier reported."""

    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    recorded: list[str] = field(default_factory=list[str])
    error: str = ""

    @property
    def changes(self) -> int:
        """How many resources were changed in any way."""
        return sum(self.counts.get(operation, 0) for operation in OPERATIONS)

    def summary(self) -> str:
        """Return the counts in words."""
        words = [f"{self.counts[key]} {key}" for key in ("same", *OPERATIONS) if self.counts.get(key)]
        return ", ".join(words) or "nothing declared"


def apply_program(
    home: Home, daemon: Daemon, uv: str, step: Step, output: Output, *, discard: bool
) -> Applied:
    """Bring the local cloud to what the program declares; raises NovaError with the failing resources."""
    command = [
        sys.executable, "-m", "local_cloud.applier", "--home", str(home.path), "--endpoint", daemon.endpoint,
        "--stack", "local", *(["--discard-data"] if discard else []),
    ]  # fmt: skip
    applied = Applied()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603 (our own module)
            command,
            cwd=CHECKOUT,
            env={**clean_environment(), UV_VARIABLE: uv},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        with process:
            try:
                for line in process.stdout:
                    _take(line, applied, step, output)
            except BaseException:
                process.terminate()
                raise
        errors.seek(0)
        last_words = "\n".join(errors.read().strip().splitlines()[-15:])
    if process.returncode or applied.error:
        raise NovaError(f"the program could not be applied:\n{applied.error or last_words}")
    return applied


def _take(line: str, applied: Applied, step: Step, output: Output) -> None:
    try:
        event: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        output.note(line.rstrip())
        return
    match event.get("event"):
        case "resource":
            step.update(f"{event['op']} {event['name']}")
        case "log":
            (output.warning if event["level"] in {"warning", "error"} else output.note)(event["message"])
        case "done":
            applied.outputs, applied.counts = event["outputs"], event["counts"]
            applied.recorded = event["recorded"]
        case "error":
            applied.error = event["message"]
        case other:
            output.note(f"unknown event {other!r}")
