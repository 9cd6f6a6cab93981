"""Questions that people ask the logs, in the language of CloudWatch Logs Insights (pure, no resources).

They name the fields that services write (libs/common, ``JsonFormatter`` and the access log of
``RequestContextMiddleware``) and those of the public API's access log.
"""

from collections.abc import Mapping

SLOW_MS = 1000
"""From where on a request is worth a look; most take tens of milliseconds, a search a few hundred."""

QUERIES: Mapping[str, str] = {
    "errors": """fields @timestamp, service, message, exception, request_id
| filter level in ["ERROR", "CRITICAL"]
| sort @timestamp desc
| limit 100""",
    "slow-requests": f"""fields @timestamp, service, method, route, status, duration_ms, request_id
| filter message = "request" and duration_ms > {SLOW_MS}
| sort duration_ms desc
| limit 100""",
    "refused-calls": """fields @timestamp, service, route, status, error, exception, request_id
| filter exception like /AccessDenied/ or status in [401, 403, 429]
| sort @timestamp desc
| limit 100""",
    "one-trace": """fields @timestamp, service, level, message, route, status, duration_ms, exception
| filter request_id = "put the X-Request-Id of an answer here" or trace_id = "or the id of a trace in X-Ray"
| sort @timestamp asc
| limit 1000""",
}
"""By what they are called in the console."""
