"""Previews in files, by which one job hands them to another."""

from pathlib import Path

from delivery.errors import DeliveryError
from pulumi_cli.preview import Preview, PreviewError, read


def read_file(path: Path) -> Preview:
    """Read what `pulumi preview --json` printed into ``path``; raises ``DeliveryError`` for anything else."""
    try:
        return read(path.read_text(encoding="utf-8"))
    except PreviewError as error:
        raise DeliveryError(f"{path}: {error}") from error
