"""One execution environment of a function: its process, and the Runtime API by which that asks for work.

The process is the image's own command. It finds the API at AWS_LAMBDA_RUNTIME_API, gets one invocation after
another there and answers each (Lambda developer guide, "Using the Lambda runtime API").
"""

import asyncio
import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from local_cloud.documents import Document
from local_cloud.gateway.asgi import (
    Receive,
    Scope,
    Send,
    UnreadBodyError,
    bind,
    headers_of,
    read_body,
    respond,
    respond_json,
    serve,
)
from local_cloud.runtime.listeners import answer_lifespan
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.processes import Process

API = "/2018-06-01/runtime"
PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
"""Of a request and of an answer (Lambda quotas, synchronous invocations)."""
ERROR_BYTES_MAX = 256 * 1024
END_SECONDS = 2.0
"""How long a process has to end itself (Lambda gives runtimes without extensions nothing at all)."""
UNHANDLED = "Unhandled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an invocation; with an `error` the payload describes it."""

    payload: bytes
    error: str = ""


def failure(kind: str, message: str) -> Outcome:
    """Return the outcome of a function that failed outside its handler."""
    described = {"errorType": kind, "errorMessage": message} if kind else {"errorMessage": message}
    return Outcome(json.dumps(described).encode(), UNHANDLED)


@dataclass(slots=True)
class Invocation:
    """One event on its way through a function."""

    payload: bytes
    deadline: float
    """Epoch seconds."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class FunctionEnvironment:
    """A process that handles one invocation at a time."""

    def __init__(self, arn: str, directory: Path) -> None:
        self.expires_at = 0.0
        """When its credentials do; epoch seconds."""
        self._arn = arn
        self._directory = directory
        self._waiting: asyncio.Queue[Invocation] = asyncio.Queue(1)
        self._current: Invocation | None = None
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._process: Process | None = None
        self._stop = asyncio.Event()
        self._server: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        arn: str,
        command: list[str],
        variables: Mapping[str, str],
        directory: Path,
        orphans: Orphans,
        write: Callable[[bytes], None],
    ) -> Self:
        """Start the process, and its API on a port of its own.

        Raises:
            OSError: the command cannot be run.

        """
        os.makedirs(directory, mode=0o700)  # noqa: PTH103 (a folder of this disk, at once)
        environment = cls(arn, directory)
        listener = bind(0)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        environment._server = asyncio.create_task(serve(environment._answer, listener, environment._stop))
        try:
            environment._process = await Process.start(
                command, {**variables, "AWS_LAMBDA_RUNTIME_API": address}, directory, orphans
            )
        except OSError:
            await environment.end()
            raise
        environment._process.copy_output(write)
        return environment

    async def invoke(self, payload: bytes, timeout_seconds: float) -> Outcome:
        """Hand over one event and wait for what becomes of it; afterwards ask `usable`."""
        invocation = Invocation(payload, time.time() + timeout_seconds)
        self._outcome = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(invocation)
        process = self._process
        if process is None:
            message = "an environment was used before it had started"
            raise RuntimeError(message)
        ended = asyncio.create_task(process.wait())
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.wait({self._outcome, ended}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            text = f"{stamp} {invocation.id} Task timed out after {timeout_seconds:.2f} seconds"
            return failure("", text)
        finally:
            ended.cancel()
        if self._outcome.done():
            return self._outcome.result()
        status = f"Runtime exited with error: exit status {process.exit_code}"
        return failure("Runtime.ExitError", f"RequestId: {invocation.id} Error: {status}")

    @property
    def usable(self) -> bool:
        """Whether it waits, or may soon wait, for another event."""
        return self._outcome.done() and self._current is None and not self._stop.is_set()

    async def end(self) -> None:
        """Stop the process and its API, and remove what it wrote."""
        if self._process is not None:
            await self._process.end(END_SECONDS)
        self._stop.set()
        if self._server is not None:
            await self._server
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        path = str(scope.get("path", "")).removeprefix(API)
        match (scope.get("method"), path.strip("/").split("/")):
            case ("GET", ["invocation", "next"]):
                await self._next(send)
            case ("POST", ["init", "error"]):
                await self._failed(scope, receive, send)
            case ("POST", ["invocation", identity, ("response" | "error") as kind]):
                await self._done(identity, kind, receive, send)
            case _:
                await respond_json(send, 404, {"errorMessage": "no such resource of the Runtime API"})

    async def _next(self, send: Send) -> None:
        self._current = None
        waiting, stopping = asyncio.create_task(self._waiting.get()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not waiting.done():
                waiting.cancel()
        if self._stop.is_set():
            await respond_json(send, 410, {"errorMessage": "the environment ends"})
            return
        invocation = waiting.result()
        self._current = invocation
        headers = {
            "content-type": "application/json",
            "lambda-runtime-aws-request-id": invocation.id,
            "lambda-runtime-deadline-ms": str(round(invocation.deadline * 1000)),
            "lambda-runtime-invoked-function-arn": self._arn,
        }
        await respond(send, 200, headers, invocation.payload)

    async def _done(self, identity: str, kind: str, receive: Receive, send: Send) -> None:
        current = self._current
        if current is None or current.id != identity:
            await respond_json(
                send, 400, {"errorMessage": "no such invocation", "errorType": "InvalidRequestID"}
            )
            return
        error = UNHANDLED if kind == "error" else ""
        try:
            body = await read_body(receive, ERROR_BYTES_MAX if error else PAYLOAD_BYTES_MAX)
        except UnreadBodyError:
            self._current = None
            most = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes)."
            self._tell(failure("Function.ResponseSizeTooLarge", most))
            await respond_json(send, 413, {"errorMessage": most, "errorType": "RequestEntityTooLarge"})
            return
        self._current = None
        self._tell(Outcome(body, error))
        await respond_json(send, 202, {"status": "OK"})

    async def _failed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the report of a runtime that could not load its function; its process ends."""
        described: Document = {}
        with contextlib.suppress(ValueError, UnreadBodyError):
            described = json.loads(await read_body(receive, ERROR_BYTES_MAX))
        if "errorType" not in described:
            described["errorType"] = headers_of(scope).get(
                "lambda-runtime-function-error-type", "Runtime.Unknown"
            )
        self._stop.set()
        self._tell(Outcome(json.dumps(described).encode(), UNHANDLED))
        await respond_json(send, 202, {"status": "OK"})

    def _tell(self, outcome: Outcome) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)
