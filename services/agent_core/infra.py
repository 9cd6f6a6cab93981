"""The coordinator: sessions in which a model answers with the help of tools.

Creates: one image; the service with its task role; its user of the cache; the vector index of what people
want kept; the load balancer's rule; the same image once more as a runtime of AgentCore, with its own role;
the job that erases a person's sessions and notes.
"""

from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.access.role import ServiceRole
from components.agent.mcp_plan import McpServers
from components.agent.mcp_servers import grant_call, internet_needs
from components.agent.paid_tools import PaidTools
from components.agent.runtime import (
    AgentRuntime,
    AgentRuntimeArgs,
    ManagedAgent,
    runtime_environment,
    runtime_service_role,
)
from components.agent.runtime_plan import RuntimeNetwork, RuntimePlan
from components.compute.container import CONTAINER_PORT
from components.compute.environment import task_environment
from components.compute.job import Job
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.data.cache import CacheUser
from components.edge.listener_rules import RequestMatch
from components.edge.plan import SiteDomain
from components.edge.routes import STREAM_SECONDS_MAX, Route
from components.erasure import ErasureArgs, erasure_job, erasure_role
from components.network.connection import Callee
from components.network.needs import InternetNeed
from components.platform import Platform

FOLDER = "services/agent_core"
BEHAVIOURS = f"{FOLDER}/src/nova_agent_core/behaviours"
SESSIONS = "sessions/"
"""Where the content bucket keeps what was asked and answered."""
NOTES = "memory/"
"""Where it keeps what people want kept."""
PRIORITY = 400
"""Behind the rule by which another workload lists the sessions, and behind those of all others."""
PATHS = ("/api/sessions*", "/api/memory*", "/api/?????")
"""A rule compares three paths at most: no other workload's begin as the first two do, and of those with five
letters the others' rules come first, so that tools and usage are left."""
AUTHORIZATION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization"
"""Carries a person's access token past AgentCore, which has signed its caller in by IAM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCoreArgs:
    """What a deployment decides about the coordinator, and whom its tools call."""

    platform: Platform
    size: ServiceSize
    model: str
    """Id of the language model or inference profile; it is called in the stack's own region."""
    behaviour: str
    """Version of the behaviour that serves: the name of a file beside the application."""
    embedding_model: str
    """Id of the model by whose vectors notes are found."""
    embedding_region: str
    quota_usd_per_month: int
    """What each user may spend; 0 for no limit."""
    search: Callee
    audio: Callee
    video: Callee
    projector: Callee
    mcp: McpServers
    """Servers whose tools the model is given beside its own."""
    paid: PaidTools | None
    """The stack's own server, whose tools pay; nothing where agents buy nothing."""
    runtime: RuntimePlan
    site: SiteDomain | None
    """Where the platform is reached from the internet; only a runtime there has to know."""

    def __post_init__(self) -> None:
        """Check that the behaviour exists, and that a runtime on the internet finds the services."""
        versions = sorted(file.stem for file in Path(BEHAVIOURS).glob("*.toml"))
        if self.behaviour not in versions:
            raise ValueError(f"behaviour: {self.behaviour!r} is not allowed; there are {', '.join(versions)}")
        if self.runtime.network is RuntimeNetwork.PUBLIC and self.site is None:
            raise ValueError("site: None is not allowed; a runtime on the internet calls the services there")


class AgentCore(pulumi.ComponentResource):
    """Answers messages, streamed or whole; its tools call other services as the person who asked."""

    routes: tuple[Route, ...] = (
        Route(method="POST", path="/sessions"),
        Route(method="GET", path="/sessions/{id}"),
        Route(method="DELETE", path="/sessions/{id}"),
        Route(
            method="POST", path="/sessions/{id}/messages", streams=True, timeout_seconds=STREAM_SECONDS_MAX
        ),
        Route(method="POST", path="/sessions/{id}/cancel"),
        Route(method="GET", path="/tools"),
        Route(method="GET", path="/usage"),
        Route(method="GET", path="/memory"),
        Route(method="DELETE", path="/memory"),
        Route(method="DELETE", path="/memory/{id}"),
    )
    service_names: list[pulumi.Output[str]]
    callee: Callee
    managed: ManagedAgent | None = None
    jobs: tuple[Job, ...]
    runtime_arn: pulumi.Output[str] | None = None
    runtime_id: pulumi.Output[str] | None = None
    endpoint_arn: pulumi.Output[str] | None = None
    """Of the runtime, where the stack has one."""

    def __init__(self, name: str, args: AgentCoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:agent_core:AgentCore", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        platform = args.platform
        self._model = platform.model(name, args.model, platform.account.region, parent=self)
        self._embeddings = platform.model(
            f"{name}-memory", args.embedding_model, args.embedding_region, parent=self
        )
        self._notes = platform.vectors.further_index("memory")
        self._image = platform.image(name, FOLDER, parent=self)
        memory = platform.cache.user(name)
        service = self._service(memory)
        self.service_names = [service.name]
        self.callee = service.callee()
        self.jobs = (self._erase(memory),)
        if args.runtime.network is not RuntimeNetwork.NONE:
            runtime = self._runtime(memory)
            self.runtime_arn, self.runtime_id = runtime.arn, runtime.runtime_id
            self.endpoint_arn = runtime.endpoint_arn
            self.managed = runtime.managed
        self.register_outputs(
            {
                "service_names": self.service_names,
                "runtime_arn": self.runtime_arn,
                "runtime_id": self.runtime_id,
                "endpoint_arn": self.endpoint_arn,
            }
        )

    def _grant(self, role: ServiceRole) -> None:
        platform = self._args.platform
        platform.events.grant_append(role)
        platform.usage.grant_book(role)
        platform.data_keys.grant_tell(role)
        platform.events.grant_query(role)
        for prefix in (SESSIONS, NOTES):
            platform.content.grant_put(role, prefix)
            platform.content.grant_get(role, prefix)
            platform.content.grant_erase(role, prefix)
        self._notes.grant_put(role)
        self._notes.grant_query(role)
        self._notes.grant_delete(role)
        self._embeddings.grant_invoke(role, streaming=False)
        self._model.grant_invoke(role, streaming=True)
        grant_call(self._args.mcp, role)
        if self._args.paid is not None:
            self._args.paid.grant_call(role)
        if platform.guardrail is not None:
            platform.guardrail.grant_apply(role)

    def _service(self, memory: CacheUser) -> FargateService:
        platform, args = self._args.platform, self._args
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        self._grant(role)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_agent_core.app"),
                environment=task_environment(self._label)
                | self._environment()
                | self._services()
                | self._memory(memory),
                secrets={"REDIS_PASSWORD": memory.password},
                role=role,
                size=args.size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [RequestMatch(label="all", priority=PRIORITY, paths=PATHS)],
                    parent=self,
                ),
                internet=self._internet(),
                calls=self._callees(),
            ),
            opts=self._child,
        )

    def _runtime(self, memory: CacheUser) -> AgentRuntime:
        platform, args = self._args.platform, self._args
        label = f"{self._label}-runtime"
        role = runtime_service_role(f"{label}-role", platform.account, self._child)
        self._grant(role)
        in_vpc = args.runtime.in_vpc
        # Outside the VPC there is no cache: a session is remembered by its own machine, or read again from
        # its documents.
        remembered = self._memory(memory) if in_vpc else {"SESSION_MEMORY": "process"}
        return AgentRuntime(
            label,
            AgentRuntimeArgs(
                account=platform.account,
                vpc=platform.host.vpc,
                logs=platform.host.logs,
                log_watch=platform.host.log_watch,
                alerts=platform.queues.alerts,
                plan=args.runtime,
                image=self._image,
                role=role,
                description="The coordinator, with a machine for each session",
                environment=runtime_environment(label, platform.account.region)
                | self._environment()
                | (self._services() if in_vpc else self._public_services())
                | remembered,
                secrets={"REDIS_PASSWORD": memory.password} if in_vpc else {},
                calls=self._callees() if in_vpc else (),
                internet=self._internet(),
                headers=(AUTHORIZATION_HEADER,),
            ),
            opts=self._child,
        )

    def _erase(self, memory: CacheUser) -> Job:
        platform = self._args.platform
        role = erasure_role(self._label, platform, self._child)
        platform.events.grant_append(role)
        platform.content.grant_erase(role, SESSIONS)
        platform.content.grant_erase(role, NOTES)
        self._notes.grant_delete(role)
        platform.usage.grant_forget(role)
        return erasure_job(
            self._label,
            ErasureArgs(
                platform=platform,
                image=self._image,
                module="nova_agent_core.erase",
                role=role,
                environment={
                    "CONTENT_BUCKET": platform.content.name,
                    "USAGE_TABLE": platform.usage.name,
                    "VECTOR_BUCKET": platform.vectors.bucket_name,
                    "VECTOR_INDEX": self._notes.name,
                    **self._memory(memory),
                },
                secrets={"REDIS_PASSWORD": memory.password},
                calls=(platform.cache.callee,),
            ),
            self._child,
        )

    def _internet(self) -> tuple[InternetNeed, ...]:
        paid = self._args.paid
        region = self._args.platform.account.region
        own = (paid.need(region),) if paid is not None else ()
        return (self._args.platform.user_pool.signing_keys, *internet_needs(self._args.mcp), *own)

    def _callees(self) -> tuple[Callee, ...]:
        args = self._args
        return (args.platform.cache.callee, args.search, args.audio, args.video, args.projector)

    def _environment(self) -> dict[str, pulumi.Input[str]]:
        platform = self._args.platform
        return (
            platform.user_pool.task_environment()
            | platform.data_keys.telling_environment()
            | {
                "EVENT_STORE_TABLE": platform.events.name,
                "CONTENT_BUCKET": platform.content.name,
                "USAGE_TABLE": platform.usage.name,
                "QUOTA_USD_PER_MONTH": str(self._args.quota_usd_per_month),
                "BEHAVIOUR": self._args.behaviour,
                "MODEL_ID": self._model.called_as,
                "MODEL_NAME": self._args.model,
                "MODEL_REGION": self._model.region,
            }
            | self._guardrail()
            | self._long_term_memory()
            | self._args.mcp.environment()
            | (self._args.paid.environment() if self._args.paid is not None else {})
        )

    def _long_term_memory(self) -> dict[str, pulumi.Input[str]]:
        vectors = self._args.platform.vectors
        return {
            "VECTOR_BUCKET": vectors.bucket_name,
            "VECTOR_INDEX": self._notes.name,
            "EMBEDDING_MODEL": self._embeddings.called_as,
            "EMBEDDING_REGION": self._embeddings.region,
            "EMBEDDING_DIMENSION": str(vectors.dimension),
        }

    def _guardrail(self) -> dict[str, pulumi.Input[str]]:
        guardrail = self._args.platform.guardrail
        if guardrail is None:
            return {}
        return {"GUARDRAIL_ID": guardrail.arn, "GUARDRAIL_VERSION": guardrail.version}

    def _services(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        return {
            "SEARCH_URL": args.search.url,
            "AUDIO_URL": args.audio.url,
            "VIDEO_URL": args.video.url,
            "PROJECTOR_URL": args.projector.url,
        }

    def _public_services(self) -> dict[str, pulumi.Input[str]]:
        # Tools call as the person who asks, so that the public API is as good as the private names.
        site = self._args.site
        names = ("SEARCH_URL", "AUDIO_URL", "VIDEO_URL", "PROJECTOR_URL")
        return {name: f"https://{site.host}" for name in names if site is not None}

    def _memory(self, memory: CacheUser) -> dict[str, pulumi.Input[str]]:
        return {"REDIS_URL": self._args.platform.cache.callee.url, "REDIS_USERNAME": memory.name}
