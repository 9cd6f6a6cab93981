"""Traces: one id from request to event to message to model, and nothing of what people say."""

# ruff: noqa: ANN401 - botocore's clients and answers have no common types

import io
import json
import logging
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from nova_common import aws
from nova_common.application import create_application
from nova_common.event_store import DynamoEventStore
from nova_common.events import AggregateType, Event, EventData, EventRegistry
from nova_common.histories import Histories
from nova_common.logs import JsonFormatter
from nova_common.queue_worker import QueueWorker
from nova_common.telemetry import spans
from nova_common.telemetry.context import TraceHeader
from opentelemetry.trace import SpanKind

from tests.services.common.test_histories import NOTE, Note, fold
from tests.services.common.test_queue_worker import FAST, run
from tests.services.support.tables import EVENT_STORE_TABLE, REGION, create_queue
from tests.services.support.traces import (
    HEADER,
    PARENT,
    TRACE,
    Recorded,
    id_of,
    parent_of,
    recording,
    trace_of,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient


@pytest.fixture
def recorded() -> Generator[Recorded]:
    with recording() as found:
        yield found


class Happened(EventData):
    """It happened."""


THING = AggregateType(name="Thing", source="nova.things", events=(Happened,))


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_header_says_what_was_written(trace_id: int, parent: int, sampled: bool) -> None:
    digits = f"{trace_id:032x}"
    text = f"Root=1-{digits[:8]}-{digits[8:]};Parent={parent:016x};Sampled={int(sampled)}"
    assert TraceHeader.parse(text) == TraceHeader(trace_id=trace_id, parent=parent, is_sampled=sampled)


@given(st.text(max_size=600))
def test_any_other_header_is_none(text: str) -> None:
    assert TraceHeader.parse(text) is None


def test_load_balancers_add_fields_and_nobody_needs_to_have_decided() -> None:
    found = TraceHeader.parse(f"Self=1-67891234-12456789abcdef012345678; Root={TRACE};Sampled=?")
    assert found is not None
    assert found.parent is None
    assert found.is_sampled
    assert TraceHeader.parse(f"{HEADER};x={'y' * 600}") is None


def test_a_request_continues_the_trace_of_its_header(recorded: Recorded) -> None:
    app = create_application("test")
    events: list[str | None] = []

    @app.get("/things/{thing}")
    def thing(thing: str) -> str:
        events.append(THING.event(thing, Happened(), correlation="c").trace)
        return thing

    with TestClient(app) as client:
        client.get("/things/secret?name=Ann", headers={"X-Amzn-Trace-Id": HEADER, "X-Request-Id": "r-1"})
        client.get("/health")
        client.get("/ready")
    (span,) = recorded.all
    assert (trace_of(span), parent_of(span)) == (TRACE, PARENT)
    assert span.name == "GET /things/{thing}"
    assert span.kind is SpanKind.SERVER
    # All of it: neither the path nor the query that somebody typed.
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/things/{thing}",
        "http.response.status_code": 200,
        "nova.request_id": "r-1",
        "aws.xray.annotations": ("nova.request_id",),
    }
    assert events == [f"Root={TRACE};Parent={id_of(span)};Sampled=1"]


def test_a_request_without_a_header_begins_a_trace_of_its_time(recorded: Recorded) -> None:
    with TestClient(create_application("test")) as client:
        client.get("/nothing-here")
    (span,) = recorded.all
    assert parent_of(span) == ""
    assert abs(int(trace_of(span)[2:10], 16) - time.time()) < 60
    assert (span.attributes or {})["http.response.status_code"] == 404
    assert "error.type" not in (span.attributes or {})


def test_a_failure_says_its_kind_and_no_message(recorded: Recorded) -> None:
    app = create_application("test")

    @app.get("/broken")
    def broken() -> None:
        raise LookupError("Ann's diary")

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/broken").status_code == 500
    (span,) = recorded.all
    assert (span.attributes or {})["error.type"] == "500"
    assert "Ann" not in span.to_json()
    assert not span.events


def test_what_is_not_sampled_is_passed_on_and_not_recorded(recorded: Recorded) -> None:
    with spans.serving("GET", f"Root={TRACE};Parent={PARENT};Sampled=0", {}):
        header = spans.header() or ""
        with spans.calling("call", {}):
            assert spans.header() == header
    assert header.startswith(f"Root={TRACE};Parent=")
    assert header.endswith("Sampled=0")
    assert recorded.all == ()


def test_a_header_without_a_parent_names_the_trace(recorded: Recorded) -> None:
    with spans.serving("GET", f"Root={TRACE}", {}):
        pass
    with spans.serving("GET", None, {}):
        pass
    first, second = recorded.all
    assert (trace_of(first), parent_of(first)) == (TRACE, "")
    assert trace_of(second) != TRACE


def test_log_lines_name_trace_and_span(recorded: Recorded) -> None:
    record = logging.LogRecord("test", logging.INFO, "", 0, "said", (), None)
    with spans.serving("GET", HEADER, {}) as span:
        line = json.loads(JsonFormatter("test").format(record))
    assert (line["trace_id"], line["span_id"]) == (TRACE, f"{span.get_span_context().span_id:016x}")
    assert "trace_id" not in json.loads(JsonFormatter("test").format(record))
    assert recorded.names == ["GET"]


def test_an_event_keeps_its_trace_in_the_store(dynamodb: "DynamoDBClient", recorded: Recorded) -> None:
    store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([NOTE]))
    histories = Histories(store, NOTE, fold, "note")
    with spans.serving("POST", HEADER, {}):
        note = histories.begin(NOTE.events[0](), "user")
    untraced = histories.begin(NOTE.events[0](), "user")
    (event,) = store.load(f"Note#{note}")
    assert TRACE in (event.trace or "")
    found: Any = dynamodb.get_item(
        TableName=EVENT_STORE_TABLE, Key={"pk": {"S": f"Note#{note}"}, "sk": {"S": "v0000000001"}}
    )
    assert found["Item"]["trace"] == {"S": event.trace}
    (event,) = store.load(f"Note#{untraced}")
    assert event.trace is None
    (post,) = [span for span in recorded.all if span.name == "POST"]
    assert (post.attributes or {})["nova.aggregate"] == f"Note#{note}"


@pytest.mark.parametrize("in_body", [True, False])
def test_a_message_continues_the_trace_of_its_event(
    sqs: "SQSClient", recorded: Recorded, *, in_body: bool
) -> None:
    queue, _ = create_queue(sqs, receives_max=3)
    body = json.dumps({"detail": {"aggregate": "Note#1", **({"trace": HEADER} if in_body else {})}})
    told: Any = {} if in_body else {"AWSTraceHeader": {"DataType": "String", "StringValue": HEADER}}
    sqs.send_message(QueueUrl=queue, MessageBody=body, MessageSystemAttributes=told)
    headers: list[str | None] = []
    run(QueueWorker(sqs, queue, lambda _: headers.append(spans.header()), FAST), lambda: bool(headers))
    (span,) = recorded.all
    assert span.kind is SpanKind.CONSUMER
    assert (trace_of(span), parent_of(span)) == (TRACE, PARENT)
    assert (span.attributes or {})["messaging.destination.name"] == queue.rpartition("/")[2]
    assert headers == [f"Root={TRACE};Parent={id_of(span)};Sampled=1"]


def test_a_message_without_a_trace_continues_that_of_what_it_is_about(
    dynamodb: "DynamoDBClient", recorded: Recorded
) -> None:
    store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([NOTE]))
    histories: Histories[Note] = Histories(store, NOTE, fold, "note")
    with spans.serving("POST", HEADER, {}):
        note = histories.begin(NOTE.events[0](), "user")
    appended: list[Event] = []
    with spans.handling("process uploads", None, {}):
        before = time.time_ns()
        time.sleep(0.002)
        assert spans.header() is None
        histories.load(note)
        # Once only: a message is about one thing.
        spans.adopt("Root=1-00000001-000000000000000000000001;Parent=0000000000000001;Sampled=1")
        histories.record(note, "cause", lambda _: [NOTE.events[2]()])
        appended += store.load(f"Note#{note}", after_version=1)
    span = recorded.one("process uploads")
    assert trace_of(span) == TRACE
    assert (span.start_time or 0) <= before
    assert appended[0].trace == f"Root={TRACE};Parent={id_of(span)};Sampled=1"
    assert spans.header() is None


def test_a_message_that_fails_before_its_trace_is_known_has_one_of_its_own(recorded: Recorded) -> None:
    def handle() -> None:
        with spans.handling("process uploads", None, {}):
            raise ValueError("Ann's recording")

    with pytest.raises(ValueError, match="recording"):
        handle()
    (span,) = recorded.all
    assert parent_of(span) == ""
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert "Ann" not in span.to_json()
    assert spans.header() is None


class Upstream:
    """Answers a client's requests without a network."""

    def __init__(self, client: Any, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self._answers = list(answers)
        client.meta.events.register("before-send", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        status, headers, body = self._answers.pop(0)
        answered: Any = {"content-type": "application/json", **headers}
        return AWSResponse(request.url, status, answered, Raw(body))


class Raw(io.BytesIO):
    def stream(self, **_: Any) -> Generator[bytes]:
        yield self.read()


USAGE = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}


@pytest.mark.usefixtures("aws_environment")
def test_a_call_of_a_model_tells_tokens_and_no_words(recorded: Recorded) -> None:
    client = aws.bedrock_runtime(REGION)
    said = {"message": {"role": "assistant", "content": [{"text": "her secret"}]}}
    answer = {"output": said, "stopReason": "end_turn", "usage": USAGE, "metrics": {"latencyMs": 1}}
    Upstream(client, (200, {}, json.dumps(answer).encode()))
    profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    with spans.serving("POST", HEADER, {}) as serving:
        client.converse(modelId=profile, messages=[{"role": "user", "content": [{"text": "her question"}]}])
    span = recorded.one("chat abc")
    assert parent_of(span) == f"{serving.get_span_context().span_id:016x}"
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "rpc.system": "aws-api",
        "rpc.service": "bedrock-runtime",
        "rpc.method": "Converse",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": profile,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.finish_reason": "end_turn",
        "http.response.status_code": 200,
    }
    assert "her" not in span.to_json().replace("other", "")


@pytest.mark.usefixtures("aws_environment")
def test_attempts_are_one_span_and_failures_have_a_code(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(*_: object) -> float:
        return 0

    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", at_once)
    throttled = (429, {"x-amzn-errortype": "ThrottlingException"}, b'{"message": "slowly, Ann"}')
    vector = b'{"embeddings": []}'
    client = aws.bedrock_runtime(REGION, attempts_max=2)
    counted = {"x-amzn-bedrock-input-token-count": "5"}
    Upstream(client, throttled, (200, counted, vector), throttled, throttled)
    with spans.serving("POST", HEADER, {}):
        client.invoke_model(modelId="embedder", body=b"{}")
        with pytest.raises(client.exceptions.ThrottlingException):
            client.invoke_model(modelId="embedder", body=b"{}")
    good, bad = [span for span in recorded.all if span.name == "embeddings embedder"]
    assert (good.attributes or {})["http.request.resend_count"] == 1
    assert (good.attributes or {})["gen_ai.usage.input_tokens"] == 5
    assert (bad.attributes or {})["error.type"] == "ThrottlingException"
    assert "Ann" not in bad.to_json()


class Events:
    """A stream of events as a client has it, with a member of its own."""

    member = "its own"

    def __init__(self, *events: dict[str, Any] | Exception) -> None:
        self._events = events
        self.is_closed = False

    def __iter__(self) -> Generator[dict[str, Any]]:
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.usefixtures("aws_environment")
def test_a_streamed_answer_ends_its_span_when_it_ends(recorded: Recorded) -> None:
    piece: dict[str, Any] = {"contentBlockDelta": {}}
    streams = [
        Events(piece, {"messageStop": {"stopReason": "tool_use"}}, {"metadata": {"usage": USAGE}}),
        Events(piece, OSError("cut")),
        Events(piece),
    ]
    client = aws.bedrock_runtime(REGION)
    waiting = list(streams)

    def streamed(parsed: dict[str, Any], **_: Any) -> None:
        parsed.clear()
        parsed |= {"ResponseMetadata": {"HTTPStatusCode": 200}, "stream": waiting.pop(0)}

    client.meta.events.register_first("after-call", streamed)
    empty: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    Upstream(client, empty, empty, empty)
    with spans.serving("POST", HEADER, {}):
        read = client.converse_stream(modelId="m", messages=[])["stream"]
        assert recorded.all == ()
        assert len(list(read)) == 3
        cut = client.converse_stream(modelId="m", messages=[])["stream"]
        with pytest.raises(OSError, match="cut"):
            list(cut)
        left: Any = client.converse_stream(modelId="m", messages=[])["stream"]
        assert left.member == "its own"
        left.close()
    whole, broken, unread = [dict(span.attributes or {}) for span in recorded.all if span.name == "chat m"]
    assert (whole["gen_ai.usage.output_tokens"], whole["gen_ai.response.finish_reason"]) == (7, "tool_use")
    assert broken["error.type"] == "OSError"
    assert "error.type" not in unread
    assert streams[2].is_closed


def test_calls_outside_of_any_trace_are_not_recorded(sqs: "SQSClient", recorded: Recorded) -> None:
    sqs.list_queues()
    assert recorded.all == ()


@pytest.mark.usefixtures("aws_environment")
def test_an_endpoint_that_is_not_reached_is_an_error_of_the_call(recorded: Recorded) -> None:
    client = aws.transcribe(REGION)

    def refuse(**_: Any) -> None:
        raise ConnectionRefusedError

    client.meta.events.register("before-send", refuse)
    with spans.serving("POST", HEADER, {}), pytest.raises(ConnectionRefusedError):
        client.start_transcription_job(
            TranscriptionJobName="j", Media={"MediaFileUri": "s3://bucket/Ann"}, LanguageCode="en-US"
        )
    span = recorded.one("transcribe amazon-transcribe")
    assert (span.attributes or {})["error.type"] == "ConnectionRefusedError"
    assert "Ann" not in span.to_json()
