"""The daemon's side of a launcher: one prepared process of a runtime's version, and its forks."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.processes import CHUNK_BYTES, Process, copy_lines

LAUNCHER = Path(__file__).with_name("launcher.py")
PREPARE_SECONDS = 120.0
"""How long a start may take that becomes a snapshot (AgentCore developer guide, runtime platform V2)."""
FORK_SECONDS = 10.0
ASKED = "session.json"

type Write = Callable[[bytes], None]


class NotPreparedError(Exception):
    """The image's process cannot be forked, or ended; the message says why."""


class Fork:
    """A session's process, which is a child of the launcher."""

    def __init__(self, process_id: int, orphans: Orphans) -> None:
        self.id = process_id
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.output: asyncio.Task[None] | None = None
        self._orphans = orphans
        orphans.add(process_id)

    async def end(self, timeout_seconds: float) -> None:
        """Send SIGTERM, and SIGKILL after the timeout; also to what it started."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await asyncio.shield(self.ended)
        self._signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FORK_SECONDS):
                await asyncio.shield(self.ended)
                if self.output is not None:
                    await self.output
        self._orphans.remove(self.id)

    def note(self, status: int) -> None:
        """Note how it ended."""
        if not self.ended.done():
            self.ended.set_result(status)

    def lose(self) -> None:
        """End it, as nobody is left who would tell of its end."""
        self._signal(signal.SIGKILL)
        self.note(-signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, number)


class Prepared:
    """A launcher that has imported its module."""

    def __init__(self, launcher: Process, connection: socket.socket) -> None:
        self._launcher = launcher
        self._connection = connection
        self._forks: dict[int, Fork] = {}
        self._asked: dict[str, asyncio.Future[Fork]] = {}
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._orphans: Orphans | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        programs: Path,
        module: str,
        environment: Mapping[str, str],
        directory: Path,
        orphans: Orphans,
        write: Write,
    ) -> "Prepared":
        """Start a launcher and wait until it can be forked.

        Raises:
            NotPreparedError: it cannot, for the reason that is told.
            OSError: the image's interpreter cannot be executed.

        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            command = [str(programs / "python"), "-P", str(LAUNCHER), str(theirs.fileno()), module]
            try:
                launcher = await Process.start(command, environment, directory, orphans, (theirs.fileno(),))
            except OSError:
                ours.close()
                raise
        launcher.copy_output(write)
        prepared = cls(launcher, ours)
        prepared._orphans = orphans
        reason = f"it was not ready after {PREPARE_SECONDS:.0f} s"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PREPARE_SECONDS):
                reason = await asyncio.shield(prepared._ready)
        if reason:
            await prepared.close()
            raise NotPreparedError(reason)
        return prepared

    @property
    def alive(self) -> bool:
        """Whether it can be forked."""
        return not self._reading.done()

    async def fork(self, session: str, environment: Mapping[str, str], directory: Path, write: Write) -> Fork:
        """Return a new process of a session, which runs in its directory with exactly this environment.

        Raises:
            NotPreparedError: the launcher has ended.

        """
        told = directory.parent / f"{directory.name}-{ASKED}"
        told.write_text(json.dumps({"environment": dict(environment), "directory": str(directory)}))
        reading, writing = os.pipe()
        answer: asyncio.Future[Fork] = asyncio.get_running_loop().create_future()
        self._asked[session] = answer
        line = json.dumps({"session": session, "file": str(told)}).encode() + b"\n"
        try:
            socket.send_fds(self._connection, [line], [writing])
            async with asyncio.timeout(FORK_SECONDS):
                forked = await answer
        except (OSError, TimeoutError) as error:
            os.close(reading)
            told.unlink(missing_ok=True)
            raise NotPreparedError(f"the prepared process does not fork: {error!r}") from error
        finally:
            self._asked.pop(session, None)
            os.close(writing)
        forked.output = await _copied(reading, write)
        return forked

    async def close(self) -> None:
        """End the launcher, and with it all that it forked."""
        self._connection.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._launcher.end(FORK_SECONDS)

    async def _read(self) -> None:
        """Follow what the launcher tells, until it ends: then all its sessions have."""
        loop, rest = asyncio.get_running_loop(), b""
        try:
            while data := await loop.sock_recv(self._connection, CHUNK_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))
        except OSError:
            pass
        finally:
            if not self._ready.done():
                self._ready.set_result("it ended while it was prepared; its log says why")
            for forked in self._forks.values():
                forked.lose()

    def _hear(self, message: Document) -> None:
        if "prepared" in message:
            self._ready.set_result(str(message["reason"]))
        elif "pid" in message and self._orphans is not None:
            forked = self._forks[message["pid"]] = Fork(message["pid"], self._orphans)
            answer = self._asked.get(message["session"])
            if answer is not None and not answer.done():
                answer.set_result(forked)
        elif forked := self._forks.pop(message.get("ended", 0), None):
            forked.note(message["status"])


async def _copied(reading: int, write: Write) -> asyncio.Task[None]:
    """Hand each line that comes from a pipe to `write`, until all its writers have closed it."""
    stream = asyncio.StreamReader()
    pipe = os.fdopen(reading, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), pipe
    )
    copying = asyncio.create_task(copy_lines(stream, write))
    copying.add_done_callback(lambda _: transport.close())
    return copying
