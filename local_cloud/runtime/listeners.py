"""Application Load Balancer listeners, each on a loopback port of its own."""

import asyncio
import itertools
import logging
import random
import secrets
import socket
import time
from http import HTTPStatus

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.asgi import Receive, Scope, Send, headers_of, respond, serve
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import MiniStack
from local_cloud.runtime.conditions import Request, choose
from local_cloud.runtime.following import Follower
from local_cloud.runtime.ports import Ports
from local_cloud.runtime.proxy import Headers, Limits, Proxy, TimedOut, Unreachable, passing
from local_cloud.runtime.tunnel import pass_on, refuse

logger = logging.getLogger(__name__)

IDLE_ATTRIBUTE, IDLE_SECONDS = "idle_timeout.timeout_seconds", 60.0
"""How long a load balancer waits for a target that sends nothing: its attribute, and the default."""


class Listener:
    """One listener: its rules, its port, its server."""

    def __init__(self, description: Document, socket_: socket.socket, balancers: "LoadBalancers") -> None:
        self.description = description
        self.rules: list[Document] = []
        self.idle_seconds = IDLE_SECONDS
        self.url = f"http://127.0.0.1:{socket_.getsockname()[1]}"
        self.stop = asyncio.Event()
        self._balancers = balancers
        self._turn = itertools.count()
        self.server = asyncio.create_task(serve(self, socket_, self.stop))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: lifespan, a request, a WebSocket."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._balancers.refresh_if_changed()
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._balancers.refresh_if_changed()
            await self._websocket(scope, receive, send)

    def _action(self, method: str, scope: Scope) -> Document | None:
        query = scope.get("query_string", b"").decode("latin-1")
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        rule = choose(self.rules, Request(method, scope["path"], query, client, headers_of(scope)))
        actions = sorted(rule["Actions"] if rule else [], key=lambda action: action.get("Order", 1))
        return actions[-1] if actions else None

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        action = self._action("GET", scope)
        target = self._target(action) if action and action["Type"] == "forward" else None
        if action is None or action["Type"] != "forward" or target is None:
            fixed = part(action or {}, "FixedResponseConfig")
            await refuse(send, int(fixed.get("StatusCode") or HTTPStatus.SERVICE_UNAVAILABLE))
            return
        url = _url(f"http://{target[0]}:{target[1]}", scope)
        await pass_on(scope, receive, send, url, self._forwarded(scope), self.idle_seconds)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        action = self._action(scope["method"], scope)
        if action is None:
            await _error(send, HTTPStatus.NOT_FOUND)
            return
        if action["Type"] == "fixed-response":
            fixed = action["FixedResponseConfig"]
            body = str(fixed.get("MessageBody") or "").encode()
            await respond(
                send,
                int(fixed["StatusCode"]),
                {"content-type": fixed.get("ContentType") or "text/plain"},
                body,
            )
        elif action["Type"] == "redirect":
            await self._redirect(action["RedirectConfig"], scope, send)
        elif action["Type"] == "forward":
            await self._forward(action, scope, receive, send)
        else:
            await _error(send, HTTPStatus.NOT_IMPLEMENTED)

    async def _redirect(self, target: Document, scope: Scope, send: Send) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        host = headers_of(scope).get("host", "").partition(":")[0]
        own = {
            "protocol": "http",
            "host": host,
            "port": str(self.description["Port"]),
            "path": scope["path"].lstrip("/"),
            "query": query,
        }
        defaults = {
            "Protocol": "#{protocol}",
            "Host": "#{host}",
            "Port": "#{port}",
            "Path": "/#{path}",
            "Query": "#{query}",
        }
        parts = {key: str(target.get(key) or default) for key, default in defaults.items()}
        for name, value in own.items():
            parts = {key: part.replace(f"#{{{name}}}", value) for key, part in parts.items()}
        location = f"{parts['Protocol'].lower()}://{parts['Host']}:{parts['Port']}{parts['Path']}"
        location += f"?{parts['Query']}" if parts["Query"] else ""
        await respond(
            send, 301 if target.get("StatusCode") == "HTTP_301" else 302, {"location": location}, b""
        )

    def _target(self, action: Document) -> tuple[str, int] | None:
        groups: list[Document] = parts(part(action, "ForwardConfig"), "TargetGroups") or [
            {"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}
        ]
        weights = [int(group.get("Weight", 1)) for group in groups]
        if not any(weights):
            return None
        group = random.choices(groups, weights)[0]  # noqa: S311 (traffic shares, not secrets)
        targets = self._balancers.ministack.targets(group["TargetGroupArn"])
        return targets[next(self._turn) % len(targets)] if targets else None

    def _forwarded(self, scope: Scope) -> Headers:
        """Return the request's headers as a load balancer passes them on."""
        headers, names = passing(scope["headers"]), headers_of(scope)
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        chain = f"{names['x-forwarded-for']}, {client}" if "x-forwarded-for" in names else client
        added = {
            "x-forwarded-for": chain,
            "x-forwarded-proto": names.get("x-forwarded-proto", str(self.description["Protocol"]).lower()),
            "x-forwarded-port": names.get("x-forwarded-port", str(self.description["Port"])),
            "x-amzn-trace-id": names.get(
                "x-amzn-trace-id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
            ),
        }
        kept = [(name, value) for name, value in headers if name.decode("latin-1").lower() not in added]
        return [*kept, *((name.encode(), value.encode("latin-1")) for name, value in added.items())]

    async def _forward(self, action: Document, scope: Scope, receive: Receive, send: Send) -> None:
        target = self._target(action)
        if target is None:
            await _error(send, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        url = _url(f"http://{target[0]}:{target[1]}", scope)
        limits = Limits(self.idle_seconds, self.idle_seconds)
        try:
            await self._balancers.proxy.forward(scope, receive, send, url, self._forwarded(scope), limits)
        except Unreachable:
            await _error(send, HTTPStatus.BAD_GATEWAY)
        except TimedOut:
            await _error(send, HTTPStatus.GATEWAY_TIMEOUT)


class LoadBalancers(Follower):
    """All listeners; follows what elbv2 calls create, change and delete."""

    def __init__(self, aws: Aws, ministack: MiniStack, ports: Ports, proxy: Proxy) -> None:
        super().__init__()
        self.ministack = ministack
        self.proxy = proxy
        self._aws = aws
        self._ports = ports
        self._listeners: dict[str, Listener] = {}

    async def _refresh(self) -> None:
        balancers = (await self._aws.call("elbv2", "DescribeLoadBalancers"))["LoadBalancers"]
        declared: dict[str, Document] = {}
        idle_seconds: dict[str, float] = {}
        for balancer in balancers:
            parameters = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
            idle_seconds[balancer["LoadBalancerArn"]] = await self._idle_seconds(parameters)
            found = await self._aws.call("elbv2", "DescribeListeners", parameters)
            declared |= {listener["ListenerArn"]: listener for listener in found["Listeners"]}
        for arn in self._listeners.keys() - declared.keys():
            self._listeners.pop(arn).stop.set()
            self._ports.forget(arn)
        for arn, description in declared.items():
            if arn not in self._listeners:
                self._listeners[arn] = Listener(description, self._ports.listen(arn), self)
            self._listeners[arn].description = description
            self._listeners[arn].idle_seconds = idle_seconds[description["LoadBalancerArn"]]
            rules = await self._aws.call("elbv2", "DescribeRules", {"ListenerArn": arn})
            self._listeners[arn].rules = rules["Rules"]

    async def _idle_seconds(self, balancer: Document) -> float:
        found = await self._aws.call("elbv2", "DescribeLoadBalancerAttributes", balancer)
        declared = {attribute["Key"]: attribute["Value"] for attribute in found["Attributes"]}
        return float(declared.get(IDLE_ATTRIBUTE) or IDLE_SECONDS)

    async def url(self, balancer: str, port: int) -> str | None:
        """Return the address of the listener on a declared port of a load balancer."""
        await self.refresh_if_changed()
        for listener in self._listeners.values():
            description = listener.description
            if description["LoadBalancerArn"] == balancer and description["Port"] == port:
                return listener.url
        return None

    async def status(self) -> dict[str, dict[str, str]]:
        """Return the listeners' addresses by load balancer and listener ARN."""
        await self.refresh_if_changed()
        urls: dict[str, dict[str, str]] = {}
        for arn, listener in self._listeners.items():
            urls.setdefault(listener.description["LoadBalancerArn"], {})[arn] = listener.url
        return urls

    async def close(self) -> None:
        """Stop all listeners."""
        for listener in self._listeners.values():
            listener.stop.set()
        await asyncio.gather(
            *(listener.server for listener in self._listeners.values()), return_exceptions=True
        )


def _url(base: str, scope: Scope) -> str:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return f"{base}{raw_path.decode('latin-1')}" + (f"?{query.decode('latin-1')}" if query else "")


async def _error(send: Send, status: HTTPStatus) -> None:
    """Answer as the load balancer itself does."""
    title = {503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out"}.get(
        status, f"{status.value} {status.phrase}"
    )
    head = f"<html>\r\n<head><title>{title}</title></head>\r\n"
    page = f"{head}<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    await respond(send, status.value, {"content-type": "text/html", "server": "awselb/2.0"}, page.encode())


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Answer the start and stop messages of an application that has nothing to prepare."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
