"""What must not be done to services."""

from tests.policy.mutation import Mutation, altered, both, in_json, removed, set_at

SERVICE = ("aws:ecs/service:Service", "audio-service")
TASK = ("aws:ecs/taskDefinition:TaskDefinition", "audio-task")
GROUP = ("aws:lb/targetGroup:TargetGroup", "audio-target")
TARGET = ("aws:appautoscaling/target:Target", "audio-scaling")
POLICIES = [
    ("aws:appautoscaling/policy:Policy", f"audio-scaling-{what}") for what in ("cpu", "memory", "requests")
]
ROLLBACK = "ecs-service-rollback"
CAPACITY = "ecs-service-deployment-capacity"
SCALING = "ecs-service-scaling"
DRAINING = "ecs-service-draining"
BREAKER, ALARMS = (*SERVICE, "deploymentCircuitBreaker"), (*SERVICE, "alarms")
SHIFTED = {"strategy": "CANARY", "bakeTimeInMinutes": "10"}

MUTATIONS = (
    altered(
        "ecs-service-public-address", "its tasks have public addresses",
        (*SERVICE, "networkConfiguration", "assignPublicIp"), True,
    ),
    altered(DRAINING, "requests are drained longer than tasks live", (*GROUP, "deregistrationDelay"), 130),
    altered(DRAINING, "requests are drained as long as usual", (*GROUP, "deregistrationDelay"), None),
    Mutation(
        rule=DRAINING, what="tasks stop after half a minute",
        change=in_json((*TASK, "containerDefinitions"), (0, "stopTimeout"), None),
        at=GROUP, unknown=(*TASK, "containerDefinitions"), needs=("deregistrationDelay",),
    ),
    Mutation(
        rule=ROLLBACK, what="neither the circuit breaker nor an alarm takes it back",
        change=both(set_at((*BREAKER, "rollback"), False), set_at((*ALARMS, "rollback"), False)),
        at=SERVICE, unknown=(*BREAKER, "rollback"), needs=("alarms",),
    ),
    Mutation(
        rule=ROLLBACK, what="traffic is shifted without an alarm",
        change=both(set_at((*SERVICE, "deploymentConfiguration"), SHIFTED), set_at(ALARMS, None)),
        at=SERVICE, unknown=(*SERVICE, "deploymentConfiguration"), needs=("alarms",),
    ),
    Mutation(
        rule=ROLLBACK, what="a shifted version is watched for a minute",
        change=set_at((*SERVICE, "deploymentConfiguration"), SHIFTED | {"bakeTimeInMinutes": "1"}),
        at=SERVICE, unknown=(*SERVICE, "deploymentConfiguration"),
    ),
    altered(
        "ecs-service-rebalancing", "tasks stay in their zone",
        (*SERVICE, "availabilityZoneRebalancing"), "DISABLED",
        needs=("schedulingStrategy",),
    ),
    altered(
        "ecs-service-tasks", "it has one task", (*SERVICE, "desiredCount"), 1, needs=("schedulingStrategy",)
    ),
    altered(SCALING, "it may shrink to one task", (*TARGET, "minCapacity"), 1),
    altered(SCALING, "it may grow without end", (*TARGET, "maxCapacity"), 5000),
    Mutation(
        rule=SCALING, what="it does not grow",
        change=both(removed(*TARGET), *(removed(*policy) for policy in POLICIES)),
        at=SERVICE, unknown=(*TARGET, "minCapacity"), needs=("schedulingStrategy",),
    ),
    Mutation(
        rule="ecs-service-request-scaling", what="requests are not counted",
        change=removed(*POLICIES[2]), at=TARGET,
        unknown=(*POLICIES[2], "targetTrackingScalingPolicyConfiguration"), needs=("resourceId",),
    ),
    altered(
        CAPACITY, "a task goes before another is there", (*SERVICE, "deploymentMinimumHealthyPercent"), 50
    ),
    altered(
        CAPACITY, "tasks have no time to start", (*SERVICE, "healthCheckGracePeriodSeconds"), None,
        needs=("loadBalancers",),
    ),
    altered(
        "ecs-service-spot", "all tasks run on spare capacity", (*SERVICE, "capacityProviderStrategies"),
        [{"capacityProvider": "FARGATE_SPOT", "weight": 1}, {"capacityProvider": "FARGATE", "base": 1}],
    ),
)  # fmt: skip
