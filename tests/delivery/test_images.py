"""Images are built once: what the registry has is taken, what it lacks is built, by its content."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from delivery import images
from delivery.errors import DeliveryError
from delivery.images import AccountRegistry, Source
from tests.infra.deployment import deployed

DIGEST = "sha256:" + "ab" * 32
DOCKER = """\
import json, os, sys
from pathlib import Path
given = sys.argv[1:]
with Path(os.environ["DOCKER_FAKE"]).open("a") as calls:
    said = sys.stdin.read() if "login" in given else ""
    calls.write(json.dumps({"arguments": given, "stdin": said}) + "\\n")
if "--metadata-file" in given:
    Path(given[given.index("--metadata-file") + 1]).write_text(os.environ.get("DOCKER_METADATA", "{}"))
sys.exit(int(os.environ.get("DOCKER_CODE", "0")))
"""


@dataclass
class Shelf:
    """A registry that has some images already."""

    repository: str = "nova-releases"
    has: dict[str, str] = field(default_factory=dict[str, str])
    logins: int = 0

    def digest(self, tag: str) -> str:
        return self.has.get(tag, "")

    def log_in(self) -> str:
        self.logins += 1
        return "registry.example"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """A stand-in for docker; returns what it was asked."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    (tmp_path / "docker.py").write_text(DOCKER, encoding="utf-8")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/docker.py" "$@"\n')
    program.chmod(0o755)
    calls = tmp_path / "calls"
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_FAKE", str(calls))
    monkeypatch.setenv("DOCKER_METADATA", json.dumps({"containerimage.digest": DIGEST}))

    def asked() -> list[dict[str, Any]]:
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    return asked


@cache
def wanted() -> tuple[Source, ...]:
    return tuple(images.sources(["dev", "prod"]))


def test_both_stacks_images_are_those_that_the_program_builds() -> None:
    assert {source.name for source in wanted()} >= {
        "agent-core",
        "audio",
        "frontend",
        "mcp-server",
        "x402-seller",
    }
    for source in wanted():
        assert (images.ROOT / source.dockerfile).is_file()
    platforms = {found.inputs["build"]["platform"] for found in deployed("prod").of_type(images.IMAGE)}
    assert platforms == {images.PLATFORM}


def test_what_is_there_is_taken_and_what_is_not_is_built(
    docker: Callable[[], list[dict[str, Any]]],
) -> None:
    first, second = wanted()[:2]
    shelf = Shelf(has={first.tag: "sha256:" + "0" * 64})
    released = images.release([first, second], shelf)
    assert released == {
        first.name: "nova-releases@sha256:" + "0" * 64,
        second.name: f"nova-releases@{DIGEST}",
    }
    (build,) = docker()
    arguments = build["arguments"]
    assert arguments[:4] == ["buildx", "build", "--platform", "linux/arm64"]
    assert f"registry.example/nova-releases:{second.name}-{second.content}" in arguments
    # An index of an image and its attestations is nothing that Lambda runs.
    assert {"--provenance=false", "--sbom=false", "--push"} <= set(arguments)
    assert shelf.logins == 1


def test_nothing_new_needs_no_docker(docker: Callable[[], list[dict[str, Any]]]) -> None:
    shelf = Shelf(has={source.tag: DIGEST for source in wanted()})
    assert len(images.release(wanted(), shelf)) == len(wanted())
    assert (docker(), shelf.logins) == ([], 0)


def test_a_trial_keeps_nothing(docker: Callable[[], list[dict[str, Any]]]) -> None:
    images.build(wanted())
    for call in docker():
        assert "type=cacheonly" in str(call["arguments"])
        assert "--push" not in str(call["arguments"])
    assert len(docker()) == len(wanted())


@pytest.mark.usefixtures("docker")
def test_a_build_that_fails_or_has_no_digest_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_METADATA", "{}")
    with pytest.raises(DeliveryError, match="does not say which digest"):
        images.release(wanted(), Shelf())
    monkeypatch.setenv("DOCKER_CODE", "1")
    with pytest.raises(DeliveryError, match="`docker buildx build` ended with 1"):
        images.release(wanted(), Shelf())


def test_the_accounts_registry_is_asked_by_tag(
    docker: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        registry = AccountRegistry(repository="nova-releases")
        with pytest.raises(DeliveryError, match="`nova bootstrap` makes it"):
            registry.digest("audio-1")
        ecr = boto3.client("ecr")  # pyright: ignore[reportUnknownMemberType] (services without types)
        ecr.create_repository(repositoryName="nova-releases")
        assert registry.digest("audio-1") == ""
        kind = "application/vnd.oci.image.manifest.v1+json"
        config = {"digest": DIGEST, "size": 1}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})
        put = ecr.put_image(repositoryName="nova-releases", imageManifest=manifest, imageTag="audio-1")
        assert registry.digest("audio-1") == put["image"].get("imageId", {}).get("imageDigest")
        assert registry.log_in().endswith(".dkr.ecr.us-east-1.amazonaws.com")
    (login,) = docker()
    arguments = login["arguments"]
    assert arguments[:4] == ["login", "--username", "AWS", "--password-stdin"]
    # The password goes in by standard input alone, where no list of processes shows it.
    assert login["stdin"]
    assert str(login["stdin"]) not in arguments


def test_the_record_is_what_a_deployment_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = wanted()

    def known(_stacks: list[str]) -> tuple[Source, ...]:
        return everything

    def shelf(repository: str) -> Shelf:
        return Shelf(repository, {source.tag: DIGEST for source in everything})

    monkeypatch.setattr(images, "sources", known)
    monkeypatch.setattr(images, "AccountRegistry", shelf)
    monkeypatch.setenv("GITHUB_SHA", "1" * 40)
    record = tmp_path / "images.json"
    images.main(["release", "--stack", "dev", "--repository", "nova-releases", "--out", str(record)])
    assert json.loads(record.read_text(encoding="utf-8"))["commit"] == "1" * 40
    taken = images.read_record(record)
    assert taken == {source.name: f"nova-releases@{DIGEST}" for source in wanted()}
    # And it is a value of the setting.
    stack = deployed("prod", overrides={"images": json.dumps(taken)})
    assert stack.of_type(images.IMAGE) == []


def test_without_a_repository_nothing_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELEASES", raising=False)
    with pytest.raises(DeliveryError, match="RELEASES is the account stack's output"):
        images.main(["release", "--stack", "dev"])


@pytest.mark.parametrize(
    "text", ["", "{}", '{"images": {"audio": "nova-releases:latest"}}', '{"images": []}', '{"images": {}}']
)
def test_a_record_without_digests_is_refused(tmp_path: Path, text: str) -> None:
    record = tmp_path / "images.json"
    record.write_text(text, encoding="utf-8")
    with pytest.raises(DeliveryError, match=r"images\.json"):
        images.read_record(record)


def test_the_registry_is_that_of_the_region_in_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    registry = AccountRegistry(repository="nova-releases")
    with pytest.raises(DeliveryError, match="AWS_REGION"):
        registry.digest("audio-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with mock_aws():
        ecr = boto3.client("ecr", region_name="eu-central-1")  # pyright: ignore[reportUnknownMemberType] (as above)
        ecr.create_repository(repositoryName="nova-releases")
        assert registry.digest("audio-1") == ""
