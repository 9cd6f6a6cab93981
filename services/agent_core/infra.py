"""The coordinator: sessions in which a model answers with the help of tools.

Creates: one image; the service with its task role; its user of the cache; the load balancer's rule.
"""

from dataclasses import dataclass

import pulumi

from components.agent.models import Model
from components.compute.container import CONTAINER_PORT
from components.compute.environment import task_environment
from components.compute.service import FargateService, FargateServiceArgs, task_service_role
from components.compute.sizing import ServiceSize
from components.data.cache import CacheUser
from components.edge.load_balancer import RequestMatch
from components.edge.routes import STREAM_SECONDS_MAX, Route
from components.network.connection import Callee
from components.platform import Platform

FOLDER = "services/agent_core"
SESSIONS = "sessions/"
"""Where the content bucket keeps what was asked and answered."""
PRIORITY = 400
"""Behind the rule by which another workload lists the sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCoreArgs:
    """What a deployment decides about the coordinator, and whom its tools call."""

    platform: Platform
    size: ServiceSize
    model: str
    """Id of the language model or inference profile; it is called in the stack's own region."""
    search: Callee
    audio: Callee
    projector: Callee


class AgentCore(pulumi.ComponentResource):
    """Answers messages, streamed or whole; its tools call other services as the person who asked."""

    routes: tuple[Route, ...] = (
        Route(method="POST", path="/sessions"),
        Route(method="GET", path="/sessions/{id}"),
        Route(method="DELETE", path="/sessions/{id}"),
        Route(
            method="POST", path="/sessions/{id}/messages", streams=True, timeout_seconds=STREAM_SECONDS_MAX
        ),
        Route(method="GET", path="/tools"),
    )
    service_names: list[pulumi.Output[str]]

    def __init__(self, name: str, args: AgentCoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:agent_core:AgentCore", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        platform = args.platform
        self._model = Model(id=args.model, region=platform.account.region, account=platform.account)
        self._image = platform.image(name, FOLDER, parent=self)
        service = self._service(platform.cache.user(name))
        self.service_names = [service.name]
        self.register_outputs({"service_names": self.service_names})

    def _service(self, memory: CacheUser) -> FargateService:
        platform, args = self._args.platform, self._args
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        platform.content.grant_put(role, SESSIONS)
        platform.content.grant_get(role, SESSIONS)
        platform.content.grant_erase(role, SESSIONS)
        self._model.grant_invoke(role, streaming=True)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_agent_core.app"),
                environment=self._environment(memory),
                secrets={"REDIS_PASSWORD": memory.password},
                role=role,
                size=args.size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [
                        RequestMatch(
                            label="all",
                            priority=PRIORITY,
                            paths=("/api/sessions", "/api/sessions/*", "/api/tools"),
                        )
                    ],
                    parent=self,
                ),
                internet=(platform.user_pool.signing_keys,),
                calls=(platform.cache.callee, args.search, args.audio, args.projector),
            ),
            opts=self._child,
        )

    def _environment(self, memory: CacheUser) -> dict[str, pulumi.Input[str]]:
        platform, args = self._args.platform, self._args
        return (
            task_environment(self._label)
            | platform.user_pool.task_environment()
            | {
                "EVENT_STORE_TABLE": platform.events.name,
                "CONTENT_BUCKET": platform.content.name,
                "MODEL_ID": self._model.id,
                "MODEL_REGION": self._model.region,
                "SEARCH_URL": args.search.url,
                "AUDIO_URL": args.audio.url,
                "PROJECTOR_URL": args.projector.url,
                "REDIS_URL": platform.cache.callee.url,
                "REDIS_USERNAME": memory.name,
            }
        )
