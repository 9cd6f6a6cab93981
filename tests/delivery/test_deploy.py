"""A deployment to released images, and the way back."""

import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery import deploy, drift
from delivery.deploy import Deployment
from delivery.errors import DeliveryError
from delivery.stack import ROOT, Stack, references
from pulumi_cli.preview import read
from tests.delivery.loopback import GitHub
from tests.pulumi_cli.documents import REPLACED_TABLE, REPLACED_TASK, document, failed

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
NEW = {"audio": "nova-releases@sha256:" + "1" * 64}
OLD = {"audio": "nova-releases@sha256:" + "0" * 64}


def fine(_outputs: object) -> None:
    """What a stack that answers does."""


@dataclass
class Bench:
    """A stack of a program that a stand-in of the engine plays."""

    fake: Path
    program: Path

    @property
    def stack(self) -> Stack:
        return Stack(name="dev", folder=self.program)

    def named(self, name: str) -> Stack:
        return replace(self.stack, name=name)

    def plays(self, **files: str) -> None:
        for name, text in files.items():
            (self.fake / name.replace("_", "-")).write_text(text, encoding="utf-8")

    def runs(self, images: dict[str, str]) -> None:
        named = {name: f"{REGISTRY}/{image}" for name, image in images.items()}
        self.plays(outputs=json.dumps({"images": named, "site_url": "s", "api_url": "a"} if images else {}))

    def calls(self, command: str) -> list[dict[str, Any]]:
        lines = (self.fake / "calls").read_text(encoding="utf-8").splitlines()
        return [call for call in map(json.loads, lines) if call["arguments"][0] == command]

    def updated_to(self) -> list[dict[str, str]]:
        """Which images each update took."""
        return [yaml.safe_load(call["settings"])["config"]["nova:images"] for call in self.calls("up")]

    def deployment(self, check: deploy.Check = fine, *labels: str) -> Deployment:
        return Deployment(stack=self.stack, images=NEW, labels=set(labels), check=check)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    found = Bench(fake=tmp_path / "fake", program=tmp_path / "program")
    programs = tmp_path / "bin"
    for folder in (found.fake, found.program, programs):
        folder.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / name, found.program)
    script = programs / "pulumi"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent}/fake_pulumi.py" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PULUMI_FAKE", str(found.fake))
    found.plays(preview=document(REPLACED_TASK))
    found.runs(OLD)
    return found


def broken(_outputs: object) -> None:
    raise DeliveryError("the stack does not answer")


def test_a_stack_is_brought_to_the_images(bench: Bench) -> None:
    bench.deployment().update(None)
    assert bench.updated_to() == [NEW]
    config = yaml.safe_load((bench.program / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]
    assert config["nova:region"] == "us-east-1"
    for call in bench.calls("up"):
        assert call["arguments"] == ["up", "--yes", "--non-interactive", "--stack", "dev"]


def test_a_stack_that_sleeps_is_not_asked(bench: Bench) -> None:
    file = bench.program / "Pulumi.dev.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\n  nova:asleep: true\n", encoding="utf-8")
    bench.deployment(broken).update(None)
    assert bench.updated_to() == [NEW]


def test_nothing_is_updated_that_loses_data(bench: Bench) -> None:
    bench.plays(preview=document(REPLACED_TABLE))
    with pytest.raises(DeliveryError, match="holds data"):
        bench.deployment().update(None)
    assert bench.calls("up") == []
    bench.deployment(fine, "replace-stateful").update(None)
    assert bench.updated_to() == [NEW]


def test_nothing_is_updated_whose_preview_fails(bench: Bench) -> None:
    (bench.fake / "preview").unlink()
    bench.plays(preview_error=failed("no such setting"))
    with pytest.raises(DeliveryError, match="no such setting"):
        bench.deployment().update(None)
    assert bench.calls("up") == []


def test_what_was_approved_is_what_happens(bench: Bench) -> None:
    approved = read(document(REPLACED_TASK))
    bench.deployment().update(approved)
    assert bench.updated_to() == [NEW]
    with pytest.raises(DeliveryError, match=r"(?s)since this was approved.*audio-task"):
        bench.deployment().update(read(document()))
    assert len(bench.calls("up")) == 1


@pytest.mark.parametrize("failing", ["", "1"])
def test_a_failure_leads_back_to_the_images_before(bench: Bench, failing: str) -> None:
    """Whether the update itself fails or the stack does not answer after it."""
    answers = iter([] if failing else [broken])
    bench.plays(failing=failing)

    def check(outputs: object) -> None:
        next(answers, fine)(outputs)

    with pytest.raises(DeliveryError, match="Rolled back: the stack answers"):
        bench.deployment(check).update(None)
    assert bench.updated_to() == [NEW, OLD]


def test_what_does_not_answer_before_or_after_is_told(bench: Bench) -> None:
    with pytest.raises(DeliveryError, match="does not answer") as caught:
        bench.deployment(broken).update(None)
    assert "Rolled back" not in str(caught.value)
    assert bench.updated_to() == [NEW, OLD]


def test_going_back_never_takes_data_with_it(bench: Bench) -> None:
    (bench.fake / "preview").unlink()
    bench.plays(preview_1=document(REPLACED_TASK), preview_2=document(REPLACED_TABLE))
    with pytest.raises(DeliveryError, match=r"(?s)Not rolled back.*nova-events-table"):
        bench.deployment(broken, "replace-stateful").update(None)
    assert bench.updated_to() == [NEW]


def test_what_was_not_there_before_stays_as_released(bench: Bench) -> None:
    added = {"greeter": "nova-releases@sha256:" + "2" * 64}
    deployment = replace(bench.deployment(broken), images=NEW | added)
    with pytest.raises(DeliveryError, match="does not answer"):
        deployment.update(None)
    assert bench.updated_to() == [NEW | added, OLD | added]


@pytest.mark.parametrize("before", [{}, NEW])
@pytest.mark.parametrize("others", [{}, {"x402-seller": "nova-releases@sha256:" + "3" * 64}])
def test_without_other_images_there_is_no_way_back(
    bench: Bench, before: dict[str, str], others: dict[str, str]
) -> None:
    bench.runs(before)
    deployment = replace(bench.deployment(broken), images=NEW | others)
    with pytest.raises(DeliveryError, match="no images of before"):
        deployment.update(None)
    assert bench.updated_to() == [NEW | others]


def test_a_preview_of_what_runs_says_nothing_of_images(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(deploy, "Stack", bench.named)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    deploy.main(["preview", "--stack", "dev", "--preview", str(tmp_path / "preview.json")])
    (call,) = bench.calls("preview")
    assert yaml.safe_load(call["settings"])["config"]["nova:images"] == OLD
    assert "1 replace" in (tmp_path / "summary").read_text(encoding="utf-8")
    assert read((tmp_path / "preview.json").read_text(encoding="utf-8")).changes


def test_an_update_reads_its_record_and_the_labels_of_its_commit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, github: GitHub
) -> None:
    monkeypatch.setattr(deploy, "Stack", bench.named)
    monkeypatch.setattr(deploy, "answers", fine)
    record = tmp_path / "images.json"
    record.write_text(json.dumps({"commit": "0" * 40, "images": NEW}), encoding="utf-8")
    bench.plays(preview=document(REPLACED_TABLE))
    command = ["update", "--stack", "dev", "--images", str(record)]
    with pytest.raises(DeliveryError, match="replace-stateful"):
        deploy.main(command)
    github.labels = ["replace-stateful"]
    deploy.main(command)
    assert bench.updated_to() == [NEW]
    assert github.asked == [f"GET commits/{'0' * 40}/pulls"] * 2


def test_at_a_shell_nobody_has_labelled_anything(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setattr(deploy, "Stack", bench.named)
    monkeypatch.setattr(deploy, "answers", fine)
    record = tmp_path / "images.json"
    record.write_text(json.dumps({"commit": "0" * 40, "images": NEW}), encoding="utf-8")
    command = ["update", "--stack", "dev", "--images", str(record)]
    deploy.main(command)
    bench.plays(preview=document(REPLACED_TABLE))
    with pytest.raises(DeliveryError, match="holds data"):
        deploy.main(command)
    assert bench.updated_to() == [NEW]


def test_drift_is_asked_of_the_account_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("delivery.stack.ROOT", bench.program)
    monkeypatch.setattr("delivery.stack.Stack", bench.named)
    drift.main(["detect", "--stack", "dev", "--found", str(tmp_path / "drift.json")])
    (call,) = bench.calls("refresh")
    assert call["arguments"][:3] == ["refresh", "--preview-only", "--json"]
    assert read((tmp_path / "drift.json").read_text(encoding="utf-8")).changes


def test_an_unknown_stack_is_named(bench: Bench) -> None:
    with pytest.raises(DeliveryError, match=r"no Pulumi\.staging\.yaml"):
        replace(bench.stack, name="staging").take(NEW)


def test_images_are_named_without_their_registry() -> None:
    assert references({"audio": f"{REGISTRY}/nova-releases@sha256:1"}) == {"audio": "nova-releases@sha256:1"}
