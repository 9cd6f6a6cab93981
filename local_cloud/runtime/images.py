"""Container images as environments on this machine: `home/images/<sha256>/` with image.json and a venv."""

import asyncio
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud.documents import Document, part
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.protocol import AwsError

MINOR_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class ImageError(Exception):
    """An image cannot be used; the message is what ECS would report as the reason."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a container runs in: a directory of programs, and the image's own defaults."""

    programs: Path
    entrypoint: list[str] = field(default_factory=list[str])
    command: list[str] = field(default_factory=list[str])
    environment: dict[str, str] = field(default_factory=dict[str, str])


def split_reference(reference: str) -> tuple[str, str, str]:
    """Return repository (without registry host), tag and digest (hex) of an image reference."""
    name, _, digest = reference.partition("@sha256:")
    head, _, rest = name.partition("/")
    if rest and (re.search(r"[.:]", head) or head == "localhost"):
        name = rest
    repository, _, tag = name.partition(":")
    return repository, tag or ("" if digest else "latest"), digest


class Images:
    """Resolves image references to environments."""

    def __init__(self, directory: Path, aws: Aws) -> None:
        self._directory = directory
        self._aws = aws
        self._base_lock = asyncio.Lock()

    async def resolve(self, reference: str) -> Image:
        """Return the environment of an image.

        Raises:
            ImageError: nothing on this machine stands for it.

        """
        repository, tag, digest = split_reference(reference)
        if digest and (self._directory / digest / "image.json").exists():
            return self._load(digest)
        if repository.rpartition("/")[2] == "python" and re.match(
            rf"{re.escape(MINOR_VERSION)}(?:\D|$)", tag
        ):
            return Image(await self._base())
        if not digest:
            digest = await self._pushed(repository, tag)
            if (self._directory / digest / "image.json").exists():
                return self._load(digest)
        raise ImageError(f"CannotPullContainerError: {reference} was not built on this machine")

    async def _pushed(self, repository: str, tag: str) -> str:
        parameters = {"repositoryName": repository, "imageIds": [{"imageTag": tag}]}
        try:
            images = (await self._aws.call("ecr", "BatchGetImage", parameters)).get("images", [])
        except AwsError as error:
            raise ImageError(f"CannotPullContainerError: {repository}:{tag}: {error.message}") from error
        if not images:
            raise ImageError(f"CannotPullContainerError: {repository}:{tag}: not found")
        return hashlib.sha256(images[0]["imageManifest"].encode()).hexdigest()

    def _load(self, digest: str) -> Image:
        directory = self._directory / digest
        description: Document = json.loads((directory / "image.json").read_text())
        return Image(
            directory / "venv" / "bin",
            list(description.get("entrypoint") or []),
            list(description.get("cmd") or []),
            {str(name): str(value) for name, value in part(description, "env").items()},
        )

    async def _base(self) -> Path:
        """Return the programs of the bare interpreter: the Python image that Dockerfiles are built from."""
        directory = self._directory / f"python-{MINOR_VERSION}"
        async with self._base_lock:
            if not (directory / "bin" / "python").exists():
                making = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "venv", "--without-pip", str(directory)
                )
                if await making.wait():
                    raise ImageError(
                        "CannotPullContainerError: the base interpreter environment could not be made"
                    )
        return directory / "bin"
