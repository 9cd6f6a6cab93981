"""CloudFront distributions, each on a loopback port of its own: behaviors by path, origins behind them.

Nothing is kept at this edge, and viewers speak plain HTTP to it: what never leaves the machine needs neither.
"""

import asyncio
import secrets
import socket
from http import HTTPStatus

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.asgi import Message, Receive, Scope, Send, headers_of, respond, serve
from local_cloud.gateway.aws import Aws
from local_cloud.runtime.conditions import wildcard
from local_cloud.runtime.following import Follower
from local_cloud.runtime.listeners import LoadBalancers, answer_lifespan
from local_cloud.runtime.ports import Ports
from local_cloud.runtime.proxy import Headers, Limits, Proxy, TimedOut, Unreachable, passing
from local_cloud.runtime.rest_api import RestApis
from local_cloud.runtime.tunnel import pass_on, refuse

ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""CloudFront's own origin request policy for origins that know themselves by their own names only."""
WEBSOCKET_IDLE_SECONDS = 600.0
"""CloudFront ends a WebSocket after ten minutes without data (developer guide, "Use WebSockets")."""
READ_SECONDS = 30.0
"""How long an origin may be silent where none is declared (CloudFront API reference, CustomOriginConfig)."""
SECURITY_HEADERS = {
    "ContentTypeOptions": ("x-content-type-options", ""),
    "FrameOptions": ("x-frame-options", "FrameOption"),
    "ReferrerPolicy": ("referrer-policy", "ReferrerPolicy"),
}
"""What a response headers policy adds: the header and where its value stands (HSTS needs TLS)."""


def behavior_of(config: Document, path: str) -> Document:
    """Return the first behavior whose pattern a path matches, else the default one."""
    for behavior in parts(part(config, "CacheBehaviors"), "Items"):
        if wildcard(path, [f"/{behavior['PathPattern'].removeprefix('/')}"], ignore_case=False):
            return behavior
    return part(config, "DefaultCacheBehavior")


class Distribution:
    """One distribution: its configuration, its port, its server."""

    def __init__(self, socket_: socket.socket, edge: "Distributions") -> None:
        self.url = f"http://127.0.0.1:{socket_.getsockname()[1]}"
        self.domain = ""
        self.config: Document = {}
        self.stop = asyncio.Event()
        self._edge = edge
        self.server = asyncio.create_task(serve(self, socket_, self.stop))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: lifespan, a request, a WebSocket."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._edge.refresh_if_changed()
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._edge.refresh_if_changed()
            await self._websocket(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        behavior = behavior_of(self.config, scope["path"])
        origin = self._origin(behavior)
        base = await self._edge.address(origin)
        if base is None:
            await refuse(send, HTTPStatus.BAD_GATEWAY)
            return
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope.get("query_string", b"")
        url = f"{base}{raw_path.decode('latin-1')}" + (f"?{query.decode('latin-1')}" if query else "")
        headers = self._forwarded(behavior, origin, scope)
        await pass_on(scope, receive, send, url, headers, WEBSOCKET_IDLE_SECONDS)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        behavior = behavior_of(self.config, scope["path"])
        origin = self._origin(behavior)
        send = self._answering(behavior, send)
        if scope["method"] not in part(behavior, "AllowedMethods").get("Items", []):
            await _error(send, HTTPStatus.FORBIDDEN)
            return
        base = await self._edge.address(origin)
        if base is None:
            await _error(send, HTTPStatus.BAD_GATEWAY)
            return
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope.get("query_string", b"")
        url = f"{base}{raw_path.decode('latin-1')}" + (f"?{query.decode('latin-1')}" if query else "")
        settings = part(origin, "CustomOriginConfig") or part(origin, "VpcOriginConfig")
        seconds = float(settings.get("OriginReadTimeout") or READ_SECONDS)
        try:
            await self._edge.proxy.forward(
                scope, receive, send, url, self._forwarded(behavior, origin, scope), Limits(seconds, seconds)
            )
        except Unreachable:
            await _error(send, HTTPStatus.BAD_GATEWAY)
        except TimedOut:
            await _error(send, HTTPStatus.GATEWAY_TIMEOUT)

    def _origin(self, behavior: Document) -> Document:
        wanted = behavior["TargetOriginId"]
        return next(item for item in parts(part(self.config, "Origins"), "Items") if item["Id"] == wanted)

    def _forwarded(self, behavior: Document, origin: Document, scope: Scope) -> Headers:
        """Return the viewer's headers as an origin gets them, with those that prove where they come from."""
        names = headers_of(scope)
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        chain = f"{names['x-forwarded-for']}, {client}" if "x-forwarded-for" in names else client
        added = {"x-forwarded-for": chain, "via": "1.1 local.cloudfront.net (CloudFront)"}
        added["x-amz-cf-id"] = secrets.token_urlsafe(24)
        dropped = self._edge.dropped.get(behavior.get("OriginRequestPolicyId") or "")
        if dropped is None or "host" in dropped:
            added["host"] = origin["DomainName"]
        for header in parts(part(origin, "CustomHeaders"), "Items"):
            added[header["HeaderName"].lower()] = header["HeaderValue"]
        kept = [
            (name, value)
            for name, value in passing(scope["headers"])
            if name.decode("latin-1").lower() not in added.keys() | (dropped or frozenset())
        ]
        return [*kept, *((name.encode(), value.encode("latin-1")) for name, value in added.items())]

    def _answering(self, behavior: Document, send: Send) -> Send:
        policy = self._edge.headers.get(behavior.get("ResponseHeadersPolicyId") or "", {})

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start" and policy:
                kept = [
                    (name, value)
                    for name, value in message["headers"]
                    if name.decode("latin-1").lower() not in policy
                ]
                added = [(name.encode(), value.encode("latin-1")) for name, value in policy.items()]
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        return send_guarded


class Distributions(Follower):
    """All distributions; follows what CloudFront calls create, change and delete."""

    def __init__(
        self, aws: Aws, balancers: LoadBalancers, rest_apis: RestApis, ports: Ports, proxy: Proxy
    ) -> None:
        super().__init__()
        self.proxy = proxy
        self.headers: dict[str, dict[str, str]] = {}
        """By policy: the security headers of answers."""
        self.dropped: dict[str, frozenset[str]] = {}
        """By origin request policy: the viewer's headers that an origin does not get."""
        self._aws = aws
        self._balancers = balancers
        self._rest_apis = rest_apis
        self._ports = ports
        self._vpc_origins: dict[str, Document] = {}
        self._distributions: dict[str, Distribution] = {}

    async def address(self, origin: Document) -> str | None:
        """Return where an origin listens here; None for one that does not stand in this cloud."""
        vpc_origin = self._vpc_origins.get(part(origin, "VpcOriginConfig").get("VpcOriginId") or "")
        if vpc_origin is not None:
            encrypted = vpc_origin["OriginProtocolPolicy"] == "https-only"
            return await self._balancers.url(
                vpc_origin["Arn"], int(vpc_origin["HTTPSPort" if encrypted else "HTTPPort"])
            )
        api_id, _, service = str(origin["DomainName"]).partition(".")
        return await self._rest_apis.url(api_id) if service.startswith("execute-api.") else None

    async def _refresh(self) -> None:
        declared = await self._items("ListDistributions", "DistributionList")
        for known in self._distributions.keys() - {item["Id"] for item in declared}:
            self._distributions.pop(known).stop.set()
            self._ports.forget(f"distribution:{known}")
        origins = await self._items("ListVpcOrigins", "VpcOriginList")
        self._vpc_origins = {item["Id"]: await self._vpc_origin(item["Id"]) for item in origins}
        policies = await self._items(
            "ListResponseHeadersPolicies", "ResponseHeadersPolicyList", Type="custom"
        )
        self.headers = {item["ResponseHeadersPolicy"]["Id"]: _headers(item) for item in policies}
        policies = await self._items("ListOriginRequestPolicies", "OriginRequestPolicyList", Type="custom")
        self.dropped = {item["OriginRequestPolicy"]["Id"]: _dropped(item) for item in policies}
        self.dropped[ALL_VIEWER_EXCEPT_HOST] = frozenset({"host"})
        for item in declared:
            found = await self._aws.call("cloudfront", "GetDistributionConfig", {"Id": item["Id"]})
            if item["Id"] not in self._distributions:
                listener = self._ports.listen(f"distribution:{item['Id']}")
                self._distributions[item["Id"]] = Distribution(listener, self)
            self._distributions[item["Id"]].domain = item["DomainName"]
            self._distributions[item["Id"]].config = found["DistributionConfig"]

    async def _items(self, operation: str, listed: str, **parameters: str) -> list[Document]:
        answer = await self._aws.call("cloudfront", operation, {**parameters})
        return parts(part(answer, listed), "Items")

    async def _vpc_origin(self, identity: str) -> Document:
        found = await self._aws.call("cloudfront", "GetVpcOrigin", {"Id": identity})
        return part(part(found, "VpcOrigin"), "VpcOriginEndpointConfig")

    def only(self) -> Distribution | None:
        """Return the distribution, where there is one and no other."""
        found = list(self._distributions.values())
        return found[0] if len(found) == 1 else None

    async def status(self) -> dict[str, str]:
        """Return the addresses of all distributions by their domain names, as of now."""
        await self.refresh_if_changed()
        return self.sites()

    def sites(self) -> dict[str, str]:
        """Return the addresses of the distributions that are served, by their domain names."""
        return {item.domain: item.url for item in self._distributions.values()}

    async def close(self) -> None:
        """Stop all distributions."""
        for distribution in self._distributions.values():
            distribution.stop.set()
        await asyncio.gather(
            *(distribution.server for distribution in self._distributions.values()), return_exceptions=True
        )


def _dropped(policy: Document) -> frozenset[str]:
    config = part(part(policy, "OriginRequestPolicy"), "OriginRequestPolicyConfig", "HeadersConfig")
    if config["HeaderBehavior"] == "allViewer":
        return frozenset()
    if config["HeaderBehavior"] != "allExcept":
        raise ValueError(f"HeaderBehavior {config['HeaderBehavior']} is not passed on here")
    return frozenset(str(name).lower() for name in part(config, "Headers").get("Items", []))


def _headers(policy: Document) -> dict[str, str]:
    config = part(part(policy, "ResponseHeadersPolicy"), "ResponseHeadersPolicyConfig")
    declared = part(config, "SecurityHeadersConfig")
    return {
        header: str(declared[member].get(value, "nosniff"))
        for member, (header, value) in SECURITY_HEADERS.items()
        if declared.get(member)
    }


async def _error(send: Send, status: HTTPStatus) -> None:
    """Answer as CloudFront itself does."""
    title = "ERROR: The request could not be satisfied"
    page = f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD><BODY><H1>{status.value} ERROR</H1></BODY></HTML>"
    await respond(send, status.value, {"content-type": "text/html", "server": "CloudFront"}, page.encode())
