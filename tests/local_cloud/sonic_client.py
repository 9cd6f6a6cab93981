"""One speech session with AWS's own SDK, as a program: what it is told stands on stdin, what came on stdout.

It is a process of its own because the SDK's transport takes whom it trusts from the environment, once.
"""

import asyncio
import base64
import json
import sys
import uuid
import wave
from typing import Any

from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from aws_sdk_bedrock_runtime.models import (
    BidirectionalInputPayloadPart,
    InvokeModelWithBidirectionalStreamInputChunk,
    InvokeModelWithBidirectionalStreamOperationInput,
)
from smithy_http.aio.crt import AWSCRTHTTPClient

CHUNK_BYTES = 1024
"""32 ms of 16-bit sound at 16 kHz."""


class Speech:
    """A session: sends the plan's sound, answers the model's uses of tools, collects its events."""

    def __init__(self, stream: Any, plan: dict[str, Any]) -> None:  # noqa: ANN401 (the SDK's stream)
        self._stream = stream
        self._plan = plan
        self._prompt = str(uuid.uuid4())
        self._audio = {"promptName": self._prompt, "contentName": str(uuid.uuid4())}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.sound = bytearray()
        self._answering = asyncio.Event()

    async def send(self, name: str, **body: Any) -> None:  # noqa: ANN401 (JSON)
        """Send one event."""
        data = json.dumps({"event": {name: body}}).encode()
        part = BidirectionalInputPayloadPart(bytes_=data)
        await self._stream.input_stream.send(InvokeModelWithBidirectionalStreamInputChunk(value=part))

    async def begin(self) -> None:
        """Open the prompt with its tools, and the sound."""
        tools = [
            {"toolSpec": {**tool, "inputSchema": {"json": json.dumps(tool["inputSchema"])}}}
            for tool in self._plan.get("tools", [])
        ]
        await self.send("sessionStart", inferenceConfiguration={"maxTokens": 1024})
        await self.send(
            "promptStart",
            promptName=self._prompt,
            textOutputConfiguration={"mediaType": "text/plain"},
            audioOutputConfiguration={"mediaType": "audio/lpcm", "sampleRateHertz": 16000},
            toolConfiguration={"tools": tools},
        )
        shape = {"mediaType": "audio/lpcm", "sampleRateHertz": self._plan.get("rate", 16000)}
        await self.send(
            "contentStart", **self._audio, type="AUDIO", role="USER", interactive=True,
            audioInputConfiguration=shape,
        )  # fmt: skip

    async def speak(self, path: str) -> None:
        """Send a recording as fast as it was spoken, and a pause after it."""
        with wave.open(path) as file:
            sound = file.readframes(file.getnframes()) + bytes(2 * 16000)
        for at in range(0, len(sound), CHUNK_BYTES):
            content = base64.b64encode(sound[at : at + CHUNK_BYTES]).decode()
            await self.send("audioInput", **self._audio, content=content)
            await asyncio.sleep(0.032)

    async def listen(self) -> None:
        """Collect events until the model has said all that the plan waits for."""
        _, output = await self._stream.await_output()
        ends = self._plan.get("ends", 1)
        while (event := await output.receive()) is not None:
            name, body = next(iter(json.loads(event.value.bytes_)["event"].items()))
            if name == "audioOutput":
                self.sound += base64.b64decode(body.pop("content"))
                self._answering.set()
                if self.events and self.events[-1][0] == "audioOutput":
                    continue
            self.events.append((name, body))
            if name == "toolUse":
                await self._use(body)
            ends -= name == "contentEnd" and body["stopReason"] == "END_TURN" and body["type"] == "TEXT"
            if not ends:
                return

    async def _use(self, body: dict[str, Any]) -> None:
        name = {"promptName": self._prompt, "contentName": str(uuid.uuid4())}
        result = {"toolUseId": body["toolUseId"], "type": "TEXT"}
        await self.send(
            "contentStart", **name, type="TOOL", role="TOOL", interactive=False,
            toolResultInputConfiguration=result,
        )  # fmt: skip
        await self.send("toolResult", **name, content=json.dumps(self._plan["results"][body["toolName"]]))
        await self.send("contentEnd", **name)

    async def run(self) -> None:
        """Follow the plan."""
        await self.begin()
        listening = asyncio.create_task(self.listen())
        speaking = asyncio.create_task(self._speak_all())
        try:
            await asyncio.wait_for(listening, timeout=60)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _speak_all(self) -> None:
        for place, path in enumerate(self._plan["say"]):
            if place:
                await self._answering.wait()
            await self.speak(path)


async def main() -> None:
    """Run the plan on stdin."""
    plan = json.load(sys.stdin)
    client = AsyncBedrockRuntimeClient(
        config=await AsyncBedrockRuntimeConfig.resolve(region="us-east-1", transport=AWSCRTHTTPClient())
    )
    told: dict[str, Any] = {"error": ""}
    try:
        stream = await client.invoke_model_with_bidirectional_stream(
            InvokeModelWithBidirectionalStreamOperationInput(model_id=plan["model"])
        )
        speech = Speech(stream, plan)
        try:
            await speech.run()
        finally:
            told |= {"events": speech.events, "sound": base64.b64encode(bytes(speech.sound)).decode()}
    except Exception as error:  # noqa: BLE001 (the test compares it)
        told["error"] = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    asyncio.run(main())
