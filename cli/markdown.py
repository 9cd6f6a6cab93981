"""Pieces of pages that are made."""

from collections.abc import Iterable, Sequence

RENEW = "./nova docs"
"""What makes the pages again."""


def made_by(source: str) -> str:
    """Say at the head of a page what it is made from."""
    return f"Made by `{RENEW}` from {source}; do not edit."


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
