"""Pure parts of a REST API: what a path means, what a gateway response says, how many calls are let in."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from local_cloud.documents import Document, part

TYPE_STATUS = {
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "UNAUTHORIZED": (401, "Unauthorized"),
    "THROTTLED": (429, "Too Many Requests"),
    "REQUEST_TOO_LARGE": (413, "HTTP content length exceeded 10485760 bytes."),
    "INTEGRATION_FAILURE": (504, "Internal server error"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "DEFAULT_5XX": (502, "Internal server error"),
    "API_CONFIGURATION_ERROR": (500, "Internal server error"),
}
"""Gateway response types: default status and message (API Gateway guide, "Gateway response types")."""


@dataclass(slots=True)
class Node:
    """A resource of the tree."""

    resource: Document
    children: dict[str, "Node"] = field(default_factory=dict[str, "Node"])


def tree(resources: Iterable[Document]) -> Node | None:
    """Return the resource tree's root."""
    nodes = {resource["id"]: Node(resource) for resource in resources}
    root: Node | None = None
    for node in nodes.values():
        parent = nodes.get(node.resource.get("parentId") or "")
        if parent is None:
            root = node
        else:
            parent.children[node.resource["pathPart"]] = node
    return root


def find(node: Node, segments: list[str]) -> tuple[Document, dict[str, str]] | None:
    """Return resource and path parameters for these segments: literal parts first, `{proxy+}` last."""
    if not segments:
        return (node.resource, {}) if node.resource.get("resourceMethods") else None
    first, rest = segments[0], segments[1:]
    if first in node.children and (found := find(node.children[first], rest)):
        return found
    for name, child in node.children.items():
        if name.startswith("{") and not name.endswith("+}") and (found := find(child, rest)):
            return found[0], {name[1:-1]: unquote(first), **found[1]}
    for name, child in node.children.items():
        if name.endswith("+}"):
            return child.resource, {name[1:-2]: unquote("/".join(segments))}
    return None


def method_of(resource: Document, method: str) -> Document | None:
    """Return the declared method of a resource, `ANY` when there is none of that name."""
    methods = part(resource, "resourceMethods")
    return methods.get(method) or methods.get("ANY")


def mapped_headers(parameters: Mapping[str, str], request: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that an integration's parameters make: of other headers, or of quoted text.

    Names are in lower case; a header that the request does not have makes none.
    """
    headers: dict[str, str] = {}
    for target, source in parameters.items():
        name = target.removeprefix("integration.request.header.").lower()
        if name == target.lower():
            continue
        given = source.removeprefix("method.request.header.").lower()
        value = source[1:-1] if source.startswith("'") else request.get(given)
        if value is not None:
            headers[name] = value
    return headers


def gateway_response(
    declared: Document | None, kind: str, context: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a gateway response, by its declared template where there is one.

    `context` holds what the template may ask of the request, by name: `requestId`, `path`.
    """
    status, message = TYPE_STATUS[kind]
    declared = declared or {}
    template: str = (
        part(declared, "responseTemplates").get("application/json")
        or '{"message":$context.error.messageString}'
    )
    values = {
        "$context.error.messageString": json.dumps(message),
        "$context.error.message": message,
        "$context.error.responseType": kind,
        **{f"$context.{name}": value for name, value in context.items()},
    }
    headers = {
        "content-type": "application/json",
        "x-amzn-ErrorType": f"{kind.title().replace('_', '')}Exception",
    }
    for name, value in part(declared, "responseParameters").items():
        headers[name.rpartition(".")[2]] = value.removeprefix("context.").strip("'")
    for variable, value in values.items():
        template = template.replace(variable, value)
    return int(declared.get("statusCode") or status), headers, template.encode()


class Throttle:
    """Token buckets per method, by the stage's method settings."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, settings: Mapping[str, Document], path: str, method: str) -> bool:
        """Whether one more call of a method is let in now."""
        escaped = path.strip("/").replace("/", "~1")
        keys = (f"{path.strip('/')}/{method}", f"{escaped}/{method}", f"~1{escaped}/{method}", "*/*")
        key = next((key for key in keys if key in settings), None)
        limits = settings[key] if key else {}
        rate, burst = (
            float(limits.get("throttlingRateLimit") or -1),
            float(limits.get("throttlingBurstLimit") or -1),
        )
        if rate < 0 or burst < 0:
            return True
        now = time.monotonic()
        tokens, at = self._buckets.get(f"{path}/{method}", (burst, now))
        tokens = min(burst, tokens + (now - at) * rate)
        self._buckets[f"{path}/{method}"] = (max(0.0, tokens - 1), now)
        return tokens >= 1
