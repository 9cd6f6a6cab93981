"""What a Dockerfile's final stage says about the containers that start from it."""

import io
import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dockerfile_parse import DockerfileParser

# The workspace's package that an image is built for: what a Dockerfile's instructions do not tell.
PACKAGE_LABEL = "nova.package"
# The folder of a workload of Node, which npm builds.
NODE_LABEL = "nova.npm"


class DockerfileError(ValueError):
    """A Dockerfile cannot be turned into an environment on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The configuration of the image: what `docker inspect` shows of it."""

    package: str = ""
    npm: str = ""
    entrypoint: list[str] = field(default_factory=list[str])
    cmd: list[str] = field(default_factory=list[str])
    env: dict[str, str] = field(default_factory=dict[str, str])
    working_dir: str = ""
    user: str = ""
    healthcheck: list[str] = field(default_factory=list[str])


def read_dockerfile(path: Path) -> ImageConfig:
    """Parse the final stage of the Dockerfile at `path`; raises DockerfileError."""
    if not path.is_file():
        raise DockerfileError(f"{path} does not exist")
    parser = DockerfileParser(
        # What is said of the parameter is wrong: the parser decodes what it reads.
        fileobj=io.BytesIO(path.read_bytes()),  # pyright: ignore[reportArgumentType]
        cache_content=True,
    )
    labels = cast("dict[str, str]", parser.labels)
    package, folder = labels.get(PACKAGE_LABEL, ""), labels.get(NODE_LABEL, "")
    if not package and not folder:
        raise DockerfileError(
            f"{path} has no LABEL {PACKAGE_LABEL}: the local cloud builds an image from a package"
        )
    last: dict[str, str] = {}
    for instruction in _final_stage(parser):
        last[instruction["instruction"]] = instruction["value"]
    return ImageConfig(
        package=package,
        npm=folder,
        entrypoint=_command(last.get("ENTRYPOINT", "")),
        cmd=_command(last.get("CMD", "")),
        env=dict(cast("dict[str, str]", parser.envs)),
        working_dir=last.get("WORKDIR", ""),
        user=last.get("USER", ""),
        healthcheck=_health_check(last.get("HEALTHCHECK", "")),
    )


def _final_stage(parser: DockerfileParser) -> list[dict[str, Any]]:
    structure = cast("list[dict[str, Any]]", parser.structure)
    starts = [index for index, item in enumerate(structure) if item["instruction"] == "FROM"]
    if not starts:
        raise DockerfileError("the Dockerfile has no FROM")
    return structure[starts[-1] + 1 :]


def _command(value: str) -> list[str]:
    """Return a command in exec form (JSON) or shell form, as the engine would run it."""
    if not value:
        return []
    if value.lstrip().startswith("["):
        return [str(part) for part in json.loads(value)]
    return ["/bin/sh", "-c", value]


def _health_check(value: str) -> list[str]:
    if not value or value.strip().upper() == "NONE":
        return []
    _options, found, command = value.partition("CMD")
    if not found:
        raise DockerfileError(f"HEALTHCHECK without CMD: {shlex.quote(value)}")
    command = command.strip()
    return ["CMD", *_command(command)] if command.startswith("[") else ["CMD-SHELL", command]
