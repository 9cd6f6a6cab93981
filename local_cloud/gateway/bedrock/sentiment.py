"""Judges the sentiment of English texts by lists of words, where a tool that has to be called asks for that.

What it is asked follows from the tool's schema alone: an array whose entries have a number and one of the
labels positive, negative and so on. The texts are those that the message numbers, as JSON. It knows words,
and a negation or an emphasis before them, and neither irony nor context; it says so where
the schema has a place for it.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from local_cloud.documents import Document, part
from local_cloud.gateway.bedrock.arguments import resolved

_WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
POSITIVE = frozenset(_WORDS["positive"].split())
NEGATIVE = frozenset(_WORDS["negative"].split())
NEGATIONS = frozenset(_WORDS["negations"].split())
EMPHASES = frozenset(_WORDS["emphases"].split())
NEGATION_WORDS = 3
"""How far before a word its negation may stand, as in "not a very good"."""
EMPHASIS = 1.5
BALANCE = 3.0
"""A text's sum s becomes the score s / (|s| + this): one plain word gives 0.25, three give 0.5."""
CLEAR = 0.1
"""Scores nearer to 0 are neutral."""
DEPTH_MAX = 6
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
BASIS = f"the local cloud's list of {len(POSITIVE) + len(NEGATIVE)} English words, offline; no language model"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a text sounds: what speaks for and against it, each 0 or more, in plain words of the lists."""

    good: float
    bad: float

    @property
    def score(self) -> float:
        """From -1 to 1."""
        total = self.good - self.bad
        return round(total / (abs(total) + BALANCE), 3)

    @property
    def label(self) -> str:
        """Return positive, negative, neutral or mixed."""
        if self.good and self.bad and abs(self.score) < CLEAR * 2:
            return "mixed"
        if abs(self.score) < CLEAR:
            return "neutral"
        return "positive" if self.score > 0 else "negative"


def judge(text: str) -> Judgement:
    """Return how a text sounds."""
    good = bad = 0.0
    words = WORD.findall(text.lower().replace("\u2019", "'"))
    for place, word in enumerate(words):
        if word not in POSITIVE and word not in NEGATIVE:
            continue
        before = words[max(0, place - NEGATION_WORDS) : place]
        weight = EMPHASIS if before and before[-1] in EMPHASES else 1.0
        if (word in POSITIVE) != any(each in NEGATIONS for each in before):
            good += weight
        else:
            bad += weight
    return Judgement(good, bad)


def arguments(schema: Document, message: str) -> Document | None:
    """Return the input of a tool that asks for the sentiment of a message's numbered texts; else None."""
    found = next(_lists(schema), None)
    if found is None:
        return None
    name, entry = found
    try:
        texts = dict(_numbered(json.loads(message), 0))
    except ValueError:
        return None
    judged = [_entry(entry, number, judge(text)) for number, text in texts.items()]
    rest = {
        member: BASIS[: declared.get("maxLength")]
        for member, declared in part(schema, "properties").items()
        if member != name and declared.get("type") == "string"
    }
    return rest | {name: judged}


def _lists(schema: Document) -> Iterator[tuple[str, Document]]:
    """Yield the arrays of a schema whose entries have a number and a sentiment, with their properties."""
    for name, declared in part(schema, "properties").items():
        properties = part(resolved(part(resolved(declared, schema), "items"), schema), "properties")
        plain = {key: resolved(value, schema) for key, value in properties.items()}
        if any(_is_label(value) for value in plain.values()) and any(
            value.get("type") == "integer" for value in plain.values()
        ):
            yield name, plain


def _is_label(schema: Document) -> bool:
    return {"positive", "negative"} <= set(schema.get("enum") or ())


def _entry(properties: Document, number: int, judgement: Judgement) -> Document:
    entry: Document = {}
    for name, schema in properties.items():
        if _is_label(schema):
            entry[name] = judgement.label if judgement.label in schema["enum"] else "neutral"
        elif schema.get("type") == "integer":
            entry[name] = number
        elif schema.get("type") == "number":
            entry[name] = min(max(judgement.score, schema.get("minimum", -1)), schema.get("maximum", 1))
    return entry


def _numbered(value: object, depth: int) -> Iterator[tuple[int, str]]:
    """Yield each number of a document with the text that stands beside it."""
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _numbered(item, depth + 1)
    elif isinstance(value, dict):
        record = cast("Document", value)
        numbers = [item for item in record.values() if isinstance(item, int) and not isinstance(item, bool)]
        texts = [item for item in record.values() if isinstance(item, str)]
        if len(numbers) == 1 and len(texts) == 1:
            yield numbers[0], texts[0]
        for item in record.values():
            yield from _numbered(item, depth + 1)
