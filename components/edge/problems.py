"""What API Gateway writes and answers by itself (pure, no resources)."""

import json

ACCESS_LOG_FORMAT = json.dumps(
    {
        "request_id": "$context.requestId",
        "trace_id": "$context.xrayTraceId",
        "time": "$context.requestTime",
        "source_ip": "$context.identity.sourceIp",
        "user": "$context.authorizer.claims.sub",
        "method": "$context.httpMethod",
        "resource_path": "$context.resourcePath",
        "path": "$context.path",
        "status": "$context.status",
        "latency_ms": "$context.responseLatency",
        "integration_status": "$context.integration.status",
        "integration_latency_ms": "$context.integration.latency",
        "error": "$context.error.message",
        "response_length": "$context.responseLength",
        "tls_version": "$context.tlsVersion",
        "web_acl": "$context.waf.status",
    }
)
"""One line of the access log, as JSON."""

PROBLEMS: dict[str, tuple[int, str]] = {
    "ACCESS_DENIED": (403, "Forbidden"),
    "AUTHORIZER_FAILURE": (500, "Internal Server Error"),
    "BAD_REQUEST_BODY": (400, "Bad Request"),
    "BAD_REQUEST_PARAMETERS": (400, "Bad Request"),
    "EXPIRED_TOKEN": (401, "Unauthorized"),
    "INTEGRATION_FAILURE": (502, "Bad Gateway"),
    "INTEGRATION_TIMEOUT": (504, "Gateway Timeout"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "Not Found"),
    "REQUEST_TOO_LARGE": (413, "Content Too Large"),
    "RESOURCE_NOT_FOUND": (404, "Not Found"),
    "THROTTLED": (429, "Too Many Requests"),
    "UNAUTHORIZED": (401, "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type"),
    "WAF_FILTERED": (403, "Forbidden"),
}
"""Response type of API Gateway to status and title."""

# Where API Gateway's own message misleads: a path without a route is reported as a missing token.
_DETAILS = {"MISSING_AUTHENTICATION_TOKEN": "There is nothing here."}


def problem_template(kind: str) -> str:
    """Return the template of the problem document (RFC 9457) that is answered for ``kind``."""
    status, title = PROBLEMS[kind]
    detail = _DETAILS.get(kind, "@detail@")
    fields = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    fields |= {"instance": "$context.path", "request_id": "$context.requestId"}
    # messageString is quoted by API Gateway itself.
    return json.dumps(fields).replace('"@detail@"', "$context.error.messageString")
