"""Autoscaling of an ECS service.

Creates: the limits of its number of tasks and, where there is room between them, a target-tracking policy for
each kind of load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..edge.target import Target
from ..joined import joined
from .backlog import Backlog
from .sizing import ServiceSize

CPU_PERCENT = 70
MEMORY_PERCENT = 80
REQUESTS_PER_TARGET = 1000
"""Load, per minute for requests, at which one more task is wanted."""
COOLDOWN_SECONDS = 60

# The names that the SDK derives from the provider's schema are longer than a line.
_Configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Predefined = (
    aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
)
_Customized = (
    aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
)
_Query = (
    aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgs
)
_Stat = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatArgs  # noqa: E501
_Metric = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricArgs  # noqa: E501
_Dimension = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArgs  # noqa: E501


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingArgs:
    """What is scaled, within which limits, and what its load is measured by."""

    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    size: ServiceSize
    target: Target | None
    """Where its requests come from; nothing for a service that takes none."""
    backlog: Backlog | None
    """What a worker's tasks have to get done; nothing for a service that consumes no queue."""


def autoscale(name: str, args: ScalingArgs, parent: pulumi.Resource) -> None:
    """Let the service ``name`` follow its load; the resources are children of ``parent``."""
    scaling = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=joined("service/", args.cluster_name, "/", args.service_name),
        min_capacity=args.size.tasks_min,
        max_capacity=args.size.tasks_max,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    if args.size.tasks_min == args.size.tasks_max:
        # Nothing to decide: each policy would only cost its two alarms.
        return
    loads = {
        "cpu": _predefined(CPU_PERCENT, "ECSServiceAverageCPUUtilization"),
        "memory": _predefined(MEMORY_PERCENT, "ECSServiceAverageMemoryUtilization"),
    }
    if args.target is not None:
        loads["requests"] = _requests(args.target)
    if args.backlog is not None:
        loads["backlog"] = _computed(args.backlog.messages_per_task, _waiting_per_task(args, args.backlog))
    for label, load in loads.items():
        aws.appautoscaling.Policy(
            f"{name}-scaling-{label}",
            policy_type="TargetTrackingScaling",
            service_namespace=scaling.service_namespace,
            scalable_dimension=scaling.scalable_dimension,
            resource_id=scaling.resource_id,
            target_tracking_scaling_policy_configuration=load,
            opts=pulumi.ResourceOptions(parent=parent),
        )


def _predefined(
    target: float, metric: str, resource_label: pulumi.Input[str] | None = None
) -> _Configuration:
    return _Configuration(
        target_value=target,
        predefined_metric_specification=_Predefined(
            predefined_metric_type=metric, resource_label=resource_label
        ),
        scale_in_cooldown=COOLDOWN_SECONDS,
        scale_out_cooldown=COOLDOWN_SECONDS,
    )


def _computed(target: float, queries: Sequence[_Query]) -> _Configuration:
    return _Configuration(
        target_value=target,
        customized_metric_specification=_Customized(metrics=list(queries)),
        scale_in_cooldown=COOLDOWN_SECONDS,
        scale_out_cooldown=COOLDOWN_SECONDS,
    )


def _requests(target: Target) -> _Configuration:
    if target.alternate is None:
        label = joined(target.balancer_suffix, "/", target.group_suffix)
        return _predefined(REQUESTS_PER_TARGET, "ALBRequestCountPerTarget", label)
    # Two groups take turns, and share the requests in between; an idle one reports nothing.
    groups = {"first": target.group_suffix, "second": target.alternate.group_suffix}
    queries = [
        _query(
            name,
            "AWS/ApplicationELB",
            "RequestCountPerTarget",
            {"LoadBalancer": target.balancer_suffix, "TargetGroup": group},
            "Sum",
        )
        for name, group in groups.items()
    ]
    both = _Query(
        id="both", expression="FILL(first, 0) + FILL(second, 0)", label="Requests per task", return_data=True
    )
    return _computed(REQUESTS_PER_TARGET, [*queries, both])


def _waiting_per_task(args: ScalingArgs, backlog: Backlog) -> list[_Query]:
    running = {"ClusterName": args.cluster_name, "ServiceName": args.service_name}
    return [
        _query("waiting", "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": backlog.queue_name}),
        _query("running", "ECS/ContainerInsights", "RunningTaskCount", running),
        # Without a task the backlog counts as one task's, so that the first one is started for it.
        _Query(
            id="per_task",
            expression="FILL(waiting, 0) / IF(FILL(running, 0) < 1, 1, FILL(running, 0))",
            label="Waiting messages per task",
            return_data=True,
        ),
    ]


def _query(
    name: str,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, pulumi.Input[str]],
    statistic: str = "Average",
) -> _Query:
    return _Query(
        id=name,
        metric_stat=_Stat(
            metric=_Metric(
                namespace=namespace,
                metric_name=metric,
                dimensions=[_Dimension(name=key, value=value) for key, value in dimensions.items()],
            ),
            stat=statistic,
        ),
        return_data=False,
    )
