"""What is watched, who is told, and what the telling points to."""

import dataclasses
import re
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from components.account import Account
from components.data.keys import Keys, KeysArgs
from components.observe.alarms import AlarmArgs, Alerts, AlertsArgs, Comparison, Missing
from components.observe.metrics import Expression, Metric
from evaluation.answers import ACCOUNT_ID
from tests.infra.conftest import STACKS, deployed
from tests.infra.deployment import ROOT, Deployment, deploy, run
from tests.infra.policies import statements

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
RUNBOOKS = ROOT / "docs/operations/runbooks"
SECTIONS = ["What it means", "What people notice", "First look", "Likely causes", "Fix", "Afterwards"]


def runbook(alarm: dict[str, Any]) -> str:
    """The name of the runbook that an alarm's description ends with."""
    found = re.search(r"\. Runbook: (\S+)/([a-z0-9-]+)\.md$", alarm["alarmDescription"])
    assert found is not None, alarm["alarmDescription"]
    return found.group(2)


class TestEveryAlarm:
    def test_notifies_when_it_goes_off_and_when_it_recovers(self, deployment: Deployment) -> None:
        topics = {topic.inputs.get("region"): topic for topic in deployment.of_type("aws:sns/topic:Topic")}
        alarms = deployment.of_type(ALARM)
        assert alarms
        for alarm in alarms:
            topic = topics[alarm.inputs.get("region")]
            for actions in ("alarmActions", "okActions"):
                (action,) = alarm.inputs[actions]
                assert action.endswith(f":{topic.name}-0000000"), alarm.name
            assert alarm.inputs.get("actionsEnabled", True), alarm.name

    def test_says_what_it_means_and_names_a_runbook_that_exists(self, deployment: Deployment) -> None:
        for alarm in deployment.of_type(ALARM):
            assert (RUNBOOKS / f"{runbook(alarm.inputs)}.md").is_file(), alarm.name
            assert 60 < len(alarm.inputs["alarmDescription"]) <= 1024, alarm.name

    def test_links_the_teams_own_runbooks(self) -> None:
        url = "https://example.com/nova/runbooks"
        for alarm in deploy("dev", overrides={"runbookUrl": url}).of_type(ALARM):
            assert f" Runbook: {url}/" in alarm.inputs["alarmDescription"]


class TestRunbooks:
    def test_each_is_used_by_an_alarm(self) -> None:
        used = {runbook(alarm.inputs) for stack in STACKS for alarm in deployed(stack).of_type(ALARM)}
        assert {path.stem for path in RUNBOOKS.glob("*.md")} == used

    @pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
    def test_each_has_the_same_sections_with_something_in_them(self, path: Path) -> None:
        parts = re.split(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert parts[0].startswith("# ")
        assert parts[1::2] == SECTIONS
        assert all(len(body.split()) >= 8 for body in parts[2::2])


def metric(**changes: object) -> Metric:
    plain = Metric(namespace="AWS/X", name="Errors", dimensions={"A": "b"})
    return dataclasses.replace(plain, **cast("dict[str, Any]", changes))


def alarm_args(**changes: object) -> AlarmArgs:
    plain = AlarmArgs(description="It fails.", runbook="it-fails", metric=metric(), threshold=0)
    return dataclasses.replace(plain, **cast("dict[str, Any]", changes))


def recorded(region: str, *alarms: AlarmArgs) -> Deployment:
    """What a program registers that has these alarms in a stack of ``region``."""

    def program() -> None:
        account = Account(
            account_id=pulumi.Output.from_input(ACCOUNT_ID),
            partition=pulumi.Output.from_input("aws"),
            region=region,
        )
        keys = Keys("keys", KeysArgs(account=account, recovery_days=7, protect=False))
        alerts = Alerts(
            "alerts",
            AlertsArgs(account=account, keys=keys, email="a@example.com", runbook_url="https://example.com"),
        )
        for number, args in enumerate(alarms):
            alerts.alarm(f"alarm-{'abc'[number]}", args, parent=alerts)

    return run(program)


class TestAlarmsOfEveryForm:
    def test_a_percentile_is_an_extended_statistic(self) -> None:
        (alarm,) = recorded("us-east-1", alarm_args(metric=metric(statistic="p95"))).of_type(ALARM)
        assert alarm.inputs["extendedStatistic"] == "p95"
        assert alarm.inputs["evaluateLowSampleCountPercentiles"] == "ignore"
        assert "statistic" not in alarm.inputs

    def test_an_expression_takes_the_place_of_the_metric(self) -> None:
        rate = Expression(
            formula="100 * errors / requests",
            metrics={
                "errors": metric(statistic="Sum", period_seconds=300),
                "requests": metric(name="Requests", statistic="Sum", period_seconds=300),
            },
        )
        (alarm,) = recorded("us-east-1", alarm_args(metric=rate)).of_type(ALARM)
        *read, result = alarm.inputs["metricQueries"]
        assert [(query["id"], query["metric"]["metricName"], query["returnData"]) for query in read] == [
            ("errors", "Errors", False),
            ("requests", "Requests", False),
        ]
        assert (result["expression"], result["returnData"]) == ("100 * errors / requests", True)
        assert not {"metricName", "namespace", "statistic", "period", "dimensions"} & set(alarm.inputs)

    def test_comparison_missing_data_and_periods_are_chosen(self) -> None:
        args = alarm_args(
            comparison=Comparison.BELOW, missing=Missing.BAD, periods=5, periods_failing=3, threshold=2
        )
        (alarm,) = recorded("us-east-1", args).of_type(ALARM)
        assert alarm.inputs["comparisonOperator"] == "LessThanThreshold"
        assert alarm.inputs["treatMissingData"] == "breaching"
        assert (alarm.inputs["evaluationPeriods"], alarm.inputs["datapointsToAlarm"]) == (5, 3)

    def test_idle_is_not_broken_unless_somebody_says_so(self) -> None:
        (alarm,) = recorded("us-east-1", alarm_args()).of_type(ALARM)
        assert alarm.inputs["treatMissingData"] == "notBreaching"

    @pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1"])
    def test_an_alarm_notifies_a_topic_of_its_own_region(self, region: str) -> None:
        elsewhere = alarm_args(region="us-east-1")
        found = recorded(region, alarm_args(), elsewhere, elsewhere)
        kinds = ("aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy")
        for kind in (*kinds, "aws:sns/topicSubscription:TopicSubscription"):
            regions = {resource.inputs.get("region") for resource in found.of_type(kind)}
            assert regions == ({None} if region == "us-east-1" else {None, "us-east-1"})
        home, *far = found.of_type(ALARM)
        assert home.inputs.get("region") is None
        assert all(alarm.inputs["region"] == "us-east-1" for alarm in far)
        assert (home.inputs["alarmActions"] == far[0].inputs["alarmActions"]) is (region == "us-east-1")

    def test_a_far_topic_has_a_key_of_its_region_and_admits_alarms_of_it(self) -> None:
        found = recorded("ap-northeast-1", alarm_args(region="us-east-1"))
        key = found.one("aws:kms/key:Key", "keys-us-east-1-messages")
        assert key.inputs["region"] == "us-east-1"
        topic = found.one("aws:sns/topic:Topic", "alerts-us-east-1-topic")
        assert topic.inputs["kmsMasterKeyId"].endswith(key.name)
        policy = found.one("aws:sns/topicPolicy:TopicPolicy", "alerts-us-east-1-topic-policy")
        allow, *_ = statements(policy.inputs["policy"])
        assert allow["Condition"]["ArnLike"]["aws:SourceArn"].startswith("arn:aws:cloudwatch:us-east-1:")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statistic": "Median"}, "statistic: Median is not allowed"),
        ({"statistic": "p101"}, "statistic: p101 is not allowed"),
        ({"period_seconds": 90}, "period_seconds: 90 is not allowed"),
        ({"period_seconds": 0}, "period_seconds: 0 is not allowed"),
    ],
)
def test_a_metric_that_cloudwatch_does_not_have_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(**changes)


@pytest.mark.parametrize(
    ("formula", "metrics", "message"),
    [
        ("errors / requests", {"errors": metric()}, "formula: errors / requests has to name"),
        ("errors", {"errors": metric(), "requests": metric()}, "formula: errors has to name"),
        ("Errors + 1", {"Errors": metric()}, "formula"),
        ("result", {"result": metric()}, "result is taken"),
        ("a + b", {"a": metric(), "b": metric(period_seconds=300)}, "the same period"),
        (
            " + ".join(f"m{number}" for number in range(11)),
            {f"m{number}": metric() for number in range(11)},
            "metrics: 11 are not allowed",
        ),
    ],
)
def test_an_expression_that_cannot_be_computed_is_refused(
    formula: str, metrics: dict[str, Metric], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Expression(formula=formula, metrics=metrics)


def test_functions_of_an_expression_are_not_taken_for_metrics() -> None:
    rate = Expression(
        formula="IF(requests > 20, 100 * FILL(errors, 0) / requests, 0)",
        metrics={"errors": metric(), "requests": metric()},
    )
    assert rate.period_seconds == 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runbook": "It fails"}, "runbook: It fails is not allowed"),
        ({"runbook": "it-fails.md"}, "runbook: it-fails.md is not allowed"),
        ({"description": ""}, "description: it has 1 to 700"),
        ({"description": "x" * 701}, "description: it has 1 to 700"),
        ({"periods": 0}, "periods: 0 is not allowed"),
        ({"periods": 1441}, "periods: 1441 is not allowed"),
        ({"periods": 3, "periods_failing": 4}, "periods_failing: 4 is not allowed; it is 1 to periods, 3"),
        ({"periods_failing": 0}, "periods_failing: 0 is not allowed"),
    ],
)
def test_an_alarm_that_cloudwatch_does_not_take_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        alarm_args(**changes)
