"""What the dashboard shows of use and cost, which no alarm watches (pure, no resources)."""

from collections.abc import Sequence

import pulumi

from ..board import Curve, Graph, Section
from ..metrics import Metric
from .source import Source

BILLING_REGION = "us-east-1"
"""Where AWS reports what an account has to pay, wherever it runs."""
BILLING_PERIOD_SECONDS = 21_600
"""AWS estimates an account's charges some times a day."""


def target_requests(
    label: str, load_balancer: pulumi.Input[str], target_group: pulumi.Input[str]
) -> tuple[Graph, ...]:
    """Show the requests to a service; both are the suffixes of their ARNs."""
    source = Source(
        namespace="AWS/ApplicationELB",
        dimensions={"LoadBalancer": load_balancer, "TargetGroup": target_group},
    )
    return (_graph("Requests to each service", Section.EDGE, label, source.metric("RequestCount")),)


def api_calls(label: str, api: pulumi.Input[str], stage: pulumi.Input[str]) -> tuple[Graph, ...]:
    """Show the calls of a REST API's stage."""
    source = Source(namespace="AWS/ApiGateway", dimensions={"ApiName": api, "Stage": stage})
    return (_graph("Calls of the public API", Section.EDGE, label, source.metric("Count")),)


def site_requests(label: str, distribution: pulumi.Input[str], region: str) -> tuple[Graph, ...]:
    """Show the requests to a distribution, and what it refuses; ``region`` is where CloudFront reports."""
    source = Source(
        namespace="AWS/CloudFront", dimensions={"DistributionId": distribution, "Region": "Global"}
    )
    return (
        _graph("Requests to the distribution", Section.EDGE, label, source.metric("Requests"), region),
        _graph(
            "Requests in error at the distribution, in percent",
            Section.EDGE,
            label,
            source.metric("4xxErrorRate", "Average"),
            region,
        ),
    )


def waiting_messages(label: str, queue: pulumi.Input[str]) -> tuple[Graph, ...]:
    """Show the messages that wait in a queue."""
    source = Source(namespace="AWS/SQS", dimensions={"QueueName": queue})
    metric = source.metric("ApproximateNumberOfMessagesVisible", "Maximum", 60)
    return (_graph("Messages that wait", Section.EVENTS, label, metric),)


def model_use(label: str, names: Sequence[pulumi.Input[str]], region: str) -> tuple[Graph, ...]:
    """Show the calls of a Bedrock model, by the names that its metrics may have, and what they cost."""
    sources = [Source(namespace="AWS/Bedrock", dimensions={"ModelId": name}) for name in names]
    return tuple(
        _graph(title, section, label, source.metric(metric), region)
        for title, section, metric in (
            ("Calls of each model", Section.AGENT, "Invocations"),
            ("Tokens that models read", Section.COST, "InputTokenCount"),
            ("Tokens that models write", Section.COST, "OutputTokenCount"),
        )
        for source in sources
    )


def runtime_calls(label: str, runtime_arn: pulumi.Input[str], endpoint: str) -> tuple[Graph, ...]:
    """Show the calls of an agent's runtime at the endpoint ``<runtime's name>::<endpoint's name>``."""
    source = Source(
        namespace="AWS/Bedrock-AgentCore",
        dimensions={"Resource": runtime_arn, "Operation": "InvokeAgentRuntime", "Name": endpoint},
    )
    return (_graph("Calls of the agent's runtime", Section.AGENT, label, source.metric("Invocations")),)


def account_charges() -> tuple[Graph, ...]:
    """Show what the whole account has to pay for this month so far.

    It stays empty until somebody lets the account report it (Billing, preferences, alerts); no metric knows
    what a stack costs: its budget and Cost Explorer do.
    """
    metric = Metric(
        namespace="AWS/Billing",
        name="EstimatedCharges",
        dimensions={"Currency": "USD"},
        statistic="Maximum",
        period_seconds=BILLING_PERIOD_SECONDS,
    )
    title = "Charges of the whole account this month, in USD"
    return (_graph(title, Section.COST, "all services", metric, BILLING_REGION),)


def _graph(title: str, section: Section, label: str, metric: Metric, region: str | None = None) -> Graph:
    return Graph(title=title, section=section, curves=(Curve(label=label, metric=metric, region=region),))
