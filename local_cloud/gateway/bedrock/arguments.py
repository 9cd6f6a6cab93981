"""Fills a tool's arguments from its JSON schema: with the question, with ids of the conversation, by rule."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from local_cloud.documents import Document, part
from local_cloud.gateway.bedrock.embedder import Embedder
from local_cloud.gateway.bedrock.records import ID_LITERAL, IDENTIFIER, Identifier

FREE_TEXT = (
    "query", "question", "search text", "what to look for, in the person's own words",
    "free text of the message", "topic or keywords",
)  # fmt: skip
FIXED_TEXT = (
    "id", "name of a person", "title or name of a thing", "place, city or location",
    "code, symbol or abbreviation",
    "date and time", "number or amount", "unit or size", "address, link or path", "language, format or type",
    "sender or recipient", "file name",
)  # fmt: skip
"""What arguments of type string are for: a question can stand for the first ones, never for the others."""
FREE_TEXT_LEAST = 0.36
"""Least similarity of an argument's name or description with FREE_TEXT (between "prompt" and "city")."""
SAME_NAME_MARGIN = 0.01
"""Names that are this near to being as similar count as the same one."""
RANK_STEP = 0.01
"""What each place further back costs: where records say nothing, the first of the newest result is meant."""
DEPTH_MAX = 6
"""Deepest nesting of a schema that is filled: bounds the recursion."""
NUMBER = r"(-?\d+(?:\.\d+)?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What arguments are filled from: the newest question, and the ids that tools returned, newest first."""

    question: str
    known: Sequence[Identifier]

    def literals(self) -> list[str]:
        """Return the ids that the question itself names."""
        words = ID_LITERAL.findall(self.question)
        return [
            *words,
            *(
                known.value
                for known in self.known
                if known.value in self.question and known.value not in words
            ),
        ]


@dataclass(slots=True)
class Filled:
    """Arguments, and what they took: the question as free text, and an id that the question names."""

    arguments: Document
    free_text: bool = False
    named_id: bool = False
    known_id: bool = False


class CannotFill(Exception):  # noqa: N818 (an outcome, not an error)
    """A required argument has no value that the conversation gives."""


class Arguments:
    """Fills arguments; the embeddings tell what an argument is for."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def fill(self, schema: Document, given: Given, forced: bool = False) -> Filled:
        """Return the arguments of a tool.

        If `forced`, a required text that cannot be known is filled with the question all the same.

        Raises:
            CannotFill: a required argument has no value.

        """
        filling = _Filling(self._embedder, schema, given, forced)
        filling.filled.arguments = await filling.members(schema, 0)
        return filling.filled


class _Filling:
    """The filling of one tool's arguments."""

    def __init__(self, embedder: Embedder, root: Document, given: Given, forced: bool) -> None:
        self._embedder = embedder
        self._root = root
        self._given = given
        self._forced = forced
        self.filled = Filled({})

    async def members(self, schema: Document, depth: int) -> Document:
        """Return an object's members: the required ones, and others that the question clearly gives."""
        if depth > DEPTH_MAX:
            raise CannotFill
        values: Document = {}
        required: list[str] = schema.get("required") or []
        for name, declared in part(schema, "properties").items():
            described = resolved(declared, self._root)
            clear = _clearly_given(name, described, self._given)
            if clear is not None:
                values[name] = clear
                self.filled.named_id = self.filled.named_id or is_identifier(name, described)
            elif name in required:
                values[name] = await self._required(name, described, depth)
        return values

    async def _required(self, name: str, schema: Document, depth: int) -> object:
        """Return an argument's value: what is declared for it, or else what suits its type."""
        for declared in ("const", "default"):
            if declared in schema:
                return schema[declared]
        if schema.get("enum"):
            return await self._closest(schema["enum"])
        return await self._typed(name, schema, depth)

    async def _typed(self, name: str, schema: Document, depth: int) -> object:
        match schema.get("type", "string"):
            case "object":
                return await self.members(schema, depth + 1)
            case "array":
                items = resolved(part(schema, "items"), self._root)
                needed = schema.get("minItems") or is_identifier(name, items) or items.get("type") == "string"
                clear = _clearly_given(name, items, self._given)
                if clear is not None or not needed:
                    return [] if clear is None else [clear]
                return [await self._required(name, items, depth + 1)]
            case "integer" | "number":
                return _number(schema, self._given.question)
            case "boolean" | "null" as kind:
                return False if kind == "boolean" else None
            case _:
                return await self._text(name, schema)

    async def _text(self, name: str, schema: Document) -> str:
        if is_identifier(name, schema):
            known = await self._known_id(name, schema)
            if known is not None:
                self.filled.known_id = True
                return known
            if not self._forced:
                raise CannotFill
        elif self._forced or await self._is_free_text(name, schema):
            self.filled.free_text = True
        else:
            raise CannotFill
        return self._given.question[: schema.get("maxLength") or None]

    async def _is_free_text(self, name: str, schema: Document) -> bool:
        if schema.get("format") or schema.get("pattern", "").startswith("^"):
            return False
        words = [spoken(name), *([schema["description"]] if schema.get("description") else [])]
        similar = await self._embedder.similarities(words, [*FREE_TEXT, *FIXED_TEXT])
        return any(
            max(row[: len(FREE_TEXT)]) > max(FREE_TEXT_LEAST, *row[len(FREE_TEXT) :]) for row in similar
        )

    async def _known_id(self, name: str, schema: Document) -> str | None:
        """Return the id that is meant: of those whose names fit best, the one whose record is nearest."""
        fitting = [known for known in self._given.known if _matches(schema, known.value)]
        if not fitting:
            return None
        names = [spoken(" ".join(known.names[-2:])) for known in fitting]
        by_name = (await self._embedder.similarities([spoken(name)], names))[0]
        best = max(by_name) - SAME_NAME_MARGIN
        same = [known for known, similar in zip(fitting, by_name, strict=True) if similar >= best]
        about = [known.about for known in same]
        by_meaning = (await self._embedder.similarities([self._given.question], about))[0]
        ranked = [similar - RANK_STEP * rank for rank, similar in enumerate(by_meaning)]
        return same[ranked.index(max(ranked))].value

    async def _closest(self, choices: Sequence[Any]) -> object:
        """Return the choice that is nearest to the question in meaning."""
        said = [spoken(str(choice)) for choice in choices]
        similar = (await self._embedder.similarities([self._given.question], said))[0]
        return choices[similar.index(max(similar))]


def resolved(schema: Document, root: Document) -> Document:
    """Return a schema without references and alternatives: the first alternative that is not null."""
    for _ in range(DEPTH_MAX):
        if "$ref" in schema:
            target: Any = root
            for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                target = part(target, step)
            schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
            continue
        choices: list[Document] = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or []
        wanted = [choice for choice in choices if choice.get("type") != "null"]
        if wanted:
            others = {
                name: value for name, value in schema.items() if name not in ("anyOf", "oneOf", "allOf")
            }
            schema = {**others, **wanted[0]}
            continue
        break
    kinds: Any = schema.get("type")
    if isinstance(kinds, list):
        listed = [kind for kind in cast("list[str]", kinds) if kind != "null"]
        schema = {**schema, "type": listed[0] if listed else "null"}
    return schema


def is_identifier(name: str, schema: Document) -> bool:
    """Whether a text argument takes an id."""
    text = schema.get("type", "string") == "string"
    return text and (bool(IDENTIFIER.search(name)) or schema.get("format") == "uuid")


def spoken(name: str) -> str:
    """Return a name of a program as words: `recording_id` and `recordingId` are "recording id"."""
    return re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip().lower() or name


def _matches(schema: Document, value: str) -> bool:
    pattern: str = schema.get("pattern") or ""
    return not pattern or re.search(pattern, value) is not None


def _is_named(choice: str, question: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(spoken(choice))}(?!\w)", question.lower()) is not None


def _clearly_given(name: str, schema: Document, given: Given) -> object:
    """Return the value that the question itself names for an argument, None when it names none."""
    choices: list[Any] = schema.get("enum") or []
    if choices:
        return next((choice for choice in choices if _is_named(str(choice), given.question)), None)
    if schema.get("type") in ("integer", "number"):
        found = re.search(
            rf"(?<!\w){re.escape(spoken(name))}\W{{0,3}}{NUMBER}(?![\w-])", given.question.lower()
        )
        return _bounded(schema, float(found[1])) if found else None
    if is_identifier(name, schema):
        return next((literal for literal in given.literals() if _matches(schema, literal)), None)
    return None


def _number(schema: Document, question: str) -> float:
    """Return the only number of the question, or else the least one that is allowed."""
    numbers = re.findall(rf"(?<![\w-]){NUMBER}(?![\w-])", question)
    return _bounded(schema, float(numbers[0]) if len(numbers) == 1 else schema.get("minimum", 0))


def _bounded(schema: Document, value: float) -> float:
    bounded = min(max(value, schema.get("minimum", value)), schema.get("maximum", value))
    return int(bounded) if schema.get("type") == "integer" or float(bounded).is_integer() else bounded
