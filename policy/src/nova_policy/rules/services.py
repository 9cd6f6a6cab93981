"""Rules about services of ECS: where they run, how they roll out, how many tasks they have."""

from collections.abc import Iterable

from nova_policy.containers import SERVICE, STOP_SECONDS, TASK, containers
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, at_least, each, is_certainly, is_set, may_be

TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
SCALING_TARGET = "aws:appautoscaling/target:Target"
SCALING_POLICY = "aws:appautoscaling/policy:Policy"
_DRAIN_SECONDS = 300
"""For which a load balancer lets open requests end where deregistrationDelay is left out."""
_TASKS = {"type": "integer", "minimum": 1, "default": 2, "description": "Tasks at least"}


@resource_rule(
    "ecs-service-public-address",
    severity=Severity.HIGH,
    types=(SERVICE,),
    controls=(27,),
    references=("ECS.2",),
    description="No task of a service has a public address.",
    remediation="Leave networkConfiguration.assignPublicIp at false.",
)
def public_address(service: Resource, _options: Options) -> Iterable[str]:
    """Refuse a second way in, past the load balancer."""
    if is_certainly(service.at("networkConfiguration", "assignPublicIp"), True):
        yield "its tasks have public addresses"


@stack_rule(
    "ecs-service-draining",
    severity=Severity.MEDIUM,
    types=(SERVICE, TASK, TARGET_GROUP),
    controls=(34,),
    description="A task that stops lives until its load balancer has let its open requests end.",
    remediation="Set deregistrationDelay of the target group below the containers' stopTimeout.",
)
def draining(graph: Graph, _options: Options) -> Iterable[Finding]:
    """ECS stops the container while the load balancer still drains: whatever takes longer is cut off."""
    for service in graph.of_type(SERVICE):
        stops = [
            STOP_SECONDS if (seconds := at(container, "stopTimeout")) is None else seconds
            for task in graph.targets(service, "taskDefinition", TASK)
            for _name, container in containers(task)
        ]
        for group in graph.targets(service, "loadBalancers", TARGET_GROUP):
            delay = group.at("deregistrationDelay")
            delay = _DRAIN_SECONDS if delay is None else delay
            if delay is not UNKNOWN and any(not at_least(stop, float(delay)) for stop in stops):
                yield Finding(group, "its open requests may outlive the task that serves them")


@resource_rule(
    "ecs-service-rollback",
    severity=Severity.HIGH,
    types=(SERVICE,),
    controls=(35,),
    description="A deployment that fails goes back by itself.",
    remediation="Set rollback of deploymentCircuitBreaker, or of alarms with a bake time.",
    options={
        "minutes": {
            "type": "integer",
            "minimum": 0,
            "default": 5,
            "description": "Minutes at least that a new version is watched by alarms before the old one goes",
        }
    },
)
def rollback(service: Resource, options: Options) -> Iterable[str]:
    """Ask for alarms where traffic is shifted: tasks that start are no sign that they answer well."""
    strategy = service.at("deploymentConfiguration", "strategy")
    rolling = strategy is None or may_be(strategy, "ROLLING")
    by_alarms = _goes_back(service, "alarms")
    if rolling and not (by_alarms or _goes_back(service, "deploymentCircuitBreaker")):
        yield "a deployment that fails stays"
    if not rolling and not by_alarms:
        yield "no alarm takes a shifted version back"
    baked = at_least(service.at("deploymentConfiguration", "bakeTimeInMinutes"), options["minutes"])
    if not rolling and not baked:
        yield f"a shifted version is watched for less than {options['minutes']} minutes"


def _goes_back(service: Resource, key: str) -> bool:
    return may_be(service.at(key, "enable"), True) and may_be(service.at(key, "rollback"), True)


@resource_rule(
    "ecs-service-rebalancing",
    severity=Severity.LOW,
    types=(SERVICE,),
    controls=(36,),
    description="Tasks are spread over the zones again after one was lost.",
    remediation="Set availabilityZoneRebalancing to ENABLED.",
)
def rebalancing(service: Resource, _options: Options) -> Iterable[str]:
    """Leave out services with a task on each machine: they are spread by that."""
    if not is_certainly(service.at("schedulingStrategy"), "DAEMON") and not may_be(
        service.at("availabilityZoneRebalancing"), "ENABLED"
    ):
        yield "its tasks stay where they were started"


@resource_rule(
    "ecs-service-tasks",
    severity=Severity.HIGH,
    types=(SERVICE,),
    controls=(36,),
    description="A production service has so many tasks that one can be lost.",
    remediation="Set desiredCount.",
    production=True,
    options={"tasks": _TASKS},
)
def tasks(service: Resource, options: Options) -> Iterable[str]:
    """Leave out services with a task on each machine."""
    if not is_certainly(service.at("schedulingStrategy"), "DAEMON") and not at_least(
        service.at("desiredCount"), options["tasks"]
    ):
        yield f"it starts with fewer than {options['tasks']} tasks"


@stack_rule(
    "ecs-service-scaling",
    severity=Severity.MEDIUM,
    types=(SERVICE, SCALING_TARGET),
    controls=(37,),
    references=("AutoScaling.2",),
    description="A production service grows with its load, within bounds, and never below two tasks.",
    remediation="Add an autoscaling target for the service, with minCapacity and maxCapacity.",
    production=True,
    options={
        "tasks": _TASKS,
        "most": {"type": "integer", "minimum": 1, "default": 100, "description": "Tasks at most"},
    },
)
def scaling(graph: Graph, options: Options) -> Iterable[Finding]:
    """Ask for an upper bound, too: a loop of retries would otherwise scale without end."""
    for service in graph.of_type(SERVICE):
        if is_certainly(service.at("schedulingStrategy"), "DAEMON"):
            continue
        found = graph.referring_to(service, SCALING_TARGET, by="resourceId")
        if not found:
            yield Finding(service, "it does not grow with its load")
        for target in found:
            if not at_least(target.at("minCapacity"), options["tasks"]):
                yield Finding(target, f"it may shrink below {options['tasks']} tasks")
            if not at_least(options["most"], _number(target.at("maxCapacity"))):
                yield Finding(target, f"it may grow beyond {options['most']} tasks")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


@stack_rule(
    "ecs-service-request-scaling",
    severity=Severity.LOW,
    types=(SERVICE, SCALING_TARGET, SCALING_POLICY),
    controls=(37,),
    description="A production service behind a load balancer grows with the requests of each task.",
    remediation="Add a target tracking policy with ALBRequestCountPerTarget.",
    production=True,
)
def request_scaling(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Ask for it beside the processor: a service that waits for others is full before that is."""
    for service in graph.of_type(SERVICE):
        if not is_set(service.at("loadBalancers")):
            continue
        for target in graph.referring_to(service, SCALING_TARGET, by="resourceId"):
            policies = graph.referring_to(target, SCALING_POLICY, by="resourceId")
            if not any(map(_counts_requests, policies)):
                yield Finding(target, "it does not grow with its requests")


def _counts_requests(policy: Resource) -> bool:
    keys = (
        "targetTrackingScalingPolicyConfiguration",
        "predefinedMetricSpecification",
        "predefinedMetricType",
    )
    return may_be(policy.at(*keys), "ALBRequestCountPerTarget")


@resource_rule(
    "ecs-service-deployment-capacity",
    severity=Severity.MEDIUM,
    types=(SERVICE,),
    controls=(38,),
    description="A deployment takes no task away before its successor answers, and gives that time to start.",
    remediation="Set deploymentMinimumHealthyPercent to 100, and healthCheckGracePeriodSeconds.",
)
def deployment_capacity(service: Resource, _options: Options) -> Iterable[str]:
    """ECS takes 100 percent where nothing is said, and no time at all."""
    percent = service.at("deploymentMinimumHealthyPercent")
    if percent is not None and not at_least(percent, 100):
        yield "a deployment takes tasks away before others are there"
    behind = list(each(service.at("loadBalancers")))
    if behind and not at_least(service.at("healthCheckGracePeriodSeconds"), 1):
        yield "new tasks have no time to start before the load balancer judges them"


@resource_rule(
    "ecs-service-spot",
    severity=Severity.HIGH,
    types=(SERVICE,),
    controls=(39,),
    description="A production service runs on spare capacity only beyond a base that stays.",
    remediation="Give the strategy of FARGATE a base, or leave FARGATE_SPOT out.",
    production=True,
    options={"base": {"type": "integer", "minimum": 1, "default": 2, "description": "Tasks that stay"}},
)
def spot(service: Resource, options: Options) -> Iterable[str]:
    """AWS takes spare capacity back with two minutes' notice, from all services at once."""
    strategies = list(each(service.at("capacityProviderStrategies")))
    spare = [one for one in strategies if is_certainly(at(one, "capacityProvider"), "FARGATE_SPOT")]
    kept = [one for one in strategies if may_be(at(one, "capacityProvider"), "FARGATE")]
    if spare and not any(at_least(at(one, "base"), options["base"]) for one in kept):
        yield f"fewer than {options['base']} tasks stay when spare capacity is taken back"
