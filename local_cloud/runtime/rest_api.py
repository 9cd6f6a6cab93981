"""REST APIs, each on a loopback port of its own: `/{stage}/...` through authorizer and integration."""

import asyncio
import json
import logging
import socket
import time
import uuid
from urllib.parse import urlsplit

from local_cloud.documents import Document, part
from local_cloud.gateway.asgi import (
    Message,
    Receive,
    Scope,
    Send,
    UnreadBodyError,
    headers_of,
    read_body,
    respond,
    serve,
)
from local_cloud.gateway.aws import Aws
from local_cloud.runtime import routes
from local_cloud.runtime.api_traces import Record, StageTrace
from local_cloud.runtime.authorizer import Authorizer, token_of
from local_cloud.runtime.following import Follower
from local_cloud.runtime.function_environment import PAYLOAD_BYTES_MAX as EVENT_BYTES_MAX
from local_cloud.runtime.function_events import Asked, Matched
from local_cloud.runtime.function_integration import FunctionIntegrations, IntegrationError
from local_cloud.runtime.listeners import LoadBalancers, answer_lifespan
from local_cloud.runtime.logs import Logs
from local_cloud.runtime.ports import Ports
from local_cloud.runtime.proxy import Headers, Limits, Proxy, TimedOut, Unreachable, passing

logger = logging.getLogger(__name__)

PAYLOAD_BYTES = 10 * 1024 * 1024
STREAM_IDLE_SECONDS, EDGE_STREAM_IDLE_SECONDS = 300.0, 30.0
"""How long a streamed answer may be silent: regional and private APIs, edge-optimized ones (API Gateway
developer guide, "Stream the integration response for your proxy integrations")."""
TIMEOUT_SECONDS = 29.0
"""Integration time-out where none is declared (PutIntegration)."""
PAGE = 500
"""Most items that one Get call of API Gateway returns."""


class RestApi:
    """One REST API: its definition and its server."""

    def __init__(self, socket_: socket.socket, apis: "RestApis") -> None:
        self.url = f"http://127.0.0.1:{socket_.getsockname()[1]}"
        self.root: routes.Node | None = None
        self.stages: dict[str, Document] = {}
        self.authorizers: dict[str, Document] = {}
        self.responses: dict[str, Document] = {}
        self.api_id = self.name = ""
        self.stream_idle_seconds = STREAM_IDLE_SECONDS
        self.stop = asyncio.Event()
        self._apis = apis
        self._throttle = routes.Throttle()
        self.server = asyncio.create_task(serve(self, socket_, self.stop))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope: lifespan, a request; WebSockets are refused."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._apis.refresh_if_changed()
            await self._logged(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, request_id, status = time.monotonic(), str(uuid.uuid4()), 0

        async def send_identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                identity = [(b"x-amzn-requestid", request_id.encode())]
                message = {**message, "headers": [*message["headers"], *identity]}
            await send(message)

        entry: Document = {"requestId": request_id, "httpMethod": scope["method"], "path": scope["path"]}
        stage = str(scope["path"]).lstrip("/").partition("/")[0]
        trace = StageTrace.of(scope) if self.stages.get(stage, {}).get("tracingEnabled") else None
        if trace is not None:
            scope = trace.passed_on(scope)
            entry["xrayTraceId"] = trace.xray_id
        try:
            await self._request(scope, receive, send_identified, entry)
        finally:
            if trace is not None and trace.sampled:
                await self._apis.record(trace.ended(self.name, stage, scope["method"], status))
            entry |= {"status": status, "responseLatency": round((time.monotonic() - begun) * 1000)}
            self._apis.logs.of("api").write(self.api_id, json.dumps(entry).encode())

    async def _fail(self, send: Send, kind: str, entry: Document) -> None:
        entry["error"] = kind
        context = {name: json.dumps(entry.get(name, ""))[1:-1] for name in ("requestId", "path")}
        await respond(send, *routes.gateway_response(self.responses.get(kind), kind, context))

    async def _request(self, scope: Scope, receive: Receive, send: Send, entry: Document) -> None:
        raw_path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        stage_name, _, rest = raw_path.lstrip("/").partition("/")
        stage, headers = self.stages.get(stage_name), headers_of(scope)
        segments = [segment for segment in rest.split("/") if segment]
        found = routes.find(self.root, segments) if stage is not None and self.root is not None else None
        method = routes.method_of(found[0], scope["method"]) if found else None
        if stage is None or found is None or method is None:
            await self._fail(send, "MISSING_AUTHENTICATION_TOKEN", entry)
            return
        claims = await self._claims(method, headers)
        if claims is None:
            await self._fail(send, "UNAUTHORIZED", entry)
        elif not self._throttle.admit(part(stage, "methodSettings"), found[0]["path"], method["httpMethod"]):
            await self._fail(send, "THROTTLED", entry)
        elif int(headers.get("content-length", 0)) > PAYLOAD_BYTES:
            await self._fail(send, "REQUEST_TOO_LARGE", entry)
        elif part(method, "methodIntegration").get("type") == "AWS_PROXY":
            entry["user"] = claims.get("sub")
            matched = Matched(self.api_id, stage_name, found[0]["path"], found[1], entry["requestId"], claims)
            await self._call_function(part(method, "methodIntegration"), matched, scope, receive, send, entry)
        else:
            entry["user"] = claims.get("sub")
            await self._integrate(part(method, "methodIntegration"), found[1], scope, receive, send, entry)

    async def _claims(self, method: Document, headers: dict[str, str]) -> Document | None:
        """Return the claims of an accepted token, none for a method open to all; None for nobody accepted."""
        kind = method.get("authorizationType", "NONE")
        if kind == "NONE":
            return {}
        authorizer = self.authorizers.get(method.get("authorizerId") or "")
        if kind != "COGNITO_USER_POOLS" or authorizer is None:
            return None
        token = token_of(authorizer.get("identitySource") or "method.request.header.Authorization", headers)
        return await self._apis.authorizer.verify(
            authorizer.get("providerARNs") or [], method.get("authorizationScopes") or [], token
        )

    async def _call_function(
        self,
        integration: Document,
        matched: Matched,
        scope: Scope,
        receive: Receive,
        send: Send,
        entry: Document,
    ) -> None:
        try:
            body = await read_body(receive, EVENT_BYTES_MAX)
        except UnreadBodyError:
            await self._fail(send, "REQUEST_TOO_LARGE", entry)
            return
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        asked = Asked(
            method=scope["method"],
            raw_path=raw_path.decode("latin-1"),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers_of(scope),
            body=body,
            client=(scope.get("client") or ("127.0.0.1", 0))[0],
        )
        functions = self._apis.functions
        try:
            if functions is None:
                raise IntegrationError("API_CONFIGURATION_ERROR")
            async with asyncio.timeout(self._limits(integration).answer_seconds):
                status, headers, content = await functions.answer(integration, asked, matched)
        except IntegrationError as error:
            await self._fail(send, str(error), entry)
        except TimeoutError:
            await self._fail(send, "INTEGRATION_TIMEOUT", entry)
        else:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    async def _integrate(
        self,
        integration: Document,
        parameters: dict[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
        entry: Document,
    ) -> None:
        if integration.get("type") == "MOCK":
            await _mock(integration, send)
            return
        url = (
            await self._backend(integration, parameters, scope)
            if integration.get("type") == "HTTP_PROXY"
            else None
        )
        if url is None:
            await self._fail(send, "API_CONFIGURATION_ERROR", entry)
            return
        headers, limits = self._forwarded(integration, scope, entry), self._limits(integration)
        try:
            await self._apis.proxy.forward(scope, receive, send, url, headers, limits)
        except Unreachable:
            await self._fail(send, "INTEGRATION_FAILURE", entry)
        except TimedOut:
            await self._fail(send, "INTEGRATION_TIMEOUT", entry)

    def _limits(self, integration: Document) -> Limits:
        """Return the limits of an integration's answers: kept back unless they are to be streamed."""
        seconds = float(integration.get("timeoutInMillis") or TIMEOUT_SECONDS * 1000) / 1000
        if integration.get("responseTransferMode") == "STREAM":
            return Limits(seconds, self.stream_idle_seconds, seconds)
        return Limits(seconds, seconds, seconds, PAYLOAD_BYTES)

    async def _backend(self, integration: Document, parameters: dict[str, str], scope: Scope) -> str | None:
        """Return the URL that a request goes to.

        Through a VPC link to a load balancer, the declared uri gives port and Host only, and the path is the
        request's own with the stage in front (API Gateway developer guide, private integrations).
        """
        uri, query = integration.get("uri") or "", scope.get("query_string", b"").decode("latin-1")
        suffix = f"?{query}" if query else ""
        if integration.get("connectionType") != "VPC_LINK":
            for name, value in parameters.items():
                uri = uri.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
            return uri + suffix if uri.startswith("http") else None
        parts = urlsplit(uri.replace("{", "").replace("}", "").replace("+", ""))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        base = await self._apis.balancers.url(integration.get("integrationTarget") or "", port)
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        return f"{base}{raw_path.decode('latin-1')}{suffix}" if base else None

    def _forwarded(self, integration: Document, scope: Scope, entry: Document) -> Headers:
        names = headers_of(scope)
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        added = {
            "host": urlsplit(integration.get("uri") or "").netloc or "localhost",
            "x-forwarded-for": f"{names['x-forwarded-for']}, {client}"
            if "x-forwarded-for" in names
            else client,
            "x-forwarded-proto": "http",
            "x-forwarded-port": self.url.rpartition(":")[2],
            "x-amzn-apigateway-api-id": self.api_id,
            "x-amzn-requestid": entry["requestId"],
            **routes.mapped_headers(part(integration, "requestParameters"), names),
        }
        kept = [
            (name, value)
            for name, value in passing(scope["headers"])
            if name.decode("latin-1").lower() not in added
        ]
        return [*kept, *((name.encode(), value.encode("latin-1")) for name, value in added.items())]


class RestApis(Follower):
    """All REST APIs; follows what API Gateway calls create, change and delete."""

    def __init__(
        self, aws: Aws, balancers: LoadBalancers, ports: Ports, proxy: Proxy, logs: Logs, record: Record
    ) -> None:
        super().__init__()
        self.record = record
        self.functions: FunctionIntegrations | None = None
        """Calls functions, where there are any."""
        self.balancers = balancers
        self.proxy = proxy
        self.logs = logs
        self.authorizer = Authorizer(aws)
        self._aws = aws
        self._ports = ports
        self._apis: dict[str, RestApi] = {}

    async def _items(self, operation: str, api_id: str, name: str = "items") -> list[Document]:
        parameters: Document = {"restApiId": api_id} | ({"limit": PAGE} if operation != "GetStages" else {})
        return (await self._aws.call("apigateway", operation, parameters)).get(name, [])

    async def _refresh(self) -> None:
        declared = (await self._aws.call("apigateway", "GetRestApis", {"limit": PAGE})).get("items", [])
        ids = {api["id"]: part(api, "endpointConfiguration").get("types") or ["EDGE"] for api in declared}
        names = {api["id"]: str(api.get("name") or api["id"]) for api in declared}
        for api_id in self._apis.keys() - ids.keys():
            self._apis.pop(api_id).stop.set()
            self._ports.forget(f"rest-api:{api_id}")
        for api_id, endpoint_types in ids.items():
            stages = await self._items("GetStages", api_id, "item")
            if api_id not in self._apis and not stages:
                continue  # served from its first stage on
            if api_id not in self._apis:
                self._apis[api_id] = RestApi(self._ports.listen(f"rest-api:{api_id}"), self)
            api = self._apis[api_id]
            api.api_id, api.name = api_id, names[api_id]
            edge = "EDGE" in endpoint_types
            api.stream_idle_seconds = EDGE_STREAM_IDLE_SECONDS if edge else STREAM_IDLE_SECONDS
            api.stages = {stage["stageName"]: stage for stage in stages}
            api.root = routes.tree(await self._items("GetResources", api_id))
            api.authorizers = {item["id"]: item for item in await self._items("GetAuthorizers", api_id)}
            api.responses = {
                item["responseType"]: item for item in await self._items("GetGatewayResponses", api_id)
            }

    async def url(self, api_id: str) -> str | None:
        """Return where an API listens; None for one that is not served."""
        await self.refresh_if_changed()
        return self._apis[api_id].url if api_id in self._apis else None

    async def status(self) -> Document:
        """Return the addresses of all stages."""
        await self.refresh_if_changed()
        return {
            api_id: {"stages": {stage: f"{api.url}/{stage}" for stage in api.stages}}
            for api_id, api in self._apis.items()
        }

    async def close(self) -> None:
        """Stop all APIs."""
        for api in self._apis.values():
            api.stop.set()
        await asyncio.gather(*(api.server for api in self._apis.values()), return_exceptions=True)


async def _mock(integration: Document, send: Send) -> None:
    """Answer a MOCK integration with its default response: static headers and template."""
    declared: dict[str, Document] = part(integration, "integrationResponses")
    undeclared: Document = {}
    response = next((item for item in declared.values() if not item.get("selectionPattern")), undeclared)
    headers = {
        name.rpartition(".")[2]: value.strip("'")
        for name, value in part(response, "responseParameters").items()
    }
    body = str(part(response, "responseTemplates").get("application/json") or "")
    await respond(
        send,
        int(response.get("statusCode") or 200),
        {"content-type": "application/json", **headers},
        body.encode(),
    )
