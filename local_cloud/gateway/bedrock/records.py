"""What tools returned, taken apart: sentences with their times and titles, records with their ids, errors."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from local_cloud.documents import Document, parts

DEPTH_MAX = 12
"""Deepest nesting of a result that is looked into: bounds the recursion."""
PROSE_WORDS = 3
"""A shorter text is a name or a code, not a sentence."""
PIECE_WORDS = 40
"""Speech without punctuation is quoted in pieces of this length."""
SENTENCES_MAX = 400
"""Sentences of one answer's results that are compared: half an hour of speech."""
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”)]*\s+|\n+")
START = re.compile(r"^(start|begin|from|offset)", re.IGNORECASE)
TITLE = re.compile(r"^(title|name|label|subject|file_?name|heading)$", re.IGNORECASE)
IDENTIFIER = re.compile(
    r"(?:^|_)(?:id|ids|identifier|arn|uuid)$|[a-z](?:Id|Ids|ID|Identifier|Arn|Uuid)$|^ID$"
)
ID_LITERAL = re.compile(r"(?<![\w-])(?=[\w-]*\d)[A-Za-z0-9][\w-]{5,}(?![\w-])")
"""A word that can only be an id: six or more letters, digits, hyphens, with a digit among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence word for word; `start` in seconds; what it is part of, as far as the result says."""

    text: str
    start: float | None
    title: str | None
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """An id that a tool returned: the names it stands under, outermost first, and what it is the id of."""

    value: str
    names: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Result:
    """One tool's result."""

    tool: str
    failed: bool
    values: list[Any]

    @property
    def texts(self) -> list[str]:
        """Its blocks as text."""
        return [value if isinstance(value, str) else json.dumps(value) for value in self.values]


def results(messages: list[Document]) -> list[Result]:
    """Return the results of tools in messages, oldest first."""
    names = {
        block["toolUse"]["toolUseId"]: str(block["toolUse"]["name"])
        for message in messages
        for block in parts(message, "content")
        if block.get("toolUse")
    }
    found: list[Result] = []
    for message in messages:
        for block in parts(message, "content"):
            result: Document | None = block.get("toolResult")
            if result is not None:
                values = [_value(content) for content in parts(result, "content")]
                name = names.get(result["toolUseId"], "tool")
                found.append(Result(name, result.get("status") == "error", values))
    return found


def _value(content: Document) -> object:
    """Return a result block's JSON, or its text; JSON in a text is read as such."""
    if content.get("json") is not None:
        return content["json"]
    text = str(content.get("text") or "")
    try:
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else text
    except ValueError:
        return text


def sentences(found: list[Result]) -> list[Sentence]:
    """Return the sentences of results that did not fail; only those with a time, when there are any."""
    every = [
        sentence
        for result in found
        if not result.failed
        for value in result.values
        for sentence in _sentences(value, Sentence(text="", start=None, title=None, source=None), 0)
    ]
    timed = [sentence for sentence in every if sentence.start is not None]
    return list(dict.fromkeys(timed or every))[:SENTENCES_MAX]


def _sentences(value: object, around: Sentence, depth: int) -> Iterator[Sentence]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, str):
        for text in split(value):
            yield Sentence(text=text, start=around.start, title=around.title, source=around.source)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _sentences(item, around, depth + 1)
    elif isinstance(value, dict):
        record = cast("Document", value)
        within = _context(record, around)
        for name, item in record.items():
            if not TITLE.match(name) and not IDENTIFIER.search(name):
                yield from _sentences(item, within, depth + 1)


def _context(record: Document, around: Sentence) -> Sentence:
    start, title, source = around.start, around.title, around.source
    for name, value in record.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and START.match(name):
            start = float(value)
        elif isinstance(value, str) and TITLE.match(name):
            title = value
        elif isinstance(value, str) and IDENTIFIER.search(name):
            source = value
    return Sentence(text="", start=start, title=title, source=source)


def split(text: str) -> list[str]:
    """Return the sentences of a text, word for word; none of what is too short to be one."""
    found: list[str] = []
    for sentence in SENTENCE_END.split(text):
        words = [match.span() for match in re.finditer(r"\S+", sentence)]
        if len(words) >= PROSE_WORDS:
            pieces = range(0, len(words), PIECE_WORDS)
            found += [
                sentence[words[first][0] : words[min(first + PIECE_WORDS, len(words)) - 1][1]]
                for first in pieces
            ]
    return found


def records(found: list[Result]) -> list[Document]:
    """Return the entries of the lists in results that did not fail."""
    entries: list[Document] = []
    for result in found:
        if not result.failed:
            for value in result.values:
                entries += _records(value, 0)
    return entries


def _records(value: object, depth: int) -> list[Document]:
    if depth > DEPTH_MAX or not isinstance(value, dict | list):
        return []
    if isinstance(value, list):
        return [cast("Document", item) for item in cast("list[object]", value) if isinstance(item, dict)]
    return [entry for item in cast("Document", value).values() for entry in _records(item, depth + 1)]


def title_of(record: Document) -> str | None:
    """Return what an entry is called."""
    return next(
        (value for name, value in record.items() if isinstance(value, str) and TITLE.match(name)), None
    )


def identifiers(found: list[Result]) -> list[Identifier]:
    """Return the ids in results that did not fail, each once, those of the newest result first."""
    every = [
        identifier
        for result in reversed(found)
        if not result.failed
        for value in result.values
        for identifier in _identifiers(value, (), 0)
    ]
    return list({identifier.value: identifier for identifier in reversed(every)}.values())[::-1]


def _identifiers(value: object, names: tuple[str, ...], depth: int) -> Iterator[Identifier]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _identifiers(item, names, depth + 1)
    elif isinstance(value, dict):
        record = cast("Document", value)
        about = " ".join(str(item) for item in record.values() if isinstance(item, str | int | float))
        for name, item in record.items():
            if isinstance(item, str) and item and IDENTIFIER.search(name):
                yield Identifier(value=item, names=(*names, name), about=about)
            else:
                yield from _identifiers(item, (*names, name), depth + 1)
