"""Builds the images of all stacks once, natively, into the repository that no stack owns.

`python -m delivery.images release --stack dev --stack prod --out images.json` builds what is not there yet
and writes down the digests; `python -m delivery.images build --stack dev` builds without keeping anything.

An image is tagged with its workload and the hash of its sources (components/compute/sources.py), and tags in
the repository never move: what is there is what would be built, and is taken as it is.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from delivery.errors import DeliveryError, run

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient

ROOT = Path(__file__).parents[1]
IMAGE = "docker:index/image:Image"
PLATFORM = "linux/arm64"
"""What components/compute/image.py builds for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one workload's image is built from."""

    name: str
    dockerfile: str
    """Relative to the program's folder, which is the context."""
    content: str
    """Hash of all sources."""

    @property
    def tag(self) -> str:
        """The image's tag in the repository that all workloads share."""
        return f"{self.name}-{self.content}"


class Registry(Protocol):
    """A region's registry of images, with one repository in it."""

    @property
    def repository(self) -> str:
        """The repository's name."""
        ...

    def digest(self, tag: str) -> str:
        """Return the digest of the image with ``tag``; empty where there is none."""
        ...

    def log_in(self) -> str:
        """Let docker push; return the registry's host."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegistry:
    """ECR in the account and region of the credentials at hand."""

    repository: str

    def digest(self, tag: str) -> str:
        """Return the digest of the image with ``tag``; empty where there is none."""
        with _ecr() as ecr:
            try:
                found = ecr.describe_images(repositoryName=self.repository, imageIds=[{"imageTag": tag}])
            except ecr.exceptions.ImageNotFoundException:
                return ""
            except ecr.exceptions.RepositoryNotFoundException as error:
                raise DeliveryError(
                    f"there is no repository {self.repository} in this account and region: "
                    "`nova bootstrap` makes it, and its output `releases` names it"
                ) from error
        return found["imageDetails"][0].get("imageDigest", "")

    def log_in(self) -> str:
        """Let docker push; return the registry's host."""
        with _ecr() as ecr:
            (granted,) = ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(granted.get("authorizationToken", "")).decode().partition(":")
        host = granted.get("proxyEndpoint", "").removeprefix("https://")
        _docker("login", "--username", user, "--password-stdin", host, given=password)
        return host


@contextmanager
def _ecr() -> Generator[ECRClient]:
    """Yield a client of the region's registry; what AWS and the SDK refuse is told as a ``DeliveryError``."""
    import boto3  # noqa: PLC0415 (building alone needs no account)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (as above)

    try:
        # The SDK of Python alone does not look at AWS_REGION, which the engine and all others do.
        yield boto3.client("ecr", region_name=os.environ.get("AWS_REGION"))  # pyright: ignore[reportUnknownMemberType] (services without types)
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(
            f"the registry of images cannot be asked: {error}\nAWS_REGION and the shell's credentials count"
        ) from error


def sources(stacks: Iterable[str]) -> list[Source]:
    """Return what the stacks' programs build, each image once; raises ``DeliveryError`` where they differ."""
    from evaluation.program import evaluate  # noqa: PLC0415 (the SDK takes a second to load)

    found: dict[str, Source] = {}
    for stack in stacks:
        # Whatever the stack's file takes today: this is about what would be built.
        for image in evaluate(stack, overrides={"images": "{}"}).of_type(IMAGE):
            source = Source(
                name=image.name.removesuffix("-image"),
                dockerfile=image.inputs["build"]["dockerfile"],
                content=str(image.inputs["imageName"]).rpartition(":")[2],
            )
            if found.setdefault(source.name, source) != source:
                raise DeliveryError(f"stack {stack} builds another {source.name} than the stacks before it")
    if not found:
        raise DeliveryError("no stack builds an image: name some with --stack")
    return [found[name] for name in sorted(found)]


def build(wanted: Iterable[Source]) -> None:
    """Build images and keep none of them."""
    for source in wanted:
        print(f"building {source.name}", flush=True)
        _docker(*_build(source), "--output", "type=cacheonly", ".")


def release(wanted: Iterable[Source], registry: Registry) -> dict[str, str]:
    """Build what the registry does not have; return ``<repository>@<digest>`` by workload."""
    released: dict[str, str] = {}
    host = ""
    for source in wanted:
        digest = registry.digest(source.tag)
        if digest:
            print(f"{source.name}: {digest} is there", flush=True)
        else:
            host = host or registry.log_in()
            digest = _push(source, f"{host}/{registry.repository}:{source.tag}")
            print(f"{source.name}: {digest} is new", flush=True)
        released[source.name] = f"{registry.repository}@{digest}"
    return released


def read_record(path: Path) -> dict[str, str]:
    """Return the images in a record that ``release`` wrote; raises ``DeliveryError`` for anything else."""
    try:
        images: dict[str, str] = dict(json.loads(path.read_text(encoding="utf-8"))["images"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeliveryError(f"{path} is no record of released images: {error!r}") from error
    if not images:
        raise DeliveryError(f"{path} names no image")
    for name, image in images.items():
        if "@sha256:" not in image:
            raise DeliveryError(f"{path}: {name} has no digest: {image}")
    return images


def main(arguments: list[str]) -> None:
    """Build or release, as the arguments say."""
    parser = argparse.ArgumentParser(prog="delivery.images", description="Builds images once for all stacks.")
    parser.add_argument("action", choices=("build", "release"))
    parser.add_argument("--stack", action="append", required=True, help="may be given several times")
    parser.add_argument(
        "--repository", default=os.environ.get("RELEASES", ""), help="output releases of the account stack"
    )
    parser.add_argument("--out", type=Path, default=Path("images.json"), help="where the digests are written")
    given = parser.parse_args(arguments)
    wanted = sources(given.stack)
    if given.action == "build":
        build(wanted)
        return
    if not given.repository:
        raise DeliveryError("no repository is named: RELEASES is the account stack's output `releases`")
    record = {
        "commit": os.environ.get("GITHUB_SHA", ""),
        "images": release(wanted, AccountRegistry(repository=given.repository)),
    }
    given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _push(source: Source, name: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        _docker(*_build(source), "--tag", name, "--push", "--metadata-file", str(metadata), ".")
        digest = json.loads(metadata.read_text(encoding="utf-8")).get("containerimage.digest", "")
    if not str(digest).startswith("sha256:"):
        raise DeliveryError(f"docker does not say which digest {name} has")
    return digest


def _build(source: Source) -> list[str]:
    # Lambda takes single images alone, and attestations would make an index of it.
    single = ("--provenance=false", "--sbom=false")
    return ["buildx", "build", "--platform", PLATFORM, *single, "--file", source.dockerfile]


def _docker(*arguments: str, given: str | None = None) -> None:
    program = shutil.which("docker")
    if program is None:
        raise DeliveryError("docker is not on PATH")
    finished = subprocess.run([program, *arguments], cwd=ROOT, input=given, text=True, check=False)  # noqa: S603 (no shell)
    if finished.returncode:
        raise DeliveryError(f"`docker {' '.join(arguments[:2])}` ended with {finished.returncode}")


if __name__ == "__main__":
    run(main)
