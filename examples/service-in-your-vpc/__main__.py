"""One service of Fargate tasks in a VPC that you have, behind an internal load balancer.

Whoever is in the group ``callerSecurityGroupId`` calls ``url``. The tasks have a role and a security group of
their own, alarms, and a deployment that is taken back when its tasks do not get healthy.
"""

import json

import nova_components.startup  # noqa: F401 - first, so that the program starts in half the time
import pulumi
from nova_components.access.statements import Statement
from nova_components.account import current_account
from nova_components.compute.capacity import Capacity
from nova_components.compute.cluster import Cluster, ClusterArgs
from nova_components.compute.container import CONTAINER_PORT
from nova_components.compute.deployment import Deployment, Strategy
from nova_components.compute.environment import task_environment
from nova_components.compute.image import Image, ImageArgs, registry_credentials
from nova_components.compute.insights import Insights
from nova_components.compute.service import FargateService, FargateServiceArgs, ServiceHost
from nova_components.compute.sizing import ServiceSize
from nova_components.compute.task import task_service_role
from nova_components.data.access_logs import AccessLogs, AccessLogsArgs
from nova_components.data.keys import Keys, KeysArgs
from nova_components.edge.listener_rules import ListenerName, RequestMatch
from nova_components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from nova_components.joined import joined
from nova_components.network.needs import EndpointMode
from nova_components.network.plan import ExistingNetwork
from nova_components.network.vpc import Vpc, VpcArgs
from nova_components.observe.alarms import Alerts, AlertsArgs
from nova_components.observe.log_watch import LogWatch, LogWatchArgs
from nova_components.observe.logs import LogPolicy
from nova_components.observe.severity import AlarmScope
from nova_components.providers import explicit_providers, ownership_tags

NAME = "shop"
RETENTION_DAYS = 30
RECOVERY_DAYS = 7

config = pulumi.Config()


def given(key: str) -> str:
    """Return what the stack has to say, or end the program with how to say it."""
    if (value := config.get(key) or "[]") != "[]":
        return value
    raise pulumi.RunError(f"{config.full_key(key)} is missing: pulumi config set {key} <value>")


region = config.require("region")
providers = explicit_providers(region, ownership_tags(owner="shop-team", cost_center="shop"))
opts = pulumi.ResourceOptions(providers=providers)

account = current_account(region, pulumi.InvokeOutputOptions(provider=providers[0]))
keys = Keys(
    "keys", KeysArgs(account=account, recovery_days=RECOVERY_DAYS, protect=False, shared=True), opts=opts
)
logs = LogPolicy(retention_days=RETENTION_DAYS, key_arn=keys.logs.arn)
alerts = Alerts(
    "alerts",
    AlertsArgs(
        account=account,
        keys=keys,
        email=config.get("alarmEmail") or "",
        runbook_url=config.require("runbooks"),
        scope=AlarmScope.ALL,
    ),
    opts=opts,
)
vpc = Vpc(
    "network",
    VpcArgs(
        account=account,
        network=ExistingNetwork(
            vpc_id=given("vpcId"),
            private_subnet_ids=tuple(json.loads(given("privateSubnetIds"))),
            isolated_subnet_ids=(),
            agent_subnet_ids=(),
            route_table_ids=(),
            internet=True,
        ),
        endpoints=EndpointMode.NONE,
        agents=False,
        logs=logs,
    ),
    opts=opts,
)
access_logs = AccessLogs(
    "access-logs",
    AccessLogsArgs(account=account, buckets={}, retention_days=RETENTION_DAYS, protect=False),
    opts=opts,
)
balancer = LoadBalancer(
    "balancer", LoadBalancerArgs(vpc=vpc, access_logs=access_logs, alerts=alerts, protect=False), opts=opts
)
balancer.admit("callers", given("callerSecurityGroupId"))
host = ServiceHost(
    account=account,
    vpc=vpc,
    cluster=Cluster(
        "cluster",
        ClusterArgs(
            vpc=vpc, namespace="shop.internal", insights=Insights.DISABLED, key=keys.images, logs=logs
        ),
        opts=opts,
    ),
    logs=logs,
    alerts=alerts,
    log_watch=LogWatch("log-watch", LogWatchArgs(alerts=alerts), opts=opts),
    capacity=Capacity(spot_percent=0, on_demand_base=0),
    deployment=Deployment(strategy=Strategy.ROLLING, rollback_alarms=True),
)
image = Image(
    f"{NAME}-image",
    ImageArgs(
        account=account,
        key=keys.images,
        folder="",
        protect=False,
        credentials=registry_credentials(pulumi.InvokeOutputOptions(provider=providers[0])),
        existing=given("image"),
    ),
    opts=opts,
)
role = task_service_role(f"{NAME}-task", account, opts)
# What the service may do: nothing but read its own settings. Verbs of stores and queues grant more.
role.add(
    Statement(
        sid="ReadSettings",
        actions=("ssm:GetParameter",),
        resources=(account.arn("ssm", f"parameter/{NAME}/*"),),
    )
)
FargateService(
    NAME,
    FargateServiceArgs(
        host=host,
        image=image,
        command=(),
        environment=task_environment(NAME),
        role=role,
        size=ServiceSize(cpu=256, memory=512, tasks_min=2, tasks_max=10),
        target=balancer.target(
            NAME, CONTAINER_PORT, [RequestMatch(label="all", priority=100, paths=("/*",))], parent=balancer
        ),
        health_check=config.require_object("healthCheck"),
    ),
    opts=opts,
)
pulumi.export("url", joined(f"{balancer.scheme}://", balancer.host, f":{balancer.port(ListenerName.API)}/"))
