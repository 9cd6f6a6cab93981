"""Fargate services.

Creates: security group and rules, execution role and policy, log group, task definition, private name (for a
service that others call), ECS service and its autoscaling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..account import Account
from ..data.secrets import SecretReference
from ..edge.target import Target
from ..joined import joined
from ..network.connection import Callee, Peer, RuleNames, connect, connect_to_all
from ..network.needs import InternetNeed, needs_of
from ..network.vpc import Vpc
from ..observe.alarms import Alerts
from ..observe.log_watch import LogWatch
from ..observe.logs import LogPolicy
from ..observe.sets.compute import service_alarms
from ..observe.traces import spans_statement
from . import rollout
from .backlog import Backlog
from .capacity import Capacity
from .cluster import Cluster
from .container import CONTAINER_PORT, HEALTH_CHECK_COMMAND
from .deployment import Deployment
from .discovery import balancer_alias, task_registry
from .image import Image
from .scaling import ScalingArgs, autoscale
from .sizing import ServiceSize
from .task import PLATFORM_VERSION, FargateTask, TaskArgs, fargate_task

GRACE_SECONDS = 60
"""Time from a task's start in which the load balancer's verdict does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHost:
    """What all services of a platform share."""

    account: Account
    vpc: Vpc
    cluster: Cluster
    logs: LogPolicy
    alerts: Alerts
    log_watch: LogWatch
    capacity: Capacity
    deployment: Deployment
    """How services behind the load balancer are replaced; the others roll."""
    asleep: bool = False
    """Whether services have everything but tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FargateServiceArgs:
    """One service: what it runs, as whom, how large, and who reaches it."""

    host: ServiceHost
    image: Image
    command: Sequence[str]
    environment: Mapping[str, pulumi.Input[str]]
    role: ServiceRole
    """The task role, granted all that the service needs; it is sealed here."""
    size: ServiceSize
    target: Target | None = None
    """Where the load balancer sends requests from; nothing for a worker."""
    secrets: Mapping[str, SecretReference] = field(default_factory=dict[str, SecretReference])
    """Variables whose values ECS reads from secrets when a task starts."""
    calls: Sequence[Callee] = ()
    """What in the VPC its tasks may call."""
    internet: Sequence[InternetNeed] = ()
    """Hosts that its tasks call, apart from the AWS APIs that its roles may use."""
    backlog: Backlog | None = None
    """What a worker gets more tasks for."""
    deployment: Deployment | None = None
    """How its tasks are replaced, if not as the host has it."""
    health_check: Sequence[str] = HEALTH_CHECK_COMMAND
    """The command by which a container asks itself how it is."""

    def __post_init__(self) -> None:
        """Refuse a worker with nothing to shift, or one that would have to guess its load.

        CPU says nothing about who waits.
        """
        if self.target is None and self.deployment is not None and self.deployment.shifts:
            raise ValueError(
                f"deployment: {self.deployment.strategy} is not allowed; without a target there are "
                "no requests to shift: the service rolls"
            )
        scales = self.size.tasks_min < self.size.tasks_max
        if scales and self.target is None and self.backlog is None:
            raise ValueError(
                f"backlog: it is missing; a service without a target that runs {self.size.tasks_min} to "
                f"{self.size.tasks_max} tasks scales by the queue that it consumes"
            )


class FargateService(pulumi.ComponentResource):
    """A service of identical tasks in the private subnets, replaced as its deployment says.

    A deployment whose tasks do not get healthy, or answer badly, is rolled back. A task has a security
    group of its own: it calls the AWS APIs that its roles may use, and what else it is declared to call; it
    is called by the load balancer and whoever is allowed to call it, if by anybody. Asleep it has all of this
    and no ECS service.
    """

    name: pulumi.Output[str]
    """The ECS service's name, which is this component's, also while the stack sleeps."""

    def __init__(
        self, name: str, args: FargateServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:compute:FargateService", name, None, opts)
        self._label = name
        self._args = args
        self._deployment = _deployment(args)
        group_id = self._security_group()
        self._peer = Peer(label=f"the tasks of {name}", security_group_id=group_id)
        connections = self._connect()
        args.role.add(spans_statement())
        task_policy = args.role.seal()
        task = self._task()
        ways_out = self._allow_out(task.execution_role)
        registry = self._registry()
        self.name = pulumi.Output.from_input(name)
        if not args.host.asleep:
            self.name = self._run(group_id, task, registry, [task_policy, *connections, *ways_out])
        self.register_outputs({"name": self.name})

    def _run(
        self,
        group_id: pulumi.Output[str],
        task: FargateTask,
        registry: aws.ecs.ServiceServiceRegistriesArgs | None,
        needed: Sequence[pulumi.Resource],
    ) -> pulumi.Output[str]:
        """Make the ECS service and its autoscaling, and return its name."""
        name, args = self._label, self._args
        balancers, behind = self._load_balancers()
        service = aws.ecs.Service(
            f"{name}-service",
            name=name,
            cluster=args.host.cluster.arn,
            task_definition=task.definition.arn,
            desired_count=args.size.tasks_min,
            capacity_provider_strategies=_strategies(args.host.capacity),
            # Other shares would replace the service, whose name is taken, unless they may start a deployment.
            force_new_deployment=True,
            platform_version=PLATFORM_VERSION,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.host.vpc.private_subnet_ids,
                security_groups=[group_id],
                assign_public_ip=False,
            ),
            deployment_configuration=rollout.configuration(self._deployment),
            deployment_circuit_breaker=rollout.circuit_breaker(self._deployment),
            alarms=rollout.rollback_alarms(self._deployment, args.target),
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            availability_zone_rebalancing="ENABLED",
            enable_ecs_managed_tags=True,
            enable_execute_command=False,
            propagate_tags="SERVICE",
            wait_for_steady_state=True,
            load_balancers=balancers,
            health_check_grace_period_seconds=None if args.target is None else GRACE_SECONDS,
            service_registries=registry,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *needed,
                    task.execution_policy,
                    args.host.cluster.capacity,
                    *behind,
                    *(needed for secret in args.secrets.values() for needed in secret.valid_after),
                ],
                # Autoscaling owns the number once the service runs.
                ignore_changes=["desired_count"],
                custom_timeouts=_patience(self._deployment),
            ),
        )
        if args.target is not None and self._deployment.shifts:
            balancer_alias(name, args.host.cluster, args.target.entrance.dns_name, service, self)
        autoscale(
            name,
            ScalingArgs(
                cluster_name=args.host.cluster.name,
                service_name=service.name,
                size=args.size,
                target=args.target,
                backlog=args.backlog,
            ),
            parent=self,
        )
        args.host.alerts.watch(
            name, service_alarms(args.host.cluster.name, service.name, args.size.tasks_min), parent=self
        )
        return service.name

    def callee(self) -> Callee:
        """Return what another service has to be given among its calls to reach this one by its name.

        Raises ``ValueError`` for a service without a target, which has no name.
        """
        target = self._args.target
        if target is None:
            raise ValueError(f"{self._label} serves nobody: give it a target, or call something else")
        own_name = f"{self._label}.{self._args.host.cluster.namespace}"
        if not self._deployment.shifts:
            return Callee(
                name=self._label,
                peer=self._peer,
                port=CONTAINER_PORT,
                url=f"http://{own_name}:{CONTAINER_PORT}",
            )
        # Only the load balancer knows which of two sets of tasks has the requests.
        entrance = target.entrance
        host = own_name if entrance.scheme == "http" else entrance.host
        return Callee(
            name="load-balancer",
            peer=target.caller,
            port=entrance.port,
            url=joined(entrance.scheme, "://", host, ":", str(entrance.port)),
        )

    def _security_group(self) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{self._label}-security-group",
            description=f"Tasks of {self._label}",
            vpc_id=self._args.host.vpc.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return group.id

    def _connect(self) -> list[pulumi.Resource]:
        rules: list[pulumi.Resource] = []
        if self._args.target is not None:
            rules += connect(
                caller=self._args.target.caller,
                callee=self._peer,
                port=CONTAINER_PORT,
                names=RuleNames(
                    ingress=f"{self._label}-ingress-load-balancer",
                    egress=f"{self._label}-load-balancer-egress",
                ),
                parent=self,
            )
        return [*rules, *connect_to_all(self._peer, self._args.calls, self._label, parent=self)]

    def _allow_out(self, execution_role: ServiceRole) -> tuple[pulumi.Resource, ...]:
        if self._args.size.tasks_max == 0:
            return ()
        host = self._args.host
        statements = (*self._args.role.statements, *execution_role.statements)
        needs = (*needs_of(statements, host.account.region), *self._args.internet)
        return host.vpc.allow_out(self._peer, self._label, needs, parent=self)

    def _task(self) -> FargateTask:
        args = self._args
        log_group = args.host.logs.group(f"{self._label}-logs", parent=self)
        args.host.log_watch.count(f"{self._label}-logs", log_group, parent=self)
        return fargate_task(
            self._label,
            TaskArgs(
                account=args.host.account,
                log_group=log_group,
                image=args.image,
                command=args.command,
                environment=args.environment,
                role=args.role,
                cpu=args.size.cpu,
                memory=args.size.memory,
                secrets=args.secrets,
                health_check=args.health_check,
            ),
            self,
        )

    def _load_balancers(
        self,
    ) -> tuple[list[aws.ecs.ServiceLoadBalancerArgs] | None, list[pulumi.Resource]]:
        target = self._args.target
        if target is None:
            return None, []
        return rollout.load_balancers(self._label, self._deployment, target, self._args.host.account, self)

    def _registry(self) -> aws.ecs.ServiceServiceRegistriesArgs | None:
        if self._args.target is None or self._deployment.shifts:
            return None
        return task_registry(self._label, self._args.host.cluster, self)


def _strategies(capacity: Capacity) -> list[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    return [
        aws.ecs.ServiceCapacityProviderStrategyArgs(
            capacity_provider=share.provider, weight=share.weight, base=share.base
        )
        for share in capacity.shares()
    ]


def _deployment(args: FargateServiceArgs) -> Deployment:
    if args.deployment is not None:
        return args.deployment
    return args.host.deployment if args.target is not None else args.host.deployment.rolling()


def _patience(deployment: Deployment) -> pulumi.CustomTimeouts:
    time = f"{deployment.minutes_max}m"
    return pulumi.CustomTimeouts(create=time, update=time)
