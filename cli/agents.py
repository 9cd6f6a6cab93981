"""The coordinator's managed host: its versions, the one that its endpoint answers with, and a question to it.

What the endpoint answers with is a setting of the stack (`agentEndpointVersion`), so that the next update of
the stack leaves it. A change is made at AWS, for it has to count at once, and then written into the stack's
file, together with the version that answered before.
"""

import json
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ResponseStreamingError

from cli import public_api
from cli.errors import NovaError
from cli.questions import ServerEvent, server_events, until_done
from cli.stack_file import StackFile
from cli.target import LOCAL, Target

CONTROL, DATA = "bedrock-agentcore-control", "bedrock-agentcore"
ENDPOINT = "live"
"""The endpoint that callers name; DEFAULT follows the newest version by itself."""
NEWEST = "newest"
SETTING = "nova:agentEndpointVersion"
TOKEN_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization"  # noqa: S105 (a name)
VERSIONS_SHOWN = 20
POLL_INTERVAL_S = 0.5
TIMEOUT_S = 300
ANSWER_TIMEOUT_S = 200
"""Longer than a turn may take (180 s)."""

_NOTE = "# {live}, before it {before}"
_NOTED = re.compile(r"# (?P<live>\d+), before it (?P<before>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the runtime."""

    number: int
    created_at: datetime
    status: str
    image: str
    """Digest of its image."""
    behaviour: str
    endpoints: tuple[str, ...]
    """Names of the endpoints that answer with it."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "version": self.number,
            "created_at": self.created_at.isoformat(),
            "status": self.status,
            "image": self.image,
            "behaviour": self.behaviour,
            "endpoints": list(self.endpoints),
        }

    def row(self) -> list[str]:
        """Return it as a line of a table."""
        created = self.created_at.isoformat(sep=" ", timespec="seconds")
        answering = ", ".join(self.endpoints)
        short = self.image.removeprefix("sha256:")[:12]
        return [str(self.number), created, self.status, short, self.behaviour, answering]


HEADINGS = ["version", "created", "status", "image", "behaviour", "answers at"]


class Agent:
    """The runtime of a target's stack.

    Every method raises NovaError where AWS refuses, and where there is no runtime.
    """

    def __init__(self, target: Target, stack: str) -> None:
        self._target = target
        self.file = StackFile(stack or LOCAL)
        self._control = target.client(CONTROL)
        self.id = str(target.output("agent_runtime_id") or "")
        if not self.id:
            raise NovaError(
                f"the stack has no managed agent: set nova:agentRuntimeNetwork in {self.file.path.name}"
            )

    def versions(self) -> list[Version]:
        """Return the newest versions, the newest first."""
        with _refusals("the versions cannot be read"):
            answering = self._answering()
            numbers = sorted(self._numbers(), reverse=True)[:VERSIONS_SHOWN]
            return [self._version(number, answering) for number in numbers]

    def promote(self, wanted: str, progress: Callable[[str], None]) -> tuple[int, int]:
        """Let the endpoint answer with a version, or the `newest` ones; return it and the one before."""
        with _refusals("the endpoint cannot be changed"):
            numbers = self._numbers()
            follows = wanted == NEWEST
            if not follows and (not wanted.isascii() or not wanted.isdigit() or int(wanted) not in numbers):
                known = ", ".join(map(str, sorted(numbers)))
                raise NovaError(f"there is no version {wanted}: there are {known} (or {NEWEST})")
            version, before = max(numbers) if follows else int(wanted), self.live()
            self._check_ready(version)
            note = _NOTE.format(live=version, before=before) if before != version else ""
            text = self.file.edited(SETTING, '""' if follows else f'"{version}"', note)
            if before != version:
                self._answer_with(version, progress)
            self.file.path.write_text(text, "utf-8")
            return version, before

    def rollback(self, progress: Callable[[str], None]) -> tuple[int, int]:
        """Let the endpoint answer with the version that answered before; return it and the one until now."""
        with _refusals("the versions cannot be read"):
            live, numbers = self.live(), self._numbers()
        noted = self._noted(live)
        earlier = [number for number in numbers if number < live]
        known = [noted] if noted is not None and noted in numbers else earlier
        if not known:
            raise NovaError(f"no version answered before {live}")
        version = max(known)
        self.promote(str(version), progress)
        return version, live

    def live(self) -> int:
        """Return the version that the endpoint answers with."""
        found = self._control.get_agent_runtime_endpoint(agentRuntimeId=self.id, endpointName=ENDPOINT)
        return int(found["liveVersion"])

    def ask(self, token: str, session_id: str, question: str) -> Iterator[ServerEvent]:
        """Ask as the person whose token it is, and yield the answer's events as they come."""
        if not session_id:
            with public_api.client(str(self._target.output("api_url")), token) as client:
                opened = public_api.answer(client.post("/sessions", json={}), "no session was opened")
            session_id = str(opened["id"])
        yield ServerEvent("session", {"id": session_id})
        client = self._target.client(
            DATA, Config(read_timeout=ANSWER_TIMEOUT_S, retries={"total_max_attempts": 1})
        )
        client.meta.events.register(f"before-sign.{DATA}.InvokeAgentRuntime", _bearing(token))
        with _refusals("the question was not answered"):
            answer = client.invoke_agent_runtime(
                agentRuntimeArn=str(self._target.output("agent_runtime_arn")),
                qualifier=ENDPOINT,
                runtimeSessionId=session_id,
                contentType="application/json",
                accept="text/event-stream",
                payload=json.dumps({"text": question}),
            )
            yield from until_done(server_events(_lines(answer["response"])))

    def _noted(self, version: int) -> int | None:
        """Return the version that the stack's file says answered before this one."""
        found = _NOTED.match(self.file.note(SETTING))
        return int(found["before"]) if found is not None and int(found["live"]) == version else None

    def _numbers(self) -> set[int]:
        pages = self._control.get_paginator("list_agent_runtime_versions").paginate(agentRuntimeId=self.id)
        return {int(one["agentRuntimeVersion"]) for page in pages for one in page["agentRuntimes"]}

    def _answering(self) -> dict[int, list[str]]:
        pages = self._control.get_paginator("list_agent_runtime_endpoints").paginate(agentRuntimeId=self.id)
        found: dict[int, list[str]] = {}
        for page in pages:
            for endpoint in page["runtimeEndpoints"]:
                found.setdefault(int(endpoint["liveVersion"]), []).append(str(endpoint["name"]))
        return found

    def _version(self, number: int, answering: dict[int, list[str]]) -> Version:
        found = self._control.get_agent_runtime(agentRuntimeId=self.id, agentRuntimeVersion=str(number))
        artifact = found["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
        return Version(
            number=number,
            created_at=found["lastUpdatedAt"],
            status=str(found["status"]),
            image=str(artifact).partition("@")[2],
            behaviour=str(found.get("environmentVariables", {}).get("BEHAVIOUR", "")),
            endpoints=tuple(sorted(answering.get(number, []))),
        )

    def _check_ready(self, version: int) -> None:
        found = self._version(version, {})
        if found.status != "READY":
            raise NovaError(f"version {version} is {found.status} and answers nobody")

    def _answer_with(self, version: int, progress: Callable[[str], None]) -> None:
        named = {"agentRuntimeId": self.id, "endpointName": ENDPOINT}
        self._control.update_agent_runtime_endpoint(**named, agentRuntimeVersion=str(version))
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            found = self._control.get_agent_runtime_endpoint(**named)
            status = str(found["status"])
            if status == "READY" and found["liveVersion"] == str(version):
                return
            if status.endswith("FAILED"):
                raise NovaError(f"the endpoint is {status}: {found.get('failureReason', 'no reason given')}")
            progress(status)
            time.sleep(POLL_INTERVAL_S)
        raise NovaError(f"the endpoint does not answer with version {version} after {TIMEOUT_S} s")


def _bearing(token: str) -> Callable[..., None]:
    def add(request: Any, **_: object) -> None:  # noqa: ANN401 (botocore's AWSRequest)
        request.headers[TOKEN_HEADER] = f"Bearer {token}"

    return add


def _lines(body: Any) -> Iterator[str]:  # noqa: ANN401 (botocore's StreamingBody)
    # A larger chunk would be waited for, although the answer comes word by word.
    for line in body.iter_lines(chunk_size=1):
        yield line.decode("utf-8")


@contextmanager
def _refusals(failure: str) -> Generator[None]:
    """Say what AWS says, and that a session goes on whose process ended in an answer."""
    try:
        yield
    except (ResponseStreamingError, HTTPClientError) as error:
        raise NovaError(
            f"{failure}: the connection broke off ({error}); ask again, the session goes on"
        ) from error
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"{failure}: {error}") from error
