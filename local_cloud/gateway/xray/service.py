"""AWS X-Ray's API, as far as traces are sent and looked at: OTLP spans in, retrievals and summaries out.

Every span that comes is kept, up to the newest `SPANS_MAX`: what samples is the public API, and a machine of
one person needs no sample. All of it can be searched for, where AWS indexes a share (Transaction Search).
"""

import asyncio
import functools
import json
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from local_cloud.documents import Document
from local_cloud.gateway.protocol import Answer, AwsError, json_answer
from local_cloud.gateway.rest_json import RestJsonModel
from local_cloud.gateway.xray.otlp import CONTENT_TYPE, spans_of
from local_cloud.gateway.xray.store import Span, SpanStore

SERVICE = "xray"
OTLP_PATH = "/v1/traces"
RETRIEVALS_MAX = 100
"""Retrievals that are remembered."""
RETRIEVED_TRACES_MAX = 5
"""Traces of one retrieval (X-Ray API reference, StartTraceRetrieval)."""
SUMMARIES_MAX = 100
JSON = "application/json"
FILTER = re.compile(r'annotation\[([\w.]+)\] = "([^"\\]*)"')
"""The filter expressions that are understood here: annotations of given values, joined by AND."""
XRAY_ID = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")


class XRayService:
    """The handler of X-Ray's API. The store's thread does everything, one call after another."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store
        self._model = RestJsonModel(SERVICE)
        self._thread = ThreadPoolExecutor(1, SERVICE)
        self._retrievals: OrderedDict[str, list[str]] = OrderedDict()
        self._operations: dict[str, Callable[[Document], Document]] = {
            "StartTraceRetrieval": self._start_retrieval,
            "ListRetrievedTraces": self._list_retrieved,
            "GetTraceSummaries": self._summaries,
        }

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        serve = functools.partial(self._serve, method, path, headers, body, query)
        return await asyncio.get_running_loop().run_in_executor(self._thread, serve)

    async def record(self, span: Span) -> None:
        """Keep a span of the local cloud's own."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.put, [span])

    def close(self) -> None:
        """Finish what is being written."""
        self._thread.shutdown()
        self._store.close()

    def _serve(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        try:
            if (method, path) == ("POST", OTLP_PATH):
                self._store.put(spans_of(headers, body))
                # An empty answer says that all spans were taken.
                return 200, {"Content-Type": CONTENT_TYPE}, b""
            operation, labels = self._model.operation(method, path)
            call = self._operations.get(operation)
            if call is None:
                raise AwsError("InvalidRequestException", f"The local cloud has no X-Ray {operation}")
            return json_answer(call(self._model.read(operation, labels, body, query)), content_type=JSON)
        except AwsError as error:
            return self._model.error(error)

    def _start_retrieval(self, members: Document) -> Document:
        ids: list[str] = members["TraceIds"]
        if not 1 <= len(ids) <= RETRIEVED_TRACES_MAX:
            message = f"A retrieval has 1 to {RETRIEVED_TRACES_MAX} traces"
            raise AwsError("InvalidRequestException", message)
        token = str(uuid.uuid4())
        self._retrievals[token] = [_digits(trace_id) for trace_id in ids]
        if len(self._retrievals) > RETRIEVALS_MAX:
            self._retrievals.popitem(last=False)
        return {"RetrievalToken": token}

    def _list_retrieved(self, members: Document) -> Document:
        ids = self._retrievals.get(members["RetrievalToken"])
        if ids is None:
            raise AwsError("ResourceNotFoundException", "There is no such retrieval", 404)
        if members.get("TraceFormat") != "OTEL":
            raise AwsError("InvalidRequestException", "The local cloud shows traces in the format OTEL")
        found = self._store.traces(ids)
        traces = [_shown(trace_id, spans) for trace_id, spans in found.items()]
        return {"RetrievalStatus": "COMPLETE", "TraceFormat": "OTEL", "Traces": traces}

    def _summaries(self, members: Document) -> Document:
        wanted = _filter(str(members.get("FilterExpression") or ""))
        since, until = _seconds(members["StartTime"]), _seconds(members["EndTime"])
        found = self._store.noted(since, until, wanted, SUMMARIES_MAX)
        return {
            "TraceSummaries": [{"Id": _xray_id(trace)} for trace in found],
            "TracesProcessedCount": len(found),
        }


def _shown(trace_id: str, spans: list[Span]) -> Document:
    begun = min(span.begun for span in spans)
    ended = max(int(span.document["endTimeUnixNano"]) for span in spans)
    return {
        "Id": _xray_id(trace_id),
        "Duration": (ended - begun) / 1e9,
        "Spans": [{"Id": span.span, "Document": json.dumps(span.document)} for span in spans],
    }


def _filter(expression: str) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for condition in expression.split(" AND "):
        found = FILTER.fullmatch(condition.strip())
        if found is None:
            message = 'The local cloud finds traces by annotations alone: annotation[name] = "value"'
            raise AwsError("InvalidRequestException", message)
        wanted[found[1]] = found[2]
    return wanted


def _digits(trace_id: str) -> str:
    found = XRAY_ID.fullmatch(trace_id)
    if found is None:
        raise AwsError("InvalidRequestException", f"{trace_id[:80]!r} is no trace id")
    return found[1] + found[2]


def _xray_id(digits: str) -> str:
    return f"1-{digits[:8]}-{digits[8:]}"


def _seconds(moment: object) -> float:
    if isinstance(moment, int | float):
        return float(moment)
    return datetime.fromisoformat(str(moment)).timestamp()
