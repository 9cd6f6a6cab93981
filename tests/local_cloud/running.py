"""A daemon of the local cloud as a child process, and plain boto3 clients of it."""

import io
import json
import math
import os
import signal
import socket
import struct
import subprocess
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx2

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


def free_port() -> int:
    """A port with the block of stable ports above it unused, as far as one can know."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return 20000 + (probe.getsockname()[1] % 100) * 100


def until[Value](question: Callable[[], Value], seconds: float = 60.0) -> Value:
    """Ask until the answer is truthy."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.1)
    return answer


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy(*statements: tuple[list[str], list[str] | str]) -> str:
    allowed = [
        {"Effect": "Allow", "Action": actions, "Resource": resources} for actions, resources in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


def tone(seconds: float) -> bytes:
    """A recording without a word in it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        count = int(16000 * seconds)
        sound.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i * 0.17))) for i in range(count)))
    return file.getvalue()


class Running:
    """One daemon; may be killed and started again on the same home."""

    def __init__(self, python: Path, home: Path, *options: str) -> None:
        self.home = home
        self._options = options
        self._python = python
        self._session: Any = boto3.Session()
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *options: str) -> list[str]:
        return [
            str(self._python),
            "-m",
            "local_cloud.daemon",
            "--home",
            str(self.home),
            *self._options,
            *options,
        ]

    def start(self) -> "Running":
        for _ in range(5):
            self.port = self.port or free_port()
            self.process = subprocess.Popen(self.command("--port", str(self.port)), cwd=CHECKOUT)
            deadline = time.monotonic() + START_SECONDS
            while self.process.poll() is None:
                assert time.monotonic() < deadline, "the daemon does not get ready"
                if self._ready():
                    return self
                time.sleep(0.05)
            assert self.process.returncode == 3, f"the daemon ended with {self.process.returncode}"
            self.port = 0
        raise AssertionError("no port was free")

    def _ready(self) -> bool:
        try:
            description = json.loads((self.home / "daemon.json").read_text())
            ready = httpx2.get(f"{self.url}/_nova/health").status_code == 200
        except (httpx2.HTTPError, FileNotFoundError):
            return False
        return ready and self.process is not None and description["pid"] == self.process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def administrator(self) -> dict[str, str]:
        return json.loads((self.home / "daemon.json").read_text())["admin"]

    def status(self) -> dict[str, Any]:
        return httpx2.get(f"{self.url}/_nova/status").json()

    def client(self, service: str, **identity: Any) -> Any:  # noqa: ANN401 (a boto3 client)
        names = ("access_key_id", "secret_access_key")
        known = {f"aws_{name}": self.administrator[name] for name in names}
        return self._session.client(
            service, endpoint_url=self.url, region_name="us-east-1", **(known | identity)
        )

    def role(self, name: str, service: str, document: str) -> str:
        iam = self.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return arn

    def queue(self, name: str) -> tuple[str, str]:
        """URL and ARN of a new queue to which EventBridge may deliver."""
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        statement = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn,
        }  # fmt: skip
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        url: str = self.client("sqs").create_queue(QueueName=name, Attributes={"Policy": document})[
            "QueueUrl"
        ]
        return url, arn

    def messages(self, url: str, seconds: int = 5) -> list[dict[str, Any]]:
        """Bodies of what is in a queue, once there is something; empty after `seconds` without."""
        sqs = self.client("sqs")
        deadline = time.monotonic() + seconds
        while True:
            found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=min(seconds, 5), MaxNumberOfMessages=10)
            if found.get("Messages") or time.monotonic() > deadline:
                break
        for message in found.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)
