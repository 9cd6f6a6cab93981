"""What an image is made of, as one hash (pure, no resources)."""

import hashlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

TAG_LENGTH = 32
"""Hexadecimal digits of a tag: 128 bits, beyond any accidental collision."""

SKIPPED = (
    "__pycache__",
    "*.pyc",
    "*.egg-info",
    "tests",
    ".idea",
    ".vscode",
    "*.swp",
    "*~",
    ".#*",
    ".DS_Store",
)
"""Files and folders that never get into an image: caches, tests and what editors leave.

The Dockerfiles' ignore files name them too: an image must not change while its tag stays.
"""


def content_tag(context: Path, sources: Iterable[str]) -> str:
    """Return a tag that changes exactly when a file below ``sources`` does.

    Sources are paths relative to ``context``. The tag depends on the relative POSIX paths, the executable bit
    and the contents, so it is the same on every machine. Raises ``FileNotFoundError`` for a source that does
    not exist.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(context, sources), key=lambda found: found.relative_to(context).as_posix()):
        executable = bool(path.stat().st_mode & 0o100)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(context).as_posix()}\0{int(executable)}\0{content}\n".encode())
    return digest.hexdigest()[:TAG_LENGTH]


def _files(context: Path, sources: Iterable[str]) -> Iterator[Path]:
    for source in sources:
        root = context / source
        if not root.exists():
            raise FileNotFoundError(f"{root} is missing: an image cannot be built without it")
        if root.is_file():
            yield root
            continue
        for directory, directories, names in root.walk():
            directories[:] = [name for name in directories if not _skipped(name)]
            yield from (directory / name for name in names if not _skipped(name))


def _skipped(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in SKIPPED)
