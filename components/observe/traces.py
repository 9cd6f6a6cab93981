"""What a task needs to send the spans of its traces (pure, no resources)."""

from ..access.statements import Statement


def spans_statement() -> Statement:
    """Return the right to send spans to X-Ray, at the endpoint that takes OpenTelemetry's protocol.

    Traces belong to the account: the action has no resource.
    """
    return Statement(sid="SendSpans", actions=("xray:PutSpans",), resources=("*",))
