"""Servers on this machine that stand for GitHub's API and for a stack's site."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from delivery.github import AUTHOR

type Answer = tuple[int, str, bytes]
"""Status, content type, body."""


def respond(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    """Send a whole answer to the request that a handler is at."""
    status, kind, body = answer
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(answer: Callable[[str, str, dict[str, str], bytes], Answer]) -> Generator[str]:
    """Serve on loopback; ``answer`` gets method, path, headers and body. Yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            respond(self, answer(self.command, self.path, headers, self.rfile.read(length)))

        do_GET = do_POST = do_PATCH = _any  # noqa: N815 (the library's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class GitHub:
    """One repository's comments and issues; what is asked with another token is refused."""

    token: str = "token-of-the-job"
    comments: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    issues: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    labels: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])

    def write(self, kind: str, number: int, body: str, login: str = AUTHOR, **fields: object) -> None:
        """Have something there already."""
        entry = {
            "id": number,
            "number": number,
            "body": body,
            "user": {"login": login},
            "html_url": f"{kind}/{number}",
        }
        getattr(self, kind)[number] = entry | {"state": "open"} | fields

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request."""
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, "application/json", b'{"message": "Bad credentials"}'
        parts = urlsplit(path)
        self.asked.append(f"{method} {parts.path.removeprefix('/repos/nova/nova/')}")
        found = self._answer(method, self.asked[-1].split(" ")[1].split("/"), json.loads(body or b"{}"))
        if isinstance(found, list):
            query = {key: int(value[0]) for key, value in parse_qs(parts.query).items() if value[0].isdigit()}
            size = query["per_page"]
            found = cast("list[object]", found)[(query["page"] - 1) * size :][:size]
        return 200, "application/json", json.dumps(found).encode()

    def _answer(self, method: str, path: list[str], body: dict[str, Any]) -> Any:  # noqa: ANN401 (JSON)
        found: Any
        match method, path:
            case "GET", ["commits", _, "pulls"]:
                found = [{"labels": [{"name": label} for label in self.labels]}]
            case "GET", ["issues", _, "comments"]:
                found = list(self.comments.values())
            case "GET", ["issues"]:
                found = [issue for issue in self.issues.values() if issue["state"] == "open"]
            case "POST", ["issues", _, "comments"]:
                self.write("comments", len(self.comments) + 1, body["body"])
                found = self.comments[len(self.comments)]
            case "POST", ["issues"]:
                self.write("issues", len(self.issues) + 1, body["body"], title=body["title"])
                found = self.issues[len(self.issues)]
            case "PATCH", ["issues", "comments", number]:
                found = self._patch(self.comments, number, body)
            case "PATCH", ["issues", number]:
                found = self._patch(self.issues, number, body)
            case _:
                raise AssertionError((method, path))
        return found

    @staticmethod
    def _patch(entries: dict[int, dict[str, Any]], number: str, body: dict[str, Any]) -> dict[str, Any]:
        entries[int(number)].update(body)
        return entries[int(number)]
