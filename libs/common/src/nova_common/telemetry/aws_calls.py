"""Spans of the calls that AWS clients make, by botocore's own events.

A call that waits and tries again is one span, with the number of attempts. One whose answer is streamed ends
when the stream does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nova_common.telemetry import models, spans

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_SPAN = "nova_span"
_PARAMETERS = "nova_parameters"
_RESOURCES = ("TableName",)
"""Parameters that a span names; others may hold what is personal."""


def trace_calls(client: Any) -> None:  # noqa: ANN401 - clients have no common type
    """Make a span of each call of a client, as long as something is being done that is recorded."""
    events = client.meta.events
    events.register("before-parameter-build", _remember, unique_id="nova-remember")
    events.register("before-call", _begin, unique_id="nova-begin")
    events.register("after-call", _end, unique_id="nova-end")
    events.register("after-call-error", _fail, unique_id="nova-fail")


def _remember(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
    context[_PARAMETERS] = params


def _begin(model: Any, context: dict[str, Any], **_: object) -> None:  # noqa: ANN401 - botocore's
    service, operation = str(model.service_model.service_name), str(model.name)
    parameters: Mapping[str, Any] = context.pop(_PARAMETERS, {})
    name, attributes = models.asked(service, operation, parameters) or (f"{service}/{operation}", {})
    told = {"rpc.system": "aws-api", "rpc.service": service, "rpc.method": operation, **attributes}
    told |= {f"aws.{key}": str(parameters[key]) for key in _RESOURCES if key in parameters}
    span = spans.began_call(name, told)
    if span is not None:
        context[_SPAN] = span


def _end(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    span: Span | None = context.pop(_SPAN, None)
    if span is None:
        return
    metadata: Mapping[str, Any] = parsed.get("ResponseMetadata") or {}
    span.set_attribute("http.response.status_code", int(metadata.get("HTTPStatusCode") or 0))
    if retries := int(metadata.get("RetryAttempts") or 0):
        span.set_attribute("http.request.resend_count", retries)
    if error := parsed.get("Error"):
        spans.failed(span, str(error.get("Code") or "Error"))
    span.set_attributes(dict(models.answered(parsed)))
    if "stream" in parsed and not error:
        parsed["stream"] = _Watched(parsed["stream"], span)
        return
    span.end()


def _fail(exception: BaseException, context: dict[str, Any], **_: object) -> None:
    span: Span | None = context.pop(_SPAN, None)
    if span is not None:
        spans.failed(span, type(exception).__name__)
        span.end()


class _Watched:
    """A stream of events whose end is the end of its span; all else is the stream's own."""

    def __init__(self, stream: Any, span: Span) -> None:  # noqa: ANN401 - botocore's, untyped
        self._stream = stream
        self._span = span

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            for event in self._stream:
                for told in ("messageStop", "metadata"):
                    if told in event:
                        self._span.set_attributes(dict(models.answered(event[told])))
                yield event
        except Exception as error:
            spans.failed(self._span, type(error).__name__)
            raise
        finally:
            self._span.end()

    def close(self) -> None:
        """Close the stream, whether it was read to its end or not."""
        try:
            self._stream.close()
        finally:
            self._span.end()
