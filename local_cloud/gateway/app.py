"""The gateway's door: what is let in, what goes to the control surface, and what changed state.

MiniStack's own administration (`/_ministack/*` and the like, which needs no credentials) is not reachable.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qs

from local_cloud.gateway.asgi import Application, Message, Receive, Scope, Send, headers_of, respond_json
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.persistence import Persistence
from local_cloud.gateway.site_origins import Sites, as_declared

FORM_HEAD_BYTES = 65536
"""How much of a form body is searched for its Action (query protocol)."""
READ_VERBS = (
    "Get",
    "List",
    "Describe",
    "BatchGet",
    "Query",
    "Scan",
    "Head",
    "Receive",
    "Filter",
    "Discover",
    "Lookup",
)
READ_METHODS = ("GET", "HEAD", "OPTIONS")

type Observer = Callable[[str], None]


class Door(Protocol):
    """Serves some requests by itself, once the gateway has accepted them."""

    def serves(self, scope: Scope) -> bool:
        """Whether a request is one of them."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        ...


def is_read(method: str, operation: str) -> bool:
    """Whether a request leaves the state as it is: by its operation, or by its method in REST protocols."""
    return operation.startswith(READ_VERBS) if operation else method in READ_METHODS


class _Request:
    """One request on its way: its operation as far as the messages that pass tell it, and its status."""

    def __init__(
        self, receive: Receive, send: Send, headers: dict[str, str], query: dict[str, list[str]]
    ) -> None:
        self._receive, self._send = receive, send
        self.operation = headers.get("x-amz-target", "").rpartition(".")[2] or query.get("Action", [""])[0]
        self._form = not self.operation and headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        )
        self.status = 0

    async def receive(self) -> Message:
        """Pass a message on; the first body part of a form names the operation."""
        message = await self._receive()
        if self._form and message["type"] == "http.request":
            head = bytes(message.get("body", b""))[:FORM_HEAD_BYTES].decode("latin-1")
            found = re.search(r"(?:^|&)Action=(\w+)", head)
            self.operation, self._form = (found[1] if found else ""), False
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one carries the status."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class Gateway:
    """The ASGI application on the daemon's port."""

    def __init__(self, ministack: MiniStack, persistence: Persistence) -> None:
        self._ministack = ministack
        self._persistence = persistence
        self._observers: dict[str, list[Observer]] = {}
        self.control: Application | None = None
        self.agents: Door | None = None
        self.sites: Sites = dict[str, str]
        """Where the distributions listen."""
        self.loaded = asyncio.Event()

    def observe(self, service: str, observer: Observer) -> None:
        """Have `observer(operation)` called after each successful change of a service (MiniStack's name)."""
        self._observers.setdefault(service, []).append(observer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._ministack.app(scope, receive, self._lifespan(send))
            return
        if self.agents is not None and self.agents.serves(scope):
            await self.agents(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        path: str = scope["path"]
        if path.startswith("/_nova/") and self.control is not None:
            await self.control(scope, receive, send)
        elif path.startswith("/_"):
            await respond_json(send, 404, {"message": f"nothing is served at {path}"})
        else:
            await self.forward(scope, receive, send)

    def _lifespan(self, send: Send) -> Send:
        async def send_when_restored(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._persistence.restore()
                self.loaded.set()
            await send(message)

        return send_when_restored

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to AWS."""
        scope, send = as_declared(scope, send, self.sites)
        headers = headers_of(scope)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        request = _Request(receive, send, headers, query)
        # What stays on the loopback interface is as private as TLS makes it in AWS, and policies that demand
        # TLS (aws:SecureTransport) have to admit it.
        secure = {**scope, "scheme": "https"}
        await self._ministack.app(secure, request.receive, request.send)
        method: str = scope["method"]
        if is_read(method, request.operation):
            return
        service = self._ministack.detect_service(method, scope["path"], headers, query)
        # A refused call may have changed something before it failed, so its state is saved too.
        self._persistence.touch_service(service)
        if request.status < 400:  # noqa: PLR2004 (HTTP: errors start there)
            for observer in self._observers.get(service, []):
                observer(request.operation or method)
