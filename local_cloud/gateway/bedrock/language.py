"""The language model of the local cloud: it chooses tools by meaning and quotes what they return.

It knows no facts, no questions and no tools beforehand, does not reason, and says so. What it does follows
from the conversation, the descriptions and schemas of the offered tools, and sentence embeddings.
"""

import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from local_cloud.documents import Document, parts
from local_cloud.gateway.bedrock import records, sentiment
from local_cloud.gateway.bedrock.arguments import Given
from local_cloud.gateway.bedrock.attached import attached
from local_cloud.gateway.bedrock.choice import Candidate, ToolChooser, is_question
from local_cloud.gateway.bedrock.embedder import Embedder
from local_cloud.gateway.bedrock.requests import Conversation, ids

QUOTING = "Offline model: I quote what the tools returned, I do not reason. "
QUOTING_DATA = "Offline model: I quote what the request brought along, I do not reason. "
NO_TOOLS = (
    "This is the offline model. It knows no facts and does not reason: offered tools, it calls the one whose "
    "description is nearest in meaning to a question, and quotes what that returns. "
)
ROUNDS_MAX = 3
"""Calls of tools for one question."""
QUOTES_MAX = 3
QUOTE_MARGIN = 0.12
"""Further sentences are quoted when they are about as near to the question as the nearest one."""
ANSWERED = 0.6
"""From this similarity on, data that came with the request answers a question without a tool."""
CLOSE = 0.25
"""Below this similarity with the question, the nearest sentence is said to be not close."""
RECORDS_MAX = 20
"""Entries of a list that are named."""
QUESTION_CHARACTERS_MAX = 2000
"""Of a long message only the beginning is taken for the question."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool to be called."""

    id: str
    name: str
    arguments: Document


type Piece = str | ToolUse
"""What an answer consists of: text, piece by piece, and uses of tools."""


class OfflineModel:
    """Answers conversations."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._chooser = ToolChooser(embedder)

    async def warm(self) -> None:
        """Load the model behind it, so that the first question does not wait for that."""
        await self._embedder.warm()
        await self._chooser.warm()

    async def answer(self, conversation: Conversation) -> AsyncGenerator[Piece]:
        """Yield the answer to the newest message, each piece as soon as it is known."""
        asked = _question_at(conversation.messages)
        brought = attached(conversation.system)
        given = Given(
            question=_text(conversation.messages[asked])[:QUESTION_CHARACTERS_MAX],
            known=records.identifiers(records.results(conversation.messages)),
        )
        since = conversation.messages[asked:]
        found = records.results(since)
        if conversation.choice != "auto":
            yield await self._forced(conversation, given)
        elif not conversation.tools:
            yield NO_TOOLS
            yield "This request offers no tools, so it cannot be answered."
        elif found:
            async for piece in self._after_tools(conversation, given, since, found):
                yield piece
        elif (known := await self._answering(given.question, brought)) is not None:
            yield f"{QUOTING_DATA}{_quoted(known, named=False)}"
        elif (chosen := await self._chooser.choose(given, conversation.tools)) is not None:
            yield _use(chosen)
        else:
            yield NO_TOOLS
            names = ", ".join(tool.name for tool in conversation.tools)
            yield f"Here it can use: {names}. Ask about something that they know."

    async def _answering(self, question: str, brought: list[records.Result]) -> records.Sentence | None:
        """Return the sentence of the request's own data that answers a question, if one does."""
        sentences = records.sentences(brought)
        if not sentences or not is_question(question):
            return None
        similar = (await self._embedder.similarities([question], [found.text for found in sentences]))[0]
        best = max(similar)
        return sentences[similar.index(best)] if best >= ANSWERED else None

    async def _forced(self, conversation: Conversation, given: Given) -> ToolUse:
        tools = [tool for tool in conversation.tools if conversation.choice in ("any", tool.name)]
        whole = _text(conversation.messages[_question_at(conversation.messages)])
        if len(tools) == 1 and (judged := sentiment.arguments(tools[0].schema, whole)) is not None:
            return _use_of(tools[0].name, judged)
        return _use(await self._chooser.force(given, tools))

    async def _after_tools(
        self, conversation: Conversation, given: Given, since: list[Document], found: list[records.Result]
    ) -> AsyncGenerator[Piece]:
        """Yield what the results say, or the use of a further tool when they say nothing but can lead on."""
        sentences = records.sentences(found)
        if not sentences:
            further = await self._further(conversation, given, since, found)
            if further is not None:
                yield _use(further)
                return
        yield QUOTING
        for result in found:
            if result.failed:
                yield f"{result.tool} failed: {' '.join(result.texts)} "
        if sentences:
            async for piece in self._quotes(given.question, sentences):
                yield piece
        elif not all(result.failed for result in found):
            for piece in _listed(found):
                yield piece

    async def _further(
        self, conversation: Conversation, given: Given, since: list[Document], found: list[records.Result]
    ) -> Candidate | None:
        """Return a tool that the results make callable and that suits the question better than those used."""
        rounds = sum(bool(ids(message, "toolUse")) for message in since)
        if rounds >= ROUNDS_MAX or not records.identifiers(found):
            return None
        used = {result.tool for result in found}
        best, *_ = (await self._chooser.candidates(given, conversation.tools))[0]
        return best if best.tool.name not in used and best.filled.known_id else None

    async def _quotes(self, question: str, sentences: Sequence[records.Sentence]) -> AsyncGenerator[str]:
        texts = [sentence.text for sentence in sentences]
        similar = (await self._embedder.similarities([question], texts))[0]
        ranked = sorted(range(len(sentences)), key=lambda number: -similar[number])
        best = similar[ranked[0]]
        chosen = [number for number in ranked[:QUOTES_MAX] if similar[number] >= best - QUOTE_MARGIN]
        if best < CLOSE:
            chosen = ranked[:1]
            yield "None of it is close to your question; the nearest is: "
        sources = {sentences[number].source for number in chosen}
        for place, number in enumerate(chosen):
            yield ("\n" if place else "") + _quoted(sentences[number], named=len(sources) > 1)


def _question_at(messages: list[Document]) -> int:
    """Return which message is the newest one in which the person says something."""
    numbers = range(len(messages) - 1, -1, -1)
    return next(
        (number for number in numbers if messages[number]["role"] == "user" and _text(messages[number])),
        len(messages) - 1,
    )


def _text(message: Document) -> str:
    return "\n".join(block["text"] for block in parts(message, "content") if block.get("text")).strip()


def _use(chosen: Candidate) -> ToolUse:
    return _use_of(chosen.tool.name, chosen.filled.arguments)


def _use_of(name: str, arguments: Document) -> ToolUse:
    return ToolUse(f"tooluse_{secrets.token_urlsafe(16)}", name, arguments)


def _quoted(sentence: records.Sentence, named: bool) -> str:
    """Return a sentence in quotation marks, with where it is from: time, and title or id if it has one."""
    details: list[str] = []
    if sentence.start is not None:
        details.append(f"{int(sentence.start) // 60}:{int(sentence.start) % 60:02}")
    if sentence.title:
        details.append(sentence.title)
    elif named and sentence.source:
        details.append(sentence.source)
    return f'"{sentence.text}"' + (f" ({', '.join(details)})" if details else "")


def _listed(found: list[records.Result]) -> list[str]:
    """Return what results without a sentence hold, entry by entry."""
    entries = records.records(found)
    names = " and ".join(dict.fromkeys(result.tool for result in found if not result.failed))
    if not entries:
        return [f"{names} returned nothing that could be quoted."]
    lines = [f"{names} returned {len(entries)} {'entry' if len(entries) == 1 else 'entries'}:"]
    for entry in entries[:RECORDS_MAX]:
        title = records.title_of(entry)
        facts = ", ".join(
            f"{name.replace('_', ' ')} {value}"
            for name, value in entry.items()
            if isinstance(value, str | int | float) and value != title
        )
        lines.append(f"\n- {title}: {facts}" if title else f"\n- {facts}")
    if len(entries) > RECORDS_MAX:
        lines.append(f"\n- and {len(entries) - RECORDS_MAX} more")
    return lines
