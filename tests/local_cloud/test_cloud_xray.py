"""X-Ray of the local cloud: takes spans from who may send them, keeps the newest, shows whole traces."""

# ruff: noqa: ANN401 (boto3 makes client classes at run time)

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.local_cloud.iam_matrix import World
from tests.local_cloud.running import CHECKOUT, Running
from tests.local_cloud.test_cloud_iam_requests import reader

PROTOBUF = "application/x-protobuf"


def request_of(trace: str, *names: str, **attributes: str) -> bytes:
    """An OTLP request of spans of a trace, each the child of the one before."""
    request: Any = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    pair = group.resource.attributes.add(key="service.name")
    pair.value.string_value = "audio"
    scope = group.scope_spans.add()
    begun = time.time_ns()
    for number, name in enumerate(names, start=1):
        span = scope.spans.add(
            trace_id=bytes.fromhex(trace),
            span_id=number.to_bytes(8),
            parent_span_id=(number - 1).to_bytes(8) if number > 1 else b"",
            name=name,
            kind=2,
            start_time_unix_nano=begun + number,
            end_time_unix_nano=begun + 1_000_000,
        )
        for key, value in attributes.items():
            span.attributes.add(key=key.replace("__", ".")).value.string_value = value
    return request.SerializeToString()


def send(
    cloud: Running, identity: dict[str, str], body: bytes, content_type: str = PROTOBUF
) -> httpx2.Response:
    url = f"{cloud.url}/v1/traces"
    request: Any = AWSRequest("POST", url, headers={"content-type": content_type}, data=body)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    SigV4Auth(Credentials(*(identity[name] for name in names)), "xray", "us-east-1").add_auth(request)
    return httpx2.post(url, headers=dict(request.headers), content=body)


def new_trace() -> str:
    return f"{int(time.time()):08x}{time.time_ns():024x}"


def retrieved(client: Any, trace: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    token = client.start_trace_retrieval(
        TraceIds=[f"1-{trace[:8]}-{trace[8:]}"], StartTime=now - timedelta(hours=1), EndTime=now
    )["RetrievalToken"]
    answer = client.list_retrieved_traces(RetrievalToken=token, TraceFormat="OTEL")
    assert answer["RetrievalStatus"] == "COMPLETE"
    return [json.loads(span["Document"]) for found in answer["Traces"] for span in found["Spans"]]


def test_a_trace_is_shown_as_it_was_sent(world: World) -> None:
    trace, other = new_trace(), new_trace()
    sender = reader(world, "xray:PutSpans")
    assert send(world.cloud, sender.identity, request_of(trace, "POST /api/audio", "call")).status_code == 200
    assert send(world.cloud, sender.identity, request_of(other, "GET")).status_code == 200
    # A batch that is sent again changes nothing.
    assert send(world.cloud, sender.identity, request_of(trace, "POST /api/audio", "call")).status_code == 200
    first, second = retrieved(world.administrator("xray"), trace)
    assert (first["name"], first["parentSpanId"], first["kind"]) == ("POST /api/audio", "", "SERVER")
    assert second["parentSpanId"] == first["spanId"]
    assert first["resource"]["attributes"] == {"service.name": "audio"}
    assert first["endTimeUnixNano"] - first["startTimeUnixNano"] == first["durationNano"] > 0


def test_a_request_is_found_by_its_annotation(world: World) -> None:
    trace = new_trace()
    client: Any = world.administrator("xray")
    sender = reader(world, "xray:PutSpans")
    send(world.cloud, sender.identity, request_of(trace, "GET", nova__request_id=f"r-{trace}"))
    now = datetime.now(UTC)
    times = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1)}
    found = client.get_trace_summaries(
        **times, FilterExpression=f'annotation[nova.request_id] = "r-{trace}"'
    )["TraceSummaries"]
    assert [summary["Id"] for summary in found] == [f"1-{trace[:8]}-{trace[8:]}"]
    none = client.get_trace_summaries(**times, FilterExpression='annotation[nova.request_id] = "r"')
    assert none["TraceSummaries"] == []
    with pytest.raises(ClientError, match=r"InvalidRequestException.*annotations alone"):
        client.get_trace_summaries(**times, FilterExpression='service("audio")')


def test_spans_are_taken_from_who_may_send_them(world: World) -> None:
    body = request_of(new_trace(), "GET")
    refused = send(world.cloud, reader(world, "xray:PutTraceSegments").identity, body)
    assert refused.status_code == 403
    assert "xray:PutSpans" in refused.text
    sender = reader(world, "xray:PutSpans")
    with pytest.raises(ClientError, match="xray:StartTraceRetrieval"):
        retrieved(world.client("xray", sender), new_trace())


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"\xff\xff", PROTOBUF, "no OTLP request"),
        (b"{}", "application/json", PROTOBUF),
        (b"\0" * (5 * 1024 * 1024 + 1), PROTOBUF, "at most"),
    ],
    ids=["noise", "json", "large"],
)
def test_what_is_no_request_of_spans_is_refused(
    world: World, body: bytes, content_type: str, said: str
) -> None:
    answer = send(world.cloud, reader(world, "xray:PutSpans").identity, body, content_type)
    assert answer.status_code == 400
    assert said in answer.text


STORE = """
import sys, time
from pathlib import Path
from local_cloud.gateway.xray.store import Span, SpanStore

store = SpanStore(Path(sys.argv[1]), spans_max=10, spared=3)
for number in range(40):
    store.put([Span(trace=f"{number % 2}", span=f"{number}", begun=time.time_ns(), document={"n": number})])
kept = [span.document["n"] for spans in store.traces(["0", "1"]).values() for span in spans]
assert len(kept) <= 13, kept
assert set(kept) >= set(range(30, 40)), kept
assert store.traces(["2"]) == {}
"""


def test_the_newest_spans_are_kept(cloud_python: Path, tmp_path: Path) -> None:
    arguments = [str(cloud_python), "-c", STORE, str(tmp_path / "traces.sqlite")]
    result = subprocess.run(arguments, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
