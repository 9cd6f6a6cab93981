"""The video workload: videos and their analyses.

Creates: one image; the API and the worker as two services from it, each with a task role of its own; the
worker's queue, fed by uploads; the profile by which the model is called, where stacks have those; the load
balancer's rules; the job that erases a person's videos.
"""

from dataclasses import dataclass

import pulumi

from components.access.role import ServiceRole
from components.compute.backlog import Backlog
from components.compute.container import CONTAINER_PORT
from components.compute.environment import task_environment
from components.compute.job import Job
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.edge.listener_rules import RequestMatch
from components.edge.routes import Route
from components.erasure import ErasureArgs, erasure_job, erasure_role
from components.messaging.bus import object_subscription
from components.messaging.queue import Queue, QueueArgs
from components.network.connection import Callee
from components.platform import Platform

FOLDER = "services/video"
UPLOADS = "uploads/video/"
ANALYSES = "analyses/"

VISIBILITY_SECONDS = 120
"""A worker asks for more while the model looks at a video; one that died is followed after this time."""
AGE_SECONDS_ALARM = 3 * 3600
"""Longer than the model may take to answer twice: a video in work counts as a waiting one."""
SECONDS_PER_MESSAGE = 60.0
"""Estimate: a video of some minutes is looked into, looked at by the model, and told about."""
MESSAGES_AT_ONCE = 4
"""As many as the worker handles side by side: it waits for the model most of the time."""
WAIT_SECONDS = 300.0
"""How long a video may wait for its turn."""
PRIORITY = 250
"""Behind the rule by which another workload lists the videos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoArgs:
    """What a deployment decides about video."""

    platform: Platform
    api_size: ServiceSize
    worker_size: ServiceSize
    model: str
    """Id of the model or inference profile that looks at videos; called in the stack's own region."""


class Video(pulumi.ComponentResource):
    """Takes uploads, has a model look at them, serves and deletes videos and analyses."""

    routes: tuple[Route, ...] = (
        Route(method="POST", path="/video"),
        Route(method="GET", path="/video/{id}"),
        Route(method="DELETE", path="/video/{id}"),
        Route(method="GET", path="/video/{id}/analysis"),
        Route(method="GET", path="/video/{id}/content"),
        Route(method="GET", path="/video/{id}/key-frames"),
    )
    service_names: list[pulumi.Output[str]]
    jobs: tuple[Job, ...]
    callee: Callee
    """The API, for services that call it."""

    def __init__(self, name: str, args: VideoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:video:Video", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        platform = args.platform
        self._model = platform.model(name, args.model, platform.account.region, parent=self)
        self._image = platform.image(name, FOLDER, parent=self)
        api, worker = self._api(), self._worker()
        self.callee = api.callee()
        self.service_names = [api.name, worker.name]
        self.jobs = (self._erase(),)
        self.register_outputs({"service_names": self.service_names})

    def _api(self) -> FargateService:
        platform = self._args.platform
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        platform.data_keys.grant_encrypt(role)
        platform.content.grant_put(role, UPLOADS)
        platform.content.grant_get(role, UPLOADS)
        platform.content.grant_get(role, ANALYSES)
        self._grant_erasure(role)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_video.app"),
                environment=task_environment(self._label)
                | self._stores()
                | platform.data_keys.task_environment()
                | platform.user_pool.task_environment(),
                role=role,
                internet=(platform.user_pool.signing_keys,),
                size=self._args.api_size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [RequestMatch(label="all", priority=PRIORITY, paths=("/api/video", "/api/video/*"))],
                    parent=self,
                ),
            ),
            opts=self._child,
        )

    def _worker(self) -> FargateService:
        platform = self._args.platform
        name = f"{self._label}-worker"
        queue = self._queue(name)
        role = task_service_role(f"{name}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        # Bedrock reads the video with the rights of whoever calls the model.
        platform.content.grant_get(role, UPLOADS)
        platform.content.grant_put(role, ANALYSES)
        self._grant_erasure(role)
        queue.grant_consume(role)
        self._model.grant_invoke(role, streaming=False)
        return FargateService(
            name,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_video.worker"),
                environment=task_environment(name)
                | self._stores()
                | {
                    "CONTENT_OWNER": platform.account.account_id,
                    "QUEUE_URL": queue.url,
                    "MODEL_ID": self._model.called_as,
                    "MODEL_REGION": self._model.region,
                },
                role=role,
                size=self._args.worker_size,
                backlog=Backlog(
                    queue_name=queue.name,
                    seconds_per_message=SECONDS_PER_MESSAGE,
                    messages_at_once=MESSAGES_AT_ONCE,
                    wait_seconds=WAIT_SECONDS,
                ),
            ),
            opts=self._child,
        )

    def _erase(self) -> Job:
        platform = self._args.platform
        role = erasure_role(self._label, platform, self._child)
        platform.events.grant_append(role)
        self._grant_erasure(role)
        return erasure_job(
            self._label,
            ErasureArgs(
                platform=platform,
                image=self._image,
                module="nova_video.erase",
                role=role,
                environment={"CONTENT_BUCKET": platform.content.name},
            ),
            self._child,
        )

    def _stores(self) -> dict[str, pulumi.Input[str]]:
        platform = self._args.platform
        return {"EVENT_STORE_TABLE": platform.events.name, "CONTENT_BUCKET": platform.content.name}

    def _queue(self, name: str) -> Queue:
        return Queue(
            name,
            QueueArgs(
                encryption=self._args.platform.queues,
                subscriptions=[object_subscription("uploads", self._args.platform.content.name, UPLOADS)],
                visibility_seconds=VISIBILITY_SECONDS,
                age_seconds_alarm=AGE_SECONDS_ALARM,
            ),
            opts=self._child,
        )

    def _grant_erasure(self, role: ServiceRole) -> None:
        # Whoever comes last erases: a video may be deleted while the model looks at it.
        for prefix in (UPLOADS, ANALYSES):
            self._args.platform.content.grant_erase(role, prefix)
