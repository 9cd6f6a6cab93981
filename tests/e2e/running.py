"""A platform of its own for the tests: `./nova` with a home in a temporary directory."""

import functools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import httpx2
import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
UP_TIMEOUT_S = 360
POLL_S = 0.1
KEPT = {"lock", "tools"}
"""What a home has without a platform."""
TOKEN_KEPT_S = 900
"""The demo user's token is valid for an hour; no test needs it for longer than the rest."""


@dataclass
class Running:
    """One home and what is asked of it."""

    home: Path
    checkout: Path = CHECKOUT
    credentials: dict[str, str] = field(default_factory=dict[str, str])
    _token: str = field(default="", repr=False)
    _token_until: float = 0.0

    def nova(self, *arguments: str, timeout_s: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run the launcher as a person would, from another directory."""
        with self.begun(*arguments, **extra) as process:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def begun(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Begin what `nova` runs to its end.

        A copied checkout has no environment of its own and no launcher that would make one: it runs in this
        one's, started as the launcher does.
        """
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "NOVA_"))}
        if "NOVA_UV" in os.environ:
            variables["NOVA_UV"] = os.environ["NOVA_UV"]
        launcher = [str(CHECKOUT / "nova")]
        if self.checkout != CHECKOUT:
            launcher = [str(CHECKOUT / ".venv" / "bin" / "python"), "-P", "-m", "cli"]
            variables |= {"NOVA_UV": uv(), "PYTHONPATH": str(self.checkout)}
        return subprocess.Popen(
            [*launcher, *arguments],
            cwd=self.home,
            env={**variables, "NOVA_HOME": str(self.home), **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start, and read the credentials of the gateway's administrator."""
        finished = self.nova("up", *arguments, timeout_s=UP_TIMEOUT_S)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        self.read_credentials()
        return finished

    def read_credentials(self) -> None:
        """Learn those of the gateway's administrator, of a platform that runs."""
        exports = [
            line.split("=", 1) for line in self.nova("env").stdout.splitlines() if line.startswith("export ")
        ]
        self.credentials = {name.removeprefix("export "): value.strip("'") for name, value in exports}

    def down(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Stop."""
        finished = self.nova("down", *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished

    def remove(self) -> None:
        """Stop it and delete all of it: no process is left, and nothing of anybody."""
        self.down("--volumes", "--yes")
        assert processes_of(self.home) == []
        assert {path.name for path in self.home.iterdir()} <= KEPT

    def status(self) -> dict[str, Any]:
        """What `nova status --json` prints."""
        return json.loads(self.nova("status", "--json").stdout)

    def reported(self) -> dict[str, Any]:
        """What the local cloud says of everything that it runs."""
        url = f"{self.credentials['AWS_ENDPOINT_URL']}/_nova/status"
        return httpx2.get(url, timeout=10, trust_env=False).raise_for_status().json()

    def certificates(self) -> Path:
        """The certificate of this platform's own authority."""
        return self.home / "tls" / "ca.pem"

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return json.loads((self.home / "stack.json").read_text())["outputs"]

    def daemon_pid(self) -> int:
        """The process id of the daemon."""
        return int(json.loads((self.home / "daemon.json").read_text())["pid"])

    def aws(self, service: str) -> Any:  # noqa: ANN401 (boto3 makes client classes at run time)
        """A boto3 client of the gateway's administrator."""
        return cast("Any", boto3.session.Session()).client(
            service,
            endpoint_url=self.credentials["AWS_ENDPOINT_URL"],
            region_name=self.credentials["AWS_REGION"],
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
        )

    def task_role(self, service: str) -> str:
        """The name of the task role of an ECS service."""
        roles: list[dict[str, Any]] = self.aws("iam").list_roles()["Roles"]
        return next(role["RoleName"] for role in roles if role["RoleName"].startswith(f"{service}-task-role"))

    def api(self, token: str | None = None) -> httpx2.Client:
        """A client of the public API, signed in as the demo user unless `token` says otherwise."""
        bearer = self.token() if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx2.Client(base_url=self.outputs()["api_url"], headers=headers, timeout=30, trust_env=False)

    def token(self) -> str:
        """A token of the demo user, the same one for a while."""
        if time.monotonic() >= self._token_until:
            asked = self.nova("token")
            assert asked.returncode == 0, asked.stderr
            self._token = asked.stdout.strip()
            self._token_until = time.monotonic() + TOKEN_KEPT_S
        return self._token

    def token_of_new_user(self, username: str) -> str:
        """Make a user with Cognito's administration API and sign them in."""
        cognito, outputs = self.aws("cognito-idp"), self.outputs()
        password = "Another-1-person-2"
        pool = {"UserPoolId": outputs["user_pool_id"], "Username": username}
        cognito.admin_create_user(**pool, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(**pool, Password=password, Permanent=True)
        answer = cognito.initiate_auth(
            ClientId=outputs["user_pool_client_id"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )
        return answer["AuthenticationResult"]["AccessToken"]


@functools.cache
def uv() -> str:
    """The uv that the launcher finds."""
    printed = subprocess.run(
        [str(CHECKOUT / "nova"), "--print-uv"], check=True, capture_output=True, text=True
    )
    return printed.stdout.strip()


def copy_checkout(target: Path) -> None:
    """Copy what belongs to the project, as it is now."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).exists():  # a deletion may not be committed yet
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)


def request_upload(
    api: httpx2.Client, file: Path, content_type: str, path: str = "/audio", **fields: object
) -> dict[str, Any]:
    """Announce a recording, or what else `path` takes; returns the answer with its id and upload."""
    body = {"filename": file.name, "content_type": content_type, "size_bytes": file.stat().st_size, **fields}
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def put(upload: dict[str, Any], content: bytes) -> httpx2.Response:
    """Upload by the presigned link."""
    return httpx2.request(
        upload["method"],
        upload["url"],
        content=content,
        headers=upload["headers"],
        timeout=30,
        trust_env=False,
    )


def send(api: httpx2.Client, file: Path, content_type: str, path: str = "/audio", **fields: object) -> str:
    """Announce and upload a recording, or what else `path` takes; returns its id."""
    announced = request_upload(api, file, content_type, path, **fields)
    answer = put(announced["upload"], file.read_bytes())
    assert answer.is_success, answer.text
    return announced["id"]


def settled(
    api: httpx2.Client, recording_id: str, timeout_s: float = 60, path: str = "/audio"
) -> dict[str, Any]:
    """The recording, or what else is at `path`, once it is completed or failed."""
    deadline = time.monotonic() + timeout_s
    recording: dict[str, Any] = {}
    while time.monotonic() < deadline:
        recording = api.get(f"{path}/{recording_id}").json()
        if recording["status"] in {"completed", "failed"}:
            return recording
        time.sleep(POLL_S)
    raise AssertionError(f"not settled after {timeout_s} s: {recording}")


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(POLL_S)


def processes_of(home: Path) -> list[str]:
    """Command lines of everything that a platform runs: by a path in them, or by where they work."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            command, place = " ".join(process.cmdline()), process.cwd()
        except (psutil.Error, OSError):
            continue
        if f"{home}/" in f"{command} {place}/" or f"--home {home} " in f"{command} ":
            found.append(command)
    return found
