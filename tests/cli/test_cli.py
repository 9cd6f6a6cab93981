"""The command line without a platform: what it checks, what it prints."""

import contextlib
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from cli import checks, commands, daemon, demo, ports, public_api, questions, tools, users
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


def running_with(
    monkeypatch: pytest.MonkeyPatch, services: dict[str, Any], **state: dict[str, Any]
) -> daemon.Daemon:
    """Pretend that a daemon runs and reports `services`, and more of its state."""
    described = daemon.Daemon(1, 2, "key", "secret")

    def running(_home: Home) -> daemon.Daemon:
        return described

    def status(_daemon: daemon.Daemon) -> dict[str, Any]:
        return {"services": services, **state}

    monkeypatch.setattr(daemon, "running", running)
    monkeypatch.setattr(daemon, "status", status)
    return described


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
    """Have the public API answered by a function."""

    @contextlib.contextmanager
    def client(api: str, _token: str) -> Generator[httpx2.Client]:
        with httpx2.Client(base_url=api, transport=httpx2.MockTransport(answer)) as mocked:
            yield mocked

    monkeypatch.setattr(public_api, "client", client)


# --- commands ---


def test_every_subject_is_on_the_command_line() -> None:
    """A module of commands that nobody gives to `cli.app` would be missing without a word."""
    modules = [
        importlib.import_module(f"cli.commands.{found.name}")
        for found in pkgutil.iter_modules(commands.__path__)
        if found.name != "options"
    ]
    subjects = [group.typer_instance for group in app.registered_groups]
    assert len(subjects) == len(modules)
    assert all(module.app in subjects for module in modules)


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


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "redis-server is missing: run `sudo scripts/install-system`"),
        (
            "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64",
            "redis-server 7 or newer is needed",
        ),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", ""),
        ("Redis server v=10.2.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", ""),
    ],
    ids=["none", "6.0", "7.0", "10.2"],
)
def test_a_redis_server_that_is_missing_or_too_old_is_named(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None, problem: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if answer is not None:
        (programs / "redis-server").write_text(f"#!/bin/sh\necho '{answer}'\n")
        (programs / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    found = [text for text in checks.problems(home, running_port=None) if "redis-server" in text]
    assert [text[: len(problem)] for text in found] == ([problem] if problem else [])


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
    none: dict[str, Any] = {"total": 0, "recent": []}
    expected: dict[str, Any] = {"healthy": False, "urls": {}, "services": {}, "refused": none, "user": nobody}
    assert json.loads(result.stdout) == expected
    assert run("status").exit_code == 1
    assert home.path.exists()


def test_status_reports_each_declared_service(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(
        home.stack_file,
        {
            "outputs": {
                "api_url": "http://127.0.0.1:1/api",
                "site_url": "http://127.0.0.1:1",
                "services": ["audio", "projector"],
            }
        },
    )
    write_private(home.user_file, {"username": "demo", "password": "p"})
    services: dict[str, Any] = {"audio": {"healthy": True, "url": "http://127.0.0.1:3"}}
    running_with(monkeypatch, services)
    described = platforms.describe(home)
    assert described == {
        "healthy": False,
        "urls": {
            "site": "http://127.0.0.1:1",
            "api": "http://127.0.0.1:1/api",
            "aws": "http://127.0.0.1:2",
        },
        "services": {
            "audio": {"healthy": True, "url": "http://127.0.0.1:3"},
            "projector": {"healthy": False, "url": None},
        },
        "refused": {"total": 0, "recent": []},
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


def test_demo_tells_videos_from_recordings() -> None:
    samples = CHECKOUT / "samples"
    assert demo.check(samples / "meeting.wav") == (demo.AUDIO, "audio/wav")
    assert demo.check(samples / "yard.mp4") == (demo.VIDEO, "video/mp4")
    assert demo.summary(demo.AUDIO, {"language": "en-US", "text": "two words"}) == "en-US, 2 words"


def test_an_analysis_is_shown_with_its_times() -> None:
    scene = {"start": 0, "end": 4, "description": "A gate."}
    anomaly = {
        "kind": "black_picture",
        "severity": "HIGH",
        "start": 4,
        "end": 65.5,
        "description": "Nothing is seen.",
    }
    analysis = {"summary": "A yard.", "scenes": [scene], "anomalies": [anomaly]}
    assert demo.summary(demo.VIDEO, analysis) == "1 scenes, 1 anomalies"
    assert list(demo.seen(analysis)) == [
        "A yard.",
        "0:00.0 - 0:04.0  A gate.",
        "0:04.0 - 1:05.5  HIGH black_picture: Nothing is seen.",
    ]


def test_a_question_is_about_a_recording(home: Home) -> None:
    del home
    asked = run("demo", str(CHECKOUT / "samples" / "yard.mp4"), "What is it?")
    assert asked.exit_code != 0
    assert "questions are answered about recordings" in str(asked.exception)


def test_transcript_lines_carry_times_and_speakers() -> None:
    segments = [
        {"start": 0.04, "end": 59.96, "text": "Hello."},
        {"start": 61.25, "end": 3600, "text": "Bye.", "speaker": "spk_0"},
    ]
    assert list(demo.lines({"segments": segments})) == [
        "0:00.0 - 1:00.0  Hello.",
        "1:01.2 - 60:00.0  spk_0: Bye.",
    ]


def refused(count: int) -> dict[str, Any]:
    calls = [
        {
            "role": f"role-{number}",
            "action": "s3:GetObject",
            "resource": "arn",
            "reason": "no policy allows it",
        }
        for number in range(count)
    ]
    return {"total": count, "recent": calls[-100:]}


def test_status_shows_the_last_refused_calls(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    running_with(monkeypatch, {}, refused=refused(120))
    assert home.path.exists()
    shown = run("status").stdout
    assert "refused calls: 120" in shown
    assert "role-119 may not s3:GetObject on arn: no policy allows it" in shown
    assert "role-109 " not in shown


def test_only_calls_refused_meanwhile_are_named(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    assert home.path.exists()
    running = running_with(monkeypatch, {}, refused=refused(3))
    lines = platforms.refused_since(running, 2)
    assert lines == ["role-2 may not s3:GetObject on arn: no policy allows it"]
    assert platforms.refused_since(running, 3) == []


def test_events_of_a_stream_are_told_apart_from_heartbeats_and_lines_joined() -> None:
    lines = [": heartbeat", "", "event: token", 'data: {"text":', 'data:  "two"}', "", 'data: {"a": 1}', ""]
    assert [(event.name, event.data) for event in questions.server_events(lines)] == [
        ("token", {"text": "two"}),
        ("message", {"a": 1}),
    ]


STREAMS = {
    'event: error\ndata: {"title": "Model", "detail": "throttled"}\n\n': "throttled",
    'event: token\ndata: {"text": "a"}\n\n': "before it was complete",
}


@pytest.mark.parametrize(("stream", "message"), STREAMS.items())
def test_an_answer_that_fails_or_breaks_off_is_an_error(
    monkeypatch: pytest.MonkeyPatch, stream: str, message: str
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/sessions":
            return httpx2.Response(201, json={"id": "s1"})
        assert request.headers["accept"] == "text/event-stream"
        return httpx2.Response(200, text=stream)

    answering(monkeypatch, answer)
    with pytest.raises(NovaError, match=message):
        list(questions.ask("http://127.0.0.1:1/api", "token", "r1", "When?"))


def test_a_search_waits_for_the_index_and_asks_about_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content))
        hit = {"id": "1", "kind": "transcript", "score": 0.5, "text": "At ten.", "start": 1.0, "end": 2.0}
        return httpx2.Response(200, json={"hits": [hit] if len(asked) > 1 else []})

    answering(monkeypatch, answer)
    hits = questions.passages("http://127.0.0.1:1/api", "token", "r1", "When?", lambda _text: None)
    assert questions.passage_line(hits[0]) == "0:01.0 - 0:02.0  [0.50] At ten."
    assert [body["filter"] for body in asked] == [{"media_id": "r1"}] * 2


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
