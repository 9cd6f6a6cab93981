"""The daemon's own surface under `/_nova/`: health, status, task credentials, planned faults, stopping it."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping

from local_cloud.documents import Document
from local_cloud.gateway.asgi import Receive, Scope, Send, headers_of, respond_json
from local_cloud.gateway.faults import FaultPlan, UnknownFaultError, read
from local_cloud.gateway.iam.refusals import REFUSALS

CREDENTIALS_PREFIX = "/_nova/credentials/"
FAULTS = "/_nova/faults"
BODY_BYTES_MAX = 65536

type Status = Callable[[], Awaitable[Document]]
type TaskCredentials = Callable[[str, str], Document | None]


class Control:
    """The application behind `/_nova/`."""

    def __init__(
        self, status: Status, credentials: TaskCredentials, faults: FaultPlan, stop: asyncio.Event
    ) -> None:
        self._secret = ""
        self._status = status
        self._credentials = credentials
        self._faults = faults
        self._stop = stop

    @property
    def ready(self) -> bool:
        """Whether the platform has started."""
        return bool(self._secret)

    def open(self, secret: str) -> None:
        """Declare the platform ready; changes need this secret (the administrator's) in `X-Nova-Admin`."""
        self._secret = secret

    def _is_administrator(self, headers: Mapping[str, str]) -> bool:
        given = headers.get("x-nova-admin", "").encode()
        return self.ready and hmac.compare_digest(given, self._secret.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers, path, method = headers_of(scope), scope["path"], scope["method"]
        if method == "GET" and path == "/_nova/health":
            await respond_json(send, 200 if self.ready else 503, {"ready": self.ready})
        elif method == "GET" and path == "/_nova/status":
            await respond_json(send, 200, await self._status() | {"refused": REFUSALS.status()})
        elif method == "GET" and path.startswith(CREDENTIALS_PREFIX):
            found = self._credentials(path.removeprefix(CREDENTIALS_PREFIX), headers.get("authorization", ""))
            await respond_json(
                send, 200 if found else 403, found or {"code": "AccessDenied", "message": "wrong token"}
            )
        elif method == "POST" and path == "/_nova/stop":
            allowed = self._is_administrator(headers)
            if allowed:
                self._stop.set()
            await respond_json(send, 202 if allowed else 403, {"stopping": allowed})
        elif path == FAULTS and self._is_administrator(headers):
            await self._plan(method, await _body(receive), send)
        else:
            await respond_json(send, 404, {"message": f"nothing is served at {method} {path}"})

    async def _plan(self, method: str, body: bytes, send: Send) -> None:
        """Show the planned faults (GET), add one (POST), or clear them (DELETE)."""
        match method:
            case "GET":
                await respond_json(send, 200, {"faults": self._faults.shown()})
            case "POST":
                try:
                    await respond_json(send, 201, self._faults.add(read(body)))
                except UnknownFaultError as error:
                    await respond_json(send, 400, {"message": str(error)})
            case "DELETE":
                self._faults.clear()
                await respond_json(send, 200, {"faults": []})
            case _:
                await respond_json(send, 405, {"message": "GET, POST or DELETE"})


async def _body(receive: Receive) -> bytes:
    """Return a request's body, of which no more than `BODY_BYTES_MAX` and a part is read."""
    body = b""
    while len(body) <= BODY_BYTES_MAX:
        message = await receive()
        body += bytes(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return body
