"""The program of an image for AgentCore: it tells what it was given, and fails in the ways asked for.

It needs the standard library alone, and is copied into an environment of its own.
"""

import json
import os
import random
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# ruff: noqa: S311 - what shows that sessions share a state has to have one

ENDPOINT = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
AT_IMPORT = {
    "uuid": str(uuid.uuid4()),
    "random": random.random(),
    "pid": os.getpid(),
    "credentials": [os.environ[name] for name in ENDPOINT],
}
PING: dict[str, Any] = {"status": "Healthy"}
LEFT = Path("left")


class Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its base's name)
        del format, args

    def do_GET(self) -> None:
        self.answer(200, json.dumps(PING).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "status" in asked:
            self.answer(asked["status"], b'{"detail": "private"}')
        elif "die" in asked:
            os._exit(7)
        elif "stream" in asked:
            self.stream(asked)
        else:
            PING.update(asked.get("ping", {}))
            self.answer(200, json.dumps(self.told(asked)).encode())

    def told(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "keep" in asked:
            Path("kept").write_text(asked["keep"])
        return {
            "pid": os.getpid(),
            "credentials": [os.environ[name] for name in ENDPOINT],
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "environment": dict(os.environ),
            "directory": str(Path.cwd()),
            "files": sorted(path.name for path in Path().iterdir()),
            "kept": Path("kept").read_text() if Path("kept").exists() else None,
            "at_import": AT_IMPORT,
            "random": random.random(),
            "uuid": str(uuid.uuid4()),
            "threads": threading.active_count(),
        }

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-private", "stays")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, asked: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        number = 0
        try:
            for number in range(asked["stream"]):
                data = f"data: {number}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                if number == asked.get("die_after"):
                    self.wfile.flush()
                    os._exit(9)
                time.sleep(asked.get("pause", 0))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            LEFT.write_text(str(number))


if __name__ == "__main__":
    sys.stdout.write("the agent listens\n")
    sys.stdout.flush()
    ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Agent).serve_forever()
