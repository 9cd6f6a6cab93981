"""A copy of the checkout, in which pages are followed and nothing of the original is touched."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.docs.pages import Block, FollowError, blocks
from tests.test_house import ROOT, tracked_files

STAMP = ".nova-stamp"
"""The launcher's note of what it has installed. It writes over it, which a link would pass on."""
COMMAND_SECONDS_MAX = 300
SAID_CHARACTERS_MAX = 4_000


class Checkout:
    """The tracked files with an environment of their own, made of links to the files of the original's."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self._environment = _environment(home)
        for path in tracked_files():
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)
        ignored = shutil.ignore_patterns(STAMP)
        shutil.copytree(ROOT / ".venv", folder / ".venv", symlinks=True, ignore=ignored, copy_function=_link)
        for script in (folder / ".venv/bin").iterdir():
            _point(script, ROOT, folder)
        # Tests of the house ask git which files there are; packages are installed from where they lie.
        self.run("git init -q && git add --all && scripts/test-environment")

    def follow(self, page: Path) -> None:
        """Do what a page says, in its order; FollowError names the block that cannot be done."""
        for block in blocks(page):
            try:
                self._do(block)
            except FollowError as error:
                raise FollowError(f"{block.place}: {error}") from error

    def run(self, commands: str) -> str:
        """Run commands as a shell does and return what they say; FollowError for one that fails."""
        return self._started(["sh", "-ec", commands], None)

    def _do(self, block: Block) -> None:
        if block.info == "sh":
            # What was written so far belongs to the checkout, as for somebody who commits.
            self.run(f"git add --all\n{block.text}")
        elif block.info == "diff":
            try:
                self._started(["git", "apply", "--whitespace=error"], block.text)
            except FollowError as error:
                raise FollowError(
                    f"it no longer applies; write it again for the files of today: {error}"
                ) from error
        else:
            file = self.folder / block.info.split()[1]
            if file.exists():
                raise FollowError(f"{block.info.split()[1]} is there already; show the change as a diff")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")

    def _started(self, command: list[str], told: str | None) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            input=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        if done.returncode:
            raise FollowError(f"exit code {done.returncode}\n{done.stdout[-SAID_CHARACTERS_MAX:]}")
        return done.stdout


def _environment(home: Path) -> Mapping[str, str]:
    """What a command finds: nothing of this test run, and the uv that the original's launcher has."""
    uv = subprocess.run([ROOT / "nova", "--print-uv"], capture_output=True, text=True, check=True)
    foreign = ("GIT_", "PYTEST_", "PYTHON", "UV_PROJECT", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # The files that are linked are compiled already.
    return kept | {"NOVA_HOME": str(home), "NOVA_UV": uv.stdout.strip(), "UV_COMPILE_BYTECODE": "0"}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)


def _point(script: Path, original: Path, copy: Path) -> None:
    """Have a script of an environment start the copy's Python; a link is replaced, not written through."""
    if script.is_symlink() or not (text := script.read_bytes()).startswith(b"#!"):
        return
    mode = script.stat().st_mode
    script.unlink()
    script.write_bytes(text.replace(os.fsencode(original / ".venv"), os.fsencode(copy / ".venv")))
    script.chmod(mode)
