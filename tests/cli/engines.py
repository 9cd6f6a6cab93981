"""An engine that only takes notes, on the path of a test."""

import sys
from pathlib import Path

import pytest

from cli import tools


def install_engine(engine: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `pulumi` (see fake_pulumi.py), with its notes in the folder ``engine``, and a uv on the path."""
    for folder in (engine, programs):
        folder.mkdir()
    program = programs / "pulumi"
    fake = Path(__file__).with_name("fake_pulumi.py")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {fake} "$@"\n')
    program.chmod(0o755)
    (programs / "uv").write_text("#!/bin/sh\n")
    (programs / "uv").chmod(0o755)
    (engine / "version").write_text("v3.260.0\n")
    monkeypatch.delenv(tools.UV_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_FAKE", str(engine))
