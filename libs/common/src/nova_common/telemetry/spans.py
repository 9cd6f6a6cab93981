"""The spans of a process: what it serves, handles and calls, each under the trace that it belongs to.

Until `configure` was called nothing is recorded, and everything here costs next to nothing.
"""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Span, SpanKind, StatusCode

from nova_common.telemetry.context import TraceHeader, XRayIds, beginning, written, xray_id

type Attributes = Mapping[str, str | int | float | bool | tuple[str, ...]]

LIMITS = SpanLimits(
    max_attributes=32,
    max_events=0,
    max_links=16,
    max_event_attributes=0,
    max_link_attributes=4,
    max_attribute_length=256,
)
"""What a span holds at most; events are none, because what a library notes there may be personal."""

SHUT_DOWN_SECONDS_MAX = 4.0
"""Time for the last spans, under the 5 s that an application has for its own end."""

_NOTHING = trace.NoOpTracer()


class _Recorder:
    """The tracer of this process, and what has to be ended with it."""

    def __init__(self) -> None:
        self.tracer: trace.Tracer = _NOTHING
        self.provider: TracerProvider | None = None


_recorder = _Recorder()


class _Awaited:
    """A message whose trace nobody knows yet: its span begins when its handler finds out."""

    def __init__(self, name: str, attributes: Attributes) -> None:
        self.name = name
        self.attributes = attributes
        self.begun_ns = time.time_ns()
        self.span: Span | None = None
        self.attached: Token[Context] | None = None

    def begin(self, header: TraceHeader | None) -> Span:
        """Begin the span, as if it had when the message came, and make it the current one."""
        with beginning(header):
            self.span = _recorder.tracer.start_span(
                self.name,
                context=header.context() if header else Context(),
                kind=SpanKind.CONSUMER,
                attributes=self.attributes,
                start_time=self.begun_ns,
                record_exception=False,
                set_status_on_exception=False,
            )
        self.attached = otel_context.attach(trace.set_span_in_context(self.span))
        return self.span

    def end(self, error: BaseException | None) -> None:
        """End the span; a handler that failed before it knew the trace has a trace of its own."""
        span = self.span
        if span is None and error is not None:
            span = self.begin(None)
        if span is None:
            return
        if error is not None:
            failed(span, type(error).__name__)
        span.end()
        if self.attached is not None:
            otel_context.detach(self.attached)


_awaited: ContextVar[_Awaited | None] = ContextVar("awaited_trace", default=None)


def configure(service: str, processor: SpanProcessor) -> None:
    """Record the spans of this process from now on, under the name of its service.

    Who came before decides whether a trace is recorded (the public API does, by X-Ray's sampling rules); a
    trace that begins here is.
    """
    shut_down()
    # No detectors: they would look for what the environment says, and nothing in it is wanted.
    resource = Resource({"service.name": service, "cloud.provider": "aws", "cloud.platform": "aws_ecs"})
    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON),
        resource=resource,
        shutdown_on_exit=False,
        id_generator=XRayIds(),
        span_limits=LIMITS,
    )
    provider.add_span_processor(processor)
    _recorder.provider = provider
    # Not the global provider: libraries that trace by themselves put contents into their spans.
    _recorder.tracer = provider.get_tracer("nova")


def shut_down() -> None:
    """Send what is recorded, as far as the processor has time for it, and record no more."""
    provider, _recorder.provider = _recorder.provider, None
    _recorder.tracer = _NOTHING
    if provider is not None:
        # The processor would wait for half a minute when nobody takes its spans.
        sending = threading.Thread(target=provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        sending.join(SHUT_DOWN_SECONDS_MAX)


@contextmanager
def serving(name: str, header: str | None, attributes: Attributes) -> Generator[Span]:
    """Serve a request under the trace of its header, or one that begins here."""
    found = TraceHeader.parse(header)
    with beginning(found):
        span = _recorder.tracer.start_span(
            name,
            context=found.context() if found else Context(),
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
    with _current(span):
        yield span


@contextmanager
def handling(name: str, header: str | None, attributes: Attributes) -> Generator[None]:
    """Handle a message under the trace of its header, or the one that `adopt` names while it is handled."""
    awaited = _Awaited(name, attributes)
    token = _awaited.set(awaited)
    error: BaseException | None = None
    try:
        if found := TraceHeader.parse(header):
            awaited.begin(found)
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        awaited.end(error)
        _awaited.reset(token)


def adopt(header: str | None) -> None:
    """Continue this trace in the handling of a message that came without one; otherwise nothing happens."""
    awaited = _awaited.get()
    if awaited is None or awaited.span is not None:
        return
    if found := TraceHeader.parse(header):
        awaited.begin(found)


def began_call(name: str, attributes: Attributes) -> Span | None:
    """Begin the span of a call, as a part of what is being done; nothing where nothing is recorded.

    Whoever gets it ends it.
    """
    # Libraries put spans in between that record nothing, of the same trace: sampled is what counts.
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        return None
    return _recorder.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


@contextmanager
def calling(name: str, attributes: Attributes) -> Generator[Span]:
    """Call another service; what is sent to it is under the call's span."""
    span = began_call(name, attributes)
    if span is None:
        yield trace.get_current_span()
        return
    with _current(span):
        yield span


def failed(span: Span, kind: str) -> None:
    """Note what kind of failure ended a span: a class of errors or a code, and never a message."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def note(attributes: Attributes) -> None:
    """Add attributes to what is being done."""
    trace.get_current_span().set_attributes(dict(attributes))


def link(header: str | None) -> None:
    """Say that what is being done goes back to another trace too."""
    found = TraceHeader.parse(header)
    if found is not None and found.parent is not None and found.is_sampled:
        span = trace.get_current_span()
        span.add_link(trace.get_current_span(found.context()).get_span_context())


def header() -> str | None:
    """Return the header for what follows from what is being done; nothing outside of any trace."""
    found = trace.get_current_span().get_span_context()
    return written(found) if found.is_valid else None


def ids() -> tuple[str, str] | None:
    """Return trace id and span id of what is being done, as X-Ray writes them."""
    found = trace.get_current_span().get_span_context()
    return (xray_id(found.trace_id), f"{found.span_id:016x}") if found.is_valid else None


@contextmanager
def _current(span: Span) -> Generator[None]:
    token = otel_context.attach(trace.set_span_in_context(span))
    try:
        yield
    except BaseException as error:
        failed(span, type(error).__name__)
        raise
    finally:
        otel_context.detach(token)
        span.end()
