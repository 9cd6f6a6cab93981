"""Function URLs, each on a loopback port of its own: signed requests become events."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from http import HTTPStatus

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.asgi import (
    Receive,
    Scope,
    Send,
    UnreadBodyError,
    headers_of,
    read_body,
    respond_json,
    serve,
)
from local_cloud.gateway.iam.data_plane import Denied, SignedRequest, authorize
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import function_events
from local_cloud.runtime.function_environment import PAYLOAD_BYTES_MAX
from local_cloud.runtime.functions import Function, Functions
from local_cloud.runtime.listeners import answer_lifespan
from local_cloud.runtime.ports import Ports

logger = logging.getLogger(__name__)

FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


class FunctionUrl:
    """One Function URL: its server."""

    def __init__(self, function_name: str, socket_: socket.socket, urls: "FunctionUrls") -> None:
        self.auth_type = "AWS_IAM"
        self.domain = f"127.0.0.1:{socket_.getsockname()[1]}"
        self._name = function_name
        self._urls = urls
        self.stop = asyncio.Event()
        self.server = asyncio.create_task(serve(self, socket_, self.stop))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: lifespan, a request; WebSockets are refused."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        function = await self._urls.functions.find(self._name)
        if function is None:
            await respond_json(send, 404, {"Message": None})
            return
        try:
            body = await read_body(receive, PAYLOAD_BYTES_MAX)
        except UnreadBodyError:
            await respond_json(send, 413, {"Message": "Request too large"})
            return
        headers = headers_of(scope)
        caller: Document = {}
        if self.auth_type == "AWS_IAM":
            signed = SignedRequest.of(scope, body)
            # Since October 2025 both rights are needed (Lambda developer guide, function URLs).
            needs = [
                ("lambda:InvokeFunctionUrl", function.arn, {"lambda:functionurlauthtype": self.auth_type}),
                ("lambda:InvokeFunction", function.arn, {"lambda:invokedviafunctionurl": "true"}),
            ]
            try:
                caller = authorize(self._urls.region, signed, "lambda", needs)
            except Denied as denied:
                logger.info("a request to the URL of %s is refused: %s", self._name, denied)
                await respond_json(
                    send, 403, {"Message": FORBIDDEN}, {"x-amzn-ErrorType": "AccessDeniedException"}
                )
                return
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        asked = function_events.Asked(
            method=scope["method"],
            raw_path=raw_path.decode("latin-1"),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={name: text for name, text in headers.items() if name != "authorization" or not caller},
            body=body,
            client=(scope.get("client") or ("127.0.0.1", 0))[0],
        )
        event = function_events.url_event(
            asked, url_id=self._name, account=ACCOUNT, domain=self.domain, caller=caller
        )
        await self._invoke(function, function_events.encoded(event), send)

    async def _invoke(self, function: Function, payload: bytes, send: Send) -> None:
        try:
            outcome = await function.invoke(payload)
        except AwsError as error:
            status = error.status if error.status == HTTPStatus.TOO_MANY_REQUESTS else HTTPStatus.BAD_GATEWAY
            await respond_json(send, status, {"Message": error.message})
            return
        answer = None if outcome.error else function_events.url_answer(outcome.payload)
        if answer is None:
            await respond_json(send, 502, {"Message": "Internal Server Error"})
            return
        status, headers, body = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class FunctionUrls:
    """All Function URLs; `place` is asked when one is made, and all are served again after a restart."""

    def __init__(self, functions: Functions, region: str, ports: Ports) -> None:
        self.functions = functions
        self.region = region
        self._ports = ports
        self._urls: dict[str, FunctionUrl] = {}

    def place(self, function_name: str, auth_type: str) -> str:
        """Serve a function's URL, if it is not served yet, and return it.

        Raises:
            OSError: no port is free.

        """
        if function_name not in self._urls:
            listener = self._ports.listen(f"function-url:{function_name}")
            self._urls[function_name] = FunctionUrl(function_name, listener, self)
        url = self._urls[function_name]
        url.auth_type = auth_type
        return f"http://{url.domain}/"

    def restore(self, records: Mapping[str, Document]) -> None:
        """Serve all URLs that were made before; one whose port is taken moves until the next `up`."""
        for name, record in records.items():
            if self.place(name, record["AuthType"]) != record["FunctionUrl"]:
                logger.warning("the URL of %s has moved: its port is taken", name)

    def remove(self, function_name: str) -> None:
        """Stop serving a URL."""
        if url := self._urls.pop(function_name, None):
            url.stop.set()
            self._ports.forget(f"function-url:{function_name}")

    def status(self) -> Document:
        """Return the URLs by function."""
        return {name: f"http://{url.domain}/" for name, url in self._urls.items()}

    async def close(self) -> None:
        """Stop all of them."""
        for url in self._urls.values():
            url.stop.set()
        await asyncio.gather(*(url.server for url in self._urls.values()), return_exceptions=True)
