"""Amazon Bedrock's runtime API with offline models behind it: Converse, InvokeModel, ApplyGuardrail.

Corrects: MiniStack answers with canned text, and its tools are never called (services/bedrock_runtime.py).
"""

import json
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from local_cloud.documents import Document, part
from local_cloud.gateway.bedrock import embeddings as nova
from local_cloud.gateway.bedrock.embedder import Embedder
from local_cloud.gateway.bedrock.frames import CONTENT_TYPE, event, exception
from local_cloud.gateway.bedrock.guardrail import (
    EXAMPLES,
    MISSING,
    Guarded,
    Guardrail,
    Verdict,
    applied,
    guarded,
)
from local_cloud.gateway.bedrock.language import OfflineModel, Piece, ToolUse
from local_cloud.gateway.bedrock.requests import Conversation, check_model, conversation, is_embedding_model
from local_cloud.gateway.bedrock.video import OfflineVideoModel
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, json_answer, parse
from local_cloud.gateway.rest_json import RestJsonModel

SERVICE = "bedrock-runtime"
WORD = re.compile(r"\s*\S+\s*")
INPUT_CHARACTERS = 24
"""A tool's input is streamed as JSON text in pieces, as models produce it."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Said:
    """What an answer came to: its content blocks, why it ended, and when it began."""

    stop_reason: str = "end_turn"
    content: list[Document] = field(default_factory=list[Document])
    begun: float = field(default_factory=time.monotonic)
    trace: Document = field(default_factory=dict[str, object])
    """What a guardrail found, where that was asked for."""
    intervened: bool = False
    """Whether a guardrail blocked or masked something of it."""

    @property
    def reason(self) -> str:
        """Why the answer ended."""
        # A model that goes on with a tool has not ended its answer.
        is_open = self.stop_reason == "tool_use"
        return "guardrail_intervened" if self.intervened and not is_open else self.stop_reason

    def add(self, piece: Piece) -> None:
        if isinstance(piece, ToolUse):
            used = {"toolUseId": piece.id, "name": piece.name, "input": piece.arguments}
            self.content.append({"toolUse": used})
            self.stop_reason = "tool_use"
        elif self.content and "text" in self.content[-1]:
            self.content[-1]["text"] += piece
        else:
            self.content.append({"text": piece})

    @property
    def latency_ms(self) -> int:
        return round((time.monotonic() - self.begun) * 1000)


class BedrockService:
    """The handler of the Bedrock runtime API."""

    def __init__(self, embedder: Embedder, ministack: MiniStack, video: OfflineVideoModel) -> None:
        self._embedder = embedder
        self._ministack = ministack
        self.language = OfflineModel(embedder)
        self._video = video
        self._model = RestJsonModel(SERVICE)

    async def warm(self) -> None:
        """Prepare what the first caller would wait for."""
        self._model.operation("POST", "/model/any/converse")
        try:
            await self.language.warm()
            await self._embedder.embed([text for examples in EXAMPLES.values() for text in examples])
        except (ImportError, OSError) as error:
            logger.warning("the offline models cannot be loaded: %r", error)

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        try:
            operation, labels = self._model.operation(method, path)
            match operation:
                case "Converse" | "ConverseStream":
                    asked, guard = await self._asked(operation, labels, body, query)
                    if asked.video is not None:
                        self._video.authorize(asked.video, self._ministack.access_key(headers, query))
                    if operation == "Converse":
                        return json_answer(await self._whole(asked, guard), content_type="application/json")
                    streamed = {"Content-Type": CONTENT_TYPE}
                    return 200, streamed, self._ministack.streamed(self._frames(asked, guard))
                case "ApplyGuardrail":
                    request = self._model.read(operation, labels, body, query)
                    guardrail = self._guardrail(request)
                    return json_answer(await applied(request, guardrail), content_type="application/json")
                case "InvokeModel":
                    return await self._invoke(labels["modelId"], body)
                case "InvokeModelWithBidirectionalStream":
                    # The stream itself needs HTTP/2: `duplex.py` asks here whether it may begin.
                    check_model(labels["modelId"])
                    return json_answer({}, content_type="application/json")
                case _:
                    raise AwsError("ValidationException", f"The local cloud has no Bedrock {operation}")
        except AwsError as error:
            return self._model.error(error)

    def _guardrail(self, named: Document) -> Guardrail:
        identifier, version = str(named["guardrailIdentifier"]), str(named["guardrailVersion"])
        record = self._ministack.guardrail(identifier, version)
        if record is None:
            raise AwsError("ValidationException", MISSING)
        return Guardrail(str(record["GuardrailId"]), record, self._embedder)

    async def _asked(
        self, operation: str, labels: Document, body: bytes, query: dict[str, list[str]]
    ) -> tuple[Conversation, Guarded | None]:
        check_model(labels["modelId"])
        if is_embedding_model(labels["modelId"]):
            message = (
                "This action doesn't support the model that you provided. Try again with a supported text or "
                "chat model."
            )
            raise AwsError("ValidationException", message)
        request = self._model.read(operation, labels, body, query)
        named = part(request, "guardrailConfig")
        if not named:
            return conversation(request), None
        guard = await guarded(request, self._guardrail(named))
        return conversation(guard.request), guard

    async def _invoke(self, model_id: str, body: bytes) -> Answer:
        check_model(model_id)
        if model_id.rpartition("/")[2] != nova.MODEL:
            message = (
                f"The local cloud answers InvokeModel for {nova.MODEL} only; text models answer Converse and "
                "ConverseStream."
            )
            raise AwsError("ValidationException", message)
        kind, text = nova.content_of(parse(body))
        (vector,) = await self._embedder.embed([text])
        status, headers, content = json_answer(nova.answer(kind, vector), content_type="application/json")
        tokens = await self._embedder.count_tokens([text])
        return status, headers | {"x-amzn-bedrock-input-token-count": str(tokens)}, content

    async def _whole(self, asked: Conversation, guard: Guarded | None) -> Document:
        said = _Said()
        async for piece in self._checked(asked, said, guard):
            said.add(piece)
        return {
            "output": {"message": {"role": "assistant", "content": said.content}},
            "stopReason": said.reason,
            **await self._metadata(asked, said),
        }

    async def _checked(self, asked: Conversation, said: _Said, guard: Guarded | None) -> AsyncIterator[Piece]:
        """Yield the answer as a guardrail lets it through, which sees all of it before any of it is said."""
        if guard is None:
            async for piece in self._pieces(asked, said):
                yield piece
            return
        output: Verdict | None = None
        pieces: list[Piece] = [guard.guardrail.blocked_input]
        if not guard.input.blocked:
            pieces = [piece async for piece in self._pieces(asked, said)]
            text = "".join(piece for piece in pieces if isinstance(piece, str))
            output = await guard.guardrail.judge([text], source="OUTPUT")
            if output.blocked:
                pieces = [guard.guardrail.blocked_output]
            elif output.masked:
                pieces = [*output.texts, *(piece for piece in pieces if isinstance(piece, ToolUse))]
        for piece in pieces:
            yield piece
        said.trace = guard.trace(output)
        if guard.input.blocked or (output is not None and output.intervened):
            said.intervened = True

    async def _pieces(self, asked: Conversation, said: _Said) -> AsyncIterator[Piece]:
        """Yield the answer, cut where the caller's maxTokens are used up."""
        left = asked.max_tokens
        model = self.language if asked.video is None else self._video
        async for piece in model.answer(asked):
            if left is None or isinstance(piece, ToolUse):
                yield piece
                continue
            begin, tokens = await self._embedder.beginning(piece, left)
            left -= tokens
            yield begin
            if begin != piece:
                said.stop_reason = "max_tokens"
                return

    async def _frames(self, asked: Conversation, guard: Guarded | None) -> AsyncGenerator[bytes]:
        """Yield the events of a streamed answer, each as soon as it is known."""
        said = _Said()
        yield event("messageStart", {"role": "assistant"})
        try:
            async for piece in self._checked(asked, said, guard):
                opened = len(said.content)
                said.add(piece)
                index = len(said.content) - 1
                if opened and opened == index:
                    yield event("contentBlockStop", {"contentBlockIndex": index - 1})
                for name, payload in _events(piece):
                    yield event(name, payload | {"contentBlockIndex": index})
            yield event("contentBlockStop", {"contentBlockIndex": len(said.content) - 1})
            yield event("messageStop", {"stopReason": said.reason})
            yield event("metadata", await self._metadata(asked, said))
        except Exception as error:
            # The status was sent already: the stream itself has to say that it ends early.
            logger.exception("the offline model failed")
            yield exception("internalServerException", f"The offline model failed: {error!r}")

    async def _metadata(self, asked: Conversation, said: _Said) -> Document:
        texts = [
            json.dumps(block, ensure_ascii=False) if "text" not in block else block["text"]
            for block in said.content
        ]
        output = await self._embedder.count_tokens(texts)
        given = await self._embedder.count_tokens([asked.text])
        return {
            "usage": {"inputTokens": given, "outputTokens": output, "totalTokens": given + output},
            "metrics": {"latencyMs": said.latency_ms},
            **said.trace,
        }


def _events(piece: Piece) -> list[tuple[str, Document]]:
    """Return the events of one piece: text word by word, a tool's input as JSON text.

    As in AWS, only the block of a tool has a start.
    """
    if isinstance(piece, ToolUse):
        arguments = json.dumps(piece.arguments, ensure_ascii=False)
        chunks = [arguments[at : at + INPUT_CHARACTERS] for at in range(0, len(arguments), INPUT_CHARACTERS)]
        start = {"toolUse": {"toolUseId": piece.id, "name": piece.name}}
        deltas: list[Document] = [{"toolUse": {"input": chunk}} for chunk in chunks]
        return [
            ("contentBlockStart", {"start": start}),
            *(("contentBlockDelta", {"delta": delta}) for delta in deltas),
        ]
    return [("contentBlockDelta", {"delta": {"text": word}}) for word in WORD.findall(piece) or [piece]]
