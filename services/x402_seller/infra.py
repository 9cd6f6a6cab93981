"""The seller workload: weather data that anybody may ask for, and who pays by x402 is given.

Creates: one image; the API as a service from it, with a task role of its own that may add and read events and
nothing else; the load balancer's rule. It holds no key: what it earns goes to an address of the owner's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.compute.container import CONTAINER_PORT
from components.compute.environment import task_environment
from components.compute.job import Job
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.edge.distribution import Distribution
from components.edge.listener_rules import RequestMatch
from components.edge.routes import Route
from components.joined import joined
from components.payments.plan import SellerPlan
from components.platform import Platform

FOLDER = "services/x402_seller"
PRIORITY = 500
OFFERS = "/weather"
REQUESTS_PER_SECOND = 20
"""Of all callers together, on each public route: several times what one buyer's agent asks for."""
ROUTES = tuple(
    Route(method="GET", path=path, public_rate=REQUESTS_PER_SECOND)
    for path in (OFFERS, f"{OFFERS}/{{city}}", f"{OFFERS}/{{city}}/year")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerArgs:
    """What a deployment decides about the seller."""

    platform: Platform
    site: Distribution
    """Its address is in the terms that are signed."""
    size: ServiceSize
    plan: SellerPlan


class Seller(pulumi.ComponentResource):
    """Sells weather data to whoever pays; each sale is an event."""

    routes: tuple[Route, ...] = ROUTES
    url: pulumi.Output[str]
    """Where the offers are."""
    service_names: list[pulumi.Output[str]]

    def __init__(self, name: str, args: SellerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:x402_seller:Seller", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.url = joined(args.site.api_url, OFFERS)
        self.service_names = [self._api().name]
        self.register_outputs({"url": self.url, "service_names": self.service_names})

    def _api(self) -> FargateService:
        platform, plan = self._args.platform, self._args.plan
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=platform.image(self._label, FOLDER, parent=self),
                command=("python", "-m", "nova_x402_seller.app"),
                environment=task_environment(self._label)
                | {
                    "EVENT_STORE_TABLE": platform.events.name,
                    "FACILITATOR_URL": plan.facilitator_url,
                    "PAYMENT_ASSET": plan.asset,
                    "PAYMENT_ASSET_NAME": plan.asset_name,
                    "PAYMENT_ASSET_VERSION": plan.asset_version,
                    "PAYMENT_NETWORK": plan.network,
                    "PAY_TO": plan.pay_to,
                    "PUBLIC_URL": self._args.site.url,
                },
                role=role,
                internet=(plan.facilitator,),
                size=self._args.size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [RequestMatch(label="all", priority=PRIORITY, paths=("/api/weather", "/api/weather/*"))],
                    parent=self,
                ),
            ),
            opts=self._child,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """What there is of selling in a stack, which may be nothing."""

    url: pulumi.Output[str] | None = None
    """Where the offers are."""
    routes: tuple[Route, ...] = ()
    """None: the site, which the terms name, is made with them beforehand (`sale_routes`)."""
    service_names: Sequence[pulumi.Output[str]] = ()
    jobs: tuple[Job, ...] = ()


def sale_routes(plan: SellerPlan | None) -> tuple[Route, ...]:
    """Return what the API lets anybody ask for; nothing where nothing is sold."""
    return ROUTES if plan else ()


def sell(
    name: str,
    platform: Platform,
    site: Distribution,
    size: ServiceSize,
    plan: SellerPlan | None,
    opts: pulumi.ResourceOptions,
) -> Sales:
    """Create the seller where something is sold."""
    if plan is None:
        return Sales()
    seller = Seller(name, SellerArgs(platform=platform, site=site, size=size, plan=plan), opts=opts)
    return Sales(url=seller.url, service_names=seller.service_names)
