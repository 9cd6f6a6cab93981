"""A function behind HTTP: each request becomes the event of a URL, each answer an answer."""

import contextlib
import threading
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local_cloud.runtime import function_events

type Answer = Callable[[dict[str, Any]], dict[str, Any]]


@contextlib.contextmanager
def function_url(answer: Answer, domain: str = "") -> Generator[str]:
    """Serve a function on loopback; `domain` is what it is called, by default what clients call it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            asked = function_events.Asked(
                method=self.command,
                raw_path=path,
                query=query,
                headers={name.lower(): text for name, text in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("content-length", 0))),
                client="127.0.0.1",
            )
            event = function_events.url_event(
                asked, url_id="test", account="123456789012", domain=domain or here, caller={}
            )
            found = function_events.url_answer(function_events.encoded(answer(event)))
            assert found is not None
            status, headers, body = found
            self.send_response(status)
            for name, text in headers:
                self.send_header(name.decode(), text.decode())
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the base's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{here}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
