"""Errors as RFC 9457 problem documents: one exception type for ours, one place that renders everybody's."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from nova_common.logs import correlation_id

MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """An error that the caller is told about.

    `kind` names the type of problem when the status alone does not. `errors` lists single faults of the
    input: `pointer` (a JSON pointer into the body) or `parameter`, `detail`, `code`.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        kind: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code=status.value, detail=detail, headers=headers)
        self.kind = kind
        self.errors = tuple(errors)


def problem_document(
    status: int,
    detail: str,
    instance: str,
    *,
    kind: str | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the document.

    Type, title, status, detail, instance (the request's path), request_id and errors if any.
    """
    document: dict[str, Any] = {
        "type": f"urn:nova:problem:{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": correlation_id.get(),
    }
    if errors:
        document["errors"] = [dict(error) for error in errors]
    return document


def problem_response(
    status: int,
    detail: str,
    instance: str,
    *,
    kind: str | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response that carries the document."""
    body = json.dumps(problem_document(status, detail, instance, kind=kind, errors=errors)).encode()
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)
