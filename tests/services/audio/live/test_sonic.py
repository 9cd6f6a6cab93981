"""The model's session: its span, what a refusal is, and what happens when its stream just ends."""

# ruff: noqa: ANN401 - the library's own signatures

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aws_sdk_bedrock_runtime.models import AccessDeniedException, ThrottlingException
from boto3.session import Session
from nova_audio.live import sonic
from nova_audio.live.sonic import ConnectionLostError, DictationModel, SonicModel, is_passing
from nova_common.telemetry import spans
from opentelemetry.trace import StatusCode
from strands.bidi.types.media import AudioDelta

from tests.services.support.traces import HEADER, Recorded, recording, trace_of

MODEL = "amazon.nova-2-sonic-v1:0"
USAGE = {"speechTokens": 7, "textTokens": 2}


class Wire:
    """The stream of one session: what it answers to its head, and the events that come."""

    def __init__(self, refusal: Exception | None, events: list[dict[str, Any]]) -> None:
        self._refusal = refusal
        self._events = events
        self.sent: list[dict[str, Any]] = []
        self.closed = False
        self.input_stream = self

    async def send(self, event: Any) -> None:
        self.sent.append(json.loads(event.value.bytes_)["event"])

    async def await_output(self) -> tuple[None, Any]:
        if self._refusal is not None:
            raise self._refusal
        return None, self

    async def receive(self) -> Any:
        if not self._events:
            return None
        content = json.dumps({"event": self._events.pop(0)}).encode()
        return SimpleNamespace(value=SimpleNamespace(bytes_=content))

    async def close(self) -> None:
        self.closed = True


class Client:
    """The SDK's client, which opens one stream."""

    wire: Wire

    def __init__(self, config: object) -> None:
        assert config

    async def invoke_model_with_bidirectional_stream(self, asked: Any) -> Wire:
        assert asked.model_id == MODEL
        return self.wire

    async def close(self) -> None:
        return


@pytest.fixture
def anyio_backend() -> str:
    """What asynchronous tests run on."""
    return "asyncio"


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with recording() as made:
        yield made


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> SonicModel:
    monkeypatch.setattr(sonic, "AsyncBedrockRuntimeClient", Client)
    session = Session("key", "secret", region_name="us-east-1")
    return SonicModel(session, MODEL, 420)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("refusal", "may_pass"), [(ThrottlingException("too many"), True), (AccessDeniedException("no"), False)]
)
async def test_a_refused_session_says_so_at_its_start_and_in_its_span(
    model: SonicModel, recorded: Recorded, refusal: Exception, *, may_pass: bool
) -> None:
    Client.wire = Wire(refusal, [])
    with spans.serving("WEBSOCKET /live", HEADER, {}), pytest.raises(type(refusal)) as caught:
        await model.start()
    assert is_passing(caught.value) is may_pass
    await model.stop()
    span = recorded.one(f"speech {MODEL}")
    assert span.attributes is not None
    assert span.attributes["error.type"] == type(refusal).__name__
    assert span.status.status_code is StatusCode.ERROR
    assert trace_of(span) == trace_of(recorded.one("WEBSOCKET /live"))


@pytest.mark.anyio
async def test_the_span_of_a_session_tells_its_tokens_and_nothing_that_was_said(
    model: SonicModel, recorded: Recorded
) -> None:
    usage = {"usageEvent": {"details": {"delta": {"input": USAGE, "output": USAGE}}}}
    Client.wire = Wire(None, [usage, usage])
    with spans.serving("WEBSOCKET /live", HEADER, {}):
        await model.start("a prompt that is nobody's business")
        with pytest.raises(ConnectionLostError):
            async with asyncio.timeout(5):
                async for _ in model.receive():
                    pass
        await model.stop()
    assert Client.wire.closed
    span = recorded.one(f"speech {MODEL}")
    assert dict(span.attributes or {}) == {
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.operation.name": "speech",
        "gen_ai.request.model": MODEL,
        "gen_ai.usage.input_tokens": 18,
        "gen_ai.usage.output_tokens": 18,
        "error.type": "ConnectionLostError",
    }


@pytest.mark.anyio
async def test_a_session_that_is_stopped_ends_well(model: SonicModel, recorded: Recorded) -> None:
    Client.wire = Wire(None, [])
    with spans.serving("WEBSOCKET /live", HEADER, {}):
        await model.start()
        await model.stop()
        await model.stop()
    assert recorded.one(f"speech {MODEL}").status.status_code is StatusCode.UNSET


@pytest.mark.anyio
async def test_dictation_says_when_it_has_all(model: SonicModel) -> None:
    assert model
    Client.wire = wire = Wire(None, [{"completionEnd": {"completionId": "c", "stopReason": "END_TURN"}}])
    hearing = DictationModel(Session("key", "secret", region_name="us-east-1"), MODEL)
    await hearing.start("Take dictation.")
    await hearing.send(AudioDelta(format="pcm", source={"bytes": bytes(320)}))
    await hearing.finish()
    assert [next(iter(event)) for event in wire.sent[-4:]] == [
        "contentStart", "audioInput", "contentEnd", "promptEnd"
    ]  # fmt: skip
    assert not hearing.completed.is_set()
    with pytest.raises(ConnectionLostError):
        async for _ in hearing.receive():
            pass
    assert hearing.completed.is_set()
    await hearing.stop()
