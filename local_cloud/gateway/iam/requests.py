"""What a request asks for: service, operation, members of its input, and the rights that it needs.

The operation is read from where the service's own protocol has it and from nowhere else: a request that names
two operations has none, because its handler might follow the other one.
"""

import functools
import gzip
import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT

REST_SERVICES = frozenset(
    ("cloudfront", "pipes", "lambda", "bedrock-agentcore", "bedrock-runtime", "s3vectors", "xray")
)
"""Services whose operation is a method and a path (names of their models in botocore as well)."""
FURTHER_MODELS = {"bedrock-agentcore": ("bedrock-agentcore-control",)}
"""Models beside a service's own that sign with its name."""
QUERY_SERVICES = frozenset(
    ("sns", "iam", "sts", "sqs", "elasticache", "elasticloadbalancing", "ec2", "monitoring", "ses")
)
"""Services that take their operation as the parameter Action (some of them also in X-Amz-Target)."""
SPANS = ("xray", "POST", "/v1/traces")
"""X-Ray's OTLP endpoint, which its API model does not have."""
CONVERSATION = re.compile(r"/runtimes/.+/ws")
"""AgentCore's WebSockets, which its API model does not have."""
DATE_SUFFIX = re.compile(r"\d{4}_\d{2}_\d{2}$")
CBOR_PATH = re.compile(r"/service/[\w.]+/operation/(\w+)/?")
LIST_MEMBER = re.compile(r"^([\w.]+?)(?:\.member|\.entry)?\.(\d+)$")

type Keys = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Need:
    """One right that a call takes: action, resource ARN ("*" for an action without any), condition keys."""

    action: str
    resource: str
    keys: Keys = field(default_factory=dict[str, str | list[str]])


class NotMappedError(Exception):
    """Nobody said which rights this operation takes, or its resource cannot be told from the request."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a service (MiniStack's name of it)."""

    service: str
    operation: str
    region: str
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes
    fields: Document

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of the call's region and the account."""
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{resource}"

    def text(self, name: str) -> str:
        """Return a member of the input as text, "" when it is missing or no text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


def texts(fields: object, path: str) -> list[str]:
    """Return the texts at a path such as `Targets[].RoleArn` of a document."""
    found: list[object] = [fields]
    for step in path.split("."):
        name = step.removesuffix("[]")
        members = [cast("Document", item).get(name) for item in found if isinstance(item, dict)]
        found = []
        for member in members:
            found.extend(cast("list[object]", member) if isinstance(member, list) else [member])
    return [item for item in found if isinstance(item, str) and item]


def _json_fields(body: bytes) -> Document:
    try:
        data: object = json.loads(body or b"{}")
    except ValueError:
        return {}
    return cast("Document", data) if isinstance(data, dict) else {}


def _contradicts(headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]) -> bool:
    """Whether a form says something else than the query, or anything twice.

    `query` has the members of both, those of the query string first; MiniStack's handlers take the body's
    first, whatever its type (services/iam.py `handle_request`).
    """
    if any(len(values) > 1 for values in query.values()):
        return True
    if "json" in headers.get("content-type", "") or not body:
        return False
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return any(query.get(name) != values for name, values in form.items())


def _form_fields(query: Mapping[str, list[str]]) -> Document:
    """Return the members of a query-protocol request; numbered members become lists."""
    fields: Document = {}
    lists: dict[str, dict[int, str]] = {}
    for name, values in query.items():
        numbered = LIST_MEMBER.match(name)
        if numbered:
            lists.setdefault(numbered[1], {})[int(numbered[2])] = values[0]
        else:
            fields[name] = values[0] if values else ""
    for name, members in lists.items():
        fields[name] = [members[number] for number in sorted(members)]
    return fields


@functools.cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Return method, path and operation of a REST service's model, the most specific path first."""
    botocore: Any = importlib.import_module("botocore")
    operations: Document = {}
    for model in (service, *FURTHER_MODELS.get(service, ())):
        folder = max((Path(botocore.__file__).parent / "data" / model).iterdir())
        with gzip.open(folder / "service-2.json.gz") as file:
            operations |= json.load(file)["operations"]
    found: list[tuple[int, str, re.Pattern[str], str]] = []
    for name, operation in operations.items():
        path: str = operation["http"]["requestUri"].partition("?")[0].rstrip("/")
        pieces = re.split(r"\{(\w+)\+?\}", path)
        pattern = "".join(
            f"(?P<{piece}>.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)
        )
        literal = sum(len(piece) for piece in pieces[::2])
        # CloudFront's model carries its date in the names of its operations.
        called = DATE_SUFFIX.sub("", name)
        found.append((literal, operation["http"]["method"], re.compile(f"{pattern}/?"), called))
    return [
        (method, pattern, name) for _, method, pattern, name in sorted(found, key=lambda entry: -entry[0])
    ]


def _rest(service: str, method: str, path: str) -> tuple[str, Document]:
    """Return the operation and the path members of a request to a REST service."""
    if (service, method, path) == SPANS:
        return "PutSpans", {}
    if service == "bedrock-agentcore" and method == "GET" and CONVERSATION.fullmatch(path):
        return "InvokeAgentRuntimeWithWebSocketStream", {}
    for known, pattern, name in _routes(service):
        matched = pattern.fullmatch(path) if known == method else None
        if matched:
            return name, dict(matched.groupdict())
    return "", {}


def _named(service: str, path: str, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    """Return the operation that a request names; "" for none or two."""
    names = {headers.get("x-amz-target", "").rpartition(".")[2], *query.get("Action", [])}
    cbor = CBOR_PATH.fullmatch(path)
    if cbor:
        names.add(cbor[1])
    names.discard("")
    (name,) = names if len(names) == 1 else ("",)
    if name and name in query.get("Action", []) and service not in QUERY_SERVICES:
        return ""
    return name


def read(
    service: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, list[str]],
    region: str,
) -> Call:
    """Return a request as a call; its operation is "" when the request names none, or two."""
    fields: Document = {}
    if service in REST_SERVICES:
        operation, labels = _rest(service, method, path)
        fields = {name: values[0] for name, values in query.items()} | _json_fields(body) | labels
    elif service in ("s3", "apigateway"):
        operation = method
    else:
        operation = _named(service, path, headers, query)
        form = service in QUERY_SERVICES and "Action" in query
        if service in QUERY_SERVICES and _contradicts(headers, body, query):
            operation = ""
        fields = _form_fields(query) if form else _json_fields(body)
    return Call(service, operation, region, method, path, headers, query, body, fields)
