"""Pages that say how to add something, as a person follows them: block by block."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS = ("diff", "sh")
"""A change of files, and commands; any other block is a file, which stands behind the language."""


class FollowError(Exception):
    """A page cannot be followed; says which page, which block, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: str
    number: int
    """From 1, as a reader counts."""
    line: int
    info: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.page}, block {self.number} (line {self.line}, `{self.info}`)"


def blocks(page: Path) -> Iterator[Block]:
    """Return the blocks of a page in their order; FollowError for one that says not what it is."""
    text = page.read_text(encoding="utf-8")
    for number, found in enumerate(FENCE.finditer(text), start=1):
        line = text.count("\n", 0, found.start()) + 1
        block = Block(page=page.name, number=number, line=line, info=found["info"], text=found["text"])
        if block.info not in KINDS and len(block.info.split()) != len(("language", "file")):
            raise FollowError(f"{block.place}: neither {' nor '.join(KINDS)}, and names no file")
        yield block
