"""Bedrock's ConverseStream on this machine: right and wrong answers in the frames that AWS sends.

The framing is that of the AWS event stream encoding (prelude, headers, payload, two checksums).
"""

import json
import select
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

type Behaviour = Callable[["Exchange"], None]


def frame(payload: dict[str, Any], **headers: str) -> bytes:
    """Return one message of an event stream."""
    encoded = b"".join(
        bytes([len(name) + 1])
        + b":"
        + name.replace("_", "-").encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(encoded) + len(body), len(encoded))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + body
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, payload: dict[str, Any]) -> bytes:
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def first_words(text: str) -> Iterable[bytes]:
    yield event("messageStart", {"role": "assistant"})
    yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


def last_words() -> Iterable[bytes]:
    usage = {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}
    yield event("contentBlockStop", {"contentBlockIndex": 0})
    yield event("messageStop", {"stopReason": "end_turn"})
    yield event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})


class Exchange:
    """One request, to be answered by a behaviour."""

    def __init__(self, handler: BaseHTTPRequestHandler, asked: str) -> None:
        self._handler = handler
        self.asked = asked

    def begin(self) -> None:
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def send(self, frames: Iterable[bytes]) -> None:
        for piece in frames:
            self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self._handler.wfile.flush()

    def wait_until_closed(self, seconds_max: float) -> bool:
        """Whether the other side closed the connection within that time."""
        connection: socket.socket = self._handler.connection
        readable, _, _ = select.select([connection], [], [], seconds_max)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""

    def end(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"message": message}).encode()
        self._handler.send_response(status)
        self._handler.send_header("x-amzn-ErrorType", code)
        self._handler.send_header("Content-Type", "application/json")
        self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)


class Bedrock:
    """The stub: how it behaves, and what it was asked."""

    def __init__(self) -> None:
        self.behave: Behaviour = answer("Good morning")
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.broken_pipes = 0


def answer(text: str) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send([*first_words(text), *last_words()])
        exchange.end()

    return behave


def intervene(text: str, *, action: str = "BLOCKED", side: str = "input") -> Behaviour:
    """What Bedrock answers when a guardrail intervenes: its message or the masked answer, and the trace."""
    assessment = {
        "topicPolicy": {"topics": [{"name": "t", "type": "DENY", "action": action, "detected": True}]}
    }
    if action == "ANONYMIZED":
        found = {"type": "PIN", "match": "1234", "action": action, "detected": True}
        assessment = {"sensitiveInformationPolicy": {"piiEntities": [found]}}
    trace: dict[str, Any] = {"inputAssessment": {"g": assessment}}
    if side == "output":
        trace = {"outputAssessments": {"g": [assessment]}}

    def behave(exchange: Exchange) -> None:
        exchange.begin()
        usage = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
        exchange.send(first_words(text))
        exchange.send([event("contentBlockStop", {"contentBlockIndex": 0})])
        exchange.send([event("messageStop", {"stopReason": "guardrail_intervened"})])
        told = {"usage": usage, "metrics": {"latencyMs": 1}, "trace": {"guardrail": trace}}
        exchange.send([event("metadata", told)])
        exchange.end()

    return behave


def stall(text: str, gone: threading.Event, seconds_max: float = 20) -> Behaviour:
    """Some words, and then silence until the other side closes the connection, which is told."""

    def behave(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send(first_words(text))
        if exchange.wait_until_closed(seconds_max):
            gone.set()

    return behave


def use(name: str, arguments: dict[str, Any]) -> Behaviour:
    """A use of a tool first, and an answer to its result."""

    def behave(exchange: Exchange) -> None:
        exchange.begin()
        if "toolResult" in exchange.asked:
            exchange.send([*first_words("Done"), *last_words()])
        else:
            started = {"start": {"toolUse": {"toolUseId": "t1", "name": name}}}
            delta = {"delta": {"toolUse": {"input": json.dumps(arguments)}}}
            exchange.send([event("messageStart", {"role": "assistant"})])
            exchange.send([event("contentBlockStart", {"contentBlockIndex": 0, **started})])
            exchange.send([event("contentBlockDelta", {"contentBlockIndex": 0, **delta})])
            exchange.send([event("contentBlockStop", {"contentBlockIndex": 0})])
            exchange.send([event("messageStop", {"stopReason": "tool_use"})])
            exchange.send(list(last_words())[2:])
        exchange.end()

    return behave


def refuse(status: int, code: str, message: str = "inner words") -> Behaviour:
    return lambda exchange: exchange.refuse(status, code, message)


def silence(seconds: float, *, after: str = "") -> Behaviour:
    def behave(exchange: Exchange) -> None:
        if after:
            exchange.begin()
            exchange.send(first_words(after))
        time.sleep(seconds)

    return behave


def break_off(text: str, code: str = "") -> Behaviour:
    """Some words, and then an exception of that code in the stream, or nothing."""

    def behave(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send(first_words(text))
        if code:
            exchange.send([frame({"message": "inner words"}, exception_type=code, message_type="exception")])
            exchange.end()

    return behave


def trickle(seconds_between: float, count: int) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.begin()
        exchange.send([event("messageStart", {"role": "assistant"})])
        for number in range(count):
            delta = {"contentBlockIndex": 0, "delta": {"text": f"{number} "}}
            exchange.send([event("contentBlockDelta", delta)])
            time.sleep(seconds_between)
        exchange.send(last_words())
        exchange.end()

    return behave


@contextmanager
def running() -> Generator[tuple[str, Bedrock]]:
    """Serve on a free port; give the address and the stub."""
    stub = Bedrock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked = self.rfile.read(length).decode()
            stub.requests.append((self.path, json.loads(asked)))
            self.close_connection = True
            try:
                stub.behave(Exchange(self, asked))
            except (BrokenPipeError, ConnectionResetError):
                stub.broken_pipes += 1

        @override
        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", stub
    finally:
        server.shutdown()
        server.server_close()
