"""What the data plane takes: nothing above the limit of a payload, of which no more than that is read."""

import asyncio
import json
from typing import Any, cast

import pytest

from local_cloud.gateway.agentcore import door
from local_cloud.gateway.agentcore.door import AgentCoreDoor
from local_cloud.gateway.asgi import Message

PATH = "/runtimes/arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/probe-0123456789/invocations"


def called(parts: list[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Message], int, int]:
    """Send a body in parts; the answer, how many parts were read, and how often the gateway was asked."""
    read, asked, sent = [0], [0], list[Message]()

    async def receive() -> Message:
        body = parts[read[0]]
        read[0] += 1
        return {"type": "http.request", "body": body, "more_body": read[0] < len(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def gateway(_scope: Any, _receive: Any, answer: Any) -> None:  # noqa: ANN401 (as ASGI has it)
        asked[0] += 1
        await answer({"type": "http.response.start", "status": 403, "headers": []})
        await answer({"type": "http.response.body", "body": b"refused"})

    async def scenario() -> None:
        served = AgentCoreDoor(gateway, cast("Any", None), cast("Any", None), "us-east-1")
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "headers": [],
            "query_string": b"",
        }
        assert served.serves(scope)
        await served(scope, receive, send)
        await served.close()

    monkeypatch.setattr(door, "PAYLOAD_BYTES_MAX", 8)
    asyncio.run(scenario())
    return sent, read[0], asked[0]


def test_a_payload_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, read, asked = called([b"12345678", b"9", b"never read"], monkeypatch)
    assert (read, asked) == (2, 0)
    assert sent[0]["status"] == 400
    assert (b"x-amzn-errortype", b"ValidationException") in sent[0]["headers"]
    assert "payload" in json.loads(sent[1]["body"])["message"]


def test_what_the_gateway_refuses_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, _, asked = called([b"1234", b"5678"], monkeypatch)
    assert (sent[0]["status"], sent[1]["body"], asked) == (403, b"refused", 1)
