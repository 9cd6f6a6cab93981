"""AgentCore's data plane: calls of sessions, answered by their processes as they answer.

A call is served in two steps. The gateway is asked first, with the whole request: who signed it, whether
that one may, whether there are such a runtime and endpoint. Its refusal is the answer. What it accepts goes
to the session's process over HTTP, and a caller who leaves is gone for the process at once.
"""

import asyncio
import contextlib
import secrets
import time
import uuid
from http import HTTPStatus
from urllib.parse import parse_qs

import httpx2

from local_cloud.documents import part
from local_cloud.gateway.agentcore.service import SESSION_HEADER, AgentCoreService, asked
from local_cloud.gateway.asgi import (
    Application,
    BodyTooLongError,
    ClientLeftError,
    Message,
    Receive,
    Scope,
    Send,
    answered,
    headers_of,
    read_body,
    respond,
)
from local_cloud.gateway.iam import agents as iam_agents
from local_cloud.gateway.protocol import AwsError
from local_cloud.gateway.rest_json import RestJsonModel
from local_cloud.runtime import tunnel
from local_cloud.runtime.agents.sessions import AgentSessions, Place, Session, client_error

PAYLOAD_BYTES_MAX = 100_000_000
"""InvokeAgentRuntime's payload in the API model."""
ANSWER_SECONDS_MAX, STREAM_SECONDS_MAX = 900.0, 3600.0
"""Until an answer begins, and until a streamed one ends (AgentCore developer guide, "Quotas")."""
CONNECTION_SECONDS_MAX = 5.0
CUSTOM_BYTES_MAX = 4096
"""Of each header that the runtime is told to pass on (AgentCore developer guide, "Pass custom headers")."""
REQUEST_HEADERS = (
    "content-type", "accept", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name",
    iam_agents.USER_HEADER, "traceparent", "tracestate", "baggage",
)  # fmt: skip
ANSWER_HEADERS = (
    "content-type", "mcp-session-id", "mcp-protocol-version", "traceparent", "tracestate", "baggage",
)  # fmt: skip
TRACE_HEADER = "x-amzn-trace-id"


class AgentCoreDoor:
    """The ASGI application for the paths of sessions; `gateway` decides whom it serves."""

    def __init__(
        self, gateway: Application, service: AgentCoreService, sessions: AgentSessions, region: str
    ) -> None:
        self._gateway = gateway
        self._service = service
        self._sessions = sessions
        self._region = region
        self._model = RestJsonModel("bedrock-agentcore")
        times = httpx2.Timeout(None, connect=CONNECTION_SECONDS_MAX)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx2.AsyncClient(timeout=times, limits=limits, trust_env=False)

    def serves(self, scope: Scope) -> bool:
        """Whether a request is one of the data plane's that is answered by a session."""
        found = iam_agents.DATA_PATH.fullmatch(scope["path"])
        verbs = {"websocket": "ws", "http": "invocations" if scope.get("method") == "POST" else ""}
        return found is not None and found["verb"] == verbs[scope["type"]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call or a WebSocket."""
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
            return
        try:
            body = await _body(receive)
            answer = await answered(self._gateway, scope, body)
            if answer[0]["status"] != HTTPStatus.OK:
                for message in answer:
                    await send(message)
                return
            await self._invoke(scope, body, receive, send)
        except AwsError as error:
            await respond(send, *self._model.error(error))
        except ClientLeftError:
            return

    async def close(self) -> None:
        """Serve no more."""
        await self._http.aclose()

    def _meant(self, scope: Scope) -> tuple[Place, dict[str, str]]:
        """Return whose session is meant, and what its process is told beside the body."""
        headers = headers_of(scope)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        call = asked(scope["path"], query, self._region)
        if call is None:
            raise AwsError("UnknownOperationException", "there is no such operation", 404)
        name = iam_agents.given(headers, query, SESSION_HEADER) or str(uuid.uuid4())
        place = self._service.place(call, name)
        told = {field: headers[field] for field in REQUEST_HEADERS if field in headers}
        told |= {SESSION_HEADER: name, TRACE_HEADER: headers.get(TRACE_HEADER) or _new_trace()}
        return place, told | _custom(place, headers, query)

    async def _invoke(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Pass a call on, as long as its caller is there."""
        place, headers = self._meant(scope)
        begun = asyncio.Event()
        serving = asyncio.create_task(self._served(place, headers, body, send, begun))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (serving, leaving):
                task.cancel()
            await asyncio.gather(serving, leaving, return_exceptions=True)
        if serving.cancelled():
            raise ClientLeftError
        if (failure := serving.exception()) and not begun.is_set():
            raise failure

    async def _served(
        self, place: Place, headers: dict[str, str], body: bytes, send: Send, begun: asyncio.Event
    ) -> None:
        session = await self._sessions.session(place)
        with session.in_use():
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX) as limit:
                    request = self._http.stream(
                        "POST", f"{session.url}/invocations", content=body, headers=headers
                    )
                    async with request as response:
                        limit.reschedule(asyncio.get_running_loop().time() + STREAM_SECONDS_MAX)
                        if response.is_error:
                            raise client_error(
                                f"Received error ({response.status_code}) from runtime. Please check your "
                                "CloudWatch logs for more information."
                            )
                        begun.set()
                        await _told(response, headers, send)
            except (httpx2.HTTPError, TimeoutError) as error:
                # Once an answer has begun it has no end: the connection breaks off, as AWS's does.
                raise await _broken(session, error) from error

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a WebSocket at the session's process, and pass messages on."""
        request = {**scope, "type": "http", "method": "GET", "scheme": "http"}
        answer = await answered(self._gateway, request, b"")
        if answer[0]["status"] != HTTPStatus.OK:
            await _refused(receive, send, answer)
            return
        try:
            place, headers = self._meant(scope)
            session = await self._sessions.session(place)
        except AwsError as error:
            status, fields, content = self._model.error(error)
            encoded = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
            start: Message = {"status": status, "headers": encoded}
            await _refused(receive, send, [start, {"body": content}])
            return
        passed = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        url = f"ws://{session.url.removeprefix('http://')}/ws"
        with session.in_use():
            async with asyncio.timeout(STREAM_SECONDS_MAX):
                await tunnel.pass_on(scope, receive, send, url, passed, ANSWER_SECONDS_MAX)


async def _body(receive: Receive) -> bytes:
    try:
        return await read_body(receive, PAYLOAD_BYTES_MAX)
    except BodyTooLongError as error:
        message = f"Member must have length less than or equal to {PAYLOAD_BYTES_MAX}"
        raise AwsError(
            "ValidationException", f"1 validation error detected: Value at 'payload': {message}"
        ) from error


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _told(response: httpx2.Response, told: dict[str, str], send: Send) -> None:
    """Pass an answer on as it comes."""
    headers = {name: response.headers[name] for name in ANSWER_HEADERS if name in response.headers}
    headers |= {name: told[name] for name in (SESSION_HEADER, TRACE_HEADER)}
    headers.setdefault("content-type", "application/json")
    headers["x-amzn-requestid"] = str(uuid.uuid4())
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": encoded})
    # The server holds headers back until the first body message.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _broken(session: Session, error: Exception) -> AwsError:
    """Return what a caller is told of an answer that did not come."""
    if isinstance(error, TimeoutError):
        return client_error(f"The runtime did not answer within {ANSWER_SECONDS_MAX:.0f} seconds.")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            status = await asyncio.shield(session.process.ended)
            return client_error(f"The container ended with status {status} before it answered.")
    return client_error(f"The connection to the container broke: {error!r}")


async def _refused(receive: Receive, send: Send, answer: list[Message]) -> None:
    await receive()
    headers = [(name, value) for name, value in answer[0]["headers"] if name.lower() != b"transfer-encoding"]
    body = b"".join(bytes(message.get("body", b"")) for message in answer[1:])
    status = answer[0]["status"]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def _custom(place: Place, headers: dict[str, str], query: dict[str, list[str]]) -> dict[str, str]:
    """Return the headers that this runtime passes on; a presigned request has them in its query.

    `Authorization` is the caller's signature and stays here, whatever the runtime is told.
    """
    allowed: list[str] = part(place.runtime, "requestHeaderConfiguration").get("requestHeaderAllowlist", [])
    found: dict[str, str] = {}
    for name in map(str.lower, allowed):
        value = iam_agents.given(headers, query, name)
        if name == "authorization" or not value:
            continue
        if len(value.encode()) > CUSTOM_BYTES_MAX:
            raise AwsError(
                "ValidationException", f"The header {name} is longer than {CUSTOM_BYTES_MAX} bytes"
            )
        found[name] = value
    return found


def _new_trace() -> str:
    """Return a trace that begins here, as a service in front of others begins it."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=1"
