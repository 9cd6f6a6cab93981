"""A service as a process: it starts, answers, drains on SIGTERM and says what its environment lacks."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

REGION = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    # Nobody listens there, and nothing of a test goes anywhere else.
    "AWS_ENDPOINT_URL_XRAY": "http://127.0.0.1:1",
}

PROGRAM = """
import gc, sys, time
from nova_common import server
from nova_common.application import create_application
from nova_common.settings import Environment, ServerSettings

def read():
    environment = Environment()
    settings = ServerSettings.read(environment)
    environment.check()
    return settings

def create_app(settings):
    app = create_application("test")
    @app.get("/slow")
    def slow() -> str:
        time.sleep(1.0)
        return "done"
    @app.get("/frozen")
    def frozen() -> int:
        return gc.get_freeze_count()
    return app

server.main(read, lambda settings: settings, create_app, drain_seconds=float(sys.argv[1]))
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def status_of(port: int, path: str = "/health") -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


@contextmanager
def process(directory: Path, drain_seconds: float) -> Generator[tuple[subprocess.Popen[str], int]]:
    program = directory / "program.py"
    program.write_text(PROGRAM)
    port = free_port()
    environment = {
        **os.environ,
        **REGION,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "SERVICE_NAME": "test",
    }
    started = subprocess.Popen(
        [sys.executable, str(program), str(drain_seconds)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 20
        while status_of(port) != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        yield started, port
    finally:
        started.kill()
        started.communicate()


def test_sigterm_drains_and_ends_with_success(tmp_path: Path) -> None:
    with process(tmp_path, drain_seconds=1.0) as (started, port):
        assert status_of(port, "/ready") == 200
        started.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert status_of(port, "/ready") == 503
        assert status_of(port, "/health") == 200
        assert started.wait(10) == 0
        assert status_of(port) is None


def test_no_collection_looks_at_what_was_loaded(tmp_path: Path) -> None:
    """The framework alone has some 80,000 objects: a tenth of a second in which nobody is answered."""
    with (
        process(tmp_path, drain_seconds=0) as (_, port),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/frozen", timeout=5) as answer,
    ):
        assert int(answer.read()) > 50_000


def test_a_request_in_flight_is_answered(tmp_path: Path) -> None:
    with process(tmp_path, drain_seconds=0) as (started, port):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
            time.sleep(0.3)
            started.send_signal(signal.SIGTERM)
            answer = connection.recv(65536)
        assert b"200 OK" in answer
        assert started.wait(10) == 0
        assert started.stdout is not None
        lines = [json.loads(line) for line in started.stdout]
        assert any(line.get("route") == "/slow" and line["service"] == "test" for line in lines)


def test_an_incomplete_environment_ends_the_process(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if name != "SERVICE_NAME"}
    result = subprocess.run(
        [sys.executable, str(program), "0"],
        env={**environment, "PORT": "none"},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert result.returncode == 78
    line = json.loads(result.stdout)
    assert line["level"] == "CRITICAL"
    assert "PORT is 'none'" in line["message"]
    assert "SERVICE_NAME is not set" in line["message"]


def health_check(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nova_common.healthcheck"],
        env={**os.environ, "PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_the_health_check_command(tmp_path: Path) -> None:
    with process(tmp_path, drain_seconds=0) as (_, port):
        assert health_check(port).returncode == 0
    refused = health_check(free_port())
    assert refused.returncode == 1
    assert "failed" in refused.stderr


@pytest.mark.parametrize("port", ["", "x"])
def test_the_health_check_survives_a_wrong_port(port: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "nova_common.healthcheck"],
        env={**os.environ, "PORT": port},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "module", ["nova_audio.app", "nova_audio.worker", "nova_projector.app", "nova_projector.worker"]
)
def test_every_process_names_what_its_environment_lacks(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", module],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert result.returncode == 78
    assert "SERVICE_NAME is not set; " in json.loads(result.stdout)["message"]
