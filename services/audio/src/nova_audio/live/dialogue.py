"""A conversation with the model, over as many of its sessions as it takes.

Strands' agent runs one session: it calls tools, and renews the model's connection before its limit. Here is
what is left: the messages and the sound of what happens, the turns that are kept, and a new session when one
fails, with all that was said and with the question that was not answered yet.
"""

import asyncio
import base64
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from nova_common.backoff import Backoff
from nova_common.contracts.live import (
    TURN_CHARACTERS_MAX,
    LiveConversationTurn,
    Renewed,
    Retrying,
    Said,
    Speaker,
    Spoken,
    Text,
    ToolUsed,
)
from strands.bidi import BidiAgent
from strands.bidi.models.model import BidiModel
from strands.bidi.types.events import (
    BidiAudioDeltaEvent,
    BidiAudioStopEvent,
    BidiBargeInEvent,
    BidiConnectionRestartEvent,
    BidiToolUseBlocksEvent,
    BidiTranscriptBlockEvent,
    BidiTranscriptDeltaEvent,
    BidiUsageEvent,
)
from strands.bidi.types.media import AudioDelta
from strands.types._events import ToolResultMessageEvent
from strands.types.content import Message
from strands.types.tools import AgentTool

from nova_audio.live.limits import INPUT_BYTES_PER_SECOND, LiveLimits
from nova_audio.live.prompt import PROMPT
from nova_audio.live.sonic import is_passing
from nova_audio.live.sound import Outbox, Waiting

STOP_SECONDS_MAX = 5.0
"""For a session's end: a stream that was never answered cannot be closed."""

HISTORY_TURNS_MAX = 100
"""What a new session is told of a long conversation; Strands keeps it under 200 KB, too."""

logger = logging.getLogger(__name__)


class ModelAwayError(Exception):
    """The model's sessions failed too often, one after another."""


class Keeper(Protocol):
    """Who keeps the turns."""

    def keep(self, turn: LiveConversationTurn, text: str) -> None:
        """Keep a turn."""
        ...


class Dialogue:
    """What is said, heard and used in one conversation."""

    def __init__(
        self,
        new_model: Callable[[], BidiModel],
        tools: Sequence[AgentTool],
        outbox: Outbox,
        keeper: Keeper,
        limits: LiveLimits,
    ) -> None:
        self.input_tokens = 0
        self.output_tokens = 0
        self.retries = 0
        self.renewals = 0
        self.last_heard_at = asyncio.get_running_loop().time()
        """When something was said or done last."""
        self._new_model = new_model
        self._tools = list(tools)
        self._outbox = outbox
        self._keeper = keeper
        self._limits = limits
        self._waiting = Waiting(limits.waiting_seconds_max * INPUT_BYTES_PER_SECOND)
        self._history: list[tuple[Speaker, str]] = []
        self._open: dict[Speaker, str] = {}
        self._question = ""
        self._used: list[str] = []
        self._names: dict[str, str] = {}
        self._is_cut = False
        self._failures = 0
        self._backoff = Backoff(first=limits.backoff_first_seconds, last=limits.backoff_last_seconds)

    def hear(self, sound: bytes) -> None:
        """Pass the client's sound on; while there is no session, the newest is kept."""
        self._waiting.put(sound)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Talk until cancelled; ModelAwayError, and whatever no new session would mend."""
        while True:
            try:
                await self._session(on_ready)
            except Exception as error:
                if not is_passing(error):
                    raise
                await self._recover(error)

    async def _session(self, on_ready: Callable[[], None]) -> None:
        question, history = self._question, self._history
        if question:
            # It is asked again, as what it is: the last thing that was said.
            history = history[:-1]
        agent = BidiAgent(
            model=self._new_model(),
            tools=[*self._tools],
            system_prompt=PROMPT,
            messages=[_message(*turn) for turn in history[-HISTORY_TURNS_MAX:]],
        )
        try:
            await agent.start()
            on_ready()
            if question:
                await agent.send(question)
            await self._exchange(agent)
        finally:
            await _stopped(agent)

    async def _exchange(self, agent: BidiAgent) -> None:
        tasks = {asyncio.create_task(self._speak(agent)), asyncio.create_task(self._listen(agent))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self, agent: BidiAgent) -> None:
        while True:
            sound = await self._waiting.get()
            await agent.send(AudioDelta(format="pcm", source={"bytes": sound}))

    async def _listen(self, agent: BidiAgent) -> None:
        async for event in agent.receive():
            self._take(event)

    async def _recover(self, error: Exception) -> None:
        """Tell the client, and wait before the next session; ModelAwayError after too many."""
        logger.warning(
            "a session of the model failed", extra={"fields": {"error": type(error).__name__}}, exc_info=True
        )
        if self._outbox.seconds_left:
            self._outbox.interrupt()
        self._settle()
        self._failures += 1
        if self._failures >= self._limits.attempts_max:
            raise ModelAwayError from error
        self.retries += 1
        seconds = self._backoff.pause_seconds(self._failures)
        self._outbox.tell(Retrying(attempt=self._failures, wait_ms=round(seconds * 1000)))
        await asyncio.sleep(seconds)

    def _settle(self) -> None:
        """Keep what was being said when the session broke off."""
        for role in tuple(self._open):
            self._said(role, self._open[role], is_broken=True)
        self._used, self._names, self._is_cut = [], {}, False

    def _take(self, event: object) -> None:
        self.last_heard_at = asyncio.get_running_loop().time()
        match event:
            case BidiToolUseBlocksEvent():
                for use in event.tool_uses:
                    self._started(use["toolUseId"], use["name"])
            case ToolResultMessageEvent():
                self._completed(cast("Message", event["message"]))
            case BidiConnectionRestartEvent():
                self.renewals += 1
                self._outbox.tell(Renewed())
            case BidiUsageEvent():
                self.input_tokens += event.input_tokens
                self.output_tokens += event.output_tokens
            case _:
                self._take_speech(event)

    def _take_speech(self, event: object) -> None:
        match event:
            case BidiAudioDeltaEvent():
                self._failures = 0
                self._outbox.play(base64.b64decode(event.audio))
            case BidiAudioStopEvent():
                self._outbox.tell(Spoken())
            case BidiBargeInEvent():
                self._is_cut = True
                self._outbox.interrupt()
            case BidiTranscriptDeltaEvent():
                self._open[event.role] = self._open.get(event.role, "") + event.delta
                self._outbox.tell(Text(role=event.role, delta=event.delta))
            case BidiTranscriptBlockEvent():
                self._said(event.role, event.transcript)
            case _:
                return

    def _said(self, role: Speaker, text: str, *, is_broken: bool = False) -> None:
        self._open.pop(role, None)
        text = text.strip()
        is_cut = role == "assistant" and (self._is_cut or is_broken)
        self._is_cut = False
        if not text:
            return
        tools = self._used if role == "assistant" else []
        turn = LiveConversationTurn(role=role, is_interrupted=is_cut, tools=list(tools))
        self._keeper.keep(turn, text)
        self._outbox.tell(Said(role=role, text=text[:TURN_CHARACTERS_MAX], interrupted=is_cut))
        if role == "user":
            self._history.append((role, text))
            self._question = text
        else:
            self._used = []
            self._answered(text, is_broken=is_broken)

    def _answered(self, text: str, *, is_broken: bool) -> None:
        # What broke off is answered anew: the question is open, and the model is not told half an answer.
        if not is_broken:
            self._history.append(("assistant", text))
            self._question = ""

    def _started(self, use_id: str, name: str) -> None:
        known = name if name in {tool.tool_name for tool in self._tools} else ""
        self._names[use_id] = known
        if known and known not in self._used:
            self._used.append(known)
        self._outbox.tell(ToolUsed(id=use_id, name=known, status="started"))

    def _completed(self, message: Message) -> None:
        for block in message["content"]:
            result = block.get("toolResult")
            if result is not None:
                use_id = result["toolUseId"]
                status = "failed" if result["status"] == "error" else "completed"
                self._outbox.tell(ToolUsed(id=use_id, name=self._names.pop(use_id, ""), status=status))


def _message(role: Speaker, text: str) -> Message:
    return {"role": role, "content": [{"text": text}]}


async def _stopped(agent: BidiAgent) -> None:
    """End a session; one that has failed may fail to end, too."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await agent.stop()
