"""What judging a stack takes, and what the pack thinks that the stack costs."""

from collections import Counter
from typing import Any

import pytest
from nova_policy.fixed_costs import counts
from nova_policy.graph import Graph, Resource
from nova_policy.prices import rates

from benchmarks.policy_pack import LIMIT_CPU_S, best, judged
from cli import cost
from cli.prices import price_table
from tests.infra.deployment import deployed
from tests.policy.conftest import graph
from tests.policy.test_allowed import messages, one


def test_judging_prod_keeps_its_limit() -> None:
    deployment = deployed("prod")
    assert best(3, lambda: judged(deployment)) < LIMIT_CPU_S


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_pack_comes_to_the_bill_of_the_command(stack: str) -> None:
    """Both count alike; one looks at all resources, the other at each with what it consists of."""
    found: Counter[str] = Counter()
    for resource in graph(stack).resources:
        for kind, count in counts(graph(stack), resource):
            found[kind] += count  # pyright: ignore[reportArgumentType] (halves of a vCPU)
    for region in price_table().regions:
        bill = cost.priced(deployed(stack), price_table(), region)
        prices = rates(region)
        usd = sum(
            max(0, count - prices[kind].free) * prices[kind].usd_a_month for kind, count in found.items()
        )
        assert usd == pytest.approx(bill.total(region))


RULE = "stack-cost-fixed"
KEYS = tuple(one("aws:kms/key:Key", f"key-{number}") for number in range(5))
GATEWAY = one("aws:ec2/natGateway:NatGateway", "way")


def budget(**props: Any) -> Resource:
    usual: dict[str, Any] = {
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitUnit": "USD",
        "limitAmount": "4.5",
    }
    return one("aws:budgets/budget:Budget", "money", **(usual | props))


def test_the_budget_is_an_option() -> None:
    assert messages(RULE, *KEYS, usd=5) == []
    assert messages(RULE, *KEYS, usd=4) == [
        "the stack costs 5 USD in an idle month, 1 over its budget, and this the most"
    ]


def test_prices_are_a_regions_or_ones_own() -> None:
    assert messages(RULE, GATEWAY, usd=40) == []
    assert len(messages(RULE, GATEWAY, usd=40, region="ap-northeast-1")) == 1
    assert len(messages(RULE, GATEWAY, usd=40, prices={"nat-gateway": 41})) == 1


@pytest.mark.parametrize(
    ("props", "refused"),
    [
        ({}, True),
        ({"filterExpression": {"tags": {"key": "stack", "values": ["prod"]}}}, True),
        ({"costFilters": [{"name": "TagKeyValue", "values": ["user:stack$prod"]}]}, True),
        ({"costFilters": [{"name": "Service", "values": ["AWS Lambda"]}]}, False),
        ({"filterExpression": {"ands": [{"dimensions": {"key": "SERVICE"}}]}}, False),
        ({"timeUnit": "DAILY"}, False),
        ({"limitUnit": "JPY"}, False),
        ({"budgetType": "USAGE"}, False),
        ({"limitAmount": "no number"}, False),
    ],
)
def test_a_stacks_own_budget_counts_where_it_is_about_the_whole(props: dict[str, Any], refused: bool) -> None:
    assert bool(messages(RULE, *KEYS, budget(**props))) is refused


def test_an_account_has_some_for_nothing() -> None:
    alarms = [one("aws:cloudwatch/metricAlarm:MetricAlarm", f"alarm-{number}") for number in range(11)]
    assert messages(RULE, *alarms[:10], usd=0.05) == []
    assert len(messages(RULE, *alarms, usd=0.05)) == 1


def test_tasks_are_divided_as_ecs_divides_them() -> None:
    strategies = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    task = one("aws:ecs/taskDefinition:TaskDefinition", "task", cpu="1024", memory="2048")
    service = one(
        "aws:ecs/service:Service", "web", {"taskDefinition": (task.type, task.name)},
        desiredCount=6, capacityProviderStrategies=strategies,
    )  # fmt: skip
    kinds = dict(counts(Graph((task, service)), service))
    assert kinds == {"fargate-vcpu": 3, "fargate-gb": 6, "fargate-spot-vcpu": 3, "fargate-spot-gb": 6}
