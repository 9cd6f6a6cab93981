"""`nova trace`: what is meant by an id, and how a trace is shown."""

# ruff: noqa: ANN401 - boto3 makes client classes at run time

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cli import traces
from cli.errors import NovaError
from cli.target import Target

TRACE = "1-6b01dfea-ee7a87f151058e0a75261606"
RECORDING = "83c67114-672a-4770-95dd-1c790f70ea0a"
BEGUN = 0x6B01DFEA * 1_000_000_000


def document(span: str, parent: str, name: str, begun_ms: int, ended_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "resource": {"attributes": {"service.name": more.pop("service", "audio")}},
        "spanId": span,
        "parentSpanId": parent,
        "name": name,
        "kind": "SERVER",
        "startTimeUnixNano": BEGUN + begun_ms * 1_000_000,
        "endTimeUnixNano": BEGUN + ended_ms * 1_000_000,
        "attributes": more.pop("attributes", {}),
        **more,
    }


class XRay:
    """A client of X-Ray that knows one trace, and takes a moment to find it."""

    def __init__(self, *documents: dict[str, Any], statuses: tuple[str, ...] = ("COMPLETE",)) -> None:
        self._documents = documents
        self._statuses = list(statuses)
        self.asked: dict[str, Any] = {}

    def start_trace_retrieval(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"RetrievalToken": "token"}

    def list_retrieved_traces(self, **asked: Any) -> dict[str, Any]:
        assert (asked["RetrievalToken"], asked["TraceFormat"]) == ("token", "OTEL")
        status = self._statuses.pop(0) if self._statuses else "COMPLETE"
        page = int(asked.get("NextToken", 0))
        shown = [{"Document": json.dumps(found)} for found in self._documents[page : page + 2]]
        more = {"NextToken": str(page + 2)} if page + 2 < len(self._documents) else {}
        return {"RetrievalStatus": status, "Traces": [{"Spans": shown}], **more}

    def get_trace_summaries(self, **asked: Any) -> dict[str, Any]:
        known = asked["FilterExpression"] == 'annotation[nova.request_id] = "r-1"'
        return {"TraceSummaries": [{"Id": TRACE}] if known else []}


class DynamoDb:
    def __init__(self, items: Mapping[str, Mapping[str, Any]]) -> None:
        self._items = items

    def query(self, **asked: Any) -> dict[str, Any]:
        assert asked["TableName"] == "events"
        item = self._items.get(asked["ExpressionAttributeValues"][":pk"]["S"])
        return {"Items": [item] if item is not None else []}


class Fake(Target):
    clients: dict[str, Any] = {}  # noqa: RUF012 - set for each target

    def client(self, service: str, special: Config | None = None, *, region: str = "") -> Any:
        del special, region
        return self.clients[service]


def target(xray: Any = None, items: Mapping[str, Mapping[str, Any]] | None = None) -> Target:
    found = Fake(
        outputs={"event_store_table": "events"},
        region="us-east-1",
        session=boto3.session.Session(aws_access_key_id="k", aws_secret_access_key="s"),
        endpoint=None,
    )
    Fake.clients = {"xray": xray or XRay(), "dynamodb": DynamoDb(items or {})}
    return found


@pytest.mark.parametrize("asked", [TRACE, TRACE[2:].replace("-", "")])
def test_a_trace_is_meant_by_its_id(asked: str) -> None:
    assert traces.find_trace(target(), asked) == TRACE


@pytest.mark.parametrize("kind", traces.KINDS)
def test_a_trace_is_meant_by_what_it_made(kind: str) -> None:
    items = {f"{kind}#{RECORDING}": {"trace": {"S": f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"}}}
    assert traces.find_trace(target(items=items), RECORDING) == TRACE


def test_a_trace_is_meant_by_its_request() -> None:
    assert traces.find_trace(target(), "r-1") == TRACE


@pytest.mark.parametrize("asked", [RECORDING, "r-2", 'r" OR "', ""])
def test_an_unknown_id_says_what_could_be_known(asked: str) -> None:
    with pytest.raises(NovaError, match="no trace, recording, video, session, document or request"):
        traces.find_trace(target(), asked)


def test_what_began_untraced_says_so() -> None:
    with pytest.raises(NovaError, match="the recording began before requests were traced"):
        traces.find_trace(target(items={f"Recording#{RECORDING}": {}}), RECORDING)


def test_a_trace_is_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "POLL_INTERVAL_S", 0)
    model = {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7}
    again = {"nova.deliveries": 2, "error.type": "ValueError"}
    found = XRay(
        document("d", "c", "chat m", 400, 900, service="audio-worker", attributes=model),
        document("c", "a", "process queue", 300, 950, service="audio-worker", attributes=again),
        document("b", "a", "dynamodb/PutItem", 20, 30),
        document("a", "unknown", "POST /api/audio", 0, 50, attributes={"http.response.status_code": 500}),
        document("e", "", "later", 960, 961, links=[{"traceId": "0" * 32}]),
        statuses=("SCHEDULED", "RUNNING", "COMPLETE"),
    )
    said: list[str] = []
    spans = traces.read_trace(target(found), TRACE, said.append)
    assert said == ["scheduled", "running"]
    assert found.asked["TraceIds"] == [TRACE]
    assert traces.lines(TRACE, spans) == [
        f"{TRACE}: 5 spans of 2 services in 1.0 s",
        "+  0.000 s       50 ms  audio: POST /api/audio (500)",
        "+  0.020 s       10 ms    audio: dynamodb/PutItem",
        "+  0.300 s      650 ms    audio-worker: process queue (ValueError, delivery 2)",
        "+  0.400 s      500 ms      audio-worker: chat m (11 tokens in, 7 out)",
        "+  0.960 s        1 ms  audio: later",
    ]
    listed = traces.listing(TRACE, spans)
    assert [(span["name"], span["depth"]) for span in listed["spans"]][-2:] == [("chat m", 2), ("later", 0)]
    assert listed["spans"][3]["attributes"] == model
    assert listed["spans"][4]["links"] == ["0" * 32]
    json.dumps(listed)


def test_a_trace_that_is_gone_says_so() -> None:
    with pytest.raises(NovaError, match="knows no span of"):
        traces.read_trace(target(XRay()), TRACE, print)
    with pytest.raises(NovaError, match="could not retrieve the trace: failed"):
        traces.read_trace(target(XRay(statuses=("FAILED",))), TRACE, print)


def test_a_region_without_transaction_search_says_what_to_do() -> None:
    class Refusing(XRay):
        def start_trace_retrieval(self, **asked: Any) -> dict[str, Any]:
            del asked
            raise ClientError({"Error": {"Code": "InvalidRequestException"}}, "StartTraceRetrieval")

    with pytest.raises(NovaError, match=r"InvalidRequest.*\./nova bootstrap"):
        traces.read_trace(target(Refusing()), TRACE, print)
