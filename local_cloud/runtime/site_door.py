"""The site of this machine, under a name and over TLS: functions, which are outside of any VPC, reach it so.

A stack whose programs name `SITE` mean its one distribution. Viewers on this machine use that itself.
"""

import asyncio
import socket
from pathlib import Path

from local_cloud.gateway.asgi import Receive, Scope, Send, respond_json, serve
from local_cloud.runtime.distributions import Distributions
from local_cloud.runtime.listeners import answer_lifespan
from local_cloud.runtime.names import Names

SITE = ("site.test", 443)
"""A name that nobody can register (RFC 6761), with its port."""


class SiteDoor:
    """Passes requests on to the distribution."""

    def __init__(
        self,
        distributions: Distributions,
        listener: socket.socket,
        certificate: tuple[Path, Path],
        names: Names,
    ) -> None:
        self._distributions = distributions
        self._stop = asyncio.Event()
        names.pin(*SITE, f"127.0.0.1:{listener.getsockname()[1]}")
        self._server = asyncio.create_task(serve(self, listener, self._stop, certificate))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: lifespan, a request; WebSockets are the viewers' alone."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        site = self._distributions.only()
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif site is None:
            await respond_json(send, 502, {"message": "there is not one site here"})
        else:
            await site(scope, receive, send)

    async def close(self) -> None:
        """Stop serving."""
        self._stop.set()
        await self._server
