"""One redis-server: a replication group's data, its users, its TLS port on the loopback interface."""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from local_cloud.files import write_private
from local_cloud.runtime.kept import KeptProcess
from local_cloud.runtime.logs import ServiceLog
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.redis_acl import CONTROL_USER, CacheUser, access_control, digest
from local_cloud.runtime.tls import Authority

logger = logging.getLogger(__name__)

PROGRAM = "redis-server"
ANSWER_SECONDS = 2.0
LOAD_SECONDS = 5.0
STOP_SECONDS = 10.0
"""How long a server may take to write its file after SIGTERM."""
COMPACT_SECONDS = 10.0
"""How long what was deleted may stay in the server's file, to which every command is added: so often it is
written anew from what there is."""
SETTINGS = """\
port 0
tls-port {port}
bind 127.0.0.1
protected-mode yes
tls-cert-file {certificate}
tls-key-file {key}
tls-ca-cert-file {authority}
tls-auth-clients no
tls-protocols "TLSv1.2 TLSv1.3"
aclfile {users}
dir {directory}
appendonly yes
appendfsync everysec
save ""
daemonize no
set-proc-title no
"""
"""What `redis.conf` holds: what ElastiCache does with encryption in transit required. The process keeps its
command line as its title, by which whoever looks for the processes of a home finds it."""


class RedisError(Exception):
    """The server's answer to a command that failed."""


class RedisServer:
    """The server of one group: kept running until it is stopped, its users changed while it runs.

    Everything is in `directory`; what is secret there (users' digests, the key) is its owner's alone.
    """

    def __init__(
        self,
        directory: Path,
        port: int,
        names: Sequence[str],
        authority: Authority,
        orphans: Orphans,
        log: ServiceLog,
    ) -> None:
        self.port = port
        self._directory = directory
        self._users_error: str | None = None
        self._password = secrets.token_hex(32)
        self._users_file = directory / "users.acl"
        self._users = ""
        self._client = authority.client_context()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        certificate, key = authority.issue(directory, names)
        settings = SETTINGS.format(
            port=port, certificate=certificate, key=key, authority=authority.certificate,
            users=self._users_file, directory=directory,
        )  # fmt: skip
        self._settings_file = directory / "redis.conf"
        write_private(self._settings_file, settings.encode())
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
        self._process = KeptProcess(
            f"cache {directory.name}", self._program, environment, directory, orphans,
            lambda line: log.write("redis", line), STOP_SECONDS,
        )  # fmt: skip
        self._compacting: asyncio.Task[None] | None = None

    async def set_users(self, users: Sequence[CacheUser]) -> None:
        """Let exactly these users in, from now on; connections of all users are opened anew by a change."""
        text, before = access_control(users, digest(self._password)), self._users
        if text == before:
            return
        write_private(self._users_file, text.encode())
        self._users = text
        deadline = time.monotonic() + LOAD_SECONDS
        while self._process.runs:  # otherwise the file is read at the start
            try:
                await self._command("ACL", "LOAD")
                self._users_error = None
                return
            except ConnectionError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)  # it is just starting
            except RedisError as error:
                # The server goes on with the users it had, and so does its next start.
                write_private(self._users_file, before.encode())
                self._users, self._users_error = before, f"its users cannot be changed: {error}"
                logger.warning("cache %s: %s", self._directory.name, self._users_error)
                return

    def start(self) -> None:
        """Run the server, and run it again whenever it ends."""
        self._process.start()
        self._compacting = asyncio.create_task(self._compact())

    @property
    def error(self) -> str | None:
        """Why it does not run, or not as it was told."""
        return self._process.error or self._users_error

    async def answers(self) -> bool:
        """Whether the server answers now."""
        if not self._process.runs:
            return False
        try:
            await self._command("PING")
        except (RedisError, ConnectionError):
            return False
        return True

    async def stop(self) -> None:
        """End the server; what it was told is in its file afterwards."""
        if self._compacting is not None:
            self._compacting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._compacting
        await self._process.stop()

    async def _compact(self) -> None:
        """Have the file written anew whenever commands were added to it."""
        while True:
            await asyncio.sleep(COMPACT_SECONDS)
            grown = any(file.stat().st_size for file in self._directory.glob("appendonlydir/*.incr.aof"))
            if grown and self._process.runs:
                # A server that is just starting, or writing its file already, is asked again.
                with contextlib.suppress(RedisError, ConnectionError):
                    await self._command("BGREWRITEAOF")

    def _program(self) -> list[str]:
        program = shutil.which(PROGRAM)
        if program is None:
            raise FileNotFoundError(f"{PROGRAM} is not installed (scripts/install-system installs it)")
        # Paths alone are on the command line: whoever lists processes sees no secret.
        return [program, str(self._settings_file)]

    async def _command(self, *words: str) -> None:
        """Send one command as the control user.

        Raises:
            RedisError: the server's answer was an error.
            ConnectionError: there was none.

        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self._client)
                with contextlib.closing(writer):
                    for line in (("AUTH", CONTROL_USER, self._password), words):
                        writer.write(_encoded(line))
                        answer = (await reader.readline()).decode(errors="replace").strip()
                        if not answer:
                            raise ConnectionError("the connection was closed")
                        if not answer.startswith("+"):
                            raise RedisError(answer.removeprefix("-"))
        except (OSError, TimeoutError) as error:
            raise ConnectionError(f"no answer: {error!r}") from error


def _encoded(words: Sequence[str]) -> bytes:
    """Return a command in Redis's protocol (RESP)."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
