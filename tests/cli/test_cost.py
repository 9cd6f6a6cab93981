"""`nova cost`: the bill of a month in which nobody uses a stack."""

import json
import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import cost as costs
from cli import pages, prices
from cli.app import app
from cli.charges import FREE, PRICED, Charge, Charges
from cli.errors import NovaError
from cli.markdown import RENEW
from evaluation.recorder import Recorded
from tests.infra.conftest import STACKS
from tests.infra.deployment import ROOT, Deployment, deployed

DEV_MONTH_MAX_USD = 100
DEV_ASLEEP_MAX_USD = 15
TABLE = prices.price_table()
TOKYO = "ap-northeast-1"


@cache
def placed(stack: str, region: str) -> Deployment:
    return costs.placed_in(stack, region, TABLE) if region == TOKYO else deployed(stack)


def month(stack: str, region: str) -> costs.Bill:
    return costs.priced(placed(stack, region), TABLE, region)


def lines(bill: costs.Bill, region: str) -> dict[str, tuple[float, float]]:
    return {line.price.key: (line.count[region], round(line.usd[region], 2)) for line in bill.lines}


def test_an_idle_dev_costs_less_than_100_usd_a_month() -> None:
    bill = costs.priced(deployed("dev"), TABLE, "us-east-1")
    print({line.price.key: round(line.usd["us-east-1"], 2) for line in bill.lines})  # noqa: T201
    print(f"dev idles at {bill.total('us-east-1'):.2f} USD a month")  # noqa: T201
    assert bill.total("us-east-1") < DEV_MONTH_MAX_USD


@pytest.mark.parametrize("region", TABLE.regions)
def test_dev_asleep_costs_less_than_15_usd_a_month(region: str) -> None:
    result = CliRunner().invoke(app, ["cost", "--stack", "dev", "--region", region, "--asleep", "--json"])
    bill = json.loads(result.stdout)
    usd = {line["price"]: line["usd_a_month"][region] for line in bill["lines"]}
    print(f"dev asleep costs {sum(usd.values()):.2f} USD a month in {region}: {usd}")  # noqa: T201
    assert sum(usd.values()) < DEV_ASLEEP_MAX_USD
    assert usd["kms-key"] > 0, "what is stored stays encrypted under the same keys"
    hourly = {key for key in usd if TABLE.of(key).unit == "hour"}
    assert all(not usd[key] for key in hourly), hourly


@pytest.mark.parametrize("stack", STACKS)
def test_every_type_has_a_price_or_a_reason_for_none(stack: str) -> None:
    types = {found.type for found in deployed(stack).resources.values()}
    own = {kind for kind in types if kind.startswith(("nova:", "pulumi:"))}
    assert types - own - PRICED - FREE.keys() == set(), "see cli/charges.py"


def test_the_tables_are_disjoint_and_give_reasons() -> None:
    assert PRICED.isdisjoint(FREE)
    assert all(len(reason) > 10 for reason in FREE.values())


def test_dev_pays_for_what_it_keeps_running() -> None:
    found = lines(costs.priced(deployed("dev"), TABLE, "us-east-1"), "us-east-1")
    assert found["nat-gateway"] == (1, 32.85)
    assert found["application-load-balancer"] == (1, 16.43)
    assert found["valkey cache.t4g.micro"] == (1, 9.34)
    tasks = len(deployed("dev").of_type("aws:ecs/service:Service"))
    assert found["fargate-spot-vcpu"][0] == tasks * 0.25
    assert found["fargate-spot-gb"][0] == tasks * 0.5
    assert "fargate-vcpu" not in found
    assert "interface-endpoint" not in found
    assert "web-acl" not in found


def test_a_metric_is_paid_once_however_many_groups_feed_it() -> None:
    filters = deployed("dev").of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    metrics = {found.inputs["metricTransformation"]["name"] for found in filters}
    assert len(filters) > len(metrics)
    counted = lines(month("dev", "us-east-1"), "us-east-1")["metric"]
    assert counted == (len(metrics), 0)


def test_another_region_has_its_own_prices_and_zones() -> None:
    tokyo = month("prod", TOKYO)
    assert lines(tokyo, TOKYO)["nat-gateway"] == (3, 135.78)
    (vpc,) = placed("prod", TOKYO).of_type("awsx:ec2:Vpc")
    assert vpc.inputs["availabilityZoneNames"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    assert tokyo.total(TOKYO) > month("prod", "us-east-1").total("us-east-1")


def test_regions_stand_side_by_side() -> None:
    """Also where one has more of something than another, or something that the other lacks."""
    price, other = TABLE.of("kms-key"), TABLE.of("secret")
    here = costs.Bill(lines=(costs.Line(price=price, count={"us-east-1": 9}, usd={"us-east-1": 9.0}),))
    there = costs.Bill(
        lines=(
            costs.Line(price=price, count={TOKYO: 10}, usd={TOKYO: 10.0}),
            costs.Line(price=other, count={TOKYO: 1}, usd={TOKYO: 0.4}),
        )
    )
    both = costs.joined({"us-east-1": here, TOKYO: there})
    assert (both.total("us-east-1"), both.total(TOKYO)) == (9.0, 10.4)
    _header, keys, secrets, _total = costs.rows(both, ("us-east-1", TOKYO))
    assert keys[1] == "9, 10"
    assert secrets[1] == "0, 1"


def test_the_committed_page_is_current() -> None:
    bills = {
        stack: costs.joined({region: month(stack, region) for region in TABLE.regions})
        for stack in pages.STACKS
    }
    page = (ROOT / "docs/costs.md").read_text(encoding="utf-8")
    assert page == pages.costs_page(bills), f"stale: renew it with `{RENEW}`"
    assert f"Prices of {TABLE.date}" in page
    for stack in pages.STACKS:
        assert re.search(rf"## Stack {stack}: [\d.]+ USD in us-east-1 or [\d.]+ USD in ap-northeast-1", page)
    for line in bills["prod"].lines:
        assert f"| {line.price.what} | {line.price.source} | " in page


TWO_METRICS: list[dict[str, Any]] = [{"metric": {"period": 60}}] * 2 + [{"expression": "a/b"}]


def changed(kind: str, inputs: dict[str, Any], stack: str = "prod") -> tuple[Deployment, Recorded]:
    """The first resource of a type, with other inputs, in its stack."""
    deployment = deployed(stack)
    found = deployment.of_type(kind)[0]
    resource = replace(found, inputs={**found.inputs, **inputs})
    return replace(deployment, resources={**deployment.resources, resource.urn: resource}), resource


@pytest.mark.parametrize(
    ("strategies", "idle", "on_demand", "spot"),
    [
        ([{"capacityProvider": "FARGATE", "base": 2.0, "weight": 100.0}], 2, 2, 0),
        ([{"capacityProvider": "FARGATE_SPOT", "weight": 100.0}], 2, 0, 2),
        (
            [
                {"capacityProvider": "FARGATE", "base": 2.0, "weight": 25.0},
                {"capacityProvider": "FARGATE_SPOT", "weight": 75.0},
            ],
            6,
            3,
            3,
        ),
        (
            [
                {"capacityProvider": "FARGATE", "base": 2.0, "weight": 0.0},
                {"capacityProvider": "FARGATE_SPOT", "weight": 100.0},
            ],
            1,
            1,
            0,
        ),
    ],
)
def test_tasks_are_divided_as_ecs_divides_them(
    strategies: list[dict[str, Any]], idle: int, on_demand: int, spot: int
) -> None:
    deployment, service = changed("aws:ecs/service:Service", {"capacityProviderStrategies": strategies})
    (target,) = [
        found
        for found in deployment.of_type("aws:appautoscaling/target:Target")
        if service.urn in found.references["resourceId"]
    ]
    target = replace(target, inputs={**target.inputs, "minCapacity": float(idle)})
    deployment = replace(deployment, resources={**deployment.resources, target.urn: target})
    (task,) = [deployment.resources[urn] for urn in service.references["taskDefinition"]]
    vcpu = int(task.inputs["cpu"]) / 1024
    found = {charge.price: charge.count for charge in Charges(deployment).of(service)}
    assert (found["fargate-vcpu"], found["fargate-spot-vcpu"]) == (on_demand * vcpu, spot * vcpu)


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        (
            "awsx:ec2:Vpc",
            {
                "natGateways": {"strategy": "Single"},
                "vpcEndpointSpecs": [
                    {"serviceName": "sts", "vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}
                ],
            },
            {"public-ipv4": 1, "nat-gateway": 1, "interface-endpoint": 3},
        ),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", {"metricQueries": []}, {"alarm": 1}),
        (
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            {"metricQueries": TWO_METRICS},
            {"alarm": 2},
        ),
        ("aws:secretsmanager/secret:Secret", {"replicas": [{"region": "us-west-2"}]}, {"secret": 2}),
        (
            "aws:elasticache/replicationGroup:ReplicationGroup",
            {"engine": "valkey", "nodeType": "cache.t4g.small", "numCacheClusters": 3.0},
            {"valkey cache.t4g.small": 3},
        ),
        ("aws:ecs/cluster:Cluster", {"settings": [{"name": "containerInsights", "value": "disabled"}]}, {}),
        ("aws:sqs/queue:Queue", {}, {}),
    ],
)
def test_what_a_resource_is_charged_for(
    kind: str, inputs: dict[str, Any], expected: dict[str, float]
) -> None:
    deployment, resource = changed(kind, inputs)
    assert Charges(deployment).of(resource) == tuple(
        Charge(price=key, count=n) for key, n in expected.items()
    )


def test_what_an_account_has_for_nothing_is_not_charged() -> None:
    price = TABLE.of("alarm")
    alarms = deployed("prod").of_type("aws:cloudwatch/metricAlarm:MetricAlarm")[:4]
    few = replace(deployed("prod"), resources={alarm.urn: alarm for alarm in alarms})
    assert price.free == 10
    assert costs.priced(few, TABLE, "us-east-1").total("us-east-1") == 0


def test_an_unpriced_type_says_where_to_price_it() -> None:
    deployment = deployed("dev")
    strange = replace(deployment.of_type("aws:sqs/queue:Queue")[0], type="aws:rds/cluster:Cluster")
    with pytest.raises(NovaError, match=r"aws:rds/cluster:Cluster has no price.*cli/charges\.py"):
        Charges(deployment).of(strange)


def test_a_missing_price_says_where_to_write_it() -> None:
    with pytest.raises(
        NovaError, match=r"policy/src/nova_policy/prices\.toml has no price of redis cache\.r7g\.large"
    ):
        TABLE.of("redis cache.r7g.large")


def test_a_region_without_prices_is_named() -> None:
    result = CliRunner().invoke(app, ["cost", "--stack", "dev", "--region", "eu-west-1"])
    assert isinstance(result.exception, NovaError)
    assert "no prices for eu-west-1; it has us-east-1, ap-northeast-1" in str(result.exception)


def test_every_price_says_where_it_is_from() -> None:
    assert TABLE.regions == ("us-east-1", "ap-northeast-1")
    for price in TABLE.prices.values():
        assert price.unit in {"hour", "month"}, price.key
        assert set(price.usd) == set(TABLE.regions), price.key
        assert price.check.startswith("https://aws.amazon.com/"), price.key
        assert price.source, price.key
        assert ("memory" in price.source and not price.verified) or "memory" not in price.source, price.key


def test_a_price_from_memory_is_marked() -> None:
    result = CliRunner().invoke(app, ["cost", "--stack", "dev", "--region", "us-east-1"])
    assert result.exit_code == 0
    rows = {line.split("  ")[0]: line.split() for line in result.stdout.splitlines()}
    assert rows["NAT gateway"][-3:] == ["hour", "0.045", "32.85"]
    assert "cache.t4g.micro, Valkey *" in rows
    assert float(rows["total"][-1]) < DEV_MONTH_MAX_USD


def test_the_bill_is_there_for_programs() -> None:
    result = CliRunner().invoke(app, ["cost", "--stack", "dev", "--json"])
    bill = json.loads(result.stdout)
    gateway = next(line for line in bill["lines"] if line["price"] == "nat-gateway")
    assert gateway["usd_a_month"] == {"us-east-1": 32.85, "ap-northeast-1": 45.26}
    assert bill["date"] == TABLE.date.isoformat()
