"""What is watched of services and functions (pure, no resources)."""

import pulumi

from .. import thresholds
from ..alarms import AlarmArgs, Comparison, Missing
from ..severity import Severity
from .source import AlarmSet, Source


def service_alarms(cluster: pulumi.Input[str], service: pulumi.Input[str], tasks_min: int) -> AlarmSet:
    """Watch an ECS service: whether its tasks run, and whether they have room.

    A running task is one sample of the service's metrics a minute, also without Container Insights. A service
    that may have no task is not missed.
    """
    source = Source(namespace="AWS/ECS", dimensions={"ClusterName": cluster, "ServiceName": service})
    alarms = {
        "cpu": AlarmArgs(
            description="The tasks have been busy for a quarter of an hour, and no more are added.",
            runbook="service-load",
            severity=Severity.NOTICE,
            metric=source.metric("CPUUtilization", "Average"),
            threshold=thresholds.SERVICE_CPU_PERCENT,
            periods=3,
        ),
        "memory": AlarmArgs(
            description="A task is about to run out of memory and to be killed.",
            runbook="service-load",
            severity=Severity.NOTICE,
            metric=source.metric("MemoryUtilization", "Maximum"),
            threshold=thresholds.SERVICE_MEMORY_PERCENT,
            periods=2,
        ),
    }
    if tasks_min > 0:
        alarms["tasks"] = AlarmArgs(
            description="Fewer tasks run than the stack's minimum.",
            runbook="service-tasks",
            severity=Severity.URGENT,
            metric=source.metric("CPUUtilization", "SampleCount", 60),
            threshold=tasks_min,
            comparison=Comparison.BELOW,
            periods=thresholds.TASKS_MISSING_MINUTES,
            missing=Missing.BAD,
        )
    return alarms


def function_alarms(function: pulumi.Input[str], timeout_seconds: int) -> AlarmSet:
    """Watch a Lambda function: whether its runs succeed, may begin, and have time enough."""
    source = Source(namespace="AWS/Lambda", dimensions={"FunctionName": function})
    return {
        "errors": AlarmArgs(
            description="Runs of the function failed, or ended at its time-out.",
            runbook="function",
            severity=Severity.URGENT,
            metric=source.metric("Errors"),
            threshold=thresholds.FUNCTION_FAILURES,
        ),
        "throttles": AlarmArgs(
            description="The function was called more often than it may run at a time.",
            runbook="function",
            severity=Severity.URGENT,
            metric=source.metric("Throttles"),
            threshold=thresholds.FUNCTION_FAILURES,
        ),
        "duration": AlarmArgs(
            description="A run of the function took most of the time that it has.",
            runbook="function",
            severity=Severity.NOTICE,
            metric=source.metric("Duration", "Maximum"),
            threshold=timeout_seconds * 1000 * thresholds.FUNCTION_TIMEOUT_PERCENT / 100,
        ),
    }
