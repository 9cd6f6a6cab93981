"""OTLP's request to export spans, as the documents that X-Ray shows of them."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from local_cloud.documents import Document
from local_cloud.gateway.protocol import AwsError
from local_cloud.gateway.xray.store import Span

CONTENT_TYPE = "application/x-protobuf"
BODY_BYTES_MAX = 5 * 1024 * 1024
REQUEST_SPANS_MAX = 10_000
"""Limits of the endpoint (CloudWatch user guide, "OTLP endpoints")."""
TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


def spans_of(headers: dict[str, str], body: bytes) -> list[Span]:
    """Return the spans of a request in OTLP's binary form; the local cloud takes no other.

    Raises:
        AwsError: InvalidRequestException.

    """
    if (
        headers.get("content-type") != CONTENT_TYPE
        or headers.get("content-encoding", "identity") != "identity"
    ):
        message = f"The local cloud takes {CONTENT_TYPE} that is not compressed"
        raise AwsError("InvalidRequestException", message)
    if len(body) > BODY_BYTES_MAX:
        raise AwsError("InvalidRequestException", f"A request has at most {BODY_BYTES_MAX} bytes")
    request: Any = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise AwsError("InvalidRequestException", "The body is no OTLP request of spans") from error
    found = [
        _span(span, _attributes(group.resource.attributes))
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    if len(found) > REQUEST_SPANS_MAX:
        raise AwsError("InvalidRequestException", f"A request has at most {REQUEST_SPANS_MAX} spans")
    return found


def _span(span: Any, resource: Document) -> Span:  # noqa: ANN401 (made by protobuf at run time)
    if (len(span.trace_id), len(span.span_id)) != (TRACE_ID_BYTES, SPAN_ID_BYTES):
        raise AwsError("InvalidRequestException", "A span has no valid ids")
    begun, ended = int(span.start_time_unix_nano), int(span.end_time_unix_nano)
    document: Document = {
        "resource": {"attributes": resource},
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "kind": trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        "startTimeUnixNano": begun,
        "endTimeUnixNano": ended,
        "durationNano": ended - begun,
        "attributes": _attributes(span.attributes),
        "status": {"code": trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_")},
        "links": [{"traceId": link.trace_id.hex(), "spanId": link.span_id.hex()} for link in span.links],
    }
    return Span(trace=document["traceId"], span=document["spanId"], begun=begun, document=document)


def _attributes(pairs: Iterable[Any]) -> Document:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:  # noqa: ANN401 (as above; any JSON value)
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None
