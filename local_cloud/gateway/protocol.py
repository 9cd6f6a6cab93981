"""How a service of ours speaks AWS's JSON protocols: operations, answers and errors."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from local_cloud.documents import Document

type Answer = tuple[int, dict[str, str], bytes]
type Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]
type Operation = Callable[[Document], Awaitable[Document]]


class AwsError(Exception):
    """An error as an AWS service answers it: code, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, members: Document | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}

    def answer(self) -> Answer:
        """Return this error as a response of the JSON protocols (type in the header and in the body)."""
        body = {"__type": self.code, "message": self.message, "Message": self.message, **self.members}
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": self.code}
        return self.status, headers, json.dumps(body).encode()


class NotOurs(Exception):  # noqa: N818 (a signal, not an error)
    """Raised by an operation that leaves this request to the next handler."""


def json_answer(
    payload: Document, status: int = 200, content_type: str = "application/x-amz-json-1.1"
) -> Answer:
    """Return a payload as a response of the JSON protocols."""
    return status, {"Content-Type": content_type}, json.dumps(payload).encode()


def parse(body: bytes) -> Document:
    """Return a request's JSON object.

    Raises:
        AwsError: SerializationException when it is not one.

    """
    try:
        data: object = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", "The request body is not valid JSON.") from error
    if not isinstance(data, dict):
        raise AwsError("SerializationException", "The request body must be a JSON object.")
    return cast("Document", data)


class TargetService:
    """A service whose operation stands in X-Amz-Target; what is not ours goes on to the next handler."""

    def __init__(self, operations: Mapping[str, Operation], otherwise: Handler) -> None:
        self.operations = operations
        self.otherwise = otherwise

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        operation = self.operations.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if operation is None:
            return await self.otherwise(method, path, headers, body, query)
        try:
            return json_answer(await operation(parse(body)))
        except NotOurs:
            return await self.otherwise(method, path, headers, body, query)
        except AwsError as error:
            return error.answer()
