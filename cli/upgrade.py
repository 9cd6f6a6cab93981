"""What has to be done by hand after an upgrade, as the components' changelog says it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.errors import NovaError

CHANGELOG = "components/CHANGELOG.md"
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_HEADING = re.compile(r"^## (\d+\.\d+\.\d+)$", re.MULTILINE)
_UPGRADE = re.compile(r"^\*\*Upgrade\*\*\s*(.*)\Z", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Release:
    """A version, and what whoever comes from an earlier one has to do."""

    version: str
    steps: str
    """Empty where the engine does it all."""


def releases(text: str) -> list[Release]:
    """Return the releases of a changelog, the newest first."""
    _, *parts = _HEADING.split(text)
    return [Release(version, _steps(body)) for version, body in zip(parts[::2], parts[1::2], strict=True)]


def since(root: Path, version: str) -> list[Release]:
    """Return what came after ``version``, the oldest first; NovaError for one that never was."""
    known = releases((root / CHANGELOG).read_text(encoding="utf-8"))
    versions = [release.version for release in known]
    if not _VERSION.fullmatch(version) or version not in versions:
        raise NovaError(f"there is no version {version}: {CHANGELOG} has {', '.join(versions)}")
    return known[: versions.index(version)][::-1]


def lines(found: list[Release], version: str) -> Iterator[str]:
    """Say what has to be done, version by version."""
    if not found:
        yield f"{version} is the version of this checkout: there is nothing to do"
    for release in found:
        yield f"{release.version}: {release.steps or 'nothing to do by hand, `pulumi up` does it all'}"


def _steps(body: str) -> str:
    told = _UPGRADE.search(body)
    return told.group(1).strip() if told else ""
