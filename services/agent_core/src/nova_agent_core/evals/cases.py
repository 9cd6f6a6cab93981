"""The cases of an evaluation, and what is checked of an answer: by rule, so that the same is judged alike.

`cases.toml` holds them with the documents that they are about. A check looks for words, for tools and their
arguments, and at the script of the answer; none asks another model for its opinion.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

JAPANESE_SHARE_LEAST = 0.3
"""Of an answer in Japanese are kana and kanji: numbers, names and quotation marks are the rest."""
JAPANESE_SHARE_MOST = 0.05
"""Of an answer in English, which may name something Japanese."""

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_LETTER = re.compile(r"\w")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Paper(_Part):
    """A document that the person has."""

    title: str
    text: str


class Expected(_Part):
    """What is checked of the answer to the last message; every list that is given has to hold."""

    tools: tuple[str, ...] = ()
    """Each is used, and succeeds."""
    no_tools: tuple[str, ...] = ()
    """None of them succeeds."""
    arguments: tuple[str, ...] = ()
    """Each is somewhere in the arguments of the tools."""
    contains: tuple[str, ...] = ()
    """Each is in the answer."""
    contains_any: tuple[str, ...] = ()
    """One of them is."""
    lacks: tuple[str, ...] = ()
    """None is in the answer."""
    answer_language: Literal["en", "ja"] | None = None
    stop_reason: str | None = None


class Case(_Part):
    """One case: messages of one person, and what the last one is answered with."""

    id: str = Field(pattern=r"^(en|ja)-[a-z0-9-]+$")
    messages: tuple[str, ...] = Field(min_length=1, max_length=4)
    apart: bool = False
    """Whether each message has a session of its own."""
    needs_language_model: bool = False
    """Whether it takes more than choosing tools by meaning and quoting what they return."""
    expect: Expected

    @property
    def language(self) -> str:
        """Of the messages."""
        return self.id.partition("-")[0]


class Suite(_Part):
    """All cases, and the documents that they are about."""

    paper: tuple[Paper, ...]
    case: tuple[Case, ...]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        ids = [case.id for case in self.case]
        if len(set(ids)) < len(ids):
            message = "two cases have the same id"
            raise ValueError(message)
        return self


@dataclass(slots=True)
class Heard:
    """What came of a message: text, tools with their arguments and ends, and how it ended."""

    text: str = ""
    used: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    succeeded: set[str] = field(default_factory=set[str])
    stop_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""
    """Its kind or title where there was no answer."""

    def take(self, name: str, data: dict[str, Any]) -> None:
        """Take one event of the stream."""
        match name:
            case "token":
                self.text += data["text"]
            case "tool" if data["status"] == "started":
                self.used.append((data["name"], data.get("input") or {}))
            case "tool" if data["status"] == "completed":
                self.succeeded.add(data["name"])
            case "done":
                self.stop_reason, self.usage = data["stop_reason"], data["usage"]
            case "error":
                self.problem = str(data.get("type", "")).rpartition(":")[2] or str(data.get("title"))
            case _:
                pass


def faults(expected: Expected, heard: Heard) -> list[str]:
    """Return which checks fail, by name and by what was expected; none of what was answered."""
    if heard.problem:
        return [f"no answer: {heard.problem}"]
    return list(_faults(expected, heard))


def _faults(expected: Expected, heard: Heard) -> Iterator[str]:
    text = heard.text.casefold()
    given = json.dumps([arguments for _, arguments in heard.used], ensure_ascii=False).casefold()
    succeeded = heard.succeeded
    yield from _missing("tools", expected.tools, lambda tool: tool in succeeded)
    yield from _missing("no_tools", expected.no_tools, lambda tool: tool not in succeeded)
    yield from _missing("arguments", expected.arguments, lambda word: word.casefold() in given)
    yield from _missing("contains", expected.contains, lambda word: word.casefold() in text)
    yield from _missing("lacks", expected.lacks, lambda word: word.casefold() not in text)
    if expected.contains_any and not any(word.casefold() in text for word in expected.contains_any):
        yield f"contains_any: {', '.join(expected.contains_any)}"
    if expected.answer_language and not in_language(heard.text, expected.answer_language):
        yield f"answer_language: {expected.answer_language}"
    if expected.stop_reason and heard.stop_reason != expected.stop_reason:
        yield f"stop_reason: {expected.stop_reason}"


def _missing(check: str, wanted: Sequence[str], holds: Callable[[str], bool]) -> Iterator[str]:
    return (f"{check}: {word}" for word in wanted if not holds(word))


def in_language(text: str, language: str) -> bool:
    """Whether a text is in Japanese (`ja`) or is not (`en`), by the script of its letters."""
    letters = len(_LETTER.findall(text)) or 1
    share = len(_JAPANESE.findall(text)) / letters
    return share >= JAPANESE_SHARE_LEAST if language == "ja" else share <= JAPANESE_SHARE_MOST


def load_suite() -> Suite:
    """Return the suite that is part of the image."""
    text = files("nova_agent_core.evals").joinpath("cases.toml").read_text(encoding="utf-8")
    return Suite.model_validate(tomllib.loads(text))
