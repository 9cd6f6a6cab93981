"""The independent scanner, checkov, in an environment of its own: what it finds in a Terraform plan.

It gets nothing but the plan, neither settings nor credentials, and asks its maker's servers nothing.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from cli.tools import build_isolated_environment, clean_environment, find_uv

REQUIREMENTS = CHECKOUT / "policy" / "scanner.txt"
"""Pinned with hashes; made from ``scanner.in`` by the command at its top."""
TIMEOUT_S = 300
# What would send the plan, or a question about versions, to the maker's servers, or change what is looked at.
_LEFT_OUT = ("BC_", "CHECKOV_", "CKV_", "PRISMA_", "LOG_LEVEL")


def prepare(home: Home) -> Path:
    """Return the scanner's interpreter; its environment is made or renewed where it is not there yet.

    Raises ``NovaError`` where that is not possible.
    """
    uv = find_uv()
    if uv is None:
        raise NovaError("uv is missing, which installs the scanner: start this command with ./nova")
    directory = home.path / "scanner"
    build_isolated_environment(directory, REQUIREMENTS, uv)
    return directory / "bin" / "python"


def scan(interpreter: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return checkov's report on a plan: ``summary``, and ``results`` with the checks that passed and failed.

    Raises ``NovaError`` when it has not looked at every resource of the plan.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "plan.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        report = _run(
            interpreter,
            Path(directory),
            ["--file", str(file), "--framework", "terraform_plan", "--compact", "--output", "json"],
        )
    summary: dict[str, Any] = report.get("summary", report)
    planned = len(plan["planned_values"]["root_module"]["resources"])
    if summary.get("resource_count") != planned or summary.get("parsing_errors"):
        raise NovaError(
            f"checkov has read {summary.get('resource_count')} of the {planned} resources in the plan, with "
            f"{summary.get('parsing_errors')} errors: what it says cannot be relied on"
        )
    return report


def _run(interpreter: Path, directory: Path, arguments: list[str]) -> dict[str, Any]:
    command = [str(interpreter.with_name("checkov")), *arguments, "--skip-download", "--soft-fail"]
    finished = subprocess.run(  # noqa: S603 (the scanner and our own file)
        command,
        cwd=directory,
        env=_environment(directory),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    try:
        return cast("dict[str, Any]", json.loads(finished.stdout))
    except json.JSONDecodeError as error:
        said = (finished.stderr or finished.stdout).strip()[-2000:]
        raise NovaError(f"checkov ended with {finished.returncode} and no report:\n{said}") from error


def _environment(directory: Path) -> dict[str, str]:
    kept = {key: value for key, value in clean_environment().items() if not key.startswith(_LEFT_OUT)}
    # Its settings would come from the home folder.
    return {**kept, "HOME": str(directory), "TMPDIR": str(directory), "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
