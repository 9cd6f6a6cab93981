"""Chooses a tool by meaning: which tool's description, and which kind of request, a question is nearest to.

A request is one of five kinds, told apart by what people say in general and by nothing about any subject:
small talk with the assistant, which no tool answers; looking something up, which tools with a free text do;
keeping something for later, which tools with a free text do that say so; an overview, which tools without
required arguments give; the whole of one thing, which tools that require an id give. A tool's score is the
similarity of the question with its description plus that with its kind.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from local_cloud.gateway.bedrock.arguments import Arguments, CannotFill, Filled, Given, spoken
from local_cloud.gateway.bedrock.embedder import Embedder
from local_cloud.gateway.bedrock.records import ID_LITERAL
from local_cloud.gateway.bedrock.requests import Tool

SMALL_TALK = (
    "Hello, good morning!",
    "Hi, nice to meet you.",
    "Goodbye, see you later, good night.",
    "Thank you very much, that was helpful.",
    "You are welcome, no problem.",
    "Okay, great, well done.",
    "How are you today?",
    "Who are you, and what is your name?",
    "What can you do for me, and how can you help me?",
    "Are you a human or an AI assistant?",
    "Which model are you, and which tools do you have?",
    "How do you work, and who made you?",
    "Tell me something about yourself.",
    "Tell me a joke.",
)
"""What is said to the assistant about the assistant."""
LOOKUP = (
    # The same matters as in small talk, asked about others.
    "Who said hello, and who greeted whom?",
    "Whom did they thank, and for what?",
    "What were the first words and the last words?",
    "Which model, which tools and which machine did the man use?",
    "What is the assistant or the robot of the company doing?",
    "Who helped them, and how?",
    "Who made the thing?",
    "Who told a joke, and about what?",
    "What does she think of them?",
    "How are they, and how was it?",
    "Who is that person, and what is their name?",
    # What people ask about any subject.
    "What did he say about it?",
    "When and where did that happen?",
    "Why did they decide so?",
    "How does it work, and what is it for?",
    "What was the result, and how many were there?",
    "Which one was it?",
    "Did anyone mention that?",
    "What is the number, the date or the price of it?",
    "Explain the subject.",
    "Find the part where someone talks about something.",
    "Which of them mentions it?",
    "Is there one about this topic?",
    "Find the one in which it is said.",
    "Search for a word.",
    "What did I say about it?",
    "What is the latest one about?",
)
OVERVIEW = (
    "List them all.",
    "Which ones do I have?",
    "Show me everything that is there.",
    "Give me an overview of what I have.",
    "How many of them are there?",
    "What have I added so far?",
    "What do I have here?",
)
WHOLE = (
    "Show me the whole thing.",
    "Give me the complete text of it.",
    "Read it to me from start to end.",
    "I want all of it, word for word.",
)
KEEP = (
    "Please remember that I like it.",
    "Keep in mind that I prefer the other one.",
    "Do not forget that I cannot have it.",
    "Make a note of this for later.",
    "For the next time: I live there.",
    "Remember: she is called so.",
)
"""What is said to be kept."""
KINDS = {"small talk": SMALL_TALK, "lookup": LOOKUP, "overview": OVERVIEW, "whole": WHOLE, "keep": KEEP}
KEEPING = ("Remember what the person says.", "Save a note for later.", "Keep this in mind.")
SEEKING = ("Search what there is.", "Find what was said about a topic.", "Answer a question.")
"""What tools with a free text say of themselves: those that keep it, and those that look something up."""
SMALL_TALK_LEAST = 0.34
"""Least similarity with small talk; below, a question is taken for one about something.

Halfway between what questions about something reach (0.29) and what small talk does (0.39) in the tests.
"""
DESCRIPTION_LEAST = 0.2
"""Least similarity with the description of a tool that does one certain thing."""
SPECIFIC_HANDICAP = 0.08
"""What such a tool's score has to be ahead of a tool's that takes any question."""
NAMED_ID_BONUS = 0.3
"""For a tool that takes an id which the question names."""
SENTENCE = re.compile(r"(?<=[.!?:;])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tool that can be called, with its arguments and how well it suits the question."""

    tool: Tool
    filled: Filled
    score: float
    description: float
    """Similarity of the question with the tool's description."""


class ToolChooser:
    """Chooses tools and fills their arguments."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._arguments = Arguments(embedder)

    async def warm(self) -> None:
        """Compute what every choice compares with."""
        kinds = [said for kind in KINDS.values() for said in kind]
        await self._embedder.embed([*kinds, *KEEPING, *SEEKING])

    async def candidates(
        self, given: Given, tools: Sequence[Tool], forced: bool = False
    ) -> tuple[list[Candidate], dict[str, float]]:
        """Return the tools that can be called, best first, and the similarity with each kind of request."""
        filled = await asyncio.gather(*(self._filled(tool, given, forced) for tool in tools))
        callable_tools = [(tool, full) for tool, full in zip(tools, filled, strict=True) if full is not None]
        groups = {**KINDS, **{f"tool {tool.name}": described(tool) for tool, _ in callable_tools}}
        texts = [text for group in groups.values() for text in group]
        row = (await self._embedder.similarities([_neutral(given)], texts))[0]
        nearest: dict[str, float] = {}
        for name, group in groups.items():
            nearest[name], row = max(row[: len(group)]), row[len(group) :]
        keeping = await self._keeping([tool for tool, _ in callable_tools])
        if is_question(given.question):
            # Whoever asks wants to know, and nothing to be kept.
            callable_tools = [
                (tool, full)
                for tool, full in callable_tools
                if not full.free_text or tool.name not in keeping
            ]
        found = [
            Candidate(
                tool=tool,
                filled=full,
                score=_score(
                    nearest[f"tool {tool.name}"], full, nearest[_kind(full, tool, tool.name in keeping)]
                ),
                description=nearest[f"tool {tool.name}"],
            )
            for tool, full in callable_tools
        ]
        return sorted(found, key=lambda candidate: -candidate.score), nearest

    async def choose(self, given: Given, tools: Sequence[Tool]) -> Candidate | None:
        """Return the tool to call, None when the question is better answered without one."""
        found, nearest = await self.candidates(given, tools)
        talk = nearest["small talk"]
        about_something = max(
            *(nearest[kind] for kind in ("lookup", "overview", "keep")),
            *(candidate.description for candidate in found),
            -1.0,
        )
        if talk >= SMALL_TALK_LEAST and talk > about_something:
            return None
        return next((candidate for candidate in found if _suits(candidate)), None)

    async def force(self, given: Given, tools: Sequence[Tool]) -> Candidate:
        """Return the tool to call when one has to be called."""
        found, _ = await self.candidates(given, tools)
        if not found:
            found, _ = await self.candidates(given, tools, forced=True)
        return found[0]

    async def _keeping(self, tools: Sequence[Tool]) -> set[str]:
        """Return which tools keep what they are told, by their descriptions."""
        whole = [tool.description.strip() or spoken(tool.name) for tool in tools]
        similar = await self._embedder.similarities(whole, [*KEEPING, *SEEKING])
        return {
            tool.name
            for tool, row in zip(tools, similar, strict=True)
            if max(row[: len(KEEPING)]) > max(row[len(KEEPING) :])
        }

    async def _filled(self, tool: Tool, given: Given, forced: bool) -> Filled | None:
        try:
            return await self._arguments.fill(tool.schema, given, forced)
        except CannotFill:
            return None


def is_question(text: str) -> bool:
    """Whether a text ends with a question mark."""
    return text.rstrip().endswith(("?", "\uff1f"))


def described(tool: Tool) -> list[str]:
    """Return what a tool says about itself: its name, its description, and each sentence of that."""
    whole = tool.description.strip()
    return [spoken(tool.name), *dict.fromkeys([whole, *SENTENCE.split(whole)] if whole else [])]


def _neutral(given: Given) -> str:
    """Return the question without ids, which mean nothing."""
    question = given.question
    for known in given.known:
        question = question.replace(known.value, "it")
    return ID_LITERAL.sub("it", question)


def _kind(filled: Filled, tool: Tool, keeps: bool) -> str:
    if filled.free_text:
        return "keep" if keeps else "lookup"
    return "whole" if tool.schema.get("required") else "overview"


def _score(description: float, filled: Filled, kind: float) -> float:
    score = description + kind + (NAMED_ID_BONUS if filled.named_id else 0)
    return score if filled.free_text else score - SPECIFIC_HANDICAP


def _suits(candidate: Candidate) -> bool:
    """Whether a tool's description says enough about the question; a free text takes any."""
    filled = candidate.filled
    return filled.free_text or filled.named_id or candidate.description >= DESCRIPTION_LEAST
