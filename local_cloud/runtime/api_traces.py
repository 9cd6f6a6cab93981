"""What API Gateway adds to traces: a stage that traces tells its integration which, and has a span of it.

Each request is recorded unless its caller says otherwise: a machine of one person needs no sampling rule.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from local_cloud.documents import Document
from local_cloud.gateway.asgi import Scope, headers_of
from local_cloud.gateway.xray.store import Span

HEADER = "x-amzn-trace-id"
ROOT = re.compile(r"(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)")
PARENT = re.compile(r"(?:^|;)\s*Parent=([0-9a-f]{16})(?:;|$)")
UNSAMPLED = re.compile(r"(?:^|;)\s*Sampled=0(?:;|$)")

type Record = Callable[[Span], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StageTrace:
    """One request's place in a trace; ids in hexadecimal digits, `begun` in nanoseconds since 1970."""

    trace: str
    span: str
    parent: str
    sampled: bool
    begun: int

    @classmethod
    def of(cls, scope: Scope) -> "StageTrace":
        """Return the trace that a request names, or a new one."""
        stated = headers_of(scope).get(HEADER, "")
        root, parent = ROOT.search(stated), PARENT.search(stated)
        begun = time.time_ns()
        new = f"{begun // 1_000_000_000:08x}{secrets.token_hex(12)}"
        return cls(
            trace=root[1] + root[2] if root else new,
            span=secrets.token_hex(8),
            parent=parent[1] if root and parent else "",
            sampled=UNSAMPLED.search(stated) is None,
            begun=begun,
        )

    @property
    def xray_id(self) -> str:
        """Return the trace's id as access logs have it."""
        return f"1-{self.trace[:8]}-{self.trace[8:]}"

    def passed_on(self, scope: Scope) -> Scope:
        """Return the request with the header that its integration gets."""
        text = f"Root={self.xray_id};Parent={self.span};Sampled={int(self.sampled)}"
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != HEADER.encode()]
        return {**scope, "headers": [*kept, (HEADER.encode(), text.encode())]}

    def ended(self, api: str, stage: str, method: str, status: int) -> Span:
        """Return the span of the stage's part, under the name that X-Ray gives a stage."""
        ended = time.time_ns()
        document: Document = {
            "resource": {"attributes": {"service.name": f"{api}/{stage}", "cloud.provider": "aws"}},
            "traceId": self.trace,
            "spanId": self.span,
            "parentSpanId": self.parent,
            "name": f"{api}/{stage}",
            "kind": "SERVER",
            "startTimeUnixNano": self.begun,
            "endTimeUnixNano": ended,
            "durationNano": ended - self.begun,
            "attributes": {"http.request.method": method, "http.response.status_code": status},
            "status": {"code": "ERROR" if status >= 500 else "UNSET"},  # noqa: PLR2004 (HTTP: servers' errors)
            "links": [],
        }
        return Span(trace=self.trace, span=self.span, begun=self.begun, document=document)
