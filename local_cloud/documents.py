"""Reading JSON documents, any part of which may be missing."""

from typing import Any

# A JSON object. What its members are is known to its readers alone.
type Document = dict[str, Any]


def part(document: Document, *names: str) -> Document:
    """Return the object at a path of names; empty when it, or one on the way to it, is missing or null."""
    for name in names:
        document = document.get(name) or {}
    return document


def parts(document: Document, name: str) -> list[Document]:
    """Return the objects of a list; none when the list is missing or null."""
    return document.get(name) or []
