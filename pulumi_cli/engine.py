"""The `pulumi` command line, run on one stack of one program."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_cli.preview import Preview, PreviewError, read

VERSION_MIN = (3, 260)
"""The oldest engine that the programs were run on."""
GET_IT = "get it from https://www.pulumi.com/docs/install/"
BACKEND = "PULUMI_BACKEND_URL"
"""The variable that says where the state is; without it, it is where the person is logged in to."""
_LINES_SHOWN = 40
"""Of what a command that failed has said, the last ones."""


def problem() -> str:
    """Say what is wrong with the engine on PATH; empty for nothing."""
    if shutil.which("pulumi") is None:
        return f"pulumi is missing: {GET_IT}"
    shown = version()
    found = re.match(r"v?(\d+)\.(\d+)\.", shown)
    if found is None or (int(found[1]), int(found[2])) < VERSION_MIN:
        wanted = ".".join(map(str, VERSION_MIN))
        return f"pulumi {wanted} or newer is needed, the one on PATH is {shown or 'silent'}: {GET_IT}"
    return ""


def version() -> str:
    """Return what the engine on PATH says that it is."""
    asked = [shutil.which("pulumi") or "pulumi", "version"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 (no shell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One stack of the program in ``folder``; whatever fails is raised as an ``error``."""

    folder: Path
    stack: str
    error: Callable[[str], Exception]
    """Makes what a failure is raised as, from a text that says what failed and what to do."""
    environment: Mapping[str, str] | None = None
    """The command's variables; those of this process when left out."""
    advice: str = ""
    """What somebody does about a command that ended halfway."""

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        known: list[dict[str, Any]] = json.loads(self._read("stack", "ls", "--json"))
        return any(found["name"] == self.stack for found in known)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, those which are secret masked; none before its first update."""
        return json.loads(self._read_stack("stack", "output", "--json") or "{}")

    def state(self) -> dict[str, Any]:
        """Return the stack's state, what is secret encrypted."""
        return json.loads(self._read_stack("stack", "export"))

    def preview(self) -> tuple[Preview, str]:
        """Return what an update would do, what keeps it from working included, and the engine's document."""
        return self._document("preview", "--json")

    def drift(self) -> tuple[Preview, str]:
        """Return what has changed in the account since the last update; the program is not asked."""
        return self._document("refresh", "--preview-only", "--json")

    def init(self, secrets_provider: str) -> None:
        """Make the stack, empty."""
        self._read("stack", "init", self.stack, "--secrets-provider", secrets_provider, "--no-select")

    def set(self, key: str, value: str) -> None:
        """Write a setting into the stack's file."""
        self._read_stack("config", "set", key, value)

    def export_to(self, file: Path) -> None:
        """Write the stack's state into ``file``, what is secret encrypted."""
        self._read_stack("stack", "export", "--file", str(file))

    def import_from(self, file: Path) -> None:
        """Replace the stack's state by that in ``file``."""
        self._read_stack("stack", "import", "--file", str(file))

    def encrypt_with(self, secrets_provider: str) -> None:
        """Encrypt settings and state by another provider, or under a new key of the same."""
        self._read_stack("stack", "change-secrets-provider", secrets_provider)

    def check_unchanged(self) -> None:
        """Preview; raises an ``error`` when the program would change anything."""
        self._read_stack("preview", "--expect-no-changes")

    def show(self, *arguments: str) -> None:
        """Run a command whose words go where those of this process go; raises an ``error`` when it fails."""
        command = [self._program(), *arguments, "--stack", self.stack]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment)  # noqa: S603 (no shell)
        if ended := _ended(process):
            raise self.error(
                f"`pulumi {arguments[0]}` of stack {self.stack} ended with {ended}; what it said stands "
                f"above{self.advice and f'. {self.advice}'}"
            )

    def _document(self, *arguments: str) -> tuple[Preview, str]:
        finished = self._run(*arguments, "--stack", self.stack)
        if not finished.stdout.strip():
            raise self._failure(arguments, finished)
        try:
            found = read(finished.stdout)
        except PreviewError as error:
            raise self.error(f"`pulumi {arguments[0]}` of stack {self.stack}: {error}") from error
        if finished.returncode and not found.errors:
            raise self._failure(arguments, finished)
        return found, finished.stdout

    def _read_stack(self, *arguments: str) -> str:
        return self._read(*arguments, "--stack", self.stack)

    def _read(self, *arguments: str) -> str:
        finished = self._run(*arguments)
        if finished.returncode:
            raise self._failure(arguments, finished)
        return finished.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 (no shell)
            [self._program(), *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _program(self) -> str:
        program = shutil.which("pulumi")
        if program is None:
            raise self.error(problem())
        return program

    def _failure(self, arguments: tuple[str, ...], finished: subprocess.CompletedProcess[str]) -> Exception:
        said = (finished.stderr.strip() or finished.stdout.strip()).splitlines()[-_LINES_SHOWN:]
        words = "\n".join(f"  {line}" for line in said) or "  it said nothing"
        backend = (self.environment or {}).get(BACKEND)
        place = f"stack {self.stack}" + (f" on {backend}" if backend else "")
        return self.error(f"`pulumi {' '.join(arguments[:2])}` of {place} failed:\n{words}")


def _ended(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The engine was interrupted too and ends what it has begun; killed, it would leave a lock.
            continue
