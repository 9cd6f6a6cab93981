"""Files that hold something private."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically with `content`, readable for its owner alone."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
