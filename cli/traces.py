"""Shows a trace: what one request set off, as X-Ray has it, here and in AWS alike."""

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import NovaError
from cli.target import Target

KINDS = ("Recording", "Video", "Session", "Document")
"""Aggregates whose id people know."""
REQUEST_ATTRIBUTE = "nova.request_id"
SEARCHED_HOURS = 6
"""How far back a request is looked for, and a trace whose id does not say when it began."""
KEPT_DAYS = 30
"""X-Ray keeps no trace for longer."""
POLL_INTERVAL_S = 0.5
RETRIEVAL_S_MAX = 60.0
PAGES_MAX = 100
ERROR_STATUS = 400

_TRACE_ID = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})|([0-9a-f]{8})([0-9a-f]{24})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._=:+/-]{1,128}")
_ROOT = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span; `start` in seconds since 1970, `duration` in seconds."""

    id: str
    parent: str
    service: str
    name: str
    kind: str
    start: float
    duration: float
    is_error: bool
    attributes: dict[str, Any]
    links: tuple[str, ...]
    """Ids of other traces that it goes back to."""


def find_trace(target: Target, asked: str) -> str:
    """Return the id of the trace that is meant, by itself or by what it is about.

    That is a recording, video, session, document or request.
    Raises NovaError when nothing of that id is found, or it is not traced.
    """
    if found := _TRACE_ID.fullmatch(asked):
        return f"1-{found[1] or found[3]}-{found[2] or found[4]}"
    try:
        if _UUID.fullmatch(asked) and (trace := _of_aggregate(target, asked)):
            return trace
        if _REQUEST_ID.fullmatch(asked) and (trace := _of_request(target, asked)):
            return trace
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"{asked} cannot be looked up: {error}") from error
    raise NovaError(
        f"{asked} is no trace, recording, video, session, document or request that is known; of requests "
        f"those of the last {SEARCHED_HOURS} hours are, in AWS as far as X-Ray indexes them: log lines have "
        "the trace_id of every request"
    )


def read_trace(target: Target, trace_id: str, progress: Callable[[str], None]) -> list[Span]:
    """Return the spans of a trace, in the order in which they began; NovaError when there are none."""
    xray = target.client("xray")
    begun = datetime.fromtimestamp(int(trace_id[2:10], 16), UTC)
    until = datetime.now(UTC) + timedelta(minutes=5)
    since = begun - timedelta(minutes=5)
    if not until - timedelta(days=KEPT_DAYS) < begun < until:
        since = until - timedelta(hours=SEARCHED_HOURS)
    try:
        token = str(
            xray.start_trace_retrieval(TraceIds=[trace_id], StartTime=since, EndTime=until)["RetrievalToken"]
        )
        documents = _retrieved(xray, token, progress)
    except (ClientError, BotoCoreError) as error:
        message = f"the trace cannot be read: {error}; it takes Transaction Search (./nova bootstrap)"
        raise NovaError(message) from error
    spans = sorted(map(_span, documents), key=lambda span: span.start)
    if not spans:
        raise NovaError(f"X-Ray knows no span of {trace_id}: it was not sampled, or is older than is kept")
    return spans


def lines(trace_id: str, spans: list[Span]) -> list[str]:
    """Return a trace as a tree: when each span began, how long it took, who did what, and what is special."""
    begun = spans[0].start
    ended = max(span.start + span.duration for span in spans)
    services = len({span.service for span in spans})
    head = f"{trace_id}: {len(spans)} spans of {services} services in {ended - begun:.1f} s"
    rows = [
        f"+{span.start - begun:>7.3f} s  {span.duration * 1000:>7.0f} ms  {'  ' * depth}{_title(span)}"
        for depth, span in _tree(spans)
    ]
    return [head, *rows]


def listing(trace_id: str, spans: list[Span]) -> dict[str, Any]:
    """Return a trace for programs: spans in the order of the tree, with their depth."""
    begun = spans[0].start
    return {
        "trace": trace_id,
        "spans": [
            {
                "id": span.id,
                "parent": span.parent or None,
                "depth": depth,
                "service": span.service,
                "name": span.name,
                "kind": span.kind,
                "start_ms": round((span.start - begun) * 1000, 3),
                "duration_ms": round(span.duration * 1000, 3),
                "error": span.is_error,
                "attributes": span.attributes,
                "links": list(span.links),
            }
            for depth, span in _tree(spans)
        ],
    }


def _of_aggregate(target: Target, aggregate_id: str) -> str | None:
    dynamodb = target.client("dynamodb")
    for kind in KINDS:
        items = dynamodb.query(
            TableName=str(target.output("event_store_table")),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{kind}#{aggregate_id}"}},
            Limit=1,
        )["Items"]
        if items:
            root = _ROOT.search(items[0].get("trace", {}).get("S", ""))
            if root is None:
                raise NovaError(f"the {kind.lower()} began before requests were traced")
            return root[1]
    return None


def _of_request(target: Target, request_id: str) -> str | None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    found = target.client("xray").get_trace_summaries(
        StartTime=until - timedelta(hours=SEARCHED_HOURS),
        EndTime=until,
        FilterExpression=f'annotation[{REQUEST_ATTRIBUTE}] = "{request_id}"',
    )["TraceSummaries"]
    return str(found[0]["Id"]) if found else None


def _retrieved(xray: Any, token: str, progress: Callable[[str], None]) -> list[dict[str, Any]]:  # noqa: ANN401 (a boto3 client)
    deadline = time.monotonic() + RETRIEVAL_S_MAX
    while True:
        answer = xray.list_retrieved_traces(RetrievalToken=token, TraceFormat="OTEL")
        status = str(answer["RetrievalStatus"])
        if status == "COMPLETE":
            break
        if status not in {"SCHEDULED", "RUNNING"} or time.monotonic() > deadline:
            raise NovaError(f"X-Ray could not retrieve the trace: {status.lower()}")
        progress(status.lower())
        time.sleep(POLL_INTERVAL_S)
    documents: list[dict[str, Any]] = []
    for _ in range(PAGES_MAX):
        documents += [json.loads(span["Document"]) for trace in answer["Traces"] for span in trace["Spans"]]
        if not answer.get("NextToken"):
            break
        answer = xray.list_retrieved_traces(
            RetrievalToken=token, TraceFormat="OTEL", NextToken=answer["NextToken"]
        )
    return documents


def _span(document: dict[str, Any]) -> Span:
    begun, ended = int(document["startTimeUnixNano"]), int(document["endTimeUnixNano"])
    resource: dict[str, Any] = document.get("resource") or {}
    known: dict[str, Any] = resource.get("attributes") or {}
    status: dict[str, Any] = document.get("status") or {}
    links: list[dict[str, Any]] = document.get("links") or []
    return Span(
        id=str(document["spanId"]),
        parent=str(document.get("parentSpanId") or ""),
        service=str(known.get("service.name") or ""),
        name=str(document["name"]),
        kind=str(document.get("kind") or ""),
        start=begun / 1e9,
        duration=(ended - begun) / 1e9,
        is_error=status.get("code") == "ERROR",
        attributes=cast("dict[str, Any]", document.get("attributes") or {}),
        links=tuple(str(link["traceId"]) for link in links),
    )


def _tree(spans: list[Span]) -> Iterable[tuple[int, Span]]:
    """Return the spans with their depth, children behind their parent.

    One whose parent is not there is a root.
    """
    known = {span.id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent if span.parent in known else "", []).append(span)
    waiting = [(0, span) for span in reversed(children.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, child) for child in reversed(children.get(span.id, []))]


def _title(span: Span) -> str:
    found = span.attributes
    told: list[str] = []
    if (status := int(found.get("http.response.status_code") or 0)) >= ERROR_STATUS:
        told.append(str(status))
    if "error.type" in found and str(found["error.type"]) != str(status):
        told.append(str(found["error.type"]))
    if "gen_ai.usage.input_tokens" in found:
        told.append(f"{found['gen_ai.usage.input_tokens']} tokens in")
    if "gen_ai.usage.output_tokens" in found:
        told.append(f"{found['gen_ai.usage.output_tokens']} out")
    if (deliveries := int(found.get("nova.deliveries") or 1)) > 1:
        told.append(f"delivery {deliveries}")
    who = "" if span.name == span.service else f"{span.service}: "
    return f"{who}{span.name}" + (f" ({', '.join(told)})" if told else "")
