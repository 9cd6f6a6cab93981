"""What services and jobs stand on.

Creates: VPC, cluster, the watch over what workloads log.
"""

from dataclasses import dataclass

from ..compute.capacity import Capacity
from ..compute.cluster import Cluster, ClusterArgs
from ..compute.deployment import Deployment
from ..compute.insights import Insights
from ..compute.service import ServiceHost
from ..network.needs import EndpointMode
from ..network.plan import Network
from ..network.vpc import Vpc, VpcArgs
from ..observe.log_watch import LogWatch, LogWatchArgs
from .common import Common

NAMESPACE = "nova.local"
"""Domain under which services find each other inside the VPC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundPlan:
    """The network, and how services run in it."""

    network: Network
    interface_endpoints: EndpointMode
    agents_in_vpc: bool
    """Whether a managed agent runtime stands in the network."""
    capacity: Capacity
    insights: Insights
    deployment: Deployment


def service_host(common: Common, plan: GroundPlan) -> ServiceHost:
    """Return where services run: a cluster in a VPC of its own."""
    vpc = Vpc(
        common.named("vpc"),
        VpcArgs(
            account=common.account,
            network=plan.network,
            endpoints=plan.interface_endpoints,
            agents=plan.agents_in_vpc,
            logs=common.logs,
            asleep=common.asleep,
        ),
        opts=common.options,
    )
    cluster = Cluster(
        common.named("cluster"),
        ClusterArgs(
            vpc=vpc,
            namespace=NAMESPACE,
            insights=plan.insights,
            key=common.keys.images,
            logs=common.logs,
        ),
        opts=common.options,
    )
    watch = LogWatch(common.named("log-watch"), LogWatchArgs(alerts=common.alerts), opts=common.options)
    return ServiceHost(
        account=common.account,
        vpc=vpc,
        cluster=cluster,
        logs=common.logs,
        alerts=common.alerts,
        log_watch=watch,
        capacity=plan.capacity,
        deployment=plan.deployment,
        asleep=common.asleep,
    )
