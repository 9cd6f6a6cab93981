"""The `pulumi` command line, run in one project's folder on one backend."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.errors import NovaError
from cli.tools import clean_environment

VERSION_MIN = (3, 260)
"""The oldest engine that the programs were run on."""
GET_IT = "get it from https://www.pulumi.com/docs/install/"
_OVERRIDES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK")
"""What a shell may say of another stack than the one meant."""


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
    asked = [_program(), "version"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 (no shell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One stack of the project in ``folder``, with its state in ``backend``."""

    folder: Path
    stack: str
    backend: str
    """What `pulumi login` takes; empty for the one that the person is logged in to."""
    uv: str
    """The uv that prepares the program's environment; the engine looks for it on PATH."""
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        known: list[dict[str, Any]] = json.loads(self._read("stack", "ls", "--json"))
        return any(found["name"] == self.stack for found in known)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, those which are secret masked."""
        return json.loads(self._read("stack", "output", "--json", "--stack", self.stack))

    def state(self) -> dict[str, Any]:
        """Return the stack's state, what is secret encrypted."""
        return json.loads(self._read("stack", "export", "--stack", self.stack))

    def preview(self) -> dict[str, Any]:
        """Return what an update would do."""
        return json.loads(self._read("preview", "--json", "--stack", self.stack))

    def init(self, secrets_provider: str) -> None:
        """Make the stack, empty."""
        self._read("stack", "init", self.stack, "--secrets-provider", secrets_provider, "--no-select")

    def set(self, key: str, value: str) -> None:
        """Write a setting into the stack's file."""
        self._read("config", "set", key, value, "--stack", self.stack)

    def export_to(self, file: Path) -> None:
        """Write the stack's state into ``file``, what is secret encrypted."""
        self._read("stack", "export", "--file", str(file), "--stack", self.stack)

    def import_from(self, file: Path) -> None:
        """Replace the stack's state by that in ``file``."""
        self._read("stack", "import", "--file", str(file), "--stack", self.stack)

    def encrypt_with(self, secrets_provider: str) -> None:
        """Encrypt settings and state by another provider, or under a new key of the same."""
        self._read("stack", "change-secrets-provider", secrets_provider, "--stack", self.stack)

    def check_unchanged(self) -> None:
        """Preview; raises ``NovaError`` when the program would change anything."""
        self._read("preview", "--expect-no-changes", "--stack", self.stack)

    def show(self, *arguments: str) -> None:
        """Run a command that speaks to the person itself; raises ``NovaError`` when it fails."""
        process = subprocess.Popen(  # noqa: S603 (no shell)
            [_program(), *arguments, "--stack", self.stack], cwd=self.folder, env=self._environment()
        )
        ended = _ended(process)
        if ended:
            raise NovaError(
                f"`pulumi {arguments[0]}` ended with {ended}; what it said stands above. What it "
                "did until then is kept: run the same command again to go on"
            )

    def _read(self, *arguments: str) -> str:
        finished = subprocess.run(  # noqa: S603 (no shell)
            [_program(), *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            said = (finished.stderr.strip() or finished.stdout.strip()).splitlines()[-15:]
            words = "\n".join(f"  {line}" for line in said)
            raise NovaError(f"`pulumi {' '.join(arguments[:2])}` on {self.backend} failed:\n{words}")
        return finished.stdout

    def _environment(self) -> dict[str, str]:
        kept = {
            key: value for key, value in clean_environment(with_account=True).items() if key not in _OVERRIDES
        }
        uv = Path(shutil.which(self.uv) or self.uv)
        path = os.pathsep.join((str(uv.parent), kept.get("PATH", "")))
        return kept | {
            "PATH": path,
            **({"PULUMI_BACKEND_URL": self.backend} if self.backend else {}),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self.variables,
        }


def _program() -> str:
    return shutil.which("pulumi") or "pulumi"


def _ended(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The engine was interrupted too and ends what it has begun; killed, it would leave a lock.
            continue
