"""The projector workload: the read model of the event store, and its lists.

Creates: one image; the query API and the worker as two services from it, each with a task role of its own;
the worker's queue, fed by every event on the bus; the load balancer's rules for the lists; the jobs that make
the read model again and that erase a person's rows, each with a role of its own.
"""

from dataclasses import dataclass

import pulumi

from components.compute.backlog import Backlog
from components.compute.container import CONTAINER_PORT
from components.compute.environment import job_environment, task_environment
from components.compute.job import Job, JobArgs
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.edge.listener_rules import RequestMatch
from components.edge.routes import Route
from components.erasure import ErasureArgs, erasure_job, erasure_role
from components.messaging.queue import Queue, QueueArgs
from components.network.connection import Callee
from components.platform import Platform

FOLDER = "services/projector"
SOURCE_PREFIX = "nova."
"""What the sources of this platform's events start with."""

VISIBILITY_SECONDS = 60
"""Time to load an aggregate's events and write one item."""
AGE_SECONDS_ALARM = 300
SECONDS_PER_MESSAGE = 0.2
"""Estimate: one query of an aggregate's events, one write."""
MESSAGES_AT_ONCE = 8
"""As many as the worker handles side by side."""
WAIT_SECONDS = 15.0
"""How far lists may fall behind under load."""
LISTS_PRIORITY = 100
"""Before the workloads that own the rest of the paths."""
MEDIA_LISTS = "/api/??d?o"
"""The lists of recordings and of videos, /api/audio and /api/video, of which no other path has the form.

One rule compares three values at most and a service that shifts has one rule (`components/edge`); written
out, the lists would be one too many.
"""
OWN_LISTS = "/api/??????n*s"
"""The lists of sessions, by word and by voice, and of documents.

What others serve under these names ends with an id, in which no `s` can be, or is not asked for by GET; a
test sends every declared route past the rules.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectorArgs:
    """What a deployment decides about the projector."""

    platform: Platform
    api_size: ServiceSize
    worker_size: ServiceSize


class Projector(pulumi.ComponentResource):
    """Keeps the read model up to date with the event store, and serves the lists from it."""

    routes: tuple[Route, ...] = (
        Route(method="GET", path="/audio"),
        Route(method="GET", path="/speaking-sessions"),
        Route(method="GET", path="/documents"),
        Route(method="GET", path="/sessions"),
        Route(method="GET", path="/video"),
    )
    service_names: list[pulumi.Output[str]]
    jobs: tuple[Job, ...]
    """What a person may start."""
    callee: Callee
    """The API, for services that call it."""

    def __init__(self, name: str, args: ProjectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:projector:Projector", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._image = args.platform.image(name, FOLDER, parent=self)
        api, worker = self._api(), self._worker()
        self.callee = api.callee()
        self.service_names = [api.name, worker.name]
        self.jobs = (self._rebuild(), self._erase())
        self.register_outputs({"service_names": self.service_names})

    def _api(self) -> FargateService:
        platform = self._args.platform
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        platform.read_model.grant_list(role)
        platform.data_keys.grant_tell(role)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_projector.app"),
                environment=task_environment(self._label)
                | platform.user_pool.task_environment()
                | platform.data_keys.telling_environment()
                | {"READ_MODEL_TABLE": platform.read_model.name},
                role=role,
                internet=(platform.user_pool.signing_keys,),
                size=self._args.api_size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [
                        # A collection is read here and written where it belongs.
                        RequestMatch(
                            label="lists",
                            priority=LISTS_PRIORITY,
                            paths=(MEDIA_LISTS, OWN_LISTS),
                            methods=("GET",),
                        )
                    ],
                    parent=self,
                ),
            ),
            opts=self._child,
        )

    def _worker(self) -> FargateService:
        platform = self._args.platform
        name = f"{self._label}-worker"
        queue = Queue(
            name,
            QueueArgs(
                encryption=platform.queues,
                subscriptions=[platform.bus.subscription("events", {"source": [{"prefix": SOURCE_PREFIX}]})],
                visibility_seconds=VISIBILITY_SECONDS,
                age_seconds_alarm=AGE_SECONDS_ALARM,
            ),
            opts=self._child,
        )
        role = task_service_role(f"{name}-task", platform.account, self._child)
        platform.events.grant_query(role)
        platform.data_keys.grant_decrypt(role)
        platform.read_model.grant_apply(role)
        queue.grant_consume(role)
        return FargateService(
            name,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_projector.worker"),
                environment=task_environment(name) | self._stores() | {"QUEUE_URL": queue.url},
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

    def _rebuild(self) -> Job:
        platform = self._args.platform
        name = f"{self._label}-rebuild"
        role = task_service_role(f"{name}-task", platform.account, self._child)
        platform.events.grant_scan(role)
        platform.events.grant_query(role)
        platform.data_keys.grant_decrypt(role)
        platform.read_model.grant_rebuild(role)
        return Job(
            name,
            JobArgs(
                ground=platform.jobs,
                image=self._image,
                command=("python", "-m", "nova_projector.rebuild"),
                environment=job_environment(name) | self._stores(),
                role=role,
            ),
            opts=self._child,
        )

    def _erase(self) -> Job:
        platform = self._args.platform
        role = erasure_role(self._label, platform, self._child)
        platform.read_model.grant_apply(role)
        return erasure_job(
            self._label,
            ErasureArgs(
                platform=platform,
                image=self._image,
                module="nova_projector.erase",
                role=role,
                environment={"READ_MODEL_TABLE": platform.read_model.name},
            ),
            self._child,
        )

    def _stores(self) -> dict[str, pulumi.Input[str]]:
        platform = self._args.platform
        return platform.data_keys.task_environment() | {
            "EVENT_STORE_TABLE": platform.events.name,
            "READ_MODEL_TABLE": platform.read_model.name,
        }
