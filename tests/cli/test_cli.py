"""The command line without a platform: what it checks, what it prints."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import checks, daemon, demo, ports, tools, users
from cli import platform as platforms
from cli.app import app
from cli.errors import NovaError
from cli.home import CHECKOUT, Home, find_home, write_private
from cli.logs import follow, last_lines, log_files
from cli.output import Output, Step


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("NOVA_HOME", str(tmp_path))
    monkeypatch.delenv("NOVA_PORT", raising=False)
    return Home(tmp_path)


@pytest.fixture
def taken() -> Generator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def running_with(monkeypatch: pytest.MonkeyPatch, services: dict[str, Any]) -> daemon.Daemon:
    """Pretend that a daemon runs and reports `services`."""
    described = daemon.Daemon(1, 2, "key", "secret")

    def running(_home: Home) -> daemon.Daemon:
        return described

    def status(_daemon: daemon.Daemon) -> dict[str, Any]:
        return {"services": services}

    monkeypatch.setattr(daemon, "running", running)
    monkeypatch.setattr(daemon, "status", status)
    return described


# --- state directory and ports ---


def test_the_home_is_the_checkouts_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOVA_HOME", str(tmp_path / "a"))
    assert find_home().path == tmp_path / "a"
    monkeypatch.delenv("NOVA_HOME")
    assert find_home().path == CHECKOUT / ".nova"


def test_a_port_is_chosen_once_and_kept(home: Home) -> None:
    port = ports.choose_port(home)
    assert ports.FIRST_PORT <= port < 32768
    ports.keep_port(home, port)
    assert ports.choose_port(home) == port


def test_two_homes_get_ports_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOVA_PORT", raising=False)
    with socket.socket() as listener:
        first = ports.choose_port(Home(tmp_path))
        listener.bind(("127.0.0.1", first))
        listener.listen()
        assert ports.choose_port(Home(tmp_path)) != first


def test_a_forced_port_that_is_taken_is_named(
    home: Home, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVA_PORT", str(taken))
    with pytest.raises(NovaError, match=f"port {taken} .* is taken by another process"):
        ports.choose_port(home)
    assert ports.choose_port(home, running_port=taken) == taken


def test_the_kept_port_is_named_when_another_process_has_it(home: Home, taken: int) -> None:
    ports.keep_port(home, taken)
    with pytest.raises(NovaError, match=f"port {taken} of this platform is taken"):
        ports.choose_port(home)


@pytest.mark.parametrize("text", ["80", "none", "70000", ""])
def test_a_forced_port_has_to_be_one(home: Home, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVA_PORT", text)
    with pytest.raises(NovaError, match="a port from 1024"):
        ports.choose_port(home)


# --- what `up` checks first ---


def test_everything_missing_is_named_before_anything_changes(
    home: Home, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVA_PORT", str(taken))
    monkeypatch.setattr(checks, "find_uv", lambda: None)
    monkeypatch.setattr(checks, "DISK_FREE_MIN_MB", 10**9)
    monkeypatch.setattr(checks, "PYTHON_VERSION", (3, 99))
    result = run("up")
    assert isinstance(result.exception, NovaError)
    message = str(result.exception)
    for expected in ("uv is missing", f"port {taken}", "MB are needed", "the platform needs 3.99"):
        assert expected in message
    assert list(home.path.iterdir()) == []


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    found = checks.problems(Home(file), running_port=None)
    assert any("set NOVA_HOME to a directory of yours" in problem for problem in found)


def test_a_uv_that_does_not_run_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "uv"
    shim.write_text("#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NOVA_UV", raising=False)
    assert tools.find_uv() is None
    monkeypatch.setenv("NOVA_UV", "/bin/echo")
    assert tools.find_uv() == "/bin/echo"


def test_children_inherit_no_account_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LANG", "C")
    inherited = tools.clean_environment()
    assert inherited["LANG"] == "C"
    assert "x" not in inherited.values()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "x")
    kept = tools.clean_environment(with_account=True)
    assert {key for key in kept if key.startswith("AWS_")} >= {"AWS_PROFILE", "AWS_ACCESS_KEY_ID"}
    assert "AWS_ENDPOINT_URL_S3" not in kept


# --- status, token, env, demo while the platform is down ---


def test_status_keeps_its_shape_when_nothing_runs(home: Home) -> None:
    result = run("status", "--json")
    assert result.exit_code == 1
    nobody = {"username": None, "password": None}
    assert json.loads(result.stdout) == {"healthy": False, "urls": {}, "services": {}, "user": nobody}
    assert run("status").exit_code == 1
    assert home.path.exists()


def test_status_reports_each_declared_service(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(
        home.stack_file,
        {"outputs": {"api_url": "http://127.0.0.1:1/api", "services": ["audio", "projector"]}},
    )
    write_private(home.user_file, {"username": "demo", "password": "p"})
    services: dict[str, Any] = {"audio": {"healthy": True, "url": "http://127.0.0.1:3"}}
    running_with(monkeypatch, services)
    described = platforms.describe(home)
    assert described == {
        "healthy": False,
        "urls": {"api": "http://127.0.0.1:1/api", "aws": "http://127.0.0.1:2"},
        "services": {
            "audio": {"healthy": True, "url": "http://127.0.0.1:3"},
            "projector": {"healthy": False, "url": None},
        },
        "user": {"username": "demo", "password": "p"},
    }
    services["projector"] = {"healthy": True, "url": None}
    assert platforms.describe(home)["healthy"] is True


def test_a_service_that_does_not_get_healthy_shows_its_last_words(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.logs.mkdir()
    (home.logs / "audio.log").write_text("".join(f"line {number}\n" for number in range(50)))
    running = running_with(
        monkeypatch,
        {"audio": {"healthy": False, "deployment": "FAILED", "last_error": "exit code 3"}},
    )
    step = Step("waiting", Output().progress)
    with pytest.raises(NovaError, match="exit code 3") as raised:
        platforms.wait_until_healthy(home, running, ["audio"], step)
    assert "line 49" in str(raised.value)
    assert "line 10" not in str(raised.value)


@pytest.mark.parametrize("command", [["token"], ["env"], ["demo", str(CHECKOUT / "samples" / "meeting.wav")]])
def test_commands_say_that_the_platform_is_down(home: Home, command: list[str]) -> None:
    result = run(*command)
    assert isinstance(result.exception, NovaError)
    assert "./nova up" in str(result.exception)
    assert home.path.exists()


# --- demo ---


def test_demo_refuses_what_is_no_recording(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for file, message in (
        (tmp_path / "missing.wav", "does not exist"),
        (tmp_path, "is not a file"),
        (empty, "is empty"),
        (text, "types: flac, m4a, mp3"),
    ):
        with pytest.raises(NovaError, match=message):
            demo.check(file)


def test_transcript_lines_carry_times_and_speakers() -> None:
    segments = [
        {"start": 0.04, "end": 59.96, "text": "Hello."},
        {"start": 61.25, "end": 3600, "text": "Bye.", "speaker": "spk_0"},
    ]
    assert list(demo.lines({"segments": segments})) == [
        "0:00.0 - 1:00.0  Hello.",
        "1:01.2 - 60:00.0  spk_0: Bye.",
    ]


# --- logs, processes, users, launcher ---


def test_logs_are_printed_and_followed(home: Home) -> None:
    home.logs.mkdir()
    for name in ("audio", "projector"):
        (home.logs / f"{name}.log").write_text(f"from {name}\n")
    files = log_files(home, None)
    assert [line.split() for line in last_lines(files)] == [
        ["audio", "from", "audio"],
        ["projector", "from", "projector"],
    ]
    assert list(last_lines(log_files(home, "audio"))) == ["from audio"]
    with pytest.raises(NovaError, match="no log of 'video'; logs: audio, projector"):
        log_files(home, "video")
    lines = follow(log_files(home, "audio"))
    # The generator notes the file's end when it is first asked, so write from a process that comes later.
    writer = subprocess.Popen(["sh", "-c", f"sleep 0.6; echo later >> {home.logs}/audio.log"])
    assert next(lines) == "later"
    assert writer.wait() == 0


def test_processes_of_a_home_are_found_and_ended(home: Home) -> None:
    program = home.path / "images" / "a" / "venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path("/bin/sleep"))
    process = subprocess.Popen([str(program), "60"])
    try:
        deadline = time.monotonic() + 5
        while not daemon.processes_of(home):
            assert time.monotonic() < deadline
        assert [found.pid for found in daemon.processes_of(home)] == [process.pid]
        assert daemon.processes_of(Home(home.path / "other")) == []
        assert daemon.stop(home) is True
        process.wait(5)
    finally:
        process.kill()
    assert daemon.stop(home) is False


def test_a_task_is_found_by_the_home_it_was_given(home: Home) -> None:
    place = home.path / "run" / "tasks" / "1" / "web"
    place.mkdir(parents=True)
    task = subprocess.Popen(["sleep", "60"], cwd=place, env={**os.environ, "HOME": str(place)})
    shell = subprocess.Popen(["sleep", "60"], cwd=place)
    try:
        assert [found.pid for found in daemon.processes_of(home)] == [task.pid]
    finally:
        task.kill()
        shell.kill()
        task.wait(5)
        shell.wait(5)


def test_passwords_satisfy_the_pools_policy() -> None:
    password = users.new_password()
    assert len(password) == users.PASSWORD_LENGTH
    for allowed in (str.islower, str.isupper, str.isdigit, users.SYMBOLS.__contains__):
        assert any(allowed(character) for character in password)
    assert users.new_password() != password


def test_down_with_volumes_asks_first(home: Home) -> None:
    (home.path / "state").mkdir()
    result = CliRunner().invoke(app, ["down", "--volumes"], input="n\n")
    assert result.exit_code == 1
    assert (home.path / "state").exists()
    assert run("down", "--volumes", "--yes").exit_code == 0
    assert not (home.path / "state").exists()


def test_the_launcher_names_what_it_cannot_find(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    launcher = checkout / "nova"
    launcher.write_bytes((CHECKOUT / "nova").read_bytes())
    launcher.chmod(0o755)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "mkdir", "rm", "cat", "cksum", "cut", "tr"):
        found = next(place / name for place in (Path("/usr/bin"), Path("/bin")) if (place / name).exists())
        (programs / name).symlink_to(found)
    finished = subprocess.run(
        ["/bin/sh", str(launcher), "status"],
        env={"PATH": str(programs), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "python3 is missing" in finished.stderr
    assert "apt-get install" in finished.stderr
