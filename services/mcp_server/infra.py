"""The MCP server: tools that agents buy with, and what people see and approve of it.

Creates: one image; a function from it with a URL and a role of its own; the wallet's secret, without a value,
which that role alone reads; the ledger; alarms; the job that erases what a person has paid. Nothing where the
stack has no wallet. The function is outside the VPC, as what it buys is on the internet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.access.role import ServiceRole
from components.agent.paid_tools import PaidTools
from components.compute.environment import LOG_LEVEL
from components.compute.function import Function, function_role
from components.compute.job import Job
from components.edge.plan import SiteDomain
from components.edge.routes import Route
from components.erasure import ErasureArgs, erasure_job, erasure_role
from components.observe.namespace import metrics_namespace
from components.observe.sets.application import payment_alarms
from components.payments.plan import WalletPlan
from components.platform import Platform

FOLDER = "services/mcp_server"
FUNCTION = "mcp-server"
MEMORY_MIB = 1024
"""Signing takes half a second of a whole core, and memory is what processor time comes with."""
TIMEOUT_SECONDS = 60
"""A payment that is presented three times, at a server that hangs."""

TOOLS = ("list_weather_offers", "get_weather_of_city", "get_weather_of_city_all_year")
ROUTES = (
    Route(method="GET", path="/spend", function=FUNCTION),
    Route(method="GET", path="/approvals", function=FUNCTION),
    Route(method="POST", path="/approvals/{id}/approve", function=FUNCTION),
    Route(method="POST", path="/approvals/{id}/reject", function=FUNCTION),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServerArgs:
    """What a deployment decides about paying."""

    platform: Platform
    plan: WalletPlan
    resource_server: str
    """Where what is bought is."""


class McpServer(pulumi.ComponentResource):
    """Buys for people, within a budget; each attempt is an event."""

    routes: tuple[Route, ...] = ROUTES
    function: Function
    jobs: tuple[Job, ...]
    wallet_secret: pulumi.Output[str]
    """ARN of the secret that `nova wallet rotate` writes."""

    def __init__(self, name: str, args: McpServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:mcp_server:McpServer", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        platform = args.platform
        self._image = platform.image(name, FOLDER, parent=self)
        self._ledger = platform.payment_ledger(f"{name}-payments", parent=self)
        role = function_role(f"{name}-function", platform.account, self._child)
        secret = platform.held_secret(
            f"{name}-wallet", "Key of the wallet that agents pay with", role, parent=self
        )
        self.wallet_secret = secret.arn
        self.function = self._function(role)
        self.jobs = (self._erase(),)
        platform.alerts.watch(name, payment_alarms(metrics_namespace()), parent=self)
        self.register_outputs({"url": self.function.url, "wallet_secret": self.wallet_secret})

    def _function(self, role: ServiceRole) -> Function:
        platform, args = self._args.platform, self._args
        platform.events.grant_append(role)
        platform.data_keys.grant_tell(role)
        self._ledger.grant_pay(role)
        return platform.function(
            self._label,
            self._image,
            role,
            {
                "LOG_LEVEL": LOG_LEVEL,
                "METRICS_NAMESPACE": metrics_namespace(),
                "SERVICE_NAME": self._label,
                "EVENT_STORE_TABLE": platform.events.name,
                "LEDGER_TABLE": self._ledger.name,
                "RESOURCE_SERVER_URL": args.resource_server,
                "WALLET_SECRET": self.wallet_secret,
                **args.plan.environment,
                **platform.user_pool.task_environment(),
                **platform.data_keys.telling_environment(),
            },
            memory=MEMORY_MIB,
            timeout_seconds=TIMEOUT_SECONDS,
            parent=self,
        )

    def _erase(self) -> Job:
        platform = self._args.platform
        role = erasure_role(self._label, platform, self._child)
        self._ledger.grant_forget(role)
        return erasure_job(
            self._label,
            ErasureArgs(
                platform=platform,
                image=self._image,
                module="nova_mcp_server.erase",
                role=role,
                environment={"LEDGER_TABLE": self._ledger.name},
            ),
            self._child,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """What there is of paying in a stack, which may be nothing."""

    routes: tuple[Route, ...] = ()
    functions: Mapping[str, Function] = field(default_factory=dict[str, Function])
    tools: PaidTools | None = None
    """For the agent."""
    url: pulumi.Output[str] | None = None
    """Where the tools are."""
    wallet_secret: pulumi.Output[str] | None = None
    service_names: tuple[pulumi.Output[str], ...] = ()
    """None: it is a function."""
    jobs: tuple[Job, ...] = ()


def pay(
    name: str,
    platform: Platform,
    plan: WalletPlan | None,
    domain: SiteDomain | None,
    opts: pulumi.ResourceOptions,
) -> Payments:
    """Create the MCP server where agents may pay; raises ``ValueError`` when nobody says where they buy."""
    if plan is None:
        return Payments()
    resource_server = plan.resource_server or (f"https://{domain.host}" if domain else "")
    if not resource_server:
        raise ValueError("resource_server: '' is not allowed; without a domain the plan has to name it")
    args = McpServerArgs(platform=platform, plan=plan, resource_server=resource_server)
    server = McpServer(name, args, opts=opts)
    url = server.function.url.apply(lambda address: f"{address}mcp")
    return Payments(
        routes=server.routes,
        functions={FUNCTION: server.function},
        tools=PaidTools(function=server.function, url=url, tools=TOOLS),
        url=url,
        wallet_secret=server.wallet_secret,
        jobs=server.jobs,
    )
