"""How a trace goes from one process to the next: X-Ray's tracing header.

AWS's own services read and write this header (API Gateway, load balancers, SQS as `AWSTraceHeader`); events
carry the same text.
"""

import re
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import override

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator

HEADER = "X-Amzn-Trace-Id"

_TRACE_ID = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_HEADER_CHARACTERS_MAX = 512
"""Services put fields of their own into the header; 256 characters are usual."""

_given_root: ContextVar[int | None] = ContextVar("given_root", default=None)
"""The trace that the next span without a parent belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """What a tracing header says; `parent` is nothing where only the trace is named."""

    trace_id: int
    parent: int | None
    is_sampled: bool

    @classmethod
    def parse(cls, text: str | None) -> "TraceHeader | None":
        """Return what a header says, or nothing for one that names no trace.

        Who decided nothing (no `Sampled`, or `?`) leaves it to whoever comes next, and we record.
        """
        if not text or len(text) > _HEADER_CHARACTERS_MAX:
            return None
        pairs = (part.partition("=") for part in text.split(";"))
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        root = _TRACE_ID.fullmatch(fields.get("Root", ""))
        if root is None or int(root[1] + root[2], 16) == 0:
            return None
        parent = fields.get("Parent", "")
        has_parent = _SPAN_ID.fullmatch(parent) is not None and int(parent, 16) != 0
        return cls(
            trace_id=int(root[1] + root[2], 16),
            parent=int(parent, 16) if has_parent else None,
            is_sampled=fields.get("Sampled") != "0",
        )

    def context(self) -> Context:
        """Return the context in which a span continues this trace.

        Without a parent that is an empty one: the span begins the trace, whose id `beginning` gives it.
        """
        if self.parent is None and self.is_sampled:
            return Context()
        remote = trace.SpanContext(
            trace_id=self.trace_id,
            # Nothing is recorded of what is not sampled, so that any id does.
            span_id=self.parent or 1,
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if self.is_sampled else 0),
        )
        return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())


@contextmanager
def beginning(header: TraceHeader | None) -> Generator[None]:
    """Give the trace's id to a span that begins here because nobody before it has one."""
    token = _given_root.set(header.trace_id if header is not None and header.parent is None else None)
    try:
        yield
    finally:
        _given_root.reset(token)


def written(span: trace.SpanContext) -> str:
    """Return the header with which what follows from a span belongs to its trace."""
    return (
        f"Root={xray_id(span.trace_id)};Parent={span.span_id:016x};"
        f"Sampled={1 if span.trace_flags.sampled else 0}"
    )


def xray_id(trace_id: int) -> str:
    """Return a trace's id as X-Ray writes it."""
    digits = f"{trace_id:032x}"
    return f"1-{digits[:8]}-{digits[8:]}"


class XRayIds(IdGenerator):
    """Trace ids begin with the second in which the trace began, as X-Ray's own do."""

    @override
    def generate_trace_id(self) -> int:
        return _given_root.get() or int(time.time()) << 96 | secrets.randbits(96)

    @override
    def generate_span_id(self) -> int:
        return secrets.randbits(64) or 1

    @override
    def is_trace_id_random(self) -> bool:
        return False
