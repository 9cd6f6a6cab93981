"""What a service publishes about itself: OpenAPI with every status that its callers can meet.

FastAPI knows the models; which problems an operation can answer with follows from its form (a body can be too
large, an id can be unknown), and what does not is declared at the route. `python -m nova_common.openapi
MODULE` prints the document of a service's `app` module, which has a `TITLE` and a `router`.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from nova_common.problems import MEDIA_TYPE

VERSION = "1"
"""Of the whole API: another one would be another path."""

SECURITY = {"bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
PUBLIC: dict[str, Any] = {"security": []}
"""`openapi_extra` of a route that anybody may ask."""

_MODELS = "#/components/schemas/"


class Fault(BaseModel):
    """A fault of the input: a JSON pointer into the body, or a parameter's name."""

    pointer: str | None = None
    parameter: str | None = None
    detail: str
    code: str


class ProblemDocument(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None = None
    errors: list[Fault] = Field(default_factory=list[Fault])


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    if app.openapi_schema is None:
        app.openapi_schema = _document(app)
    return app.openapi_schema


def described(title: str, router: APIRouter) -> dict[str, Any]:
    """Return the OpenAPI document of a service by its routes alone: nothing is connected to."""
    app = FastAPI(title=title)
    app.include_router(router)
    return document(app)


def problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with these problems besides those of its form."""
    return {status.value: _problem(status) for status in statuses}


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=VERSION, routes=app.routes)
    paths: dict[str, dict[str, dict[str, Any]]] = made["paths"]
    for operations in paths.values():
        for operation in operations.values():
            _complete(operation)
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schema = ProblemDocument.model_json_schema(ref_template=f"{_MODELS}{{model}}")
    schemas |= schema.pop("$defs") | {ProblemDocument.__name__: schema}
    made["components"]["securitySchemes"] = SECURITY
    made["security"] = [{name: []} for name in SECURITY]
    return made


def _complete(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    # FastAPI's own form of it, which is not ours.
    responses.pop("422", None)
    for status in _by_form(operation):
        responses.setdefault(str(status.value), _problem(status))
    operation["responses"] = dict(sorted(responses.items()))


def _by_form(operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    """Yield the problems that every operation of this form can answer with."""
    yield from (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
    if operation.get("security") != PUBLIC["security"]:
        yield HTTPStatus.UNAUTHORIZED
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    if "path" in places:
        yield HTTPStatus.NOT_FOUND
    if "query" in places:
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    if "requestBody" in operation:
        yield from (
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        )


def _problem(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": f"{_MODELS}{ProblemDocument.__name__}"}
    return {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


def main(arguments: list[str] | None = None) -> int:
    """Print the document of a module."""
    parser = argparse.ArgumentParser(prog="python -m nova_common.openapi", description="Print an API.")
    parser.add_argument("module", help="for example nova_audio.app")
    module: Any = importlib.import_module(parser.parse_args(arguments).module)
    json.dump(
        described(module.TITLE, module.router), sys.stdout, indent=2, ensure_ascii=False, sort_keys=True
    )
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
