"""What is watched of queues, rules and pipes (pure, no resources)."""

import pulumi

from .. import thresholds
from ..alarms import AlarmArgs
from ..metrics import Expression
from ..severity import Severity
from .source import AlarmSet, Source


def dead_letter_alarms(queue: pulumi.Input[str]) -> AlarmSet:
    """Watch a dead-letter queue."""
    source = Source(namespace="AWS/SQS", dimensions={"QueueName": queue})
    return {
        "depth": AlarmArgs(
            description="A dead-letter queue holds messages that could not be handled.",
            runbook="dead-letters",
            severity=Severity.URGENT,
            metric=source.metric("ApproximateNumberOfMessagesVisible", "Maximum", 60),
            threshold=thresholds.DEAD_LETTERS,
        )
    }


def queue_alarms(queue: pulumi.Input[str], age_seconds: int) -> AlarmSet:
    """Watch a queue whose oldest message should not get older than ``age_seconds``."""
    source = Source(namespace="AWS/SQS", dimensions={"QueueName": queue})
    return {
        "age": AlarmArgs(
            description="The oldest message of a queue waits too long for its worker.",
            runbook="queue-age",
            severity=Severity.URGENT,
            metric=source.metric("ApproximateAgeOfOldestMessage", "Maximum", 60),
            threshold=age_seconds,
            periods=3,
        )
    }


def rule_alarms(rule: pulumi.Input[str], bus: pulumi.Input[str] | None) -> AlarmSet:
    """Watch a rule of the account's default bus (``None``) or of another one."""
    dimensions = {"RuleName": rule} if bus is None else {"EventBusName": bus, "RuleName": rule}
    source = Source(namespace="AWS/Events", dimensions=dimensions)
    return {
        "failures": AlarmArgs(
            description="A rule could not deliver events to its target and has given up on them.",
            runbook="rule-failures",
            severity=Severity.NOTICE,
            metric=source.metric("FailedInvocations"),
            threshold=0,
        )
    }


def pipe_alarms(pipe: pulumi.Input[str]) -> AlarmSet:
    """Watch a pipe."""
    source = _pipe(pipe)
    return {
        "failures": AlarmArgs(
            description="A pipe fails to pass records on, and tries again.",
            runbook="pipe",
            severity=Severity.URGENT,
            metric=source.metric("ExecutionFailed"),
            threshold=0,
            periods=3,
            periods_failing=2,
        ),
        "target": AlarmArgs(
            description="The target of a pipe refuses what it sends.",
            runbook="pipe",
            severity=Severity.URGENT,
            metric=source.metric("TargetStageFailed"),
            threshold=0,
            periods=3,
            periods_failing=2,
        ),
        "throttles": AlarmArgs(
            description="A pipe is slowed down: the account runs more of them at once than it may.",
            runbook="pipe",
            severity=Severity.NOTICE,
            metric=source.metric("ExecutionThrottled"),
            threshold=0,
            periods=3,
        ),
    }


def publisher_alarms(pipe: pulumi.Input[str], source_table: pulumi.Input[str]) -> AlarmSet:
    """Watch a pipe for all that is put into ``source_table`` for its silence, as when it was disabled."""
    table = Source(namespace="AWS/DynamoDB", dimensions={"TableName": source_table})
    return {
        "silence": AlarmArgs(
            description="Events are appended and none is published: the pipe stands still.",
            runbook="pipe",
            severity=Severity.URGENT,
            metric=Expression(
                formula="IF(FILL(appended, 0) > 0, IF(FILL(published, 0) > 0, 0, 1), 0)",
                metrics={
                    "appended": table.operation("PutItem").metric("SuccessfulRequestLatency", "SampleCount"),
                    "published": _pipe(pipe).metric("EventCount"),
                },
            ),
            threshold=0,
            # An event of a period's last second is published in the next: that is no silence yet.
            periods=6,
            periods_failing=2,
        ),
    }


def _pipe(pipe: pulumi.Input[str]) -> Source:
    return Source(namespace="AWS/EventBridge/Pipes", dimensions={"PipeName": pipe})
