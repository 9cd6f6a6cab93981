"""One session of speech to speech in Amazon Nova Sonic's events: hears, answers as the offline model, speaks.

Sources of the events: Amazon Nova user guide, "Speech-to-Speech", input and output events.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.bedrock.language import OfflineModel, ToolUse
from local_cloud.gateway.bedrock.requests import Conversation, Tool
from local_cloud.gateway.bedrock.voice import Speechless, speak
from local_cloud.gateway.transcriber import RATE

SESSION_SECONDS_MAX = 480.0
"""A session lasts eight minutes at most (Amazon Nova user guide, quotas)."""
CHUNK_SECONDS = 0.1
"""Sound in one event."""
PACE = 0.25
"""The model speaks faster than anybody listens: so much of a chunk's own time passes before the next."""
OUTPUT_RATES = (8000, 16000, 24000)
MESSAGES_MAX = 200
CONTENT_BYTES_MAX = 1024 * 1024
CHECKOUT = Path(__file__).resolve().parents[3]

type Emit = Callable[[str, Document], Awaitable[None]]


class Refused(Exception):  # noqa: N818 (becomes the stream's validationException)
    """What was sent is not what the model takes; the message says why."""


class Session:
    """One conversation; `on` takes each event of the client, `emit` sends the model's."""

    def __init__(self, model: OfflineModel, emit: Emit) -> None:
        self._model = model
        self._emit = emit
        self._id = str(uuid.uuid4())
        self._completion = ""
        self._prompt = ""
        self._rate = OUTPUT_RATES[-1]
        self._tools: list[Tool] = []
        self._open: dict[str, Document] = {}
        self._messages: list[Document] = []
        self._ears: asyncio.subprocess.Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[None] | None = None
        self._speaking_until = 0.0
        self.failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        """Set when a turn broke off; the stream ends with it."""

    async def on(self, name: str, body: Document) -> None:
        """Take an event.

        Raises:
            Refused: it cannot come now, or is malformed.

        """
        if name not in {"sessionStart", "promptStart", "sessionEnd"} and not self._prompt:
            raise Refused(f"{name} came before promptStart.")
        match name:
            case "sessionStart":
                return
            case "promptStart":
                self._begin(body)
            case "contentStart":
                await self._open_content(body)
            case "audioInput":
                await self._hear(self._content(name, body))
            case "textInput" | "toolResult":
                self._add(name, body)
            case "contentEnd":
                await self._close_content(body)
            case "promptEnd":
                await self._settled()
                await self._send("completionEnd", stopReason="END_TURN")
            case "sessionEnd":
                return
            case _:
                raise Refused(f"There is no event {name}.")

    async def close(self) -> None:
        """End what is under way."""
        for task in (self._turn, self._hearing):
            if task is not None:
                task.cancel()
        if self._ears is not None and self._ears.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._ears.kill()
            await self._ears.wait()
        tasks = [task for task in (self._turn, self._hearing) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, body: Document) -> None:
        self._prompt = str(body["promptName"])
        rate = part(body, "audioOutputConfiguration").get("sampleRateHertz", self._rate)
        if rate not in OUTPUT_RATES:
            raise Refused(f"The output's sample rate is one of {OUTPUT_RATES}, not {rate}.")
        self._rate = rate
        for tool in parts(part(body, "toolConfiguration"), "tools"):
            spec = part(tool, "toolSpec")
            schema: Document = json.loads(part(spec, "inputSchema")["json"])
            self._tools.append(
                Tool(name=spec["name"], description=spec.get("description") or "", schema=schema)
            )

    async def _open_content(self, body: Document) -> None:
        name = str(body["contentName"])
        if name in self._open:
            raise Refused(f"The content {name} is open already.")
        self._open[name] = {**body, "said": ""}
        if body["type"] == "AUDIO" and self._ears is None:
            rate = part(body, "audioInputConfiguration").get("sampleRateHertz")
            if rate != RATE:
                raise Refused(f"The local cloud hears {RATE} samples a second, not {rate}.")
            await self._listen()

    def _content(self, name: str, body: Document) -> bytes:
        if str(body["contentName"]) not in self._open:
            raise Refused(f"{name} is for content that is not open.")
        try:
            return base64.b64decode(body["content"], validate=True)
        except binascii.Error as error:
            raise Refused(f"The content of {name} is not base64.") from error

    def _add(self, name: str, body: Document) -> None:
        content = self._open.get(str(body["contentName"]))
        if content is None:
            raise Refused(f"{name} is for content that is not open.")
        content["said"] += str(body["content"])
        if len(content["said"]) > CONTENT_BYTES_MAX:
            raise Refused(f"The content of {name} is too long.")

    async def _close_content(self, body: Document) -> None:
        content = self._open.pop(str(body["contentName"]), None)
        if content is None:
            raise Refused("contentEnd is for content that is not open.")
        said: str = content["said"]
        match content["type"], content.get("role"):
            case "AUDIO", _:
                await self._hush()
            case "TOOL", _:
                use_id = part(content, "toolResultInputConfiguration")["toolUseId"]
                self._message("user", _result(str(use_id), said))
                await self._answer()
            case "TEXT", "USER":
                self._message("user", {"text": said})
                if content.get("interactive"):
                    await self._answer()
            case "TEXT", "ASSISTANT":
                self._message("assistant", {"text": said})
            case _:
                return

    # ---- hearing

    async def _listen(self) -> None:
        self._ears = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "local_cloud.gateway.bedrock.ears", cwd=CHECKOUT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._hearing = self._watched(self._understand(self._ears))

    async def _hear(self, sound: bytes) -> None:
        if self._ears is not None and self._ears.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._ears.stdin.write(sound)
                await self._ears.stdin.drain()

    async def _hush(self) -> None:
        """Hear the last utterance out."""
        if self._ears is not None and self._ears.stdin is not None and self._hearing is not None:
            self._ears.stdin.close()
            await asyncio.wait({self._hearing})

    async def _understand(self, ears: asyncio.subprocess.Process) -> None:
        if ears.stdout is None:
            return
        async for line in ears.stdout:
            told: Document = json.loads(line)
            if told.get("speaking"):
                await self._interrupted()
            elif told.get("text"):
                self._message("user", {"text": told["text"]})
                await self._begin_completion()
                await self._say_text("USER", told["text"], "FINAL", "PARTIAL_TURN")
                await self._answer()

    async def _interrupted(self) -> None:
        """Fall silent when somebody speaks while the model does, or would still be heard."""
        busy = self._turn is not None and not self._turn.done()
        if not busy and time.monotonic() >= self._speaking_until:
            return
        if self._turn is not None and self._speaking_until:
            self._turn.cancel()
            await asyncio.gather(self._turn, return_exceptions=True)
            self._speaking_until = 0.0
            await self._say_text("ASSISTANT", '{ "interrupted" : true }', "FINAL", "INTERRUPTED")

    # ---- answering

    async def _answer(self) -> None:
        await self._settled()
        self._turn = self._watched(self._respond())

    async def _settled(self) -> None:
        if self._turn is not None:
            await asyncio.wait({self._turn})

    async def _respond(self) -> None:
        await self._begin_completion()
        asked = Conversation(
            messages=[*self._messages], tools=self._tools, choice="auto", max_tokens=None, text=""
        )
        said = ""
        async for piece in self._model.answer(asked):
            if isinstance(piece, ToolUse):
                await self._use(piece)
                return
            said += piece
        self._message("assistant", {"text": said})
        await self._say(said)

    async def _use(self, use: ToolUse) -> None:
        tool_use = {"toolUseId": use.id, "name": use.name, "input": use.arguments}
        self._message("assistant", {"toolUse": tool_use})
        body = {"toolName": use.name, "toolUseId": use.id, "content": json.dumps(use.arguments)}
        await self._block(
            "TOOL", "TOOL", [("toolUse", body)], "TOOL_USE",
            toolUseOutputConfiguration={"mediaType": "application/json"},
        )  # fmt: skip

    async def _say(self, text: str) -> None:
        await self._say_text("ASSISTANT", text, "SPECULATIVE", "PARTIAL_TURN")
        sound = await speak(text, self._rate)
        step = int(self._rate * CHUNK_SECONDS) * 2
        self._speaking_until = time.monotonic() + len(sound) / (2 * self._rate)
        content = {"contentId": str(uuid.uuid4()), "role": "ASSISTANT"}
        shape = {
            "mediaType": "audio/lpcm", "sampleRateHertz": self._rate, "sampleSizeBits": 16,
            "channelCount": 1, "encoding": "base64",
        }  # fmt: skip
        await self._send("contentStart", **content, type="AUDIO", audioOutputConfiguration=shape)
        for at in range(0, len(sound), step):
            await self._send(
                "audioOutput", **content, content=base64.b64encode(sound[at : at + step]).decode()
            )
            await asyncio.sleep(CHUNK_SECONDS * PACE)
        await self._send("contentEnd", **content, type="AUDIO", stopReason="END_TURN")
        await self._say_text("ASSISTANT", text, "FINAL", "END_TURN")

    async def _say_text(self, role: str, text: str, stage: str, stop: str) -> None:
        await self._block(
            "TEXT", role, [("textOutput", {"content": text})], stop,
            textOutputConfiguration={"mediaType": "text/plain"},
            additionalModelFields=json.dumps({"generationStage": stage}),
        )  # fmt: skip

    async def _block(
        self, kind: str, role: str, outputs: list[tuple[str, Document]], stop: str, **start: object
    ) -> None:
        content = {"contentId": str(uuid.uuid4()), "role": role}
        await self._send("contentStart", **content, type=kind, **start)
        for name, body in outputs:
            await self._send(name, **content, **body)
        await self._send("contentEnd", **content, type=kind, stopReason=stop)

    async def _begin_completion(self) -> None:
        if not self._completion:
            self._completion = str(uuid.uuid4())
            await self._send("completionStart")

    async def _send(self, name: str, **body: object) -> None:
        place = {"sessionId": self._id, "promptName": self._prompt, "completionId": self._completion}
        await self._emit(name, place | body)

    def _message(self, role: str, block: Document) -> None:
        """Add to the conversation: a message of the same role as the last one becomes part of that."""
        if self._messages and self._messages[-1]["role"] == role and "toolUse" not in block:
            self._messages[-1]["content"].append(block)
        else:
            self._messages.append({"role": role, "content": [block]})
        del self._messages[:-MESSAGES_MAX]

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and not self.failure.done():
            self.failure.set_result(Refused(str(error)) if isinstance(error, Speechless) else error)


def _result(use_id: str, said: str) -> Document:
    """Return a tool's result as Converse has it: JSON where it is JSON."""
    try:
        value: object = json.loads(said)
    except ValueError:
        value = said
    content: Document = {"json": value} if isinstance(value, dict | list) else {"text": said}
    return {"toolResult": {"toolUseId": use_id, "status": "success", "content": [content]}}
