"""Spans leave the process signed, in batches, and never at the cost of what they tell of."""

import logging
import threading
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from nova_common import aws
from nova_common.telemetry import export, spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.services.support.tables import REGION
from tests.services.support.traces import HEADER, TRACE


class XRay:
    """What X-Ray's endpoint was sent, on loopback."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.hold.wait(10)
                headers = {name.lower(): value for name, value in self.headers.items()}
                told.requests.append((self.path, headers, body))
                self.send_response(told.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self) -> list[Any]:
        found: list[Any] = []
        for _, _, body in self.requests:
            request: Any = ExportTraceServiceRequest()
            request.ParseFromString(body)
            found += [
                span
                for group in request.resource_spans
                for scope in group.scope_spans
                for span in scope.spans
            ]
        return found


@pytest.fixture
def xray(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Generator[XRay]:
    del aws_environment
    found = XRay()
    monkeypatch.setenv("AWS_ENDPOINT_URL_XRAY", found.url)
    aws.session.cache_clear()
    yield found
    spans.shut_down()
    found.close()
    aws.session.cache_clear()


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_spans_are_signed_and_sent_at_the_end(xray: XRay) -> None:
    export.start("audio", REGION)
    for number in range(3):
        with spans.serving(f"GET /{number}", HEADER, {"http.request.method": "GET"}):
            pass
    spans.shut_down()
    ((path, headers, body),) = xray.requests
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf"
    assert f"/{REGION}/xray/aws4_request" in headers["authorization"]
    request: Any = ExportTraceServiceRequest()
    request.ParseFromString(body)
    resource = {pair.key: pair.value.string_value for pair in request.resource_spans[0].resource.attributes}
    assert resource == {"service.name": "audio", "cloud.provider": "aws", "cloud.platform": "aws_ecs"}
    assert {span.name for span in xray.spans} == {"GET /0", "GET /1", "GET /2"}
    assert {span.trace_id.hex() for span in xray.spans} == {TRACE.replace("-", "")[1:]}


def test_sending_that_fails_costs_the_spans_and_one_line(
    xray: XRay, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = export.XRayExporter(REGION)
    for status, lines in ((503, 1), (403, 1), (200, 1), (503, 2), (200, 2)):
        xray.status = status
        exporter.export([])
        assert len(warnings(caplog)) == lines
    xray.close()
    exporter.export([])
    exporter.export([])
    exporter.shutdown()
    assert len(warnings(caplog)) == 3


@pytest.mark.usefixtures("xray")
def test_without_credentials_spans_are_lost_and_nothing_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    aws.session.cache_clear()
    export.XRayExporter(REGION).export([])
    (line,) = warnings(caplog)
    assert line.__dict__["fields"]["reason"] == "NoCredentialsError"


def test_nobody_waits_for_a_silent_collector(
    xray: XRay, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "QUEUE_SPANS_MAX", 8)
    monkeypatch.setattr(export, "BATCH_SPANS_MAX", 4)
    monkeypatch.setattr(spans, "SHUT_DOWN_SECONDS_MAX", 0.2)
    xray.hold.clear()
    export.start("audio", REGION)
    begun = time.monotonic()
    for number in range(500):
        with spans.serving(f"GET /{number}", None, {}):
            pass
    assert time.monotonic() - begun < 2
    spans.shut_down()
    assert time.monotonic() - begun < 4
    assert len(warnings(caplog)) <= 1
    xray.hold.set()


def test_a_span_costs_little(xray: XRay, record_property: Callable[[str, object], None]) -> None:
    """CPU time of a request's span and of a call within it: 100 microseconds when it was written."""
    export.start("audio", REGION)
    count = 500
    begun = time.thread_time()
    for _ in range(count):
        with spans.serving("GET", HEADER, {"http.request.method": "GET"}), spans.calling("call", {}):
            pass
    microseconds = (time.thread_time() - begun) / count * 1e6
    record_property("microseconds_of_two_spans", round(microseconds))
    assert microseconds < 2000
    assert xray.url
