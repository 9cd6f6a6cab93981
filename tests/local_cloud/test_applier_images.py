"""Images: what a Dockerfile says, and which images stay."""

import json
import os
from pathlib import Path

import pytest

from local_cloud.applier.dockerfile import DockerfileError, ImageConfig, read_dockerfile
from local_cloud.applier.images import UNUSED_KEPT, ImageStore

DOCKERFILE = """\
FROM python:3.13-slim AS build
ENV ONLY_IN_BUILD=1
CMD ["not", "this"]
FROM python:3.13-slim
LABEL nova.package="nova-audio" other=label
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001
HEALTHCHECK --interval=10s CMD ["python", "-m", "check"]
ENTRYPOINT ["python"]
CMD ["-m", "audio"]
"""


def test_the_final_stage_is_what_counts(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    config = read_dockerfile(tmp_path / "Dockerfile")
    assert config.package == "nova-audio"
    assert (config.entrypoint, config.cmd) == (["python"], ["-m", "audio"])
    assert (config.working_dir, config.user) == ("/app", "10001")
    assert config.healthcheck == ["CMD", "python", "-m", "check"]
    assert config.env["PYTHONUNBUFFERED"] == "1"
    assert "ONLY_IN_BUILD" not in config.env


def test_shell_form_runs_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM x\nLABEL nova.package=p\nHEALTHCHECK CMD check me\nCMD run me\n"
    )
    config = read_dockerfile(tmp_path / "Dockerfile")
    assert config.cmd == ["/bin/sh", "-c", "run me"]
    assert config.healthcheck == ["CMD-SHELL", "check me"]


def test_a_dockerfile_has_to_name_its_package(tmp_path: Path) -> None:
    with pytest.raises(DockerfileError, match="does not exist"):
        read_dockerfile(tmp_path / "Dockerfile")
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    with pytest.raises(DockerfileError, match=r"no LABEL nova\.package"):
        read_dockerfile(tmp_path / "Dockerfile")


class FakeUv:
    """A stand-in for uv that makes the directory it is asked for."""

    def __init__(self, directory: Path, code: int = 0) -> None:
        self.path = directory / "uv"
        self.log = directory / "calls"
        self.path.write_text(
            f'#!/bin/sh\necho "$*" >> {self.log}\n'
            'if [ "$1" = venv ]; then eval "last=\\${$#}"; mkdir -p "$last/bin"; fi\n'
            f'[ "$1" = venv ] || {{ echo "no such package" >&2; exit {code}; }}\n'
        )
        self.path.chmod(0o755)


def store(directory: Path, code: int = 0) -> tuple[ImageStore, FakeUv]:
    checkout = directory / "checkout"
    checkout.mkdir()
    (checkout / "uv.lock").write_text(
        '[[package]]\nname = "nova-audio"\nsource = { editable = "services/audio" }\n'
    )
    uv = FakeUv(directory, code)
    return ImageStore(directory / "images", checkout, str(uv.path)), uv


def test_an_image_is_built_once(tmp_path: Path) -> None:
    images, uv = store(tmp_path)
    config = ImageConfig(package="nova-audio", cmd=["run"])
    digest, description = images.ensure("audio", "tag", config)
    assert json.loads(description)["cmd"] == ["run"]
    assert (tmp_path / "images" / digest / "image.json").read_text() == description
    calls = uv.log.read_text()
    assert "--reinstall-package nova-audio" in calls  # uv's cache does not see edited sources
    assert images.ensure("audio", "tag", config)[0] == digest
    assert uv.log.read_text() == calls


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    images, _uv = store(tmp_path, code=2)
    with pytest.raises(RuntimeError, match="no such package"):
        images.ensure("audio", "tag", ImageConfig(package="nova-audio"))
    assert list((tmp_path / "images").iterdir()) == []


def test_unused_images_are_pruned_but_for_the_last_few(tmp_path: Path) -> None:
    images, _uv = store(tmp_path)
    digests: list[str] = []
    for number in range(UNUSED_KEPT + 3):
        digest, _ = images.ensure("audio", f"tag{number}", ImageConfig(package="nova-audio"))
        os.utime(tmp_path / "images" / digest, (number, number))
        digests.append(digest)
    (tmp_path / "images" / ".partial-left").mkdir()
    removed = images.prune({digests[0]})
    assert set(removed) == set(digests[1:3])
    left = {path.name for path in (tmp_path / "images").iterdir()}
    assert left == {digests[0], *digests[3:], ".bytecode"}
