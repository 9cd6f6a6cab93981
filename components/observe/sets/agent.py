"""What is watched of models and agent runtimes (pure, no resources)."""

import pulumi

from components.observe import thresholds
from components.observe.alarms import AlarmArgs
from components.observe.sets.source import AlarmSet, Source, total
from components.observe.severity import Severity


def model_alarms(model: pulumi.Input[str], region: str) -> AlarmSet:
    """Watch a Bedrock model, by the id or ARN that it is called with, in the region where it is called."""
    source = Source(namespace="AWS/Bedrock", dimensions={"ModelId": model})
    return {
        "throttles": AlarmArgs(
            description="Bedrock throttles calls of a model.",
            runbook="model-throttles",
            severity=Severity.URGENT,
            metric=source.metric("InvocationThrottles"),
            threshold=thresholds.MODEL_REFUSALS,
            periods=2,
            region=region,
        ),
        "errors": AlarmArgs(
            description="Bedrock refuses or fails calls of a model.",
            runbook="model-errors",
            severity=Severity.URGENT,
            metric=total(
                {
                    "refused": source.metric("InvocationClientErrors"),
                    "failed": source.metric("InvocationServerErrors"),
                }
            ),
            threshold=thresholds.MODEL_REFUSALS,
            periods=2,
            region=region,
        ),
    }


def runtime_alarms(runtime_arn: pulumi.Input[str], endpoint: str) -> AlarmSet:
    """Watch an agent runtime, at the endpoint that callers use (``<runtime's name>::<endpoint's name>``)."""
    source = Source(
        namespace="AWS/Bedrock-AgentCore",
        dimensions={"Resource": runtime_arn, "Operation": "InvokeAgentRuntime", "Name": endpoint},
    )
    return {
        "errors": AlarmArgs(
            description="AgentCore failed to answer calls.",
            runbook="agent-runtime-errors",
            severity=Severity.URGENT,
            metric=source.metric("SystemErrors"),
            threshold=thresholds.RUNTIME_FAILURES,
        ),
        "refusals": AlarmArgs(
            description="Many calls were refused, or not answered.",
            runbook="agent-runtime-refusals",
            severity=Severity.NOTICE,
            metric=source.metric("UserErrors"),
            threshold=thresholds.RUNTIME_REFUSALS,
        ),
        "throttles": AlarmArgs(
            description="Calls were throttled: they exceed a quota.",
            runbook="agent-runtime-throttles",
            severity=Severity.URGENT,
            metric=source.metric("Throttles"),
            threshold=thresholds.RUNTIME_FAILURES,
        ),
        "latency": AlarmArgs(
            description="Answers take longer than people wait.",
            runbook="agent-runtime-latency",
            severity=Severity.NOTICE,
            metric=source.metric("Latency", "Average"),
            threshold=thresholds.RUNTIME_LATENCY_MS,
        ),
    }
