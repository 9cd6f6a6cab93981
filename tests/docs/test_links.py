"""Every link in the documents that stays in the repository leads to something, down to the heading."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.test_house import ROOT, tracked_files

CODE = re.compile(r"^( *)```.*?^\1```$|(`+)(?!`).*?\2", re.MULTILINE | re.DOTALL)
"""Where nothing is a link: fenced blocks, and words between backticks."""
LINK = re.compile(
    r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?(?:\s+\"[^\"]*\")?\)|\[[^\]]+\]: (?!https?://)(\S+)"
)
IMAGE = re.compile(r"<img [^>]*src=\"(?!https?://)([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in tracked_files() if path.suffix == ".md" and path.is_file()
)


@cache
def anchors(document: Path) -> frozenset[str]:
    """What GitHub calls the headings of a document, and what it names itself."""
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    names: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", prose))
    for title in HEADING.findall(prose):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        names.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return frozenset(names)


def dead(document: Path, text: str) -> list[str]:
    """The links of a text that lead nowhere, seen from a document."""
    prose = CODE.sub("", text)
    wrong: list[str] = []
    links = [(path or named, anchor) for path, anchor, named in LINK.findall(prose)]
    for path, anchor in [*links, *((source, "") for source in IMAGE.findall(prose))]:
        # Those with a slash at the front begin at the repository on GitHub.
        target = (
            (ROOT / path.lstrip("/") if path.startswith("/") else document.parent / path)
            if path
            else document
        )
        if not target.exists():
            wrong.append(f"{path}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.resolve()):
            wrong.append(f"{path}#{anchor}: the document has no such heading")
    return wrong


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    document = ROOT / name
    assert dead(document, document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](nowhere.md)", 1),
        ("![a](pictures/nowhere.png)", 1),
        ('<img alt="" src="nowhere.svg">', 1),
        ("[a](../README.md#no-such-heading)", 1),
        ("[a](#no-such-heading)", 1),
        ("[a]: nowhere.md", 1),
        ("[a](../README.md#where-things-live) [b](#the-way-in) [c](https://example.com/nowhere)", 0),
        ("`[a](nowhere.md)`", 0),
    ],
)
def test_a_dead_link_is_found(text: str, wrong: int) -> None:
    assert len(dead(ROOT / "docs/architecture.md", text)) == wrong


def test_every_page_is_in_the_index() -> None:
    """The index of docs/ names each page and folder beside it, and each page about operations."""
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    linked = {path for path, _, _ in LINK.findall(index)}
    pages = [Path(name).relative_to("docs") for name in DOCUMENTS if name.startswith("docs/")]
    named = {page.as_posix() for page in pages if page.parent in {Path(), Path("operations")}} - {"README.md"}
    folders = {page.parts[0] for page in pages if len(page.parts) > 1}
    assert named - linked == set()
    assert folders - {path.split("/")[0] for path in linked} == set()
