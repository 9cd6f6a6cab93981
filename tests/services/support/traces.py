"""The spans that a test's own code makes, kept in memory."""

from collections.abc import Generator
from contextlib import contextmanager

from nova_common.telemetry import spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
HEADER = f"Root={TRACE};Parent={PARENT};Sampled=1"


class Recorded:
    """What was recorded so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.all if span.name == name]
        return found

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.all]


@contextmanager
def recording() -> Generator[Recorded]:
    exporter = InMemorySpanExporter()
    spans.configure("test", SimpleSpanProcessor(exporter))
    try:
        yield Recorded(exporter)
    finally:
        spans.shut_down()


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    digits = f"{span.context.trace_id:032x}"
    return f"1-{digits[:8]}-{digits[8:]}"


def parent_of(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"
