"""What is watched of models and agent runtimes (pure, no resources)."""

from collections.abc import Mapping, Sequence

import pulumi

from .. import thresholds
from ..alarms import AlarmArgs
from ..metrics import Expression, Metric
from ..severity import Severity
from .source import AlarmSet, Source, total


def model_alarms(names: Sequence[pulumi.Input[str]], region: str) -> AlarmSet:
    """Watch a Bedrock model by the names that its metrics may have, in the region where it is called."""
    return {
        "throttles": AlarmArgs(
            description="Bedrock throttles calls of a model.",
            runbook="model-throttles",
            severity=Severity.URGENT,
            metric=_of_model(names, {"throttled": "InvocationThrottles"}),
            threshold=thresholds.MODEL_REFUSALS,
            periods=2,
            region=region,
        ),
        "errors": AlarmArgs(
            description="Bedrock refuses or fails calls of a model.",
            runbook="model-errors",
            severity=Severity.URGENT,
            metric=_of_model(
                names, {"refused": "InvocationClientErrors", "failed": "InvocationServerErrors"}
            ),
            threshold=thresholds.MODEL_REFUSALS,
            periods=2,
            region=region,
        ),
    }


def guardrail_alarms(guardrail_arn: pulumi.Input[str], version: pulumi.Input[str]) -> AlarmSet:
    """Watch a version of a guardrail."""
    source = Source(
        namespace="AWS/Bedrock/Guardrails",
        dimensions={"GuardrailArn": guardrail_arn, "GuardrailVersion": version},
    )
    return {
        "interventions": AlarmArgs(
            description="The guardrail masks or blocks many questions or answers.",
            runbook="guardrail",
            severity=Severity.NOTICE,
            metric=source.metric("InvocationsIntervened"),
            threshold=thresholds.GUARDRAIL_INTERVENTIONS,
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


def _of_model(names: Sequence[pulumi.Input[str]], counted: Mapping[str, str]) -> Metric | Expression:
    metrics = {
        f"{label}{number}": Source(namespace="AWS/Bedrock", dimensions={"ModelId": name}).metric(metric)
        for number, name in enumerate(names)
        for label, metric in counted.items()
    }
    return total(metrics) if len(metrics) > 1 else next(iter(metrics.values()))
