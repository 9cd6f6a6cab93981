"""Sessions of AgentCore runtimes: one process each, which answers all that its session is sent.

A session ends after a time of silence, at an age, on request, or when its runtime or endpoint is gone.
Source of the limits that are no settings: AgentCore developer guide, "Quotas", "Runtime sessions" and
"Configure lifecycle settings".
"""

import asyncio
import contextlib
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from local_cloud.documents import Document, part
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import environment
from local_cloud.runtime.agents.prepared import Fork, NotPreparedError, Prepared
from local_cloud.runtime.images import ImageError
from local_cloud.runtime.ports import free_port
from local_cloud.runtime.tasks import Tools

PRINCIPAL = "bedrock-agentcore.amazonaws.com"
PORT = 8080
"""Where AgentCore calls a container."""
START_SECONDS_MAX = 120
"""Time until `/ping` answers (runtime platform V2; V1 gives 30 s)."""
PING_SECONDS = 0.05
PING_SECONDS_MAX = 5.0
STOP_SECONDS = 15.0
"""How long the end of a session may take."""
SESSIONS_MAX = 100
"""Sessions at a time on this machine; AWS has thousands for an account."""
STARTING_MAX = 50
"""Sessions that wait for their start; beyond them callers are throttled."""
STARTS_AT_ONCE = 4
LOOK_SECONDS = 1.0
"""How often a session that is at work is looked at."""

logger = logging.getLogger(__name__)


def client_error(message: str) -> AwsError:
    """Return how AgentCore says that it is the container's fault."""
    return AwsError("RuntimeClientError", message, 424)


def log_name(runtime: Document, endpoint: str) -> str:
    """Return the name of the log of a runtime's sessions through an endpoint."""
    return f"{runtime['agentRuntimeName']}-{endpoint}"


@dataclass(frozen=True, slots=True)
class Place:
    """Which session is meant: of which runtime, through which endpoint, with which version of it."""

    runtime: Document
    """The runtime's record as of the version."""
    endpoint: str
    session: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells sessions apart: each endpoint has its own."""
        return self.runtime["agentRuntimeArn"], self.endpoint, self.session

    @property
    def version(self) -> tuple[str, str]:
        """What tells prepared processes apart."""
        return self.runtime["agentRuntimeArn"], self.runtime["agentRuntimeVersion"]


@dataclass(slots=True)
class Session:
    """A process and what is known of it. `calls` are those that it answers at the moment."""

    place: Place
    process: Fork
    url: str
    directory: Path
    begun_at: float = field(default_factory=time.time)
    used_at: float = field(default_factory=time.time)
    calls: int = 0
    ending: bool = False

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return not self.ending and not self.process.ended.done()

    @contextlib.contextmanager
    def in_use(self) -> Generator[None]:
        """Count a call, during which the session is not silent."""
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1
            self.used_at = time.time()


class AgentSessions:
    """All sessions, and one prepared process for each version of a runtime that was called."""

    def __init__(self, tools: Tools, ministack: MiniStack) -> None:
        self._tools = tools
        self._ministack = ministack
        self._home = tools.home / "run" / "agents"
        shutil.rmtree(self._home, ignore_errors=True)  # what a killed daemon left
        self._sessions: dict[tuple[str, str, str], Session] = {}
        self._starting: dict[tuple[str, str, str], asyncio.Task[Session]] = {}
        self._prepared: dict[tuple[str, str], asyncio.Task[Prepared]] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._http = httpx2.AsyncClient(timeout=PING_SECONDS_MAX, trust_env=False)

    async def session(self, place: Place) -> Session:
        """Return the process of a session, which is started unless it runs.

        Raises:
            AwsError: RuntimeClientError, ThrottlingException or ServiceQuotaExceededException.

        """
        known = self._sessions.get(place.key)
        if known is not None and known.alive:
            return known
        starting = self._starting.get(place.key)
        if starting is None:
            if len(self._starting) >= STARTING_MAX:
                raise AwsError(
                    "ThrottlingException", "Rate exceeded: too many sessions are being started", 429
                )
            if len(self._sessions) + len(self._starting) >= SESSIONS_MAX:
                message = f"Active session workloads exceed the limit of {SESSIONS_MAX} on this machine"
                raise AwsError("ServiceQuotaExceededException", message, 402)
            starting = self._starting[place.key] = asyncio.create_task(self._start(place))
            starting.add_done_callback(lambda _: self._starting.pop(place.key, None))
        # A caller who goes away takes nobody else's start along.
        return await asyncio.shield(starting)

    def running(self, runtime_arn: str, endpoint: str, session: str) -> Session | None:
        """Return a session that runs."""
        found = self._sessions.get((runtime_arn, endpoint, session))
        return found if found is not None and found.alive else None

    async def end(self, session: Session) -> None:
        """End a session: SIGTERM, and SIGKILL when that does not help."""
        session.ending = True
        await session.process.end(STOP_SECONDS)

    async def follow(self) -> None:
        """End the sessions whose runtime or endpoint is gone, and what was prepared for old versions."""
        endpoints = {
            (runtime["agentRuntimeArn"], name)
            for runtime in self._ministack.agent_runtimes()
            for name in self._ministack.agent_endpoints(runtime)
        }
        live = {
            (runtime["agentRuntimeArn"], endpoint["liveVersion"])
            for runtime in self._ministack.agent_runtimes()
            for endpoint in self._ministack.agent_endpoints(runtime).values()
        }
        gone = [session for session in self._sessions.values() if session.place.key[:2] not in endpoints]
        await asyncio.gather(*(self.end(session) for session in gone))
        used = {session.place.version for session in self._sessions.values()}
        for version in self._prepared.keys() - live - used:
            await self._forget(version)

    def status(self) -> list[Document]:
        """Return what `GET /_nova/status` tells of the sessions."""
        return [
            {
                "runtime": arn.rpartition("/")[2], "endpoint": endpoint, "session": name,
                "version": session.place.version[1], "pid": session.process.id, "calls": session.calls,
                "begun_at": session.begun_at,
            }
            for (arn, endpoint, name), session in self._sessions.items() if session.alive
        ]  # fmt: skip

    async def stop(self) -> None:
        """End everything."""
        for starting in list(self._starting.values()):
            starting.cancel()
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        await asyncio.gather(*(self.end(session) for session in list(self._sessions.values())))
        await asyncio.gather(*self._watching)
        for version in list(self._prepared):
            await self._forget(version)
        await self._http.aclose()
        shutil.rmtree(self._home, ignore_errors=True)

    async def _forget(self, version: tuple[str, str]) -> None:
        preparing = self._prepared.pop(version)
        preparing.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await (await preparing).close()

    async def _start(self, place: Place) -> Session:
        identity = str(uuid.uuid4())
        directory = self._home / identity
        try:
            async with self._starts:
                return await self._started(place, identity, directory)
        except (NotPreparedError, ImageError, PermissionError, OSError) as error:
            self._remove(identity, directory)
            raise client_error(f"The runtime could not be started: {error}") from error
        except BaseException:
            self._remove(identity, directory)
            raise

    async def _started(self, place: Place, identity: str, directory: Path) -> Session:
        prepared = await self._ready(place)
        _make(directory)
        port = free_port()
        variables = await self._variables(place, identity, directory, port)
        process = await prepared.fork(identity, variables, directory, self._writer(place, identity))
        session = Session(place, process, f"http://127.0.0.1:{port}", directory)
        self._sessions[place.key] = session
        watching = asyncio.create_task(self._watch(session, identity))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        try:
            await self._until_healthy(session)
        except BaseException:
            session.ending = True
            await process.end(0)
            raise
        return session

    async def _until_healthy(self, session: Session) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if session.process.ended.done():
                message = (
                    f"The container ended with status {session.process.ended.result()} when it was started"
                )
                raise client_error(f"{message}. Please check your CloudWatch logs for more information.")
            if await self._ping(session) is not None:
                return
            await asyncio.sleep(PING_SECONDS)
        message = "Runtime initialization time exceeded. Please make sure that initialization completes in"
        raise client_error(f"{message} {START_SECONDS_MAX}s.")

    async def _ping(self, session: Session) -> Document | None:
        """Return what the container says of itself, None for nothing that counts."""
        try:
            answer = await self._http.get(f"{session.url}/ping")
            told: object = answer.json() if answer.is_success else None
        except (httpx2.HTTPError, ValueError):
            return None
        return told if isinstance(told, dict) else None  # pyright: ignore[reportUnknownVariableType]

    async def _watch(self, session: Session, identity: str) -> None:
        """End a session in time, and tidy up after it, however it ended."""
        limits = part(session.place.runtime, "lifecycleConfiguration")
        living = asyncio.create_task(self._outlive(session, limits))
        await asyncio.wait({living, session.process.ended}, return_when=asyncio.FIRST_COMPLETED)
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        # Also what the process started and left behind.
        await self.end(session)
        if self._sessions.get(session.place.key) is session:
            del self._sessions[session.place.key]
        self._remove(identity, session.directory)

    async def _outlive(self, session: Session, limits: Document) -> None:
        """Return when a session was silent for too long, or is too old."""
        idle, lifetime = limits["idleRuntimeSessionTimeout"], limits["maxLifetime"]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(lifetime):
                while True:
                    if session.calls:
                        await asyncio.sleep(LOOK_SECONDS)
                    elif (left := session.used_at + idle - time.time()) > 0:
                        await asyncio.sleep(left)
                    elif not await self._worked_on(session, idle):
                        return

    async def _worked_on(self, session: Session, idle: float) -> bool:
        """Whether a session works although nobody calls it, or lately did: its silence begins with that."""
        told, now = await self._ping(session) or {}, time.time()
        if told.get("status") == "HealthyBusy":
            session.used_at = now - idle + min(idle, LOOK_SECONDS)
        elif isinstance(changed := told.get("time_of_last_update"), int | float):
            session.used_at = max(session.used_at, min(float(changed), now))
        return session.used_at + idle > now

    async def _ready(self, place: Place) -> Prepared:
        """Return the prepared process of a version, made by the first who asks."""
        preparing = self._prepared.get(place.version)
        if preparing is None or (
            preparing.done()
            and (preparing.cancelled() or preparing.exception() or not preparing.result().alive)
        ):
            preparing = self._prepared[place.version] = asyncio.create_task(self._prepare(place))
        return await asyncio.shield(preparing)

    async def _prepare(self, place: Place) -> Prepared:
        image = await self._tools.images.resolve(
            place.runtime["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
        )
        command = [*image.entrypoint, *image.command]
        if len(command) != 3 or command[:2] != ["python", "-m"]:  # noqa: PLR2004 (python -m module)
            raise NotPreparedError(
                f"the local cloud starts `python -m MODULE`, and the image's command is {command}"
            )
        identity = f"prepared-{uuid.uuid4()}"
        directory = self._home / identity
        _make(directory)
        try:
            variables = await self._variables(place, identity, directory, free_port())
            return await Prepared.start(
                image.programs,
                command[2],
                variables,
                directory,
                self._tools.orphans,
                self._writer(place, identity),
            )
        finally:
            # What is fetched with these credentials before the sessions begin is of no use in them.
            self._tools.credentials.dismiss(identity)

    async def _variables(self, place: Place, identity: str, directory: Path, port: int) -> dict[str, str]:
        tools, runtime = self._tools, place.runtime
        image = await tools.images.resolve(
            runtime["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
        )
        declared = image.environment | part(runtime, "environmentVariables")
        token = tools.credentials.admit(identity, runtime["roleArn"], PRINCIPAL, runtime["agentRuntimeId"])
        added = environment.added_variables(
            declared,
            tools.endpoint,
            f"{tools.endpoint}/_nova/credentials/{identity}",
            token,
            runtime["agentRuntimeArn"].split(":")[3],
            str(tools.roots),
            tools.models,
        )
        at = environment.Place(str(image.programs), str(directory), {PORT: port})
        return environment.process_environment(declared, added, at, tools.address)

    def _writer(self, place: Place, identity: str) -> Callable[[bytes], None]:
        log = self._tools.logs.of(log_name(place.runtime, place.endpoint))
        return lambda line: log.write(identity.removeprefix("prepared-"), line)

    def _remove(self, identity: str, directory: Path) -> None:
        self._tools.credentials.dismiss(identity)
        shutil.rmtree(directory, ignore_errors=True)


def _make(directory: Path) -> None:
    directory.mkdir(parents=True, mode=0o700)
