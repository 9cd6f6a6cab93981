"""Nova Sonic through Strands: at the SDK's endpoint, traced, and honest about a lost stream."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any, override

from aws_sdk_bedrock_runtime.client import (
    AsyncBedrockRuntimeClient,
    InvokeModelWithBidirectionalStreamOperationInput,
)
from aws_sdk_bedrock_runtime.config import (
    AsyncBedrockRuntimeConfig,
    HTTPAuthSchemeResolver,
    SigV4AuthScheme,
)
from awscrt.exceptions import AwsCrtError
from boto3.session import Session
from nova_common.contracts.live import INPUT_RATE, OUTPUT_RATE
from nova_common.telemetry import models, spans
from opentelemetry.trace import Span
from smithy_aws_core.identity.static import StaticCredentialsResolver
from smithy_core.exceptions import CallError
from smithy_core.shapes import ShapeID
from strands.bidi.models.bedrock import (
    BedrockNovaSonicModel,
    _BedrockAWSCRTHTTPClient,  # pyright: ignore[reportPrivateUsage]
)
from strands.bidi.models.model import ConnectionTimeoutError
from strands.bidi.types.events import BidiOutputEvent, BidiUsageEvent

OPEN_SECONDS_MAX = 10.0
"""Until the model has taken a session: it answers in well under a second, or something is wrong."""

VOICE = "matthew"

_HOPELESS = frozenset(
    {
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "ValidationException",
    }
)
"""Errors of Bedrock that come back when the same is asked again."""


class ConnectionLostError(Exception):
    """The model's stream ended, and nobody had asked it to."""


def is_passing(error: BaseException) -> bool:
    """Whether a new session may succeed where this one failed: throttled, broken off, not there in time."""
    if isinstance(error, CallError):
        return type(error).__name__ not in _HOPELESS
    return isinstance(
        error, AwsCrtError | ConnectionLostError | ConnectionTimeoutError | OSError | TimeoutError
    )


class SonicModel(BedrockNovaSonicModel):
    """A session of the model, with the three things that Strands 1.62.0 has otherwise, and a span of its own.

    `start` names a fixed endpoint there, and does not wait until the session was taken; `receive` ends
    without a word when the stream does, so that its agent would wait for ever. It uses private names of
    that release, which is why Strands is pinned.
    """

    _span: Span | None = None

    def __init__(self, session: Session, model_id: str, renew_after_seconds: float) -> None:
        super().__init__(
            boto_session=session,
            model_id=model_id,
            voice=VOICE,
            audio={"input": {"sample_rate": INPUT_RATE}, "output": {"sample_rate": OUTPUT_RATE}},
            params={"turnDetectionConfiguration": {"endpointingSensitivity": "HIGH"}},
            connection={"restart_after_s": int(renew_after_seconds)},
        )

    @override
    async def start(
        self, system_prompt: Any = None, tools: Any = None, messages: Any = None, **kwargs: Any
    ) -> None:
        if self._connection_id:
            message = "the session has begun already"
            raise RuntimeError(message)
        self._connection_id = str(uuid.uuid4())
        self._begin_span()
        try:
            async with asyncio.timeout(OPEN_SECONDS_MAX):
                await self._open(self._build_initialization_events(system_prompt, tools, messages))
        except BaseException as error:
            self._end_span(error)
            raise

    async def _open(self, first: list[str]) -> None:
        self._client = AsyncBedrockRuntimeClient(config=await self._configuration())
        self._stream = await self._client.invoke_model_with_bidirectional_stream(
            InvokeModelWithBidirectionalStreamOperationInput(model_id=self._config["model_id"])
        )
        await self._send_nova_events(first)
        # A refusal is the answer to the request's head, which nothing else waits for.
        await self._stream.await_output()  # pyright: ignore[reportUnknownMemberType]

    @override
    async def receive(self) -> AsyncGenerator[BidiOutputEvent]:
        connection, span = self._connection_id, self._span
        try:
            async for event in super().receive():
                if isinstance(event, BidiUsageEvent):
                    self._tokens["inputTokens"] += event.input_tokens
                    self._tokens["outputTokens"] += event.output_tokens
                yield event
            if self._connection_id == connection:
                message = "the model's stream ended"
                raise ConnectionLostError(message)
        except Exception as error:
            if self._span is span:
                self._end_span(error)
            raise

    @override
    async def stop(self) -> None:
        try:
            await super().stop()
        finally:
            self._end_span(None)

    def _begin_span(self) -> None:
        self._tokens = Counter[str]()
        asked = models.asked("bedrock-runtime", models.SPEECH, {"modelId": self._config["model_id"]})
        if asked is not None:
            name, attributes = asked
            self._span = spans.began_call(name, attributes)

    def _end_span(self, error: BaseException | None) -> None:
        """Say how the session ended, once: a failed one is stopped afterwards, too."""
        span, self._span = self._span, None
        if span is None:
            return
        span.set_attributes(dict(models.answered({"usage": self._tokens})))
        if error is not None:
            spans.failed(span, type(error).__name__)
        span.end()

    async def _configuration(self) -> AsyncBedrockRuntimeConfig:
        found = await asyncio.to_thread(self._session.get_credentials)
        if found is None:
            message = "there are no AWS credentials"
            raise OSError(message)
        credentials = await asyncio.to_thread(found.get_frozen_credentials)
        return await AsyncBedrockRuntimeConfig.resolve(
            region=self.region,
            aws_credentials_identity_resolver=StaticCredentialsResolver(),
            auth_scheme_resolver=HTTPAuthSchemeResolver(),
            auth_schemes={ShapeID("aws.auth#sigv4"): SigV4AuthScheme(service="bedrock")},
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            transport=_BedrockAWSCRTHTTPClient(),
        )


class DictationModel(SonicModel):
    """A session that only hears: nobody waits for an answer, but for the end of what was understood."""

    def __init__(self, session: Session, model_id: str) -> None:
        # It lasts a part of a recording, and is never renewed.
        super().__init__(session, model_id, renew_after_seconds=7 * 60)
        self.completed = asyncio.Event()

    async def finish(self) -> None:
        """Say that there is no more sound; what was understood still comes, then the completion's end."""
        await self._end_audio_input()
        await self._send_nova_events([self._get_prompt_end_event()])

    @override
    def _convert_nova_event(self, nova_event: dict[str, Any], response_state: Any) -> list[BidiOutputEvent]:
        if "completionEnd" in nova_event:
            self.completed.set()
        return super()._convert_nova_event(nova_event, response_state)
