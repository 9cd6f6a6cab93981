"""A speech-to-speech model that says what the test tells it to, at the port of the library."""

# ruff: noqa: ANN401 - the library's own signatures

import asyncio
import base64
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, override

from nova_common.contracts.live import OUTPUT_RATE
from strands.bidi.models.model import BidiModel
from strands.bidi.types.content import BidiMessage
from strands.bidi.types.events import (
    BidiAudioDeltaEvent,
    BidiAudioStartEvent,
    BidiAudioStopEvent,
    BidiBargeInEvent,
    BidiOutputEvent,
    BidiResponseStartEvent,
    BidiResponseStopEvent,
    BidiToolUseBlocksEvent,
    BidiTranscriptDeltaEvent,
    BidiTranscriptStartEvent,
    BidiTranscriptStopEvent,
    BidiUsageEvent,
)
from strands.bidi.types.media import AudioDelta

type Heard = asyncio.Queue[bytes | BidiMessage]
"""What the session was sent: sound, or a message of text or tools' results."""
type Play = Callable[[Heard], AsyncIterator[BidiOutputEvent]]
"""One session of the model."""


class Stage:
    """What the model's sessions play one after another, and what each was begun with."""

    def __init__(self) -> None:
        self.plays: deque[Play | Exception] = deque()
        self.histories: list[list[tuple[str, str]]] = []
        self.tools: list[str] = []
        self.heard: list[Heard] = []
        self.stopped = 0

    def model(self) -> BidiModel:
        """Return a model for one more session."""
        return ScriptedTalker(self)


class ScriptedTalker(BidiModel):
    """Plays one session."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._heard: Heard = asyncio.Queue()
        self._play: Play = silence

    @override
    def update_config(self, **model_config: Any) -> None:
        raise NotImplementedError

    @override
    def get_config(self) -> Any:
        return {"model_id": "scripted"}

    @override
    async def start(
        self, system_prompt: Any = None, tools: Any = None, messages: Any = None, **kwargs: Any
    ) -> None:
        texts = [(message["role"], message["content"][0]["text"]) for message in messages]
        self._stage.histories.append(texts)
        self._stage.tools = [tool["name"] for tool in tools]
        self._stage.heard.append(self._heard)
        play = self._stage.plays.popleft() if self._stage.plays else silence
        if isinstance(play, Exception):
            raise play
        self._play = play

    @override
    async def stop(self) -> None:
        self._stage.stopped += 1

    @override
    async def send(self, content: Any) -> None:
        if isinstance(content, AudioDelta):
            self._heard.put_nowait(content.source.get("bytes", b""))
        elif isinstance(content, BidiMessage):
            self._heard.put_nowait(content)

    @override
    async def receive(self) -> AsyncGenerator[BidiOutputEvent]:
        async for event in self._play(self._heard):
            yield event


async def silence(heard: Heard) -> AsyncIterator[BidiOutputEvent]:
    """Listen, and say nothing."""
    del heard
    await asyncio.Event().wait()
    yield BidiBargeInEvent()


def asked(text: str) -> list[BidiOutputEvent]:
    """What is heard of a person."""
    return _transcript("user", text)


def answered(text: str, seconds: float = 0.1) -> list[BidiOutputEvent]:
    """A whole answer, spoken for so long."""
    spoken = [
        BidiResponseStartEvent(str(uuid.uuid4())),
        BidiAudioStartEvent("sound"),
        *sound(seconds),
        BidiAudioStopEvent("sound"),
        *_transcript("assistant", text),
        BidiResponseStopEvent("response"),
    ]
    usage = BidiUsageEvent(
        input_tokens=3,
        output_tokens=2,
        total_tokens=5,
        input_token_details={"audio": 3, "text": 0},
        output_token_details={"audio": 2, "text": 0},
    )
    return [*spoken, usage]


def sound(seconds: float) -> list[BidiOutputEvent]:
    """Pieces of a tenth of a second."""
    piece = base64.b64encode(bytes(OUTPUT_RATE // 10 * 2)).decode()
    return [
        BidiAudioDeltaEvent(
            audio=piece, format="pcm", sample_rate=OUTPUT_RATE, channels=1, content_id="sound"
        )
        for _ in range(round(seconds * 10))
    ]


def begun(text: str) -> list[BidiOutputEvent]:
    """The beginning of an answer's transcript, which never ends."""
    return [
        BidiTranscriptStartEvent("assistant", "half"),
        BidiTranscriptDeltaEvent(text, "assistant", "half"),
    ]


def cut(text: str) -> list[BidiOutputEvent]:
    """What comes when somebody speaks while the model does."""
    return [BidiBargeInEvent(), BidiAudioStopEvent("sound"), *_transcript("assistant", text)]


def used(name: str, **arguments: object) -> list[BidiOutputEvent]:
    """The wish to use a tool."""
    return [BidiToolUseBlocksEvent([{"toolUseId": "use-1", "name": name, "input": arguments}])]


def playing(*events: list[BidiOutputEvent], error: Exception | None = None) -> Play:
    """A session that hears something and plays; then it fails, or listens."""

    async def play(heard: Heard) -> AsyncIterator[BidiOutputEvent]:
        await heard.get()
        for group in events:
            for event in group:
                yield event
            await asyncio.sleep(0)
        if error is not None:
            raise error
        async for event in silence(heard):
            yield event

    return play


def _transcript(role: Any, text: str) -> list[BidiOutputEvent]:
    content_id = str(uuid.uuid4())
    return [
        BidiTranscriptStartEvent(role, content_id),
        BidiTranscriptDeltaEvent(text, role, content_id),
        BidiTranscriptStopEvent(role, content_id),
    ]
