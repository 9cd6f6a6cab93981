"""The managed agent as a client of AWS has it: by boto3, and by WebSocket with a signature."""

import json
import socket
import urllib.parse
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import botocore.auth
import httpx2
import wsproto
import wsproto.events as ws
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cli.questions import server_events
from tests.e2e.conversations import Answer
from tests.e2e.running import Running

HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-"
SERVICE = "bedrock-agentcore"
WAIT_S = 20


class Person:
    """Somebody who asks the managed agent; whoever signs for them is the gateway's administrator."""

    def __init__(self, platform: Running, token: str) -> None:
        self._platform = platform
        self._token = token
        self.arn = str(platform.outputs()["agent_runtime_arn"])
        self.client: Any = platform.aws(SERVICE)
        self.client.meta.events.register(f"before-sign.{SERVICE}.InvokeAgentRuntime", self._bear)

    def _bear(self, request: Any, **_: object) -> None:  # noqa: ANN401 (botocore's AWSRequest)
        request.headers[f"{HEADER}Custom-Authorization"] = f"Bearer {self._token}"

    def begun(self, session: str, text: str, accept: str = "text/event-stream") -> dict[str, Any]:
        """Ask; the answer's `response` is its stream."""
        return self.client.invoke_agent_runtime(
            agentRuntimeArn=self.arn, qualifier="live", runtimeSessionId=session, accept=accept,
            contentType="application/json", payload=json.dumps({"text": text}),
        )  # fmt: skip

    def asked(self, session: str, text: str) -> Answer:
        """Ask, and read the stream to its end."""
        lines = (line.decode() for line in self.begun(session, text)["response"].iter_lines())
        return Answer([(event.name, event.data) for event in server_events(lines)])

    def stop(self, session: str) -> None:
        """End the session's process."""
        self.client.stop_runtime_session(agentRuntimeArn=self.arn, qualifier="live", runtimeSessionId=session)

    @contextmanager
    def talking(self, session: str, *, presigned: bool) -> Generator["Conversation"]:
        """Open a WebSocket with signed headers, or by a presigned address."""
        named = {
            f"{HEADER}Session-Id": session,
            f"{HEADER}Custom-Authorization": f"Bearer {self._token}",
        }
        own = self._platform.credentials
        address = f"{own['AWS_ENDPOINT_URL']}/runtimes/{urllib.parse.quote(self.arn, safe='')}/ws"
        query = {"qualifier": "live"} | (named if presigned else {})
        request: Any = AWSRequest(
            "GET", f"{address}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"
        )
        keys = Credentials(own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"])
        signer = botocore.auth.SigV4QueryAuth if presigned else botocore.auth.SigV4Auth
        if not presigned:
            for name, value in named.items():
                request.headers[name] = value
        signer(keys, SERVICE, own["AWS_REGION"]).add_auth(request)
        conversation = Conversation(request.url, dict(request.headers.items()))
        try:
            yield conversation
        finally:
            conversation.close()


class Conversation:
    """A WebSocket on which messages are answered."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urllib.parse.urlsplit(url)
        self._protocol: Any = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=WAIT_S)
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        target = f"{parts.path}?{parts.query}"
        self._send(ws.Request(host=parts.netloc, target=target, extra_headers=extra))
        self._waiting: list[Any] = []
        self.opened = self._next()

    def asked(self, text: str) -> Answer:
        """Say something and hear the answer to its end."""
        self._send(ws.TextMessage(json.dumps({"text": text})))
        answer = Answer()
        while not answer.events or answer.events[-1][0] not in {"done", "error"}:
            told = json.loads(self._message())
            answer.events.append((told["event"], told["data"]))
        return answer

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _message(self) -> str:
        text = ""
        while True:
            event = self._next()
            assert isinstance(event, ws.TextMessage), event
            text += event.data
            if event.message_finished:
                return text

    def _next(self) -> Any:  # noqa: ANN401 (wsproto has its own events)
        while not self._waiting:
            self._protocol.receive_data(self._socket.recv(65536) or None)
            self._waiting += self._protocol.events()
        return self._waiting.pop(0)

    def _send(self, event: Any) -> None:  # noqa: ANN401
        self._socket.sendall(self._protocol.send(event))


def sessions(platform: Running) -> dict[str, dict[str, Any]]:
    """What the local cloud says of the sessions that have a process, by their ids."""
    return {str(one["session"]): one for one in platform.reported()["agent_sessions"]}


def silence(platform: Running, seconds: float) -> httpx2.Response:
    """Let the next call of the model be silent for so long."""
    body = {"operation": "bedrock-runtime:ConverseStream", "fault": "silence", "times": 1, "seconds": seconds}
    return httpx2.post(
        f"{platform.credentials['AWS_ENDPOINT_URL']}/_nova/faults",
        json=body, trust_env=False,
        headers={"X-Nova-Admin": platform.credentials["AWS_SECRET_ACCESS_KEY"]},
    ).raise_for_status()  # fmt: skip
