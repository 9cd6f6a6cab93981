"""The search workload: finds recordings, videos and documents by what they say or show; keeps the documents.

Creates: one image; the search API and the indexer as two services from it, each with a task role of its own;
the indexer's queue, fed by transcripts, analyses and documents that are there and by deletions; the load
balancer's rule; the jobs that fill the index again and that erase a person's documents and vectors.
"""

from dataclasses import dataclass

import pulumi

from components.access.role import ServiceRole
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

FOLDER = "services/search"
TRANSCRIPTS = "transcripts/"
ANALYSES = "analyses/"
DOCUMENTS = "documents/"
INDEXED_SOURCES = ("nova.audio", "nova.video", "nova.search")
INDEXED_EVENTS = (
    "TranscriptionCompleted",
    "VideoAnalyzed",
    "DocumentAdded",
    "RecordingDeleted",
    "VideoDeleted",
    "DocumentDeleted",
)
"""What makes or removes something to be found. The indexer passes over aggregates that it does not know."""

VISIBILITY_SECONDS = 120
"""Time to embed one recording's segments and store them; the worker asks for more while it is still at it."""
AGE_SECONDS_ALARM = 900
SECONDS_PER_MESSAGE = 10.0
"""Estimate: a transcript's segments are embedded one by one and stored."""
MESSAGES_AT_ONCE = 2
"""As many as the worker handles side by side."""
WAIT_SECONDS = 120.0
"""How long a finished transcript may stay unfound."""
PRIORITY = 300
PATHS = ("/api/search", "/api/documents", "/api/documents/*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchArgs:
    """What a deployment decides about search."""

    platform: Platform
    api_size: ServiceSize
    indexer_size: ServiceSize
    embedding_model: str
    """Id of the model that both sides of a comparison are embedded with."""
    embedding_region: str
    """Where it is called: it is not offered everywhere."""


class Search(pulumi.ComponentResource):
    """Embeds transcripts and documents, and answers which of a person's own are nearest."""

    routes: tuple[Route, ...] = (
        Route(method="POST", path="/search"),
        Route(method="POST", path="/documents"),
        Route(method="GET", path="/documents/{id}"),
        Route(method="DELETE", path="/documents/{id}"),
    )
    service_names: list[pulumi.Output[str]]
    jobs: tuple[Job, ...]
    callee: Callee
    """The API, for services that call it."""

    def __init__(self, name: str, args: SearchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:search:Search", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._model = args.platform.model(name, args.embedding_model, args.embedding_region, parent=self)
        self._image = args.platform.image(name, FOLDER, parent=self)
        api, indexer = self._api(), self._indexer()
        self.callee = api.callee()
        self.service_names = [api.name, indexer.name]
        self.jobs = (self._reindex(), self._erase())
        self.register_outputs({"service_names": self.service_names})

    def _api(self) -> FargateService:
        platform = self._args.platform
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        platform.vectors.grant_query(role)
        platform.vectors.grant_describe(role)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        platform.data_keys.grant_encrypt(role)
        platform.content.grant_put(role, DOCUMENTS)
        platform.content.grant_get(role, DOCUMENTS)
        platform.content.grant_erase(role, DOCUMENTS)
        self._model.grant_invoke(role, streaming=False)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_search.app"),
                environment=task_environment(self._label)
                | platform.user_pool.task_environment()
                | self._index()
                | self._stores()
                | platform.data_keys.task_environment(),
                role=role,
                internet=(platform.user_pool.signing_keys,),
                size=self._args.api_size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [RequestMatch(label="all", priority=PRIORITY, paths=PATHS)],
                    parent=self,
                ),
            ),
            opts=self._child,
        )

    def _indexer(self) -> FargateService:
        platform = self._args.platform
        name = f"{self._label}-indexer"
        queue = Queue(
            name,
            QueueArgs(
                encryption=platform.queues,
                subscriptions=[
                    platform.bus.subscription(
                        "content",
                        {"source": list(INDEXED_SOURCES), "detail-type": list(INDEXED_EVENTS)},
                    )
                ],
                visibility_seconds=VISIBILITY_SECONDS,
                age_seconds_alarm=AGE_SECONDS_ALARM,
            ),
            opts=self._child,
        )
        role = self._indexing_role(name)
        queue.grant_consume(role)
        return FargateService(
            name,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_search.worker"),
                environment=task_environment(name)
                | self._index()
                | self._stores()
                | {"QUEUE_URL": queue.url},
                role=role,
                size=self._args.indexer_size,
                backlog=Backlog(
                    queue_name=queue.name,
                    seconds_per_message=SECONDS_PER_MESSAGE,
                    messages_at_once=MESSAGES_AT_ONCE,
                    wait_seconds=WAIT_SECONDS,
                ),
            ),
            opts=self._child,
        )

    def _reindex(self) -> Job:
        platform = self._args.platform
        name = f"{self._label}-reindex"
        role = self._indexing_role(name)
        platform.events.grant_scan(role)
        return Job(
            name,
            JobArgs(
                ground=platform.jobs,
                image=self._image,
                command=("python", "-m", "nova_search.reindex"),
                environment=job_environment(name) | self._index() | self._stores(),
                role=role,
            ),
            opts=self._child,
        )

    def _erase(self) -> Job:
        platform = self._args.platform
        role = erasure_role(self._label, platform, self._child)
        platform.events.grant_append(role)
        platform.content.grant_erase(role, DOCUMENTS)
        platform.vectors.grant_get(role)
        platform.vectors.grant_delete(role)
        return erasure_job(
            self._label,
            ErasureArgs(
                platform=platform,
                image=self._image,
                module="nova_search.erase",
                role=role,
                environment={
                    "CONTENT_BUCKET": platform.content.name,
                    "VECTOR_BUCKET": platform.vectors.bucket_name,
                    "VECTOR_INDEX": platform.vectors.index_name,
                },
            ),
            self._child,
        )

    def _indexing_role(self, name: str) -> ServiceRole:
        """Return a task role that may read all that is indexed, and keep the vectors in step."""
        platform = self._args.platform
        role = task_service_role(f"{name}-task", platform.account, self._child)
        platform.events.grant_query(role)
        for prefix in (TRANSCRIPTS, ANALYSES, DOCUMENTS):
            platform.content.grant_get(role, prefix)
        platform.vectors.grant_describe(role)
        platform.vectors.grant_get(role)
        platform.vectors.grant_put(role)
        platform.vectors.grant_delete(role)
        self._model.grant_invoke(role, streaming=False)
        return role

    def _index(self) -> dict[str, pulumi.Input[str]]:
        vectors = self._args.platform.vectors
        return {
            "VECTOR_BUCKET": vectors.bucket_name,
            "VECTOR_INDEX": vectors.index_name,
            "EMBEDDING_MODEL": self._model.called_as,
            "EMBEDDING_REGION": self._model.region,
            "EMBEDDING_DIMENSION": str(vectors.dimension),
        }

    def _stores(self) -> dict[str, pulumi.Input[str]]:
        platform = self._args.platform
        return {"EVENT_STORE_TABLE": platform.events.name, "CONTENT_BUCKET": platform.content.name}
