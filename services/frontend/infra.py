"""The site: what people see of the platform, in their browsers.

Creates: one image; the service with its task role, at the `site` listener behind everything else there; its
user of the cache, where people's sessions are.
"""

from dataclasses import dataclass

import pulumi

from components.access.role import ServiceRole
from components.agent.paid_tools import PaidTools
from components.agent.runtime import ManagedAgent
from components.compute.container import CONTAINER_PORT
from components.compute.environment import task_environment
from components.compute.job import Job
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.edge.listener_rules import ListenerName, RequestMatch
from components.edge.routes import Route
from components.network.connection import Callee
from components.network.needs import InternetNeed
from components.platform import Platform

FOLDER = "services/frontend"
PRIORITY = 40_000
"""Behind every other rule of the `site` listener."""
COMMAND = ("nova-frontend",)
HEALTH_CHECK = ("nova-frontend-health",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendArgs:
    """What a deployment decides about the site, and whom it calls as the person who is signed in."""

    platform: Platform
    size: ServiceSize
    agent_core: Callee
    audio: Callee
    projector: Callee
    search: Callee
    video: Callee
    managed_agent: ManagedAgent | None
    """The agent's other host, which people may choose; nothing where the stack has none."""
    paid: PaidTools | None
    """Whose payments people see and approve; nothing where agents have no wallet."""


class Frontend(pulumi.ComponentResource):
    """Signs people in, keeps their tokens from browsers, and passes on what their pages ask for."""

    routes: tuple[Route, ...] = ()
    """None: the `site` listener has it."""
    service_names: list[pulumi.Output[str]]
    jobs: tuple[Job, ...] = ()
    """None: what is known of a person here is gone after half a day at most."""

    def __init__(self, name: str, args: FrontendArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:frontend:Frontend", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.service_names = [self._service().name]
        self.register_outputs({"service_names": self.service_names})

    def _service(self) -> FargateService:
        platform, args = self._args.platform, self._args
        sessions = platform.cache.user(self._label)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=platform.image(self._label, FOLDER, parent=self),
                command=COMMAND,
                health_check=HEALTH_CHECK,
                environment=task_environment(self._label)
                | platform.user_pool.task_environment()
                | self._environment()
                | {"REDIS_URL": platform.cache.callee.url, "REDIS_USERNAME": sessions.name},
                secrets={"REDIS_PASSWORD": sessions.password},
                role=self._role(),
                size=args.size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [RequestMatch(label="all", priority=PRIORITY, paths=("/*",), listener=ListenerName.SITE)],
                    parent=self,
                ),
                internet=self._internet(),
                calls=(platform.cache.callee, *self._services().values()),
            ),
            opts=self._child,
        )

    def _internet(self) -> tuple[InternetNeed, ...]:
        platform, paid = self._args.platform, self._args.paid
        # People sign in where the keys are that sign their tokens.
        keys = platform.user_pool.signing_keys
        return (keys, paid.need(platform.account.region)) if paid else (keys,)

    def _role(self) -> ServiceRole:
        role = task_service_role(f"{self._label}-task", self._args.platform.account, self._child)
        if self._args.managed_agent is not None:
            self._args.managed_agent.grant_converse(role)
        if self._args.paid is not None:
            self._args.paid.grant_call(role)
        return role

    def _services(self) -> dict[str, Callee]:
        args = self._args
        return {
            "AGENT_CORE_URL": args.agent_core,
            "AUDIO_URL": args.audio,
            "PROJECTOR_URL": args.projector,
            "SEARCH_URL": args.search,
            "VIDEO_URL": args.video,
        }

    def _environment(self) -> dict[str, pulumi.Input[str]]:
        platform, managed = self._args.platform, self._args.managed_agent
        return {
            # Next's server listens at the address of this name, which would be the container's own.
            "HOSTNAME": "0.0.0.0",  # noqa: S104 (the task has a network interface of its own)
            "CONTENT_BUCKET": platform.content.name,
            **{name: callee.url for name, callee in self._services().items()},
            **(managed.environment() if managed else {}),
            **(self._args.paid.accounting_environment() if self._args.paid else {}),
        }
