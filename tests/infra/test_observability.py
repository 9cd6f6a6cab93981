"""What is watched, who is told, and what the telling points to."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from nova_common.metrics import Metric as EmittedMetric

from components.account import Account
from components.data.keys import Keys, KeysArgs
from components.observe.alarms import AlarmArgs, Alerts, AlertsArgs, Comparison, Missing
from components.observe.metrics import Expression, Metric
from components.observe.sets import application
from components.observe.severity import AlarmScope, Severity
from evaluation.answers import ACCOUNT_ID
from evaluation.recorder import Recorded
from tests.infra.conftest import STACKS
from tests.infra.deployment import ROOT, Deployment, deployed, run
from tests.infra.policies import statements

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
RUNBOOKS = ROOT / "docs/operations/runbooks"
SECTIONS = ["What it means", "What people notice", "First look", "Likely causes", "Fix", "Afterwards"]

UNUSED = {"guardrail"}
"""Runbooks of components that no stack has, by its settings or yet."""
WITHOUT_ALARM = {"budget"}
"""Runbooks for what AWS tells of by itself."""


def runbook(alarm: dict[str, Any]) -> str:
    """The name of the runbook that an alarm's description ends with."""
    found = re.search(r"^(Urgent|Notice)\. .+\. Runbook: \S+/([a-z0-9-]+)\.md$", alarm["alarmDescription"])
    assert found is not None, alarm["alarmDescription"]
    return found.group(2)


def physical(resource: Recorded) -> str:
    """The name that AWS gives it."""
    return str(resource.inputs.get("name", f"{resource.name}-0000000"))


COUNTED_BY_SERVICES = {
    (application.DEGRADED, "Sum"),
    (application.QUOTA_REFUSALS, "Sum"),
}
"""Watched where the stack pays for alarms that can wait."""
COUNTED_BY_PAYERS = {
    (application.PAYMENTS_UNKNOWN, "Sum"),
    (application.BUDGET_LOW, "Sum"),
    (application.WALLET_UNUSABLE, "Sum"),
}
"""Watched where something is bought, too."""


class Watched:
    """A deployment, and the metrics that its alarms watch."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        alarms = deployment.of_type(ALARM)
        self.is_production = any(alarm.inputs["alarmDescription"].startswith("Notice") for alarm in alarms)
        self._metrics: dict[tuple[str, frozenset[tuple[str, str]]], set[tuple[str, str]]] = {}
        for alarm in deployment.of_type(ALARM):
            for metric in watched_metrics(alarm.inputs):
                key = (metric["namespace"], frozenset(metric.get("dimensions", {}).items()))
                self._metrics.setdefault(key, set()).add((metric["metricName"], metric["stat"]))

    def resources(self, kind: str) -> list[Recorded]:
        """The resources of a type, of which there has to be one at least."""
        found = self._deployment.of_type(kind)
        assert found, kind
        return found

    def of(self, namespace: str, dimensions: dict[str, str]) -> set[tuple[str, str]]:
        """Name and statistic of each metric that is watched under exactly these dimensions."""
        return self._metrics.get((namespace, frozenset(dimensions.items())), set())

    def expect(
        self,
        resource: Recorded,
        namespace: str,
        dimensions: dict[str, str],
        metrics: set[tuple[str, str]],
    ) -> None:
        """Compare, and name the resource if something is missing or too much."""
        assert self.of(namespace, dimensions) == metrics, resource.urn


def watched_metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm, whether it has one or computes something of several."""
    if "metricQueries" in alarm:
        return [query["metric"] for query in alarm["metricQueries"] if "metric" in query]
    statistic = alarm.get("statistic") or alarm["extendedStatistic"]
    return [{**alarm, "stat": statistic}]


@pytest.fixture(params=["dev", "prod"])
def watched(request: pytest.FixtureRequest) -> Watched:
    """Both stacks, with all alarms."""
    return Watched(with_all_alarms(request.param))


def with_all_alarms(stack: str) -> Deployment:
    """A stack that saves on nothing."""
    return deployed(stack, overrides={"alarms": "all"})


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
        for alarm in deployed("dev", overrides={"runbookUrl": url}).of_type(ALARM):
            assert f" Runbook: {url}/" in alarm.inputs["alarmDescription"]


class TestEveryResourceHasItsAlarms:
    """Walks over the resources, so that a new one without alarms is found by its type."""

    def test_services(self, watched: Watched) -> None:
        clusters = watched.resources("aws:ecs/cluster:Cluster")
        for service in watched.resources("aws:ecs/service:Service"):
            dimensions = {"ClusterName": physical(clusters[0]), "ServiceName": service.inputs["name"]}
            watched.expect(
                service,
                "AWS/ECS",
                dimensions,
                {
                    ("CPUUtilization", "Average"),
                    ("CPUUtilization", "SampleCount"),
                    ("MemoryUtilization", "Maximum"),
                },
            )

    def test_targets(self, watched: Watched) -> None:
        (balancer,) = watched.resources("aws:lb/loadBalancer:LoadBalancer")
        for group in watched.resources("aws:lb/targetGroup:TargetGroup"):
            dimensions = {
                "LoadBalancer": f"app/{physical(balancer)}/50dc6c495c0c9188",
                "TargetGroup": f"targetgroup/{physical(group)}/73e2d6bc24d8a067",
            }
            watched.expect(
                group,
                "AWS/ApplicationELB",
                dimensions,
                {
                    ("UnHealthyHostCount", "Maximum"),
                    ("HTTPCode_Target_5XX_Count", "Sum"),
                    ("RequestCount", "Sum"),
                    ("TargetResponseTime", "p95"),
                },
            )

    def test_load_balancers(self, watched: Watched) -> None:
        for balancer in watched.resources("aws:lb/loadBalancer:LoadBalancer"):
            watched.expect(
                balancer,
                "AWS/ApplicationELB",
                {"LoadBalancer": f"app/{physical(balancer)}/50dc6c495c0c9188"},
                {("HTTPCode_ELB_5XX_Count", "Sum"), ("RejectedConnectionCount", "Sum")},
            )

    def test_stages_of_apis(self, watched: Watched) -> None:
        apis = {physical(api) for api in watched.resources("aws:apigateway/restApi:RestApi")}
        for stage in watched.resources("aws:apigateway/stage:Stage"):
            watched.expect(
                stage,
                "AWS/ApiGateway",
                {"ApiName": apis.pop(), "Stage": stage.inputs["stageName"]},
                {
                    ("5XXError", "Sum"),
                    ("4XXError", "Sum"),
                    ("Count", "Sum"),
                    ("Latency", "Average"),
                    ("IntegrationLatency", "Average"),
                },
            )

    def test_distributions(self, watched: Watched) -> None:
        for distribution in watched.resources("aws:cloudfront/distribution:Distribution"):
            watched.expect(
                distribution,
                "AWS/CloudFront",
                {"DistributionId": "EDFDVBD632BHDS5", "Region": "Global"},
                {("5xxErrorRate", "Average")},
            )

    def test_web_acls(self) -> None:
        watched = Watched(with_all_alarms("prod"))
        for acl in watched.resources("aws:wafv2/webAcl:WebAcl"):
            dimensions = {"WebACL": acl.inputs["visibilityConfig"]["metricName"], "Rule": "ALL"}
            if acl.inputs["scope"] == "REGIONAL":
                dimensions["Region"] = "us-east-1"
            watched.expect(acl, "AWS/WAFV2", dimensions, {("BlockedRequests", "Sum")})

    def test_clients_of_user_pools(self, watched: Watched) -> None:
        for client in watched.resources("aws:cognito/userPoolClient:UserPoolClient"):
            watched.expect(
                client,
                "AWS/Cognito",
                {"UserPool": client.inputs["userPoolId"], "UserPoolClient": f"{client.name}-0000000"},
                {
                    ("SignInThrottles", "Sum"),
                    ("TokenRefreshThrottles", "Sum"),
                    ("SignInSuccesses", "Sum"),
                    ("SignInSuccesses", "SampleCount"),
                },
            )

    def test_queues_by_age_and_those_without_a_consumer_by_depth(self, watched: Watched) -> None:
        for queue in watched.resources("aws:sqs/queue:Queue"):
            consumed = "redrivePolicy" in queue.inputs
            metric_name = (
                "ApproximateAgeOfOldestMessage" if consumed else "ApproximateNumberOfMessagesVisible"
            )
            watched.expect(queue, "AWS/SQS", {"QueueName": physical(queue)}, {(metric_name, "Maximum")})

    def test_rules_under_the_dimensions_of_their_bus(self, watched: Watched) -> None:
        for rule in watched.resources("aws:cloudwatch/eventRule:EventRule"):
            dimensions = {"RuleName": physical(rule)}
            if rule.inputs["eventBusName"] != "default":
                dimensions["EventBusName"] = rule.inputs["eventBusName"]
            watched.expect(rule, "AWS/Events", dimensions, {("FailedInvocations", "Sum")})

    def test_pipes_and_that_which_publishes_for_silence(self, watched: Watched) -> None:
        for pipe in watched.resources("aws:pipes/pipe:Pipe"):
            (pattern,) = pipe.inputs["sourceParameters"]["filterCriteria"]["filters"]
            publishes = "INSERT" in json.loads(pattern["pattern"])["eventName"]
            # A pipe that waits for changes which nobody makes is always silent.
            silence = {("EventCount", "Sum")} if publishes else set[tuple[str, str]]()
            watched.expect(
                pipe,
                "AWS/EventBridge/Pipes",
                {"PipeName": physical(pipe)},
                silence
                | {
                    ("ExecutionFailed", "Sum"),
                    ("TargetStageFailed", "Sum"),
                    ("ExecutionThrottled", "Sum"),
                },
            )

    def test_tables_for_each_operation_that_is_granted(self, watched: Watched) -> None:
        for table in watched.resources("aws:dynamodb/table:Table"):
            known = {
                "nova-data-keys-table": ("GetItem", "PutItem"),
                "mcp-server-payments-table": ("GetItem", "Query", "TransactWriteItems"),
                "nova-leases-table": ("DeleteItem", "PutItem", "UpdateItem"),
                "nova-usage-table": ("GetItem", "UpdateItem"),
            }
            for operation in known.get(table.name, ("GetItem", "PutItem", "Query")):
                found = watched.of("AWS/DynamoDB", {"TableName": physical(table), "Operation": operation})
                assert found >= {("ThrottledRequests", "Sum"), ("SystemErrors", "Sum")}, table.name

    def test_each_node_of_the_cache(self, watched: Watched) -> None:
        (group,) = watched.resources("aws:elasticache/replicationGroup:ReplicationGroup")
        nodes = int(group.inputs["numCacheClusters"])
        for number in range(1, 1 + nodes):
            lag = {("ReplicationLag", "Maximum")} if nodes > 1 else set[tuple[str, str]]()
            watched.expect(
                group,
                "AWS/ElastiCache",
                {"CacheClusterId": f"{group.name}-0000000-{number:03}"},
                lag
                | {
                    ("EngineCPUUtilization", "Maximum"),
                    ("DatabaseMemoryUsagePercentage", "Maximum"),
                    ("Evictions", "Sum"),
                    ("CurrConnections", "Maximum"),
                    ("AuthenticationFailures", "Sum"),
                    ("CommandAuthorizationFailures", "Sum"),
                    ("KeyAuthorizationFailures", "Sum"),
                },
            )

    def test_each_model_that_a_service_is_told_of(self, watched: Watched) -> None:
        models = {
            variable["value"]
            for task in watched.resources("aws:ecs/taskDefinition:TaskDefinition")
            for container in json.loads(task.inputs["containerDefinitions"])
            for variable in container["environment"]
            if variable["name"] in {"MODEL_ID", "EMBEDDING_MODEL"}
        }
        assert len(models) == 5
        for model in models:
            assert watched.of("AWS/Bedrock", {"ModelId": model}) == {
                ("InvocationThrottles", "Sum"),
                ("InvocationClientErrors", "Sum"),
                ("InvocationServerErrors", "Sum"),
            }

    def test_each_services_log(self, watched: Watched) -> None:
        filters = watched.resources("aws:cloudwatch/logMetricFilter:LogMetricFilter")
        for task in watched.resources("aws:ecs/taskDefinition:TaskDefinition"):
            (container,) = json.loads(task.inputs["containerDefinitions"])
            group = container["logConfiguration"]["options"]["awslogs-group"]
            counted = {
                found.inputs["metricTransformation"]["name"]
                for found in filters
                if found.inputs["logGroupName"] == group
            }
            assert counted == {"CriticalLogEntries", "RefusedCalls"}, task.name
        namespaces = {found.inputs["metricTransformation"]["namespace"] for found in filters}
        assert len(namespaces) == 1
        found = watched.of(namespaces.pop(), {})
        assert found - COUNTED_BY_SERVICES - COUNTED_BY_PAYERS == {
            ("CriticalLogEntries", "Sum"),
            ("RefusedCalls", "Sum"),
        }
        assert found >= (COUNTED_BY_SERVICES if watched.is_production else set[tuple[str, str]]())

    def test_what_services_count_in_the_namespace_that_they_are_told(self, deployment: Deployment) -> None:
        names = {metric.value for metric in EmittedMetric}
        assert names == {
            application.DEGRADED,
            application.QUOTA_REFUSALS,
            application.QUOTA_WARNINGS,
            application.PAYMENTS_UNKNOWN,
            application.BUDGET_LOW,
            application.WALLET_UNUSABLE,
        }
        told = {
            variable["value"]
            for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition")
            for variable in json.loads(task.inputs["containerDefinitions"])[0]["environment"]
            if variable["name"] == "METRICS_NAMESPACE"
        }
        counted = {
            found.inputs["metricTransformation"]["namespace"]
            for found in deployment.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
        }
        assert told == counted
        (namespace,) = told
        for metric, alarm in application.application_alarms(namespace).items():
            assert alarm.metric.period_seconds == 300, metric

    def test_only_metrics_that_aws_reports_under_those_dimensions(self, deployment: Deployment) -> None:
        for alarm in deployment.of_type(ALARM):
            for metric in watched_metrics(alarm.inputs):
                if metric["namespace"].startswith("AWS/"):
                    reported = REPORTED[metric["namespace"]]
                    dimensions = tuple(sorted(metric.get("dimensions", {})))
                    assert metric["metricName"] in reported.get(dimensions, ()), metric


def metrics(text: str) -> tuple[str, ...]:
    return tuple(text.split())


REPORTED: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {
    "AWS/ApiGateway": {
        ("ApiName", "Stage"): metrics("4XXError 5XXError Count IntegrationLatency Latency"),
    },
    "AWS/ApplicationELB": {
        ("LoadBalancer",): metrics("HTTPCode_ELB_5XX_Count RejectedConnectionCount"),
        ("LoadBalancer", "TargetGroup"): metrics(
            "HTTPCode_Target_5XX_Count RequestCount TargetResponseTime UnHealthyHostCount"
        ),
    },
    "AWS/Backup": {
        ("BackupVaultName", "ResourceType"): metrics(
            "NumberOfBackupJobsAborted NumberOfBackupJobsExpired NumberOfBackupJobsFailed"
        ),
    },
    "AWS/Bedrock": {
        ("ModelId",): metrics("InvocationClientErrors InvocationServerErrors InvocationThrottles"),
    },
    "AWS/Bedrock-AgentCore": {
        ("Name", "Operation", "Resource"): metrics("Latency SystemErrors Throttles UserErrors"),
    },
    "AWS/CloudFront": {("DistributionId", "Region"): metrics("5xxErrorRate")},
    "AWS/Cognito": {
        ("UserPool", "UserPoolClient"): metrics("SignInSuccesses SignInThrottles TokenRefreshThrottles"),
    },
    "AWS/DynamoDB": {
        ("Operation", "TableName"): metrics("SuccessfulRequestLatency SystemErrors ThrottledRequests"),
        ("ReceivingRegion", "TableName"): metrics("ReplicationLatency"),
    },
    "AWS/ECS": {("ClusterName", "ServiceName"): metrics("CPUUtilization MemoryUtilization")},
    "AWS/ElastiCache": {
        ("CacheClusterId",): metrics(
            "AuthenticationFailures CommandAuthorizationFailures CurrConnections "
            "DatabaseMemoryUsagePercentage EngineCPUUtilization Evictions KeyAuthorizationFailures "
            "ReplicationLag"
        ),
    },
    "AWS/EventBridge/Pipes": {
        ("PipeName",): metrics("EventCount ExecutionFailed ExecutionThrottled TargetStageFailed"),
    },
    "AWS/Events": {
        ("RuleName",): metrics("FailedInvocations"),
        ("EventBusName", "RuleName"): metrics("FailedInvocations"),
    },
    "AWS/Lambda": {("FunctionName",): metrics("Duration Errors Throttles")},
    "AWS/S3": {
        ("DestinationBucket", "RuleId", "SourceBucket"): metrics(
            "OperationsFailedReplication ReplicationLatency"
        ),
    },
    "AWS/SQS": {
        ("QueueName",): metrics("ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesVisible"),
    },
    "AWS/WAFV2": {
        ("Rule", "WebACL"): metrics("BlockedRequests"),
        ("Region", "Rule", "WebACL"): metrics("BlockedRequests"),
    },
}
"""What each service's user guide says that it reports, by the names of the dimensions under which it does."""


def test_only_urgent_alarms_are_made_where_the_stack_says_so() -> None:
    def names(scope: str) -> dict[str, bool]:
        found = deployed("dev", overrides={"alarms": scope}).of_type(ALARM)
        return {alarm.name: alarm.inputs["alarmDescription"].startswith("Urgent.") for alarm in found}

    everything, urgent = names("all"), names("urgent")
    assert set(urgent) == {name for name, is_urgent in everything.items() if is_urgent}
    assert 0 < len(urgent) < len(everything)


def test_what_falls_silent_is_missed_and_what_is_idle_is_not(production: Deployment) -> None:
    for alarm in production.of_type(ALARM):
        silent_means_broken = alarm.name.endswith("-tasks-alarm")
        expected = "breaching" if silent_means_broken else "notBreaching"
        assert alarm.inputs["treatMissingData"] == expected, alarm.name
    (tasks,) = [alarm for alarm in production.of_type(ALARM) if alarm.name == "audio-tasks-alarm"]
    assert (tasks.inputs["comparisonOperator"], tasks.inputs["threshold"]) == ("LessThanThreshold", 2)


def test_a_service_that_may_have_no_task_is_not_missed() -> None:
    services = json.dumps({"audio": {"minTasks": 0}})
    found = deployed("dev", overrides={"services": services}).of_type(ALARM)
    names = {alarm.name for alarm in found}
    assert "audio-tasks-alarm" not in names
    assert "audio-worker-tasks-alarm" in names


class TestRunbooks:
    def test_each_is_used_by_an_alarm(self) -> None:
        replicated = deployed("dev", overrides={"replicaRegion": "us-west-2"})
        found = (*map(deployed, STACKS), replicated)
        used = {runbook(alarm.inputs) for deployment in found for alarm in deployment.of_type(ALARM)}
        assert {path.stem for path in RUNBOOKS.glob("*.md")} == used | UNUSED | WITHOUT_ALARM

    @pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
    def test_each_has_the_same_sections_with_something_in_them(self, path: Path) -> None:
        parts = re.split(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert parts[0].startswith("# ")
        assert parts[1::2] == SECTIONS
        assert all(len(body.split()) >= 5 for body in parts[2::2])


def metric(**changes: object) -> Metric:
    plain = Metric(namespace="AWS/X", name="Errors", dimensions={"A": "b"})
    return dataclasses.replace(plain, **cast("dict[str, Any]", changes))


def alarm_args(**changes: object) -> AlarmArgs:
    plain = AlarmArgs(
        description="It fails.",
        runbook="it-fails",
        severity=Severity.URGENT,
        metric=metric(),
        threshold=0,
    )
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
            AlertsArgs(
                account=account,
                keys=keys,
                email="a@example.com",
                runbook_url="https://example.com",
                scope=AlarmScope.ALL,
            ),
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
        placed = None if region == "us-east-1" else "us-east-1"
        assert [alarm.inputs.get("region") for alarm in far] == [placed, placed]
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
