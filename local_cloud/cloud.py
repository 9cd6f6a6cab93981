"""The parts of the local cloud, put together."""

import asyncio
import contextlib
import logging
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway import notices
from local_cloud.gateway.agentcore.door import AgentCoreDoor
from local_cloud.gateway.agentcore.service import SERVICE as AGENTCORE
from local_cloud.gateway.agentcore.service import AgentCoreService
from local_cloud.gateway.api_gateway import ApiGatewayService
from local_cloud.gateway.app import Gateway
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.bedrock.duplex import Door, Duplex
from local_cloud.gateway.bedrock.embedder import Embedder
from local_cloud.gateway.bedrock.inlined import Objects
from local_cloud.gateway.bedrock.service import SERVICE as BEDROCK
from local_cloud.gateway.bedrock.service import BedrockService
from local_cloud.gateway.bedrock.video import OfflineVideoModel
from local_cloud.gateway.child import Children
from local_cloud.gateway.cloud_map import CloudMapService
from local_cloud.gateway.container_logs import ContainerLogs
from local_cloud.gateway.control import Control
from local_cloud.gateway.ecs import EcsService
from local_cloud.gateway.elasticache import ElastiCacheService
from local_cloud.gateway.empty_secrets import EmptySecrets
from local_cloud.gateway.faults import FaultPlan
from local_cloud.gateway.functions import FunctionService
from local_cloud.gateway.iam import anonymous
from local_cloud.gateway.iam import authorization as iam
from local_cloud.gateway.iam import deliveries as iam_deliveries
from local_cloud.gateway.iam import errors as iam_errors
from local_cloud.gateway.ministack import Credentials, MiniStack
from local_cloud.gateway.models import PassThrough
from local_cloud.gateway.persistence import Persistence
from local_cloud.gateway.pipes import PipesService
from local_cloud.gateway.protocol import AwsError
from local_cloud.gateway.s3_vectors.service import SERVICE as S3_VECTORS
from local_cloud.gateway.s3_vectors.service import S3VectorsService
from local_cloud.gateway.s3_vectors.store import VectorStore
from local_cloud.gateway.sqs_moves import MessageMoves
from local_cloud.gateway.sqs_polls import LongPolls
from local_cloud.gateway.transcribe import TranscribeService
from local_cloud.gateway.transcription_jobs import TranscriptionJobs
from local_cloud.gateway.xray.service import SERVICE as XRAY
from local_cloud.gateway.xray.service import XRayService
from local_cloud.gateway.xray.store import SpanStore
from local_cloud.runtime.agents.sessions import AgentSessions
from local_cloud.runtime.caches import Caches
from local_cloud.runtime.credentials import TaskCredentials
from local_cloud.runtime.distributions import Distributions
from local_cloud.runtime.function_integration import FunctionIntegrations
from local_cloud.runtime.function_urls import FunctionUrls
from local_cloud.runtime.functions import Functions
from local_cloud.runtime.images import Images
from local_cloud.runtime.listeners import LoadBalancers
from local_cloud.runtime.logs import Logs
from local_cloud.runtime.names import Names
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.payments import PaymentNetwork
from local_cloud.runtime.pipes import Pipes
from local_cloud.runtime.ports import Ports
from local_cloud.runtime.proxy import Proxy
from local_cloud.runtime.registration import Registrar
from local_cloud.runtime.rest_api import RestApis
from local_cloud.runtime.services import Scheduler
from local_cloud.runtime.site_door import SiteDoor
from local_cloud.runtime.tasks import Tools, remove_leftovers

logger = logging.getLogger(__name__)

PRUNE_SECONDS = 30.0
"""How often environments of functions are looked at that have nothing to do."""


class LocalCloud:
    """Gateway and runtime of one daemon."""

    def __init__(self, home: Path, port: int, models: str, region: str, stop: asyncio.Event) -> None:
        self._home = home
        self._region = region
        self._aws_models = PassThrough() if models == "aws" else None
        self.ministack = MiniStack(home, port, region)
        self.persistence = Persistence(self.ministack, home / "state")
        self.gateway = Gateway(self.ministack, self.persistence)
        self.aws = Aws(self.gateway, region)
        self.ports = Ports(
            port + 1, self.persistence.document("ports"), lambda: self.persistence.touch("ports")
        )
        self._logs = Logs(home / "logs")
        self._proxy = Proxy()
        self._follow = asyncio.Event()
        self._names = Names(self.aws, self.ports, self._follow.set)
        self._balancers = LoadBalancers(self.aws, self.ministack, self.ports, self._proxy)
        self._traces = XRayService(SpanStore(home / "traces.sqlite"))
        self._rest_apis = RestApis(
            self.aws, self._balancers, self.ports, self._proxy, self._logs, self._traces.record
        )
        self._distributions = Distributions(
            self.aws, self._balancers, self._rest_apis, self.ports, self._proxy
        )
        self._pipes = Pipes(
            self.aws,
            self.ministack,
            self.persistence.document("pipes"),
            lambda: self.persistence.touch("pipes"),
        )
        self.persistence.keep_stream_records = self._pipes.keep
        children = Children(self.aws, f"http://127.0.0.1:{port}")
        self._transcriptions = TranscriptionJobs(
            children, self._transcription_changed,
            self.persistence.document("transcribe"), lambda: self.persistence.touch("transcribe"),
        )  # fmt: skip
        self._vectors = S3VectorsService(VectorStore(home / "vectors.sqlite"), self.ministack)
        self._embedder = Embedder()
        self._bedrock = BedrockService(
            self._embedder, self.ministack, OfflineVideoModel(children, self.ministack)
        )
        self._orphans = Orphans(home / "run" / "processes.json")
        self._cache_passwords: dict[str, Document] = self.persistence.document("cache-passwords")
        self._caches = Caches(
            home, self.ministack, self.ports, self._names, self._orphans, self._logs, self._cache_passwords
        )
        self._payments = PaymentNetwork(
            home / "payments", self.ports, self._names, self._orphans, self._logs, self._caches.authority
        )
        self._task_credentials = TaskCredentials(self.ministack)
        self._models = self._open_models()
        (home / "tls-site").mkdir(mode=0o700, exist_ok=True)
        certificate = self._caches.authority.issue(home / "tls-site", ())
        self._site_door = SiteDoor(
            self._distributions, self.ports.listen("site:tls"), certificate, self._names
        )
        self._tools = Tools(
            home, f"http://127.0.0.1:{port}", region, self.ministack, self.aws,
            Images(home / "images", self.aws), self._task_credentials, self._orphans, self._logs,
            self._names.address, self._caches.authority.bundle,
            self._models.url,
        )  # fmt: skip
        self._functions = Functions(self._tools)
        self._function_urls = FunctionUrls(self._functions, region, self.ports)
        self._rest_apis.functions = FunctionIntegrations(self._functions, self.ministack)
        registrar = Registrar(self.ministack, self.aws, self.persistence.touch_service)
        self.scheduler = Scheduler(
            self._tools, self.persistence.document("ecs"), lambda: self.persistence.touch("ecs"), registrar
        )
        self._agents = AgentSessions(self._tools, self.ministack)
        self._faults = FaultPlan()
        self._polls = LongPolls()
        self.control = Control(self.status, self._task_credentials.answer, self._faults, stop)
        self.gateway.control = self.control
        self.gateway.sites = self._distributions.sites
        self._background: list[asyncio.Task[None]] = []

    def _open_models(self) -> Door:
        """Serve models over HTTP/2 too; where AWS answers, the door says what it does not pass on."""
        certificate = self._caches.authority.issue(self._home / "tls", ())
        return Door(Duplex(self.gateway, self._bedrock.language), self.ports.listen("models"), certificate)

    def _transcription_changed(self, detail: Document, region: str) -> None:
        self.ministack.put_service_event("aws.transcribe", "Transcribe Job State Change", detail, region)
        self.persistence.touch_service("events")

    def _take_services(self) -> None:
        """Put our services in the place of MiniStack's handlers."""
        anonymous.install()
        iam.install()
        iam_errors.install(self.ministack.handlers)
        iam_deliveries.install()
        notices.install(lambda topic, line: self._logs.of(notices.LOG).write(topic, line))
        handlers = self.ministack.handlers
        handlers["ecs"] = EcsService(self.scheduler, self.aws, self.ministack).handler(handlers["ecs"])

        agents = AgentCoreService(self._agents, self._tools.images, self.ministack, handlers[AGENTCORE])
        handlers[AGENTCORE] = agents
        self.gateway.agents = AgentCoreDoor(self.gateway.forward, agents, self._agents, self._region)
        handlers["transcribe"] = TranscribeService(self._transcriptions, self.ministack)
        handlers[BEDROCK] = self._bedrock
        if self._aws_models is not None:
            self._aws_models.ministack = self.ministack
            self._aws_models.objects = Objects(self.aws, self.ministack)
            handlers[BEDROCK] = self._aws_models
        handlers["logs"] = ContainerLogs(
            self._logs, self.scheduler.records.values, self.aws, self.ministack, handlers["logs"]
        )
        moves = MessageMoves(self.aws, self.ministack).handler(handlers["sqs"])
        handlers["sqs"] = self._polls.handler(moves)
        handlers["pipes"] = PipesService(self._pipes, self.ministack)
        self.ministack.add_service(S3_VECTORS)
        handlers[S3_VECTORS] = self._vectors
        self.ministack.add_service(XRAY)
        handlers[XRAY] = self._traces
        self.ministack.close_docker()
        handlers["elasticache"] = ElastiCacheService(
            self._cache_passwords, lambda: self.persistence.touch("cache-passwords"),
            self.ministack, self._caches, handlers["elasticache"],
        )  # fmt: skip
        handlers["lambda"] = FunctionService(
            self._functions, self._function_urls, self.ministack, handlers["lambda"]
        )
        handlers["secretsmanager"] = EmptySecrets(handlers["secretsmanager"])
        handlers["servicediscovery"] = CloudMapService(handlers["servicediscovery"])
        handlers["apigateway"] = ApiGatewayService(
            self.persistence.document("vpc-links"), lambda: self.persistence.touch("vpc-links"),
            self.ministack, handlers["apigateway"],
        )  # fmt: skip
        self._faults.install(handlers)

    def _observe(self) -> None:
        """Have the runtime follow what calls change."""

        def balancers(_operation: str) -> None:
            self._balancers.changed()
            self._follow.set()

        def rest_apis(_operation: str) -> None:
            self._rest_apis.changed()
            self._follow.set()

        def distributions(_operation: str) -> None:
            self._distributions.changed()
            self._follow.set()

        self.gateway.observe("cloudfront", distributions)
        self.gateway.observe("lambda", lambda _operation: self._functions.changed())
        self.gateway.observe("elasticloadbalancing", balancers)
        self.gateway.observe("apigateway", rest_apis)
        self.gateway.observe("dynamodb", lambda _operation: self._pipes.wake())
        self.gateway.observe("servicediscovery", lambda _operation: self._follow.set())

    async def _follow_changes(self) -> None:
        while True:
            await self._follow.wait()
            self._follow.clear()
            try:
                await self._names.refresh()
                await self._balancers.refresh_if_changed()
                await self._rest_apis.refresh_if_changed()
                await self._distributions.refresh_if_changed()
            except (AwsError, OSError, KeyError) as error:
                logger.warning("the runtime cannot follow a change: %r", error)

    async def _prune_functions(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_SECONDS)
            await self._functions.prune()

    async def start(self) -> Credentials:
        """Bring everything up and return the administrator's credentials."""
        self._orphans.sweep()
        remove_leftovers(self._home)
        self._take_services()
        await self.gateway.loaded.wait()
        self.aws.administrator = await self.ministack.administrator()
        self.persistence.touch_service("iam")
        self._observe()
        await self._caches.follow()
        await self._names.refresh()
        await self._balancers.refresh_if_changed()
        await self._rest_apis.refresh_if_changed()
        await self._distributions.refresh_if_changed()
        self._pipes.start()
        self._transcriptions.resume()
        self._function_urls.restore(self.ministack.function_urls())
        await self.scheduler.restore()
        for forever in (
            self.persistence.run, self.scheduler.run, self._follow_changes, self._prune_functions
        ):  # fmt: skip
            self._background.append(asyncio.create_task(forever()))
        if self._aws_models is None:
            self._background.append(asyncio.create_task(self._bedrock.warm()))
        self.control.open(self.aws.administrator.secret_access_key)
        return self.aws.administrator

    async def status(self) -> Document:
        """Return the answer of `GET /_nova/status`."""
        services: Document = {}
        for service in self.scheduler.services.values():
            if service["status"] != "ACTIVE":
                continue
            tasks = self.scheduler.tasks_of(service)
            healthy = sum(task.healthy and not task.stopping for task in tasks)
            primary = service["deployments"][0]
            services[service["serviceName"]] = {
                "healthy": healthy >= service["desiredCount"] and primary["rolloutState"] == "COMPLETED",
                "desired": service["desiredCount"],
                "running": self.scheduler.counts(service)["runningCount"],
                "url": next(
                    (f"http://127.0.0.1:{port}" for task in tasks if task.healthy
                     for ports in task.ports.values() for port in ports.values()), None,
                ),
                "deployment": primary["rolloutState"],
                "last_error": service.get("lastFailure") or primary.get("lastFailure"),
            }  # fmt: skip
        return {
            "services": services,
            "distributions": await self._distributions.status(),
            "rest_apis": await self._rest_apis.status(),
            "load_balancers": await self._balancers.status(),
            "models": self._models.url,
            "pipes": self._pipes.status(),
            "caches": await self._caches.status(),
            "agent_sessions": self._agents.status(),
            "functions": self._functions.status(),
            "function_urls": self._function_urls.status(),
            "payments": self._payments.status(),
            "unsupported": [],
        }

    async def stop(self) -> None:
        """Stop what runs; the gateway still answers."""
        for task in self._background:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(
            self._distributions.close(), self._rest_apis.close(), self._balancers.close(), self._names.close()
        )
        self._polls.close()
        await self._function_urls.close()
        await self._functions.close()
        await asyncio.gather(self.scheduler.stop(), self._agents.stop())
        await self._caches.stop()
        await self._payments.stop()
        await asyncio.gather(self._pipes.stop(), self._transcriptions.stop())
        await self._models.close()
        await self._site_door.close()
        await self._proxy.close()
        await self.aws.close()
        self._vectors.close()
        self._traces.close()
        self._embedder.close()
        if self._aws_models is not None:
            await self._aws_models.close()
