"""What `pulumi` is asked, and what becomes of its answers."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_cli import engine as engines
from pulumi_cli.engine import Engine
from tests.pulumi_cli.documents import REPLACED_TABLE, document, failed


class EngineFailedError(Exception):
    """What these tests have failures raised as."""


class Bench:
    """A `pulumi` that answers as the test says, and an engine on it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.calls = folder, folder / "calls"
        (folder / "bin").mkdir()
        self.program = folder / "bin" / "pulumi"
        monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def answers(self, *, stdout: str = "", stderr: str = "", code: int = 0) -> None:
        for name, text in (("stdout", stdout), ("stderr", stderr)):
            (self.folder / name).write_text(text)
        self.program.write_text(
            f'#!/bin/sh\necho "$@" "$MARK" >> {self.calls}\n'
            f"cat {self.folder / 'stdout'}\ncat {self.folder / 'stderr'} >&2\nexit {code}\n"
        )
        self.program.chmod(0o755)

    def engine(self, environment: Mapping[str, str] | None = None) -> Engine:
        return Engine(folder=self.folder, stack="dev", error=EngineFailedError, environment=environment)

    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_failed_command_is_told_with_its_last_words_and_its_place(bench: Bench) -> None:
    bench.answers(stderr="\n".join(f"line {number}" for number in range(100)), code=255)
    with pytest.raises(EngineFailedError) as caught:
        bench.engine({"PULUMI_BACKEND_URL": "s3://state"}).outputs()
    first, *words = str(caught.value).splitlines()
    assert first == "`pulumi stack output` of stack dev on s3://state failed:"
    assert words[-1] == "  line 99"
    assert len(words) < 100


def test_a_command_gets_these_variables_and_no_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.answers(stdout="{}")
    monkeypatch.setenv("MARK", "inherited")
    bench.engine().outputs()
    bench.engine({"PATH": os.environ["PATH"]}).outputs()
    asked = "stack output --json --stack dev --non-interactive"
    assert bench.asked() == [f"{asked} inherited", f"{asked} "]


def test_a_stack_without_an_update_has_no_outputs(bench: Bench) -> None:
    bench.answers()
    assert bench.engine().outputs() == {}


def test_a_stack_is_known_by_its_backend(bench: Bench) -> None:
    bench.answers(stdout=json.dumps([{"name": "prod"}]))
    assert not bench.engine().exists()
    bench.answers(stdout=json.dumps([{"name": "dev"}]))
    assert bench.engine().exists()


def test_a_preview_is_read_and_handed_on_as_it_is(bench: Bench) -> None:
    text = document(REPLACED_TABLE)
    bench.answers(stdout=text)
    found, handed = bench.engine().preview()
    assert [change.op for change in found.changes] == ["replace"]
    assert handed == text


def test_a_preview_that_fails_says_why_in_its_document(bench: Bench) -> None:
    bench.answers(stdout=failed("no such setting"), code=255)
    found, _ = bench.engine().preview()
    assert found.errors == ("error: no such setting",)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("", 255, r"`pulumi preview --json` of stack dev failed:\n  no stack"),
        ("", 0, "no stack"),
        (document(), 255, "no stack"),
        ("not JSON", 0, "`pulumi preview` of stack dev: this is no preview"),
    ],
    ids=["failed", "silent", "failed without a reason", "something else"],
)
def test_what_is_no_preview_is_an_error(bench: Bench, answer: str, code: int, said: str) -> None:
    bench.answers(stdout=answer, stderr="no stack", code=code)
    with pytest.raises(EngineFailedError, match=said):
        bench.engine().preview()


@pytest.mark.parametrize("advice", ["", "Try again"])
def test_an_update_that_fails_says_what_to_do(bench: Bench, advice: str) -> None:
    bench.answers(code=3)
    ending = "`pulumi up` of stack dev ended with 3; what it said stands above" + (advice and f". {advice}")
    with pytest.raises(EngineFailedError, match=f"^{ending}$"):
        replace(bench.engine(), advice=advice).show("up", "--yes")
    assert bench.asked() == ["up --yes --stack dev "]


def test_without_an_engine_it_is_said_where_to_get_it(bench: Bench) -> None:
    assert engines.problem() == f"pulumi is missing: {engines.GET_IT}"
    with pytest.raises(EngineFailedError, match=r"pulumi is missing: .*pulumi\.com"):
        bench.engine().outputs()
