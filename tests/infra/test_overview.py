"""The page that people look at, the questions they ask, and what the stack may cost."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.problems import ACCESS_LOG_FORMAT
from components.observe.board import (
    ALARMS_MAX,
    COLUMNS,
    METRICS_OF_A_GRAPH_MAX,
    AlarmList,
    Board,
    Curve,
    Graph,
    Section,
    section_of,
)
from components.observe.budget import BudgetArgs
from components.observe.console import dashboard_address
from components.observe.metrics import Expression, Metric
from components.observe.queries import QUERIES
from components.observe.sampling import TraceSamplingArgs
from components.observe.saved_queries import SavedQueriesArgs
from settings.errors import SettingsError
from tests.infra.deployment import Deployment, deployed, key_name
from tests.infra.policies import statements
from tests.infra.test_observability import ALARM, physical, watched_metrics, with_all_alarms

DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
BUDGET = "aws:budgets/budget:Budget"
QUERY = "aws:cloudwatch/queryDefinition:QueryDefinition"
SAMPLING = "aws:xray/samplingRule:SamplingRule"

type Key = tuple[str, str, frozenset[tuple[str, str]]]
"""A metric: namespace, name, and dimensions."""


def metric(name: str = "Errors", namespace: str = "AWS/SQS") -> Metric:
    return Metric(namespace=namespace, name=name, dimensions={"QueueName": name})


def body(deployment: Deployment) -> dict[str, Any]:
    """The one dashboard of a stack."""
    (dashboard,) = deployment.of_type(DASHBOARD)
    return json.loads(dashboard.inputs["dashboardBody"])


def widgets(deployment: Deployment, kind: str) -> list[dict[str, Any]]:
    """The properties of the widgets of a type."""
    return [found["properties"] for found in body(deployment)["widgets"] if found["type"] == kind]


def shown(deployment: Deployment) -> Iterator[Key]:
    """The metrics of all graphs."""
    for graph in widgets(deployment, "metric"):
        for row in graph["metrics"]:
            if isinstance(row[0], str):
                namespace, name, *dimensions, _ = row
                pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
                yield namespace, name, frozenset(pairs)


class TestDashboard:
    @pytest.mark.parametrize("stack", ["dev", "prod"])
    def test_it_shows_all_that_is_watched_and_what_a_stack_saves_to_watch(self, stack: str) -> None:
        watched = {
            (found["namespace"], found["metricName"], frozenset(found.get("dimensions", {}).items()))
            for alarm in with_all_alarms(stack).of_type(ALARM)
            for found in watched_metrics(alarm.inputs)
        }
        assert len(watched) > 50
        assert watched - set(shown(deployed(stack))) == set()

    def test_it_shows_the_state_of_every_alarm_what_is_wrong_first(self, deployment: Deployment) -> None:
        lists = widgets(deployment, "alarm")
        alarms = deployment.of_type(ALARM)
        arns = [arn for found in lists for arn in found["alarms"]]
        assert len(arns) == len(set(arns)) == len(alarms)
        for found in lists:
            assert 1 <= len(found["alarms"]) <= ALARMS_MAX
            assert found["sortBy"] == "stateUpdatedTimestamp"
        urgent = [alarm for alarm in alarms if alarm.inputs["alarmDescription"].startswith("Urgent.")]
        listed = [arn for found in lists if found["title"] == "Urgent" for arn in found["alarms"]]
        assert {arn.rpartition("/")[2] for arn in listed} == {physical(alarm) for alarm in urgent}

    def test_it_shows_use_and_cost(self, deployment: Deployment) -> None:
        names = {(namespace, name) for namespace, name, _ in shown(deployment)}
        assert names >= {
            ("AWS/CloudFront", "Requests"),
            ("AWS/CloudFront", "4xxErrorRate"),
            ("AWS/ApiGateway", "Count"),
            ("AWS/ApplicationELB", "RequestCount"),
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            ("AWS/Bedrock", "Invocations"),
            ("AWS/Bedrock", "InputTokenCount"),
            ("AWS/Bedrock", "OutputTokenCount"),
            ("AWS/Bedrock-AgentCore", "Invocations"),
            ("AWS/Billing", "EstimatedCharges"),
        }

    def test_every_namespace_has_a_section(self, deployment: Deployment) -> None:
        headings = [found["markdown"] for found in widgets(deployment, "text")]
        assert headings[1:] == [f"## {section}" for section in Section if section is not Section.OTHERS]

    def test_lines_stand_where_alarms_go_off(self) -> None:
        deployment = deployed("prod")
        titles = {graph["title"]: graph for graph in widgets(deployment, "metric")}
        for alarm in deployment.of_type(ALARM):
            said = re.fullmatch(r"(?:Urgent|Notice)\. (.+?)\. Runbook: .+", alarm.inputs["alarmDescription"])
            assert said is not None
            lines = titles[said.group(1)]["annotations"]["horizontal"]
            assert alarm.inputs["threshold"] in [line["value"] for line in lines], alarm.name

    def test_widgets_lie_side_by_side_and_not_over_each_other(self, deployment: Deployment) -> None:
        taken: set[tuple[int, int]] = set()
        for found in body(deployment)["widgets"]:
            assert found["x"] + found["width"] <= COLUMNS
            cells = {
                (x, y)
                for x in range(found["x"], found["x"] + found["width"])
                for y in range(found["y"], found["y"] + found["height"])
            }
            assert not cells & taken, found["properties"].get("title")
            taken |= cells

    def test_ids_of_a_graph_are_its_own_and_each_formula_finds_them(self, deployment: Deployment) -> None:
        for graph in widgets(deployment, "metric"):
            options = [row[-1] for row in graph["metrics"]]
            ids = [option["id"] for option in options if "id" in option]
            assert len(ids) == len(set(ids)), graph["title"]
            for option in options:
                named = re.findall(r"\b[a-z][A-Za-z0-9_]*", option.get("expression", ""))
                assert set(named) <= set(ids), graph["title"]
                assert option.get("visible", True) is ("label" in option), graph["title"]

    def test_metrics_of_another_region_are_read_there(self) -> None:
        zones = json.dumps(["eu-west-1a", "eu-west-1b", "eu-west-1c"])
        moved = deployed("dev", overrides={"region": "eu-west-1", "availabilityZones": zones})
        for graph in widgets(moved, "metric"):
            assert graph["region"] == "eu-west-1"
            for namespace, *_, options in (row for row in graph["metrics"] if isinstance(row[0], str)):
                if namespace == "AWS/Billing":
                    assert options["region"] == "us-east-1"
        (model,) = [graph for graph in widgets(moved, "metric") if graph["title"] == "Calls of each model"]
        places = {row[-1]["label"]: row[-1].get("region", "eu-west-1") for row in model["metrics"]}
        assert places == {
            "agent-core": "eu-west-1",
            "agent-core-memory": "us-east-1",
            "audio": "eu-west-1",
            "audio-live": "us-east-1",
            "search": "us-east-1",
            "video": "eu-west-1",
        }

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
            ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
            ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ],
    )
    def test_its_address_is_the_consoles_of_the_partition(self, region: str, host: str) -> None:
        found = dashboard_address(region, "nova-dev")
        assert found == f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/nova-dev"


class TestBoards:
    """The pure part."""

    def test_a_graph_has_something_and_not_too_much(self) -> None:
        for count in (0, METRICS_OF_A_GRAPH_MAX + 1):
            curves = tuple(Curve(label=f"c{number}", metric=metric()) for number in range(count))
            with pytest.raises(ValueError, match=f"curves: {count} metrics are not allowed"):
                Graph(title="t", section=Section.EDGE, curves=curves)

    def test_a_dashboard_does_not_take_any_number_of_metrics(self) -> None:
        curves = tuple(Curve(label=f"c{number}", metric=metric()) for number in range(METRICS_OF_A_GRAPH_MAX))
        graphs = tuple(Graph(title=str(n), section=Section.EDGE, curves=curves) for n in range(6))
        with pytest.raises(ValueError, match="graphs: 3000 metrics are not allowed"):
            Board(region="us-east-1", text="", alarms=(), graphs=graphs)

    @given(count=st.integers(min_value=1, max_value=350))
    def test_alarms_are_divided_into_lists_that_cloudwatch_takes(self, count: int) -> None:
        arns = tuple(f"arn{number}" for number in range(count))
        lists = (AlarmList(title="Urgent", arns=arns),)
        board: Any = Board(region="us-east-1", text="", alarms=lists, graphs=()).body()
        parts = [found["properties"]["alarms"] for found in board["widgets"] if found["type"] == "alarm"]
        assert [arn for part in parts for arn in part] == list(arns)
        assert all(1 <= len(part) <= ALARMS_MAX for part in parts)

    def test_what_nobody_placed_comes_last(self) -> None:
        assert section_of(metric(namespace="AWS/New")) is Section.OTHERS
        assert section_of(metric(namespace="nova/dev")) is Section.SERVICES

    def test_what_is_computed_stands_where_its_last_metric_does(self) -> None:
        parts = {"a": metric(namespace="AWS/DynamoDB"), "b": metric(namespace="AWS/EventBridge/Pipes")}
        assert section_of(Expression(formula="a - b", metrics=parts)) is Section.EVENTS

    def test_names_of_an_expression_change_together(self) -> None:
        rate = Expression(
            formula="IF(errors > 5, 100 * errors / requests, 0)",
            metrics={"errors": metric("Errors"), "requests": metric("Count")},
        )
        assert rate.suffixed("_7").formula == "IF(errors_7 > 5, 100 * errors_7 / requests_7, 0)"
        assert list(rate.suffixed("_7").metrics) == ["errors_7", "requests_7"]


class TestBudget:
    def test_it_counts_what_carries_both_tags_of_the_stack(self, deployment: Deployment) -> None:
        (budget,) = deployment.of_type(BUDGET)
        (aws,) = deployment.of_type("pulumi:providers:aws")
        tags = json.loads(aws.inputs["defaultTags"])["tags"]
        filters = [part["tags"] for part in budget.inputs["filterExpression"]["ands"]]
        assert {found["key"]: found["values"] for found in filters} == {
            "project": [tags["project"]],
            "stack": [tags["stack"]],
        }

    def test_it_tells_the_alerts_topic_at_80_percent_spent_and_before_100(self) -> None:
        (budget,) = deployed("prod").of_type(BUDGET)
        assert (budget.inputs["limitAmount"], budget.inputs["limitUnit"]) == ("2000", "USD")
        found = {
            (told["notificationType"], told["threshold"], told["thresholdType"], told["comparisonOperator"])
            for told in budget.inputs["notifications"]
        }
        assert found == {
            ("ACTUAL", 80, "PERCENTAGE", "GREATER_THAN"),
            ("FORECASTED", 100, "PERCENTAGE", "GREATER_THAN"),
        }
        for told in budget.inputs["notifications"]:
            (arn,) = told["subscriberSnsTopicArns"]
            assert arn.endswith(":nova-alerts-topic-0000000")

    def test_the_topic_and_its_key_admit_budgets_of_this_account(self, deployment: Deployment) -> None:
        policy = deployment.one("aws:sns/topicPolicy:TopicPolicy", "nova-alerts-topic-policy")
        key = deployment.one("aws:kms/key:Key", key_name(deployment, "messages"))
        for document in (policy.inputs["policy"], key.inputs["policy"]):
            (found,) = [
                statement
                for statement in statements(document)
                if statement["Principal"] == {"Service": "budgets.amazonaws.com"}
            ]
            assert found["Condition"] == {
                "StringEquals": {"aws:SourceAccount": "123456789012"},
                "ArnLike": {"aws:SourceArn": "arn:aws:budgets::123456789012:*"},
            }
        (budget,) = deployment.of_type(BUDGET)
        assert policy.urn in budget.depends_on

    def test_a_stack_can_have_none(self) -> None:
        assert deployed("dev", overrides={"budgetUsd": "0"}).of_type(BUDGET) == []

    @pytest.mark.parametrize("value", ["-1", "1000001", "1.5", '"much"'])
    def test_other_amounts_are_refused(self, value: str) -> None:
        with pytest.raises(SettingsError, match="nova:budgetUsd"):
            deployed("dev", overrides={"budgetUsd": value})

    def test_an_empty_one_is_refused(self) -> None:
        with pytest.raises(ValueError, match="usd_a_month: 0 is not allowed"):
            BudgetArgs(usd_a_month=0, alerts=None)  # pyright: ignore[reportArgumentType]


class TestQueries:
    def test_the_four_questions_are_saved_in_a_folder_of_the_stack(self, deployment: Deployment) -> None:
        found = {query.inputs["name"]: query.inputs["queryString"] for query in deployment.of_type(QUERY)}
        (aws,) = deployment.of_type("pulumi:providers:aws")
        stack = json.loads(aws.inputs["defaultTags"])["tags"]["stack"]
        assert set(found) == {
            f"nova/{stack}/{name}" for name in ("errors", "slow-requests", "refused-calls", "one-trace")
        }

    def test_they_read_what_services_the_runtime_and_the_api_write(self, deployment: Deployment) -> None:
        groups = {
            physical(deployment.one("aws:cloudwatch/logGroup:LogGroup", f"{service}-logs"))
            for service in (*deployment.outputs["services"], "nova-jobs")
        }
        (runtime,) = [
            found.inputs["name"]
            for found in deployment.of_type("aws:cloudwatch/logGroup:LogGroup")
            if str(found.inputs.get("name", "")).endswith("-live")
        ]
        for query in deployment.of_type(QUERY):
            assert set(query.inputs["logGroupNames"]) == groups | {runtime, "nova-api-access-logs-0000000"}

    @pytest.mark.parametrize("name", sorted(QUERIES))
    def test_they_name_fields_that_are_written(self, name: str) -> None:
        written = {"time", "level", "service", "logger", "message", "request_id", "exception"}
        written |= {"method", "route", "status", "duration_ms"} | set(json.loads(ACCESS_LOG_FORMAT))
        fields, condition = QUERIES[name].splitlines()[:2]
        named = set(re.findall(r"[@a-z_]+", fields.removeprefix("fields "))) - {"@timestamp"}
        named |= set(re.findall(r"([a-z_]+) (?:=|in|like|>)", re.sub(r'"[^"]*"', "", condition)))
        assert named <= written

    def test_more_groups_than_a_query_reads_are_refused(self) -> None:
        for count in (0, 51):
            with pytest.raises(ValueError, match=f"log_groups: {count} are not allowed"):
                SavedQueriesArgs(log_groups=[f"g{number}" for number in range(count)])


class TestSampling:
    def test_the_public_apis_stage_is_sampled_as_the_stack_says(self) -> None:
        for stack, rate in (("dev", 1.0), ("prod", 0.05)):
            deployment = deployed(stack)
            (rule,) = deployment.of_type(SAMPLING)
            (api,) = deployment.of_type("aws:apigateway/restApi:RestApi")
            (stage,) = deployment.of_type("aws:apigateway/stage:Stage")
            assert stage.inputs["xrayTracingEnabled"]
            assert rule.inputs["serviceType"] == "AWS::ApiGateway::Stage"
            assert rule.inputs["serviceName"] == f"{physical(api)}/{stage.inputs['stageName']}"
            assert (rule.inputs["fixedRate"], rule.inputs["reservoirSize"]) == (rate, 1)

    @pytest.mark.parametrize("value", ["-1", "101", "0.5"])
    def test_other_shares_are_refused(self, value: str) -> None:
        with pytest.raises(SettingsError, match="nova:traceSamplePercent"):
            deployed("dev", overrides={"traceSamplePercent": value})

    def test_the_component_refuses_them_too(self) -> None:
        with pytest.raises(ValueError, match="percent: 101 is not allowed"):
            TraceSamplingArgs(stage="api/api", percent=101)
