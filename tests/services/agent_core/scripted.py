"""A model that says what the test tells it to, at the port of the library."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, override

from strands.models.model import Model

type Chunk = dict[str, Any]
type Round = Callable[[], AsyncIterator[Chunk]]
"""One call of the model."""


class ScriptedModel(Model):
    """Plays one round a call, `ok` when there is none left, and keeps what it was asked."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {"model_id": "scripted"}
        self.rounds: deque[Round] = deque()
        self.seen: list[list[dict[str, Any]]] = []
        self.tool_names: list[str] = []
        self.system_prompt = ""
        self.blocks: list[dict[str, Any]] = []

    @override
    def update_config(self, **model_config: Any) -> None:
        self.config.update(model_config)

    @override
    def get_config(self) -> Any:
        return self.config

    @override
    async def structured_output(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
        raise NotImplementedError
        yield

    @override
    async def stream(
        self, messages: Any, tool_specs: Any = None, system_prompt: Any = None, **kwargs: Any
    ) -> AsyncGenerator[Any]:
        self.seen.append(json.loads(json.dumps(messages)))
        specs: list[dict[str, Any]] = tool_specs or []
        self.tool_names = [spec["name"] for spec in specs]
        self.system_prompt = system_prompt
        self.blocks = list(kwargs.get("system_prompt_content") or [])
        play = self.rounds.popleft() if self.rounds else say("ok")
        async for chunk in play():
            yield chunk


def _stop(reason: str) -> list[Chunk]:
    usage = {"inputTokens": 10, "outputTokens": 3, "totalTokens": 13}
    return [
        {"contentBlockStop": {}},
        {"messageStop": {"stopReason": reason}},
        {"metadata": {"usage": usage, "metrics": {"latencyMs": 1}}},
    ]


def _played(chunks: Sequence[Chunk]) -> Round:
    async def play() -> AsyncIterator[Chunk]:
        for chunk in chunks:
            yield chunk

    return play


def say(*tokens: str, stop: str = "end_turn") -> Round:
    """Tokens, and the end."""
    texts = [{"contentBlockDelta": {"delta": {"text": token}}} for token in tokens]
    return _played(
        [{"messageStart": {"role": "assistant"}}, {"contentBlockStart": {"start": {}}}, *texts, *_stop(stop)]
    )


def break_off(*tokens: str) -> Round:
    """Tokens, and nothing more."""
    texts = [{"contentBlockDelta": {"delta": {"text": token}}} for token in tokens]
    return _played([{"messageStart": {"role": "assistant"}}, *texts])


def use(*uses: tuple[str, dict[str, Any]], before: str = "") -> Round:
    """Uses of tools, in one round, after some words."""
    chunks: list[Chunk] = [{"messageStart": {"role": "assistant"}}]
    if before:
        chunks += [{"contentBlockDelta": {"delta": {"text": before}}}, {"contentBlockStop": {}}]
    for number, (name, arguments) in enumerate(uses):
        start = {"toolUse": {"name": name, "toolUseId": f"use-{number}"}}
        delta = {"toolUse": {"input": json.dumps(arguments)}}
        chunks += [
            {"contentBlockStart": {"start": start}},
            {"contentBlockDelta": {"delta": delta}},
            {"contentBlockStop": {}},
        ]
    return _played([*chunks, *_stop("tool_use")[1:]])


def fail(error: Exception, *tokens: str) -> Round:
    """Tokens, and an error."""

    async def play() -> AsyncIterator[Chunk]:
        async for chunk in break_off(*tokens)():
            yield chunk
        raise error

    return play


def hold(seconds: float, *tokens: str) -> Round:
    """Tokens, a silence, and the rest."""

    async def play() -> AsyncIterator[Chunk]:
        async for chunk in break_off(*tokens)():
            yield chunk
        await asyncio.sleep(seconds)
        for chunk in [{"contentBlockDelta": {"delta": {"text": "late"}}}, *_stop("end_turn")]:
            yield chunk

    return play
