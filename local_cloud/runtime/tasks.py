"""One ECS task: its containers as processes, from secrets to the last signal."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import environment, health
from local_cloud.runtime.credentials import TaskCredentials
from local_cloud.runtime.images import ImageError, Images
from local_cloud.runtime.logs import Logs, ServiceLog
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.ports import free_port
from local_cloud.runtime.processes import Process
from local_cloud.runtime.secret_values import SecretError, secret_value

STOP_SECONDS = 30
"""stopTimeout of a container that declares none (ECS on Fargate)."""


class StartError(Exception):
    """A container cannot be started; the message is the task's stopped reason."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every task needs of the runtime."""

    home: Path
    endpoint: str
    region: str
    ministack: MiniStack
    aws: Aws
    images: Images
    credentials: TaskCredentials
    orphans: Orphans
    logs: Logs
    address: environment.NameAddress
    roots: Path
    models: str


class Task:
    """A task that is starting, running or stopping; `record` is what DescribeTasks shows of it."""

    def __init__(
        self, tools: Tools, record: Document, definition: Document, changed: Callable[[], None]
    ) -> None:
        self.record = record
        self.ports: dict[str, dict[int, int]] = {}
        self._tools = tools
        self._definition = definition
        self._changed = changed
        self._id: str = record["taskArn"].rpartition("/")[2]
        self._directory = tools.home / "run" / "tasks" / self._id
        self._stop = asyncio.Event()
        self._unreachable = asyncio.Event()
        self._log = self._open_log()
        self._processes: dict[str, Process] = {}
        self.running = asyncio.create_task(self._run())

    def _open_log(self) -> ServiceLog:
        group: str = self.record["group"]
        return self._tools.logs.of(group.partition(":")[2])

    @property
    def healthy(self) -> bool:
        """Whether it runs and, where a health check is declared, has passed it."""
        checked = any(health.declared(container) for container in self._definition["containerDefinitions"])
        return self.record["lastStatus"] == "RUNNING" and (
            not checked or self.record["healthStatus"] == "HEALTHY"
        )

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop or has stopped."""
        return self._stop.is_set() or self.record["lastStatus"] == "STOPPED"

    def stop(self, reason: str, code: str = "ServiceSchedulerInitiated") -> None:
        """Have it stopped: SIGTERM, and SIGKILL after the declared stop timeout."""
        if not self.stopping:
            self.record.update(
                desiredStatus="STOPPED", stoppedReason=reason, stopCode=code, stoppingAt=time.time()
            )
            self._stop.set()
            self._changed()

    def close(self) -> None:
        """Have it stopped with the local cloud, which nobody calls any more."""
        self._unreachable.set()
        self.stop("The local cloud stops", "UserInitiated")

    async def _run(self) -> None:
        try:
            await self._start()
            await self._watch()
        except (StartError, ImageError, PermissionError, AwsError, OSError) as error:
            self.stop(str(error), "TaskFailedToStart")
            self._log.write(self._id, f"the task cannot start: {error}".encode())
        finally:
            self.record["lastStatus"] = "DEPROVISIONING"
            await self._end()
            self.record.update(lastStatus="STOPPED", stoppedAt=time.time(), healthStatus="UNKNOWN")
            self.record["desiredStatus"] = "STOPPED"
            self._tools.credentials.dismiss(self._id)
            shutil.rmtree(self._directory, ignore_errors=True)
            self._changed()

    async def _start(self) -> None:
        self._directory.mkdir(parents=True, mode=0o700)
        role: str = self.record["overrides"].get("taskRoleArn") or self._definition.get("taskRoleArn") or ""
        token = self._tools.credentials.admit(self._id, role) if role else ""
        self.record["lastStatus"] = "PENDING"
        for container in self._definition["containerDefinitions"]:
            if self._stop.is_set():
                return
            await self._start_container(container, token)
        self.record.update(lastStatus="RUNNING", startedAt=time.time(), connectivity="CONNECTED")
        self._changed()

    async def _start_container(self, container: Document, token: str) -> None:
        name: str = container["name"]
        image = await self._tools.images.resolve(container["image"])
        ports = {int(entry["containerPort"]): free_port() for entry in container.get("portMappings", [])}
        self.ports[name] = ports
        overrides: list[Document] = self.record["overrides"].get("containerOverrides", [])
        none: Document = {}
        override = next((entry for entry in overrides if entry.get("name") == name), none)
        declared = environment.declared_variables(
            container, image.environment, override.get("environment", [])
        )
        declared |= await self._secrets(container)
        directory = self._directory / name
        directory.mkdir(mode=0o700)
        place = environment.Place(str(image.programs), str(directory), ports)
        added = environment.added_variables(
            declared,
            self._tools.endpoint,
            f"{self._tools.endpoint}/_nova/credentials/{self._id}",
            token,
            self._tools.region,
            str(self._tools.roots),
            self._tools.models,
        )
        variables = environment.process_environment(declared, added, place, self._tools.address)
        merged = {**container, "command": override.get("command") or container.get("command")}
        command = environment.command_line(merged, image.entrypoint, image.command, ports)
        if not command:
            raise StartError(f"CannotStartContainerError: container {name} has no command")
        try:
            self._processes[name] = await Process.start(command, variables, directory, self._tools.orphans)
        except OSError as error:
            raise StartError(f"CannotStartContainerError: {command[0]}: {error}") from error
        self._processes[name].copy_output(lambda line: self._log.write(self._id, line))
        self._describe(name, lastStatus="RUNNING", runtimeId=f"{self._id}-{name}", networkBindings=[
            {"bindIP": "127.0.0.1", "containerPort": declared_port, "hostPort": own, "protocol": "tcp"}
            for declared_port, own in ports.items()
        ])  # fmt: skip

    async def _secrets(self, container: Document) -> dict[str, str]:
        declared: list[Document] = container.get("secrets", [])
        if not declared:
            return {}
        role: str = self._definition.get("executionRoleArn") or ""
        try:
            session = self._tools.credentials.session(role, self._id)
            return {
                str(entry["name"]): await secret_value(self._tools.aws, entry["valueFrom"], session)
                for entry in declared
            }
        except (SecretError, PermissionError) as error:
            raise StartError(
                f"ResourceInitializationError: unable to pull secrets or registry auth: {error}"
            ) from error

    def _describe(self, name: str, **fields: object) -> None:
        next(entry for entry in self.record["containers"] if entry["name"] == name).update(fields)

    async def _watch(self) -> None:
        """Wait until the task is told to stop or an essential container ends; keep its health up to date."""
        checks: list[asyncio.Task[None]] = []
        waits: list[asyncio.Task[object]] = [asyncio.create_task(self._stop.wait())]
        for container in self._definition["containerDefinitions"]:
            process = self._processes.get(container["name"])
            if process is None:
                continue
            if health.declared(container):
                checks.append(asyncio.create_task(self._check(container, process)))
            if container.get("essential", True):
                waits.append(asyncio.create_task(process.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pending in [*waits, *checks]:
                pending.cancel()
        self.stop("Essential container in task exited", "EssentialContainerExited")

    async def _check(self, container: Document, process: Process) -> None:
        ports = self.ports[container["name"]]
        async for status in health.watch(container["healthCheck"], ports, process):
            self._describe(container["name"], healthStatus=status)
            statuses = [entry.get("healthStatus", "UNKNOWN") for entry in self.record["containers"]]
            worst = "UNHEALTHY" if "UNHEALTHY" in statuses else status
            if worst != self.record["healthStatus"]:
                self.record["healthStatus"] = worst
                self._changed()

    async def _end(self) -> None:
        """Stop all processes of the task, each with its declared patience, and note their exit codes."""
        timeouts = {
            entry["name"]: entry.get("stopTimeout", STOP_SECONDS)
            for entry in self._definition["containerDefinitions"]
        }
        await asyncio.gather(
            *(process.end(timeouts[name], self._unreachable) for name, process in self._processes.items())
        )
        for name, process in self._processes.items():
            code = process.exit_code
            self._describe(name, lastStatus="STOPPED", exitCode=code if code >= 0 else 128 - code)


def remove_leftovers(home: Path) -> None:
    """Remove the private directories of tasks that a killed daemon left."""
    with contextlib.suppress(FileNotFoundError):
        for directory in (home / "run" / "tasks").iterdir():
            shutil.rmtree(directory, ignore_errors=True)
