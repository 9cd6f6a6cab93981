"""The daemon's own surface under `/_nova/`: health, status, task credentials, and stopping it."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable

from local_cloud.documents import Document
from local_cloud.gateway.asgi import Receive, Scope, Send, headers_of, respond_json
from local_cloud.gateway.iam.refusals import REFUSALS

CREDENTIALS_PREFIX = "/_nova/credentials/"

type Status = Callable[[], Awaitable[Document]]
type TaskCredentials = Callable[[str, str], Document | None]


class Control:
    """The application behind `/_nova/`."""

    def __init__(self, status: Status, credentials: TaskCredentials, stop: asyncio.Event) -> None:
        self._secret = ""
        self._status = status
        self._credentials = credentials
        self._stop = stop

    @property
    def ready(self) -> bool:
        """Whether the platform has started."""
        return bool(self._secret)

    def open(self, secret: str) -> None:
        """Declare the platform ready; changes need this secret (the administrator's) in `X-Nova-Admin`."""
        self._secret = secret

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
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
            given = headers.get("x-nova-admin", "").encode()
            allowed = self.ready and hmac.compare_digest(given, self._secret.encode())
            if allowed:
                self._stop.set()
            await respond_json(send, 202 if allowed else 403, {"stopping": allowed})
        else:
            await respond_json(send, 404, {"message": f"nothing is served at {method} {path}"})
