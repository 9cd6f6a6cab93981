"""The application factory: problems, request ids, limits, health, logs, and the stop."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import json
import logging
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.testclient import TestClient
from nova_common.application import create_application
from nova_common.data_keys import UserErasedError
from nova_common.identity import KeysUnavailableError, SigningKeys, TokenVerifier
from nova_common.logs import JsonFormatter, configure_logging
from nova_common.problems import Problem
from pydantic import BaseModel, Field

from tests.services.support import tokens


class Body(BaseModel):
    name: str
    size: int = Field(gt=0)


class SecretError(RuntimeError):
    """An error whose text nobody outside may see."""


def build(**options: Any) -> FastAPI:
    app = create_application("test", **options)

    @app.post("/things")
    def create(body: Body) -> Body:
        return body

    @app.get("/things")
    def read(limit: Annotated[int, Query(le=5)] = 1) -> int:
        return limit

    @app.get("/broken")
    def broken() -> None:
        raise SecretError("the password is 1234")

    @app.get("/refused")
    def refused() -> None:
        raise Problem(HTTPStatus.CONFLICT, "not yet", kind="not-yet", headers={"Retry-After": "5"})

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418, "short and stout")

    @app.get("/erased")
    def erased() -> None:
        raise UserErasedError

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(build(), raise_server_exceptions=False) as client:
        yield client


def check_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert document["request_id"] == response.headers["x-request-id"]
    assert set(document) >= {"type", "title", "detail", "instance"}
    return document


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    document = check_problem(client.get("/nowhere?secret=1"), 404)
    assert document["type"] == "about:blank"
    assert document["title"] == "Not Found"
    assert document["instance"] == "/nowhere"
    response = client.delete("/things")
    check_problem(response, 405)
    assert "POST" in response.headers["allow"] or "GET" in response.headers["allow"]


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"name": }', b"[" * 10_000])
def test_a_body_that_is_not_json_is_a_400_or_422(client: TestClient, body: bytes) -> None:
    response = client.post("/things", content=body, headers={"Content-Type": "application/json"})
    check_problem(response, 422 if body == b"" else 400)


def test_faults_name_their_place_and_not_the_input(client: TestClient) -> None:
    response = client.post("/things", json={"name": 5, "size": -1, "secret": "hunter2"})
    document = check_problem(response, 422)
    assert [fault["pointer"] for fault in document["errors"]] == ["#/name", "#/size"]
    assert all(fault["detail"] and fault["code"] for fault in document["errors"])
    assert "hunter2" not in response.text
    document = check_problem(client.get("/things?limit=9"), 422)
    assert document["errors"][0]["parameter"] == "limit"


def test_another_media_type_is_a_415(client: TestClient) -> None:
    check_problem(client.post("/things", content=b"<a/>", headers={"Content-Type": "text/xml"}), 415)


def test_an_unexpected_error_shows_nothing_of_itself(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/broken")
    check_problem(response, 500)
    assert "1234" not in response.text
    assert any(record.exc_info for record in caplog.records)


def test_problems_of_ours_and_of_the_framework(client: TestClient) -> None:
    response = client.get("/refused")
    document = check_problem(response, 409)
    assert document["type"] == "urn:nova:problem:not-yet"
    assert document["title"] == "Not yet"
    assert response.headers["retry-after"] == "5"
    assert check_problem(client.get("/teapot"), 418)["detail"] == "short and stout"


def test_a_request_that_was_let_in_before_an_erasure_is_refused(client: TestClient) -> None:
    document = check_problem(client.get("/erased"), 401)
    assert document["type"] == "urn:nova:problem:account-erased"


def test_a_valid_request_id_is_kept_and_another_replaced(client: TestClient) -> None:
    assert client.get("/things", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for bad in ("", "a b", "x" * 129, '"><script>', "a\tb"):
        given = client.get("/things", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert given != bad
        assert len(given) == 36


def test_a_body_over_the_limit_is_a_413() -> None:
    with TestClient(build(body_bytes_max=100)) as client:
        assert client.post("/raw", content=b"x" * 100).json() == 100
        check_problem(client.post("/raw", content=b"x" * 101), 413)

        # The declared length is enough to refuse, also where nobody would read the body.
        check_problem(client.request("GET", "/things", content=b"x" * 101), 413)

        def chunks() -> Iterator[bytes]:
            for _ in range(11):
                yield b"x" * 10

        response = client.post("/raw", content=chunks())
        assert "content-length" not in response.request.headers
        check_problem(response, 413)


def test_health_and_readiness() -> None:
    failing = threading.Event()
    release = threading.Event()

    def check() -> None:
        if failing.is_set():
            raise SecretError("the password is 1234")

    alive = [True]
    app = build(
        checks={"fast": check, "slow": lambda: None if not failing.is_set() else release.wait(5)},
        alive=lambda: alive[0],
        check_seconds_max=0.2,
    )
    with TestClient(app) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ok", "checks": {"fast": "ok", "slow": "ok"}}
        failing.set()
        response = client.get("/ready")
        release.set()
        assert response.status_code == 503
        assert response.json()["checks"] == {"fast": "failed", "slow": "timeout"}
        assert "1234" not in response.text
        assert client.get("/health").status_code == 200
        alive[0] = False
        assert client.get("/health").status_code == 503


def test_every_check_runs_at_the_start_and_none_is_waited_for() -> None:
    begun, release = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        release.wait(5)

    with TestClient(build(checks={"slow": slow})) as client:
        assert begun.wait(5)
        assert client.get("/health").status_code == 200
        release.set()


def test_a_service_that_cannot_verify_tokens_is_not_ready() -> None:
    reachable = threading.Event()

    def fetch(_: str) -> object:
        if reachable.is_set():
            return tokens.jwks()
        message = "no route"
        raise KeysUnavailableError(message)

    verifier = TokenVerifier(tokens.SETTINGS, tokens.Erasures(), SigningKeys("unused", fetch=fetch))
    with TestClient(build(verifier=verifier)) as client:
        assert client.get("/ready").json()["checks"] == {"identity": "failed"}
        reachable.set()
        assert client.get("/ready").json()["checks"] == {"identity": "ok"}


def test_a_draining_process_is_not_ready_and_closes_connections() -> None:
    app = build()
    with TestClient(app) as client:
        assert "connection" not in client.get("/things").headers
        app.state.draining.start()
        assert client.get("/ready").json() == {"status": "draining"}
        assert client.get("/health").status_code == 200
        assert client.get("/things").headers["connection"] == "close"


def test_a_log_line_is_one_json_object_with_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logging("audio", "INFO")
        with TestClient(build(), raise_server_exceptions=False) as client:
            client.get("/things?limit=3", headers={"X-Request-Id": "r-1", "Authorization": "Bearer secret"})
            client.get("/broken", headers={"X-Request-Id": "r-2"})
            client.get("/health")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    access = next(line for line in lines if line.get("request_id") == "r-1")
    assert access.items() >= {"service": "audio", "level": "INFO", "method": "GET", "status": 200}.items()
    assert access["route"] == "/things"
    assert access["duration_ms"] >= 0
    failure = next(line for line in lines if "exception" in line)
    assert failure["request_id"] == "r-2"
    assert "Traceback" in failure["exception"]
    assert "secret" not in json.dumps(lines)
    assert not [line for line in lines if line.get("route") == "/health"]


def test_the_formatter_survives_values_that_json_has_not() -> None:
    record = logging.makeLogRecord({"msg": "with %s", "args": ("args",), "fields": {"odd": object()}})
    entry = json.loads(JsonFormatter("s").format(record))
    assert entry["message"] == "with args"
    assert entry["odd"].startswith("<object")
