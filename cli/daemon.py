"""Starting and stopping the local cloud's daemon."""

import contextlib
import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from cli.errors import NovaError
from cli.home import CHECKOUT, Home, read_json
from cli.tools import clean_environment

MODULE = "local_cloud.daemon"
START_TIMEOUT_S = 60
# Tasks get their stop time-out (30 s, ECS's default), then the daemon saves its state.
STOP_TIMEOUT_S = 60
SWEEP_TIMEOUT_S = 5
AGAIN_S = 1
"""A service that nobody can call any more serves on for some seconds, unless it is told to stop once more."""
POLL_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running daemon, as daemon.json describes it."""

    pid: int
    port: int
    access_key_id: str
    secret_access_key: str

    @property
    def endpoint(self) -> str:
        """The gateway's URL."""
        return f"http://127.0.0.1:{self.port}"


def running(home: Home) -> Daemon | None:
    """Return this home's daemon if it runs; what a killed daemon left behind does not count."""
    described = read_json(home.daemon_file)
    if not described or not _is_daemon(int(described["pid"]), home):
        return None
    administrator = described["admin"]
    return Daemon(
        int(described["pid"]),
        int(described["port"]),
        administrator["access_key_id"],
        administrator["secret_access_key"],
    )


def start(home: Home, port: int, models: str) -> Daemon:
    """Start the daemon and wait until it answers; raises NovaError with its last words when it does not."""
    home.run.mkdir(parents=True, exist_ok=True)
    home.logs.mkdir(parents=True, exist_ok=True)
    output_path = home.logs / "daemon.out"
    with output_path.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 (our own module)
            [
                str(home.interpreter), "-m", MODULE, "--home", str(home.path), "--port", str(port),
                "--models", models,
            ],
            cwd=CHECKOUT,
            env=clean_environment(with_account=models == "aws"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A session of its own: it outlives this command and the terminal.
            start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NovaError(f"the local cloud ended with code {process.returncode}:\n{_tail(output_path)}")
        if answers(port) and (daemon := running(home)) is not None:
            version_file(home).write_text(version(models), "utf-8")
            return daemon
        time.sleep(POLL_INTERVAL_S)
    process.terminate()
    raise NovaError(f"the local cloud does not answer after {START_TIMEOUT_S} s:\n{_tail(output_path)}")


def stop(home: Home) -> bool:
    """Stop the daemon and what it runs, then make sure that nothing is left; False when nothing ran."""
    daemon = running(home)
    family: list[psutil.Process] = []
    if daemon is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(daemon.pid)
            family = [process, *process.children(recursive=True)]
            process.terminate()
            psutil.wait_procs([process], timeout=STOP_TIMEOUT_S)
    left = [process for process in family if process.is_running()]
    left += [process for process in processes_of(home) if process not in left]
    _end(left)
    home.daemon_file.unlink(missing_ok=True)
    survivors = processes_of(home)
    if survivors:
        listed = ", ".join(f"{process.pid} ({process.name()})" for process in survivors)
        raise NovaError(f"these processes could not be ended: {listed}")
    return daemon is not None or bool(left)


def processes_of(home: Home) -> list[psutil.Process]:
    """Every process that runs from this home: the daemon, and tasks also after their daemon was killed."""
    return list(_processes_of(home))


def version(models: str) -> str:
    """Return a digest of what the daemon is started from, so that an edit of it restarts it."""
    digest = hashlib.sha256(models.encode())
    sources = CHECKOUT / "local_cloud"
    files = [
        *sources.glob("*.py"),
        *(sources / "gateway").rglob("*.py"),
        *(sources / "gateway").rglob("*.toml"),
        *(sources / "runtime").rglob("*.py"),
    ]
    for path in [*sorted(files), CHECKOUT / "uv.lock"]:
        digest.update(path.relative_to(CHECKOUT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def version_file(home: Home) -> Path:
    """Where the digest of the running daemon's sources is kept."""
    return home.run / "daemon.version"


def is_current(home: Home, models: str) -> bool:
    """Whether the running daemon was started from the sources as they are now."""
    path = version_file(home)
    return path.exists() and path.read_text("utf-8") == version(models)


def answers(port: int) -> bool:
    """Whether the gateway on this port is ready."""
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/_nova/health", timeout=2, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def status(daemon: Daemon) -> dict[str, Any]:
    """Return what the daemon says of services and URLs; empty when it does not answer."""
    try:
        answer = httpx2.get(f"{daemon.endpoint}/_nova/status", timeout=10, trust_env=False)
        return answer.raise_for_status().json()
    except httpx2.HTTPError:
        return {}


def _is_daemon(pid: int, home: Home) -> bool:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        command = process.cmdline()
        return process.status() != psutil.STATUS_ZOMBIE and MODULE in command and str(home.path) in command
    return False


def _processes_of(home: Home) -> Iterator[psutil.Process]:
    own = os.getpid()
    # The trailing slash keeps a home apart from another one whose name begins alike. A task is told by the
    # home directory it was given, for its command may name no path; nobody's shell has such a one.
    places = tuple(f"{home.path / part}/" for part in ("images", "env", "run"))
    for process in psutil.process_iter():
        if process.pid == own:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            command = process.cmdline()
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            in_home = any(
                place.startswith(places) for place in (*command[:1], process.environ().get("HOME", ""))
            )
            # Redis is the machine's own program, told from others by the configuration it was started with.
            is_cache = any(part.startswith(f"{home.path / 'redis'}/") for part in command[1:])
            is_cache = is_cache and Path(command[0]).name == "redis-server"
            if in_home or is_cache or (MODULE in command and str(home.path) in command):
                yield process


def _end(left: list[psutil.Process]) -> None:
    alive = left
    for patience_s in (AGAIN_S, SWEEP_TIMEOUT_S):
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _gone, alive = psutil.wait_procs(alive, timeout=patience_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=SWEEP_TIMEOUT_S)


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-lines:])
