"""The service scheduler: keeps the declared number of healthy tasks, rolls changes, registers targets."""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable

from local_cloud.documents import Document, part
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import deployments
from local_cloud.runtime.deployments import UNHEALTHY, TaskView
from local_cloud.runtime.registration import Registrar
from local_cloud.runtime.tasks import Task, Tools

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
EVENTS_KEPT = 100
"""DescribeServices shows the latest 100 events (ECS)."""
STOPPED_KEPT = 20
"""Stopped tasks that DescribeTasks still knows, per service; ECS forgets them after an hour."""
ENDED_BY_ITSELF = ("TaskFailedToStart", "EssentialContainerExited")
STEADY_SECONDS = 60.0
"""A task that ran this long makes up for earlier failures."""


class Scheduler:
    """All services and tasks of the local ECS; `document` is their persisted state."""

    def __init__(
        self, tools: Tools, document: Document, touch: Callable[[], None], registrar: Registrar
    ) -> None:
        self.services: dict[str, Document] = document.setdefault("services", {})
        self.records: dict[str, Document] = document.setdefault("tasks", {})
        self._tools = tools
        self._touch = touch
        self._registrar = registrar
        self._live: dict[str, Task] = {}
        self._registered: set[str] = set()
        self._failures: dict[str, int] = {}
        self._retry_at: dict[str, float] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at all services soon."""
        self._touch()
        self._wake.set()

    async def restore(self) -> None:
        """Bring persisted state in line with a new daemon: no task runs, failed ones get another try."""
        for record in self.records.values():
            if record["lastStatus"] != "STOPPED":
                record.update(
                    lastStatus="STOPPED", desiredStatus="STOPPED", stoppedReason="The local cloud restarted",
                    stoppedAt=time.time(),
                )  # fmt: skip
        for service in self.services.values():
            await self._registrar.clear(service)
            for deployment in service["deployments"]:
                deployment.update(failedTasks=0)
                if deployment["status"] == "PRIMARY" and deployment["rolloutState"] == "FAILED":
                    deployment.update(rolloutState="IN_PROGRESS", rolloutStateReason="")
        self.wake()

    async def run(self) -> None:
        """Reconcile whenever something changed, and while something is on its way, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if not self._retry_at and not self._busy() else TICK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            for service in list(self.services.values()):
                try:
                    await self._reconcile(service)
                except (AwsError, KeyError, OSError) as error:
                    logger.warning("service %s: %r", service["serviceName"], error)
            self._forget_stopped()

    def _busy(self) -> bool:
        return any(deployment["rolloutState"] == "IN_PROGRESS" for service in self.services.values()
                   for deployment in service["deployments"])  # fmt: skip

    async def stop(self) -> None:
        """Stop every task; services stay as they are."""
        for task in self._live.values():
            task.close()
        await asyncio.gather(*(task.running for task in self._live.values()), return_exceptions=True)

    def launch(self, record: Document, definition: Document) -> None:
        """Start a task."""
        self.records[record["taskArn"]] = record
        self._live[record["taskArn"]] = Task(self._tools, record, definition, self.wake)
        self._touch()

    def stop_task(self, arn: str, reason: str) -> None:
        """Stop a task on a caller's request."""
        if arn in self._live:
            self._live[arn].stop(reason, "UserInitiated")

    def tasks_of(self, service: Document) -> list[Task]:
        """Return the tasks of a service that are not stopped."""
        return [
            task for task in self._live.values() if task.record.get("serviceArn") == service["serviceArn"]
        ]

    def counts(self, service: Document) -> dict[str, int]:
        """Return runningCount and pendingCount of a service, as DescribeServices shows them."""
        tasks = [task for task in self.tasks_of(service) if not task.stopping]
        running = sum(task.record["lastStatus"] == "RUNNING" for task in tasks)
        return {"runningCount": running, "pendingCount": len(tasks) - running}

    def event(self, service: Document, message: str) -> None:
        """Add a service event."""
        entry = {
            "id": str(uuid.uuid4()),
            "createdAt": time.time(),
            "message": f"(service {service['serviceName']}) {message}",
        }
        service["events"] = [entry, *service["events"]][:EVENTS_KEPT]

    async def _reconcile(self, service: Document) -> None:
        for task in self.tasks_of(service):
            await self._follow(service, task)
        primary = service["deployments"][0]
        live = [task for task in self.tasks_of(service) if not task.stopping]
        views = [
            TaskView(task.record["taskArn"], task.record["startedBy"], task.healthy,
                     task.record["healthStatus"] == "UNHEALTHY") for task in live
        ]  # fmt: skip
        step = deployments.plan(service, primary["id"], views)
        for arn, reason in step.stop:
            task = self._live[arn]
            await self._withdraw(service, task)
            task.stop(reason)
            if reason == UNHEALTHY:
                self._failed(service, task, time.time() - task.record["startedAt"])
        if self._may_start(service, primary):
            for _ in range(step.start):
                self._start(service, primary)
        self._settle(service, primary, views)

    async def _follow(self, service: Document, task: Task) -> None:
        """Register a task that became healthy; withdraw one that is going; count one that failed."""
        arn: str = task.record["taskArn"]
        if task.healthy and not task.stopping and arn not in self._registered:
            self._registered.add(arn)
            await self._registrar.register(service, task)
        if task.stopping:
            await self._withdraw(service, task)
        if not task.running.done():
            return
        del self._live[arn]
        ran_seconds = task.record["stoppedAt"] - task.record.get("startedAt", task.record["stoppedAt"])
        if task.record["stopCode"] in ENDED_BY_ITSELF and service["status"] == "ACTIVE":
            self._failed(service, task, ran_seconds)

    def _failed(self, service: Document, task: Task, ran_seconds: float) -> None:
        key: str = service["serviceArn"]
        self._failures[key] = 1 if ran_seconds > STEADY_SECONDS else self._failures.get(key, 0) + 1
        self._retry_at[key] = time.monotonic() + deployments.backoff_seconds(self._failures[key])
        reason = self._reason(task)
        self.event(service, f"task {task.record['taskArn'].rpartition('/')[2]} stopped: {reason}")
        for deployment in service["deployments"]:
            if deployment["id"] == task.record["startedBy"]:
                deployment["failedTasks"] += 1
                deployment["lastFailure"] = reason
        self._touch()

    @staticmethod
    def _reason(task: Task) -> str:
        codes = [
            f"{entry['name']} exited with {entry['exitCode']}"
            for entry in task.record["containers"]
            if entry.get("exitCode")
        ]
        return ", ".join([task.record["stoppedReason"], *codes])

    async def _withdraw(self, service: Document, task: Task) -> None:
        if task.record["taskArn"] in self._registered:
            self._registered.discard(task.record["taskArn"])
            await self._registrar.withdraw(service, task)

    def _may_start(self, service: Document, primary: Document) -> bool:
        if service["status"] != "ACTIVE" or primary["rolloutState"] == "FAILED":
            return False
        if any(
            task.stopping and task.record["stopCode"] in ENDED_BY_ITSELF for task in self.tasks_of(service)
        ):
            return False  # its end is counted first
        if time.monotonic() < self._retry_at.get(service["serviceArn"], 0.0):
            return False
        self._retry_at.pop(service["serviceArn"], None)
        return True

    def _start(self, service: Document, primary: Document) -> None:
        record = new_record(
            service["clusterArn"],
            service["definitions"][primary["taskDefinition"]],
            f"service:{service['serviceName']}",
        )
        record.update(startedBy=primary["id"], serviceArn=service["serviceArn"])
        self.launch(record, service["definitions"][primary["taskDefinition"]])

    def _settle(self, service: Document, primary: Document, views: list[TaskView]) -> None:
        """Bring the deployments' states up to date: completed, failed, rolled back, drained."""
        desired: int = service["desiredCount"]
        healthy = sum(view.healthy for view in views if view.deployment == primary["id"])
        old = [view for view in views if view.deployment != primary["id"]]
        if service["status"] == "DRAINING" and not self.tasks_of(service):
            service.update(status="INACTIVE")
            self._touch()
        elif primary["rolloutState"] == "IN_PROGRESS" and healthy >= desired and not old:
            primary.update(
                rolloutState="COMPLETED",
                rolloutStateReason="ECS deployment completed.",
                updatedAt=time.time(),
            )
            service["deployments"] = [primary]
            service["definitions"] = {
                primary["taskDefinition"]: service["definitions"][primary["taskDefinition"]]
            }
            self._failures.pop(service["serviceArn"], None)
            self.event(service, "has reached a steady state.")
            self._touch()
        elif primary["rolloutState"] == "IN_PROGRESS":
            self._break(service, primary)

    def _break(self, service: Document, primary: Document) -> None:
        breaker = part(service, "deploymentConfiguration", "deploymentCircuitBreaker")
        threshold = deployments.breaker_threshold(service["desiredCount"])
        if not breaker.get("enable") or primary["failedTasks"] < threshold:
            return
        reason = (
            f"ECS deployment circuit breaker: tasks failed to start. Last: {primary.get('lastFailure', '')}"
        )
        primary.update(rolloutState="FAILED", rolloutStateReason=reason, updatedAt=time.time())
        service["lastFailure"] = reason
        self.event(service, f"(deployment {primary['id']}) deployment failed: {reason}")
        if breaker.get("rollback") and len(service["deployments"]) > 1:
            primary.update(status="INACTIVE")
            previous = service["deployments"][1]
            previous.update(
                status="PRIMARY", rolloutState="IN_PROGRESS", rolloutStateReason="rolling back", failedTasks=0
            )
            service.update(taskDefinition=previous["taskDefinition"], deployments=[previous])
            self.event(service, f"rolling back to deployment {previous['id']}.")
        self._touch()

    def _forget_stopped(self) -> None:
        for arn in [
            arn for arn, task in self._live.items() if task.running.done() and "serviceArn" not in task.record
        ]:
            del self._live[arn]
        by_group: dict[str, list[Document]] = {}
        for record in self.records.values():
            if record["lastStatus"] == "STOPPED" and record["taskArn"] not in self._live:
                by_group.setdefault(record["group"], []).append(record)
        for records in by_group.values():
            for record in sorted(records, key=lambda record: record["stoppedAt"])[:-STOPPED_KEPT]:
                del self.records[record["taskArn"]]
                self._touch()


def new_record(cluster_arn: str, definition: Document, group: str) -> Document:
    """Return a task's record as RunTask answers it."""
    region, account, cluster = (
        cluster_arn.split(":")[3],
        cluster_arn.split(":")[4],
        cluster_arn.rpartition("/")[2],
    )
    arn = f"arn:aws:ecs:{region}:{account}:task/{cluster}/{uuid.uuid4().hex}"
    return {
        "taskArn": arn,
        "clusterArn": cluster_arn,
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": group,
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "cpu": str(definition.get("cpu", "256")),
        "memory": str(definition.get("memory", "512")),
        "createdAt": time.time(),
        "startedBy": "",
        "version": 1,
        "overrides": {},
        "attachments": [],
        "tags": [],
        "containers": [
            {
                "containerArn": f"{arn.replace(':task/', ':container/')}/{uuid.uuid4()}",
                "taskArn": arn,
                "name": container["name"],
                "image": container["image"],
                "lastStatus": "PENDING",
                "healthStatus": "UNKNOWN",
                "networkInterfaces": [],
            }
            for container in definition["containerDefinitions"]
        ],
    }
