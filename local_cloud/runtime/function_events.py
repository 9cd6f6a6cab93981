"""Between HTTP and the events of functions (pure): payload format 2.0 of URLs, 1.0 of REST APIs."""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl, unquote

from local_cloud.documents import Document, part

TEXT_TYPES = ("application/json", "application/xml", "application/javascript", "text/")
"""Bodies of these arrive as text, others in base64."""

type Answered = tuple[int, list[tuple[bytes, bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """An HTTP request, as both formats tell it."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name; repeated ones joined with a comma."""
    body: bytes
    client: str


def _body(asked: Asked) -> tuple[str | None, bool]:
    if not asked.body:
        return None, False
    if asked.headers.get("content-type", "").lower().startswith(TEXT_TYPES):
        try:
            return asked.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(asked.body).decode(), True


def url_event(asked: Asked, *, url_id: str, account: str, domain: str, caller: Document) -> Document:
    """Return the event of a Function URL (Lambda developer guide, "Invoking Lambda function URLs").

    `caller` is what is known of who signed the request, as `requestContext.authorizer.iam`.
    """
    body, encoded = _body(asked)
    now = time.time()
    event: Document = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(asked.raw_path),
        "rawQueryString": asked.query,
        "headers": {
            **asked.headers,
            "x-forwarded-for": asked.client,
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
        },
        "requestContext": {
            "accountId": account if caller else "anonymous",
            "apiId": url_id,
            "domainName": domain,
            "domainPrefix": url_id,
            "http": {
                "method": asked.method,
                "path": unquote(asked.raw_path),
                "protocol": "HTTP/1.1",
                "sourceIp": asked.client,
                "userAgent": asked.headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": round(now * 1000),
            **({"authorizer": {"iam": caller}} if caller else {}),
        },
        "isBase64Encoded": encoded,
    }
    if body is not None:
        event["body"] = body
    if pairs := parse_qsl(asked.query, keep_blank_values=True):
        named: dict[str, str] = {}
        for name, value in pairs:
            named[name] = f"{named[name]},{value}" if name in named else value
        event["queryStringParameters"] = named
    return event


@dataclass(frozen=True, slots=True)
class Matched:
    """What a REST API knows of a request beside the request itself."""

    api_id: str
    stage: str
    resource: str
    """The path of the resource, with its parameters in braces."""
    parameters: Mapping[str, str]
    request_id: str
    claims: Document
    """Of the access token that the API's authorizer accepted."""


def proxy_event(asked: Asked, matched: Matched) -> Document:
    """Return the event of a Lambda proxy integration (API Gateway developer guide, input format)."""
    body, encoded = _body(asked)
    now = time.time()
    path = unquote(asked.raw_path)
    inner = "/" + path.lstrip("/").partition("/")[2]
    single: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    for name, value in parse_qsl(asked.query, keep_blank_values=True):
        single[name] = value
        several.setdefault(name, []).append(value)
    return {
        "resource": matched.resource,
        "path": inner,
        "httpMethod": asked.method,
        "headers": dict(asked.headers),
        "multiValueHeaders": {name: [value] for name, value in asked.headers.items()},
        "queryStringParameters": single or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": {name: unquote(value) for name, value in matched.parameters.items()} or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "",
            "apiId": matched.api_id,
            "authorizer": {"claims": {name: str(value) for name, value in matched.claims.items()}},
            "domainName": asked.headers.get("host", ""),
            "httpMethod": asked.method,
            "identity": {"sourceIp": asked.client, "userAgent": asked.headers.get("user-agent", "")},
            "path": path,
            "protocol": "HTTP/1.1",
            "requestId": matched.request_id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": round(now * 1000),
            "resourcePath": matched.resource,
            "stage": matched.stage,
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def proxy_answer(payload: bytes) -> Answered | None:
    """Return what a function's answer to a REST API means; None for one without the documented form."""
    try:
        told: object = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(told, dict) or "statusCode" not in told:
        return None
    return _http(cast("Document", told))


def encoded(event: Document) -> bytes:
    """Return an event as a function gets it."""
    return json.dumps(event, ensure_ascii=False).encode()


def url_answer(payload: bytes) -> Answered | None:
    """Return what a function's answer to its URL means: with a status, or any JSON, which is the body."""
    try:
        told: object = json.loads(payload)
    except ValueError:
        return None
    if isinstance(told, dict) and "statusCode" in told:
        return _http(cast("Document", told))
    return 200, [(b"content-type", b"application/json")], payload


def _http(told: Document) -> Answered | None:
    body = told.get("body")
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    try:
        content = base64.b64decode(text, validate=True) if told.get("isBase64Encoded") else text.encode()
        status = int(told["statusCode"])
    except (binascii.Error, TypeError, ValueError):
        return None
    cookies: list[str] = told.get("cookies") or []
    pairs: list[tuple[str, str]] = [
        *((name, str(value)) for name, value in part(told, "headers").items()),
        *((name, str(one)) for name, values in part(told, "multiValueHeaders").items() for one in values),
        *(("set-cookie", cookie) for cookie in cookies),
    ]
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in pairs]
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    kept = [(name, value) for name, value in headers if name != b"content-length"]
    return status, [*kept, (b"content-length", str(len(content)).encode())], content
