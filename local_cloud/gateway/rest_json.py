"""How a service of ours speaks AWS's REST-JSON protocol: routes and input come from botocore's API model."""

import functools
import json
import re
from typing import Any, cast

import botocore.session

from local_cloud.documents import Document
from local_cloud.gateway.protocol import AwsError, parse
from local_cloud.gateway.validation import check

LABEL = re.compile(r"\\\{(\w+)(?:\\\+)?\\\}")


class RestJsonModel:
    """The operations of one service, as its API model describes them."""

    def __init__(self, service: str) -> None:
        self._service = service

    @functools.cached_property
    def _model(self) -> Any:  # noqa: ANN401 (botocore has no public type for it)
        session: Any = botocore.session.get_session()
        return session.get_service_model(self._service)

    @functools.cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        """Method, path and operation; paths with the longest literal part first."""
        routes: list[tuple[str, re.Pattern[str], str]] = []
        for name in self._model.operation_names:
            http: Document = self._model.operation_model(name).http
            path: str = http["requestUri"].partition("?")[0]
            # A label may hold an ARN, whose slashes are decoded by now.
            routes.append((http["method"], re.compile(LABEL.sub(r"(?P<\1>.+)", re.escape(path))), name))
        return sorted(routes, key=lambda route: -len(re.sub(r"\(.*?\)", "", route[1].pattern)))

    def operation(self, method: str, path: str) -> tuple[str, Document]:
        """Return the operation of a request, and what its path says.

        Raises:
            AwsError: UnknownOperationException.

        """
        for known, pattern, name in self._routes:
            found = pattern.fullmatch(path) if known == method else None
            if found:
                return name, dict(found.groupdict())
        raise AwsError(
            "UnknownOperationException", f"{self._service} has no operation at {method} {path}", 404
        )

    def read(self, operation: str, labels: Document, body: bytes, query: dict[str, list[str]]) -> Document:
        """Return an operation's input, checked against its shape.

        Raises:
            AwsError: SerializationException or ValidationException.

        """
        shape: Any = self._model.operation_model(operation).input_shape
        document = parse(body) | labels
        for name, member in shape.members.items():
            if member.serialization.get("location") == "querystring":
                values = query.get(member.serialization["name"])
                document[name] = values if member.type_name == "list" or not values else values[0]
        check(shape, document)
        return {name: value for name, value in document.items() if value is not None}

    def error(self, error: AwsError) -> tuple[int, dict[str, str], bytes]:
        """Return an error with the status that the service's model gives it."""
        shapes = {shape.name: cast("Document", shape.metadata) for shape in self._model.error_shapes}
        status: int = shapes.get(error.code, {}).get("error", {}).get("httpStatusCode", error.status)
        body = {"message": error.message, **error.members}
        headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
        return status, headers, json.dumps(body).encode()
