"""The internet, as far as a person's commands get: a proxy on loopback that answers for every host itself.

It ends TLS with certificates of an authority that only the commands of a test trust. What nobody here knows
is refused and noted, so that a test sees whom else a command wanted to talk to.
"""

import json
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, override

import trustme

from tests.delivery.loopback import Answer, respond

REGION = "us-east-1"
API_PATH = "/api/"
EC2_ANSWER = (
    '<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>0</requestId><networkInterfaceSet/></DescribeNetworkInterfacesResponse>"
)
S3_ANSWER = '<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'

type Host = Callable[[str, dict[str, Any]], Answer]
"""Answers for one host; gets the path and the document that came with the request."""


def site(path: str, _document: dict[str, Any]) -> Answer:
    """Answer as a stack does to who is not signed in: with a page, and with a refusal."""
    if path.startswith(API_PATH):
        return 401, "application/json", b'{"message": "Unauthorized"}'
    return 200, "text/html; charset=utf-8", b"<!doctype html><title>Nova</title>"


def no_interfaces(_path: str, _document: dict[str, Any]) -> Answer:
    """Answer as EC2 does where no network interface is left."""
    return 200, "text/xml", EC2_ANSWER.encode()


def nothing(_path: str, _document: dict[str, Any]) -> Answer:
    """Answer as a host does that has not what is asked for."""
    return 404, "text/plain", b""


def empty_buckets(_path: str, _document: dict[str, Any]) -> Answer:
    """Answer as S3 does for the versions in a bucket that has none."""
    return 200, "application/xml", S3_ANSWER.encode()


def empty_vaults(_path: str, _document: dict[str, Any]) -> Answer:
    """Answer as AWS Backup does for a vault without recovery points."""
    return 200, "application/json", b'{"RecoveryPoints": []}'


@dataclass
class Registry:
    """ECR, where each image has been pushed already; ``version`` stands for what all are built from."""

    version: str

    def __call__(self, _path: str, document: dict[str, Any]) -> Answer:
        """Answer ``DescribeImages`` for one tag."""
        (image,) = document["imageIds"]
        digest = sha256((self.version + image["imageTag"]).encode()).hexdigest()
        found = {"imageDetails": [{"imageDigest": f"sha256:{digest}"}]}
        return 200, "application/x-amz-json-1.1", json.dumps(found).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Internet:
    """Who answers by host name, and who was asked that nobody knows."""

    hosts: dict[str, Host]
    """Each with those below it."""
    unknown: set[str] = field(default_factory=set[str])

    @contextmanager
    def reached(self, directory: Path) -> Generator[dict[str, str]]:
        """Serve; yields the variables by which programs find the proxy, and trust it."""
        authority = trustme.CA()
        bundle = directory / "authority.pem"
        authority.cert_pem.write_to_path(str(bundle))
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(authority))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield {
                **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), address),
                **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
                **dict.fromkeys(("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(bundle)),
            }
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, host: str, path: str, body: bytes) -> Answer:
        """Answer a request to ``host``."""
        known = next((play for name, play in self.hosts.items() if f".{host}".endswith(f".{name}")), None)
        if known is None:
            self.unknown.add(host)
            return 502, "text/plain", b"nobody here knows this host"
        return known(path, json.loads(body) if body.startswith(b"{") else {})

    def _handler(self, authority: trustme.CA) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        @cache
        def context(host: str) -> ssl.SSLContext:
            made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert(host).configure_cert(made)  # pyright: ignore[reportUnknownMemberType] (pyOpenSSL's)
            return made

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            host = ""

            def do_CONNECT(self) -> None:
                """Play the host itself from here on."""
                self.host = self.path.partition(":")[0]
                self.send_response(200)
                self.end_headers()
                self.connection = context(self.host).wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                respond(self, answer(self.host, self.path, self.rfile.read(length)))

            do_GET = do_POST = _any  # noqa: N815 (the library's names)

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
