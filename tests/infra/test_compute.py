"""What runs: capacity, hardening, scaling and deployments of the services."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, cast

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_audio.worker import LIMITS as AUDIO_LIMITS
from nova_common import queue_worker
from nova_common.server import DRAIN_SECONDS, STOP_SECONDS_MAX
from nova_projector.worker import LIMITS as PROJECTOR_LIMITS
from nova_search.worker import LIMITS as SEARCH_LIMITS
from nova_video.worker import DELIVERIES_MAX
from nova_video.worker import LIMITS as VIDEO_LIMITS

from components.compute import rollout
from components.compute.backlog import Backlog
from components.compute.capacity import Capacity
from components.compute.container import STOP_SECONDS
from components.compute.deployment import Deployment as Plan
from components.compute.deployment import DeploymentError, Shift, Strategy
from components.compute.discovery import DNS_TTL_SECONDS
from components.compute.insights import Insights
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.edge.listener_rules import ListenerName, RequestMatch
from components.edge.load_balancer import LoadBalancerArgs, Shifting
from components.edge.origin_proof import OriginProof
from components.edge.target import DEREGISTRATION_SECONDS
from components.messaging.queue import RECEIVES_MAX
from evaluation.recorder import Recorded
from services.audio import infra as audio
from services.projector import infra as projector
from services.search import infra as search
from services.video import infra as video
from settings.errors import SettingsError
from tests.infra.deployment import ROOT, Deployment, deployed, key_name, run
from tests.infra.policies import granted, statements
from tests.infra.test_components import ROLLING, platform
from tests.infra.test_settings import SIZE, settings_with
from tests.slices import ALWAYS, SERVICES, WORKERS

SERVICE = "aws:ecs/service:Service"
POLICY = "aws:appautoscaling/policy:Policy"


def service(deployment: Deployment, name: str) -> dict[str, Any]:
    """The inputs of one ECS service."""
    return deployment.one(SERVICE, f"{name}-service").inputs


def scaling(deployment: Deployment, name: str) -> dict[str, dict[str, Any]]:
    """The target-tracking configurations of one service, by kind of load."""
    prefix = f"{name}-scaling-"
    return {
        policy.name.removeprefix(prefix): policy.inputs["targetTrackingScalingPolicyConfiguration"]
        for policy in deployment.of_type(POLICY)
        if policy.name.startswith(prefix)
    }


class TestCapacity:
    @given(percent=st.integers(1, 99), base=st.integers(0, 1000))
    def test_a_mix_has_one_base_and_weights_that_add_up(self, percent: int, base: int) -> None:
        on_demand, spot = Capacity(spot_percent=percent, on_demand_base=base).shares()
        assert (on_demand.provider, on_demand.base, spot.provider, spot.base) == (
            "FARGATE",
            base,
            "FARGATE_SPOT",
            None,
        )
        assert (on_demand.weight + spot.weight, spot.weight) == (100, percent)

    @pytest.mark.parametrize(("percent", "provider"), [(0, "FARGATE"), (100, "FARGATE_SPOT")])
    def test_one_provider_alone_has_no_base(self, percent: int, provider: str) -> None:
        (share,) = Capacity(spot_percent=percent, on_demand_base=0).shares()
        assert (share.provider, share.base, share.weight) == (provider, None, 100)

    @pytest.mark.parametrize(
        ("percent", "base", "message"),
        [
            (-1, 0, "spot_percent: -1"),
            (101, 0, "spot_percent: 101"),
            (0, -1, "on_demand_base: -1"),
            (0, 1001, "on_demand_base: 1001"),
            (100, 1, "on_demand_base: 1 .* leave less to Spot"),
        ],
    )
    def test_impossible_shares_are_refused(self, percent: int, base: int, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Capacity(spot_percent=percent, on_demand_base=base)

    def test_the_cluster_offers_both(self, deployment: Deployment) -> None:
        (providers,) = deployment.of_type("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
        assert providers.inputs["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
        for found in deployment.of_type(SERVICE):
            assert providers.urn in found.depends_on
            # The provider replaces a service whose shares change, unless it may start a deployment.
            assert found.inputs["forceNewDeployment"] is True


class TestTasks:
    def test_services_are_pinned_and_closed(self, deployment: Deployment) -> None:
        for found in deployment.of_type(SERVICE):
            assert found.inputs["platformVersion"] == "1.4.0"
            assert found.inputs["enableExecuteCommand"] is False
            assert found.inputs["propagateTags"] == "SERVICE"
            assert found.inputs["enableEcsManagedTags"] is True

    def test_a_stopping_task_outlives_whoever_still_calls_it(self) -> None:
        assert DNS_TTL_SECONDS < DRAIN_SECONDS
        assert DRAIN_SECONDS + STOP_SECONDS_MAX < DEREGISTRATION_SECONDS < STOP_SECONDS

    def test_the_storage_of_tasks_is_under_our_key(self, deployment: Deployment) -> None:
        (cluster,) = deployment.of_type("aws:ecs/cluster:Cluster")
        storage = cluster.inputs["configuration"]["managedStorageConfiguration"]
        assert storage["fargateEphemeralStorageKmsKeyId"].endswith(f"key/{key_name(deployment, 'images')}")
        key = deployment.one("aws:kms/key:Key", key_name(deployment, "images"))
        allowed = {
            statement["Sid"]: statement
            for statement in statements(key.inputs["policy"])
            if statement["Principal"] == {"Service": "fargate.amazonaws.com"}
        }
        context = {"kms:EncryptionContext:aws:ecs:clusterAccount": "123456789012"}
        assert allowed["FargateMakesDataKeys"]["Action"] == ["kms:GenerateDataKeyWithoutPlaintext"]
        assert allowed["FargateMakesDataKeys"]["Condition"] == {"StringEquals": context}
        assert allowed["FargateGrantsDecryption"]["Action"] == ["kms:CreateGrant"]
        assert allowed["FargateGrantsDecryption"]["Condition"] == {
            "StringEquals": context,
            "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
        }

    def test_what_is_typed_into_a_task_would_be_recorded(self, deployment: Deployment) -> None:
        (cluster,) = deployment.of_type("aws:ecs/cluster:Cluster")
        command = cluster.inputs["configuration"]["executeCommandConfiguration"]
        assert command["logging"] == "OVERRIDE"
        assert command["logConfiguration"]["cloudWatchEncryptionEnabled"] is True
        name = command["logConfiguration"]["cloudWatchLogGroupName"].removesuffix("-0000000")
        group = deployment.one("aws:cloudwatch/logGroup:LogGroup", name)
        assert group.inputs["kmsKeyId"].endswith(f"key/{key_name(deployment, 'logs')}")


class TestScaling:
    @given(seconds=st.floats(0.01, 60), at_once=st.integers(1, 64), wait=st.floats(60, 3600, allow_nan=False))
    def test_the_share_of_a_task_is_done_in_time(self, seconds: float, at_once: int, wait: float) -> None:
        share = Backlog(
            queue_name="q", seconds_per_message=seconds, messages_at_once=at_once, wait_seconds=wait
        ).messages_per_task
        assert share * seconds / at_once == pytest.approx(wait)

    @pytest.mark.parametrize(
        ("seconds", "at_once", "wait", "message"),
        [
            (0.0, 1, 1.0, "seconds_per_message: 0.0"),
            (1.0, 0, 1.0, "messages_at_once: 0"),
            (1.0, 1, -1.0, "wait_seconds: -1.0"),
            (61.0, 1, 60.0, "allow at least the time of one"),
        ],
    )
    def test_impossible_numbers_are_refused(
        self, seconds: float, at_once: int, wait: float, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            Backlog(queue_name="q", seconds_per_message=seconds, messages_at_once=at_once, wait_seconds=wait)

    @pytest.mark.parametrize(
        ("name", "per_task"),
        [("audio-worker", 48), ("projector-worker", 600), ("search-indexer", 24), ("video-worker", 20)],
    )
    def test_workers_follow_their_backlog(self, production: Deployment, name: str, per_task: int) -> None:
        found = scaling(production, name)
        assert set(found) == {"backlog", "cpu", "memory"}
        backlog = found["backlog"]
        assert backlog["targetValue"] == pytest.approx(per_task)
        assert (backlog["scaleInCooldown"], backlog["scaleOutCooldown"]) == (60, 60)
        queries = {query["id"]: query for query in backlog["customizedMetricSpecification"]["metrics"]}
        waiting = queries["waiting"]["metricStat"]["metric"]
        assert (waiting["namespace"], waiting["metricName"]) == (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
        )
        assert waiting["dimensions"] == [{"name": "QueueName", "value": f"{name}-queue-0000000"}]
        running = queries["running"]["metricStat"]["metric"]
        assert (running["namespace"], running["metricName"]) == ("ECS/ContainerInsights", "RunningTaskCount")
        assert {entry["name"]: entry["value"] for entry in running["dimensions"]} == {
            "ClusterName": "nova-cluster-cluster-0000000",
            "ServiceName": name,
        }
        assert [query["id"] for query in queries.values() if query["returnData"]] == ["per_task"]
        assert "waiting" in queries["per_task"]["expression"]

    def test_what_is_said_of_the_workers_is_what_they_do(self) -> None:
        assert (
            AUDIO_LIMITS.concurrency,
            PROJECTOR_LIMITS.concurrency,
            SEARCH_LIMITS.concurrency,
            VIDEO_LIMITS.concurrency,
        ) == (
            audio.MESSAGES_AT_ONCE,
            projector.MESSAGES_AT_ONCE,
            search.MESSAGES_AT_ONCE,
            video.MESSAGES_AT_ONCE,
        )

    def test_a_video_in_work_is_nobodys_dead_letter(self) -> None:
        assert VIDEO_LIMITS.handling < video.AGE_SECONDS_ALARM < 12 * 3600
        # The owner is told of a model that stays away before the queue gives the message up.
        assert DELIVERIES_MAX < RECEIVES_MAX
        assert queue_worker.RECEIVES_MAX == RECEIVES_MAX

    def test_apis_follow_requests(self, production: Deployment) -> None:
        for name in APIS:
            found = scaling(production, name)
            assert set(found) == {"cpu", "memory", "requests"}
            assert found["requests"]["targetValue"] == 1000

    def test_where_nothing_is_to_decide_there_is_no_policy(self, development: Deployment) -> None:
        assert development.of_type(POLICY) == []
        assert len(development.of_type("aws:appautoscaling/target:Target")) == len(ALWAYS)

    def test_the_cluster_counts_tasks_where_workers_scale(
        self, production: Deployment, development: Deployment
    ) -> None:
        values = [
            found.of_type("aws:ecs/cluster:Cluster")[0].inputs["settings"]
            for found in (production, development)
        ]
        assert values == [
            [{"name": "containerInsights", "value": "enabled"}],
            [{"name": "containerInsights", "value": "disabled"}],
        ]


class TestPlan:
    def test_a_rolling_deployment_has_nothing_to_shift(self) -> None:
        for extra in ({"bake_minutes": 5}, {"test_minutes": 1}, {"shift": Shift(percent=10, minutes=1)}):
            with pytest.raises(DeploymentError, match="one set of targets"):
                Plan(strategy=Strategy.ROLLING, rollback_alarms=True, **cast("dict[str, Any]", extra))

    @pytest.mark.parametrize("strategy", [found for found in Strategy if found is not Strategy.ROLLING])
    def test_the_others_are_watched_for_long_enough(self, strategy: Strategy) -> None:
        shift = None if strategy is Strategy.BLUE_GREEN else Shift(percent=10, minutes=1)
        Plan(strategy=strategy, rollback_alarms=True, bake_minutes=5, shift=shift)
        for bake in (-1, 0, 4, 1441):
            with pytest.raises(DeploymentError, match=f"bake_minutes: {bake} .* 5 to 1440"):
                Plan(strategy=strategy, rollback_alarms=True, bake_minutes=bake, shift=shift)
        with pytest.raises(DeploymentError, match="rollback_alarms: False"):
            Plan(strategy=strategy, rollback_alarms=False, bake_minutes=5, shift=shift)
        with pytest.raises(DeploymentError, match="test_minutes: 1441"):
            Plan(strategy=strategy, rollback_alarms=True, bake_minutes=5, shift=shift, test_minutes=1441)

    @given(
        strategy=st.sampled_from([Strategy.LINEAR, Strategy.CANARY]),
        tenths=st.integers(-10, 1100),
        minutes=st.integers(-10, 1500),
    )
    def test_shares_are_those_that_ecs_takes(self, strategy: Strategy, tenths: int, minutes: int) -> None:
        least = 30 if strategy is Strategy.LINEAR else 1
        shift = Shift(percent=tenths / 10, minutes=minutes)
        if least <= tenths <= 1000 and 0 <= minutes <= 1440:
            assert Plan(strategy=strategy, rollback_alarms=True, bake_minutes=5, shift=shift).shift == shift
        else:
            with pytest.raises(DeploymentError, match=r"(percent|minutes): "):
                Plan(strategy=strategy, rollback_alarms=True, bake_minutes=5, shift=shift)

    @pytest.mark.parametrize(
        ("strategy", "shift", "message"),
        [
            (Strategy.BLUE_GREEN, Shift(percent=10, minutes=1), "all requests at once"),
            (Strategy.LINEAR, None, "needs a share"),
            (Strategy.CANARY, None, "needs a share"),
            (Strategy.CANARY, Shift(percent=0.15, minutes=1), "steps of 0.1"),
        ],
    )
    def test_a_share_belongs_to_its_strategy(
        self, strategy: Strategy, shift: Shift | None, message: str
    ) -> None:
        with pytest.raises(DeploymentError, match=message):
            Plan(strategy=strategy, rollback_alarms=True, bake_minutes=5, shift=shift)

    @pytest.mark.parametrize(
        ("plan", "minutes"),
        [
            (ROLLING, 20),
            (Plan(strategy=Strategy.BLUE_GREEN, rollback_alarms=True, bake_minutes=15), 35),
            (
                Plan(
                    strategy=Strategy.LINEAR,
                    rollback_alarms=True,
                    bake_minutes=10,
                    shift=Shift(percent=30, minutes=6),
                ),
                20 + 3 * 6 + 10,
            ),
            (
                Plan(
                    strategy=Strategy.CANARY,
                    rollback_alarms=True,
                    bake_minutes=10,
                    shift=Shift(percent=5, minutes=30),
                    test_minutes=7,
                ),
                20 + 7 + 30 + 10,
            ),
        ],
    )
    def test_the_provider_waits_until_the_old_tasks_are_gone(self, plan: Plan, minutes: int) -> None:
        assert plan.minutes_max == minutes


STRATEGIES = {
    "blue-green": {"strategy": "blue-green", "bakeMinutes": 15},
    "linear": {"strategy": "linear", "stepPercent": 20, "stepMinutes": 3},
    "canary": {"strategy": "canary", "canaryPercent": 2.5, "canaryMinutes": 7, "testMinutes": 4},
}


def shifted(strategy: str, preview: bool = False, stack: str = "prod") -> Deployment:
    """A stack whose services are replaced by ``strategy``."""
    overrides = {"deployment": json.dumps(STRATEGIES[strategy]), "webAcl": "true"}
    return deployed(stack, preview=preview, overrides=overrides)


def rules_of(deployment: Deployment) -> dict[str, Recorded]:
    return {rule.name: rule for rule in deployment.of_type("aws:lb/listenerRule:ListenerRule")}


def environment(deployment: Deployment, name: str) -> dict[str, str]:
    """The variables of a service's tasks."""
    task = deployment.one("aws:ecs/taskDefinition:TaskDefinition", f"{name}-task")
    (container,) = json.loads(task.inputs["containerDefinitions"])
    return {entry["name"]: entry["value"] for entry in container["environment"]}


APIS = ("agent-core", "audio", "projector", "search", "video")


class TestStrategies:
    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_preview_and_update_register_the_same(self, strategy: str) -> None:
        update, preview = shifted(strategy), shifted(strategy, preview=True)
        assert set(preview.resources) == set(update.resources)
        for urn, resource in update.resources.items():
            assert set(preview.resources[urn].inputs) == set(resource.inputs), urn

    def test_each_is_told_ecs_in_its_terms(self) -> None:
        told = {
            strategy: service(shifted(strategy), "audio")["deploymentConfiguration"]
            for strategy in STRATEGIES
        }
        assert told["blue-green"] == {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "15"}
        assert told["linear"] == {
            "strategy": "LINEAR",
            "bakeTimeInMinutes": "10",
            "linearConfiguration": {"stepPercent": 20, "stepBakeTimeInMinutes": "3"},
        }
        (hook,) = told["canary"].pop("lifecycleHooks")
        assert told["canary"] == {
            "strategy": "CANARY",
            "bakeTimeInMinutes": "10",
            "canaryConfiguration": {"canaryPercent": 2.5, "canaryBakeTimeInMinutes": "7"},
        }
        assert hook == {
            "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            "targetType": "PAUSE",
            "timeoutConfiguration": {"action": "CONTINUE", "timeoutInMinutes": "4"},
        }

    def test_rolling_has_the_circuit_breaker_and_the_others_have_not(self, production: Deployment) -> None:
        assert service(production, "audio")["deploymentConfiguration"] == {"strategy": "ROLLING"}
        assert service(production, "audio")["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        for strategy in STRATEGIES:
            for name in APIS:
                assert "deploymentCircuitBreaker" not in service(shifted(strategy), name)

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_alarms_of_both_groups_take_a_deployment_back(self, strategy: str) -> None:
        found = shifted(strategy)
        for name in APIS:
            alarms = service(found, name)["alarms"]
            assert (alarms["enable"], alarms["rollback"]) == (True, True)
            assert set(alarms["alarmNames"]) == {
                f"{name}-{group}-{label}-alarm-0000000"
                for group in ("target", "alternate")
                for label in ("errors", "unhealthy")
            }

    def test_alarms_take_a_rolling_deployment_back_where_wanted(
        self, production: Deployment, development: Deployment
    ) -> None:
        assert set(service(production, "audio")["alarms"]["alarmNames"]) == {
            "audio-target-errors-alarm-0000000",
            "audio-target-unhealthy-alarm-0000000",
        }
        assert "alarms" not in service(development, "audio")
        assert "alarms" not in service(production, "audio-worker")

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_no_alarm_that_a_service_waits_for_waits_for_the_service(self, strategy: str) -> None:
        found = shifted(strategy)
        services = {resource.urn for resource in found.of_type(SERVICE)}
        for alarm in found.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
            if alarm.name.rpartition("-")[0].endswith(("-errors", "-unhealthy")):
                assert not alarm.depends_on & services, alarm.name

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_workers_roll(self, strategy: str) -> None:
        for name in WORKERS:
            inputs = service(shifted(strategy), name)
            assert inputs["deploymentConfiguration"] == {"strategy": "ROLLING"}
            assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
            assert "alarms" not in inputs

    @pytest.mark.parametrize("strategy", STRATEGIES)
    @pytest.mark.parametrize("name", APIS)
    def test_ecs_gets_two_equal_groups_one_rule_and_a_role(self, strategy: str, name: str) -> None:
        found = shifted(strategy)
        (balancer,) = service(found, name)["loadBalancers"]
        groups = {
            group.name: group.inputs
            for group in found.of_type("aws:lb/targetGroup:TargetGroup")
            if group.name in {f"{name}-target", f"{name}-alternate"}
        }
        first, second = groups[f"{name}-target"], groups[f"{name}-alternate"]
        assert first == second
        assert first["targetType"] == "ip"
        assert f"targetgroup/{name}-target-" in balancer["targetGroupArn"]
        advanced = balancer["advancedConfiguration"]
        assert f"targetgroup/{name}-alternate-" in advanced["alternateTargetGroupArn"]
        assert advanced["productionListenerRule"].endswith(f"/{name}-rule-production-0000000")
        assert advanced["roleArn"].endswith(f"{name}-shifting-role-0000000")
        assert ("testListenerRule" in advanced) is (strategy == "canary")
        depends_on = found.one(SERVICE, f"{name}-service").depends_on
        assert rules_of(found)[f"{name}-rule-production"].urn in depends_on
        assert any(urn.endswith(f"::{name}-shifting-policy") for urn in depends_on)

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_the_weights_of_the_production_rule_are_ecs_own(
        self, strategy: str, production: Deployment
    ) -> None:
        before, after = rules_of(production), rules_of(shifted(strategy))
        for name, label in (
            ("agent-core", "all"),
            ("audio", "all"),
            ("projector", "lists"),
            ("search", "all"),
            ("video", "all"),
        ):
            rolling, rule = before[f"{name}-rule-{label}"], after[f"{name}-rule-production"]
            assert rule.ignore_changes == ("actions",)
            (action,) = rule.inputs["actions"]
            assert action["type"] == "forward"
            assert [group["weight"] for group in action["forward"]["targetGroups"]] == [100, 0]
            assert len({group["arn"] for group in action["forward"]["targetGroups"]}) == 2
            assert rule.inputs["conditions"] == rolling.inputs["conditions"]
            # The new rule takes over while the old one, which goes last, is still there.
            assert rule.inputs["priority"] == rolling.inputs["priority"] - 1
            assert f"{name}-rule-{label}" not in after
            assert rolling.ignore_changes == ()

    def test_test_requests_say_so(self) -> None:
        rules = rules_of(shifted("canary"))
        for name in APIS:
            test, production = rules[f"{name}-rule-test"], rules[f"{name}-rule-production"]
            assert test.inputs["priority"] < production.inputs["priority"]
            *same, header = test.inputs["conditions"]
            assert same == production.inputs["conditions"]
            assert header == {"httpHeader": {"httpHeaderName": "X-Nova-Test", "values": ["true"]}}
            assert test.ignore_changes == ("actions",)
            (balancer,) = service(shifted("canary"), name)["loadBalancers"]
            assert balancer["advancedConfiguration"]["testListenerRule"].endswith(f"/{test.name}-0000000")
        assert not [name for name in rules_of(shifted("linear")) if name.endswith("-rule-test")]

    def test_ecs_may_move_the_requests_of_one_service_and_no_more(self) -> None:
        found = {
            statement.sid: statement for statement in granted(shifted("canary"), "audio-shifting-policy")
        }
        assert set(found) == {"SeeListenersAndHealth", "PutTasksIntoGroups", "ShiftRequests"}
        assert all(
            action.split(":")[1].startswith("Describe") for action in found["SeeListenersAndHealth"].actions
        )
        moved = found["PutTasksIntoGroups"]
        assert set(moved.actions) == {
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:RegisterTargets",
        }
        assert [arn.split("/")[-2] for arn in moved.resources] == [
            "audio-target-0000000",
            "audio-alternate-0000000",
        ]
        assert found["ShiftRequests"].actions == ("elasticloadbalancing:ModifyRule",)
        assert [arn.rpartition("/")[2] for arn in found["ShiftRequests"].resources] == [
            "audio-rule-production-0000000",
            "audio-rule-test-0000000",
        ]
        (trust,) = statements(
            shifted("canary").one("aws:iam/role:Role", "audio-shifting-role").inputs["assumeRolePolicy"]
        )
        assert trust["Principal"] == {"Service": "ecs.amazonaws.com"}

    def test_the_provider_waits_as_long_as_the_deployment_takes(self, production: Deployment) -> None:
        waits = {
            "rolling": production.one(SERVICE, "audio-service").timeouts,
            "canary": shifted("canary").one(SERVICE, "audio-service").timeouts,
            "worker": shifted("canary").one(SERVICE, "audio-worker-service").timeouts,
        }
        assert waits == {"rolling": ("20m", "20m"), "canary": ("41m", "41m"), "worker": ("20m", "20m")}
        assert service(shifted("canary"), "audio")["waitForSteadyState"] is True

    def test_requests_are_counted_in_both_groups(self) -> None:
        requests = scaling(shifted("linear"), "search")["requests"]
        assert requests["targetValue"] == 1000
        queries = {query["id"]: query for query in requests["customizedMetricSpecification"]["metrics"]}
        for name, group in (("first", "search-target"), ("second", "search-alternate")):
            stat = queries[name]["metricStat"]
            assert (stat["metric"]["metricName"], stat["stat"]) == ("RequestCountPerTarget", "Sum")
            dimensions = {entry["name"]: entry["value"] for entry in stat["metric"]["dimensions"]}
            assert dimensions["TargetGroup"].startswith(f"targetgroup/{group}-")
            assert dimensions["LoadBalancer"].startswith("app/")
        assert queries["both"]["returnData"] is True
        assert {"first", "second"} <= set(re.findall(r"[a-z]+", queries["both"]["expression"]))


TOOL_CALLS = (ROOT / "libs/agent_tools/src/nova_agent_tools/services.py").read_text(encoding="utf-8")
ASKED_BY_TOOLS: list[tuple[str, str, str]] = re.findall(
    r'self\._urls\.(\w+)\}(/api/[\w/{}-]*)".*?_call\(.*?"([A-Z]+)", url', TOOL_CALLS, re.DOTALL
)
"""Service, path and method of each request that a tool makes."""


class TestNames:
    def test_rolling_tasks_are_found_one_by_one(self, production: Deployment) -> None:
        for name in APIS:
            registry = production.one("aws:servicediscovery/service:Service", f"{name}-discovery")
            assert registry.inputs["dnsConfig"]["routingPolicy"] == "MULTIVALUE"
            (registered,) = service(production, name)["serviceRegistries"].values()
            assert registered.endswith(f"/{name}")
        assert production.of_type("aws:servicediscovery/instance:Instance") == []

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_shifted_tasks_are_found_behind_the_load_balancer(self, strategy: str) -> None:
        found = shifted(strategy)
        for name in APIS:
            discovery = found.one("aws:servicediscovery/service:Service", f"{name}-discovery")
            assert discovery.inputs["dnsConfig"]["routingPolicy"] == "WEIGHTED"
            assert discovery.delete_before_replace
            # ECS lets go of the name before it is made anew.
            assert found.one(SERVICE, f"{name}-service").urn in discovery.depends_on
            assert "serviceRegistries" not in service(found, name)
            alias = found.one("aws:servicediscovery/instance:Instance", f"{name}-alias")
            assert alias.references["serviceId"] == frozenset({discovery.urn})
            assert alias.inputs["attributes"] == {
                "AWS_ALIAS_DNS_NAME": "internal-nova-balancer-alb-0000000.us-east-1.elb.amazonaws.com"
            }

    @pytest.mark.parametrize(
        ("stack", "urls"),
        [
            # A certificate proves one name only, whatever the service.
            (
                "prod",
                dict.fromkeys(
                    ("audio", "projector", "search", "video"), "https://origin.nova.example.com:443"
                ),
            ),
            (
                "dev",
                {name: f"http://{name}.nova.local:80" for name in ("audio", "projector", "search", "video")},
            ),
        ],
    )
    def test_callers_are_told_where(self, stack: str, urls: dict[str, str]) -> None:
        found = environment(shifted("blue-green", stack=stack), "agent-core")
        assert {name: found[f"{name.upper()}_URL"] for name in urls} == urls

    @pytest.mark.parametrize("stack", ["prod", "dev"])
    def test_callers_reach_the_load_balancer_and_no_task(self, stack: str) -> None:
        found = shifted("blue-green", stack=stack)
        port = 443 if stack == "prod" else 80
        opened = [
            (rule.inputs["referencedSecurityGroupId"], rule.inputs["fromPort"])
            for rule in found.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
            if rule.inputs["securityGroupId"].startswith("agent-core-")
            and "referencedSecurityGroupId" in rule.inputs
        ]
        # From Fargate and from AgentCore.
        assert opened.count(("nova-balancer-security-group-0000000", port)) == 2
        assert not [
            group for group, _ in opened if group.startswith(("audio-", "projector-", "search-", "video-"))
        ]
        admitted = [
            (rule.inputs["referencedSecurityGroupId"], rule.inputs["fromPort"])
            for rule in found.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
            if rule.inputs["securityGroupId"] == "nova-balancer-security-group-0000000"
        ]
        assert admitted.count(("agent-core-security-group-0000000", port)) == 1
        assert admitted.count(("agent-core-runtime-security-group-0000000", port)) == 1

    @pytest.mark.parametrize(("owner", "path", "method"), ASKED_BY_TOOLS)
    def test_what_the_tools_ask_for_is_answered_by_its_owner(
        self, owner: str, path: str, method: str
    ) -> None:
        path = re.sub(r"\{[^}]*\}", "01J8Z3", path)
        for rule in sorted(
            rules_of(shifted("blue-green")).values(), key=lambda rule: rule.inputs["priority"]
        ):
            patterns, methods = ["*"], [method]
            for condition in rule.inputs["conditions"]:
                patterns = condition.get("pathPattern", {"values": patterns})["values"]
                methods = condition.get("httpRequestMethod", {"values": methods})["values"]
            if method in methods and any(fnmatchcase(path, pattern) for pattern in patterns):
                assert rule.name == f"{owner}-rule-production"
                return
        raise AssertionError(f"nobody answers {method} {path}")

    def test_the_requests_above_are_all_that_tools_make(self) -> None:
        assert len(ASKED_BY_TOOLS) == TOOL_CALLS.count("self._urls.")


BLUE_GREEN = Plan(strategy=Strategy.BLUE_GREEN, rollback_alarms=True, bake_minutes=5)


class TestRefusals:
    def test_ecs_shifts_one_rule(self) -> None:
        def program() -> None:
            made = platform(deployment=BLUE_GREEN)
            matches = [RequestMatch(label=f"m{at}", priority=at, paths=("/a",)) for at in (10, 20)]
            with pytest.raises(ValueError, match="matches: two has 2; ECS shifts the requests of one rule"):
                made.load_balancer.target("two", 80, matches, parent=made)

        run(program)

    def test_a_test_header_needs_room_in_the_rule(self) -> None:
        def program() -> None:
            made = platform(deployment=replace(BLUE_GREEN, test_minutes=5))
            full = RequestMatch(
                label="all", priority=10, paths=tuple(f"/{at}" for at in range(5)), listener=ListenerName.SITE
            )
            with pytest.raises(ValueError, match="paths: those of full leave no room"):
                made.load_balancer.target("full", 80, [full], parent=made)

        run(program)

    def test_a_worker_has_nothing_to_shift(self) -> None:
        size = ServiceSize(cpu=256, memory=512, tasks_min=1, tasks_max=1)
        fields: dict[str, Any] = dict.fromkeys(("host", "image", "command", "environment", "role"))
        with pytest.raises(ValueError, match=r"deployment: blue-green .* no requests to shift"):
            FargateServiceArgs(**fields, size=size, deployment=BLUE_GREEN)

    def test_a_worker_that_scales_names_its_queue(self) -> None:
        size = ServiceSize(cpu=256, memory=512, tasks_min=1, tasks_max=2)
        fields: dict[str, Any] = dict.fromkeys(("host", "image", "command", "environment", "role"))
        with pytest.raises(ValueError, match="backlog: it is missing"):
            FargateServiceArgs(**fields, size=size)

    def test_a_target_with_one_group_cannot_shift(self) -> None:
        def program() -> None:
            made = platform()
            match = RequestMatch(label="all", priority=10, paths=("/a",))
            target = made.load_balancer.target("one", 80, [match], parent=made)
            with pytest.raises(ValueError, match="blue-green of one needs a second target group"):
                rollout.load_balancers("one", BLUE_GREEN, target, made.account, made)

        run(program)

    def test_tasks_have_no_proof_of_origin(self) -> None:
        fields: dict[str, Any] = dict.fromkeys(("vpc", "access_logs", "alerts", "protect"))
        with pytest.raises(ValueError, match="shifting: production is not allowed with a proof"):
            LoadBalancerArgs(**fields, proof=cast("OriginProof", object()), shifting=Shifting.PRODUCTION)

    def test_a_service_may_roll_where_the_others_shift(self) -> None:
        def program() -> None:
            made = platform(deployment=BLUE_GREEN)
            size = ServiceSize(cpu=256, memory=512, tasks_min=1, tasks_max=1)
            match = RequestMatch(label="all", priority=10, paths=("/a",))
            tasks = task_service_role("calm-task", made.account, pulumi.ResourceOptions())
            made.events.grant_query(tasks)
            calm = FargateService(
                "calm",
                FargateServiceArgs(
                    host=made.host,
                    image=made.image("calm", "services/projector", parent=made),
                    command=("python",),
                    environment={},
                    role=tasks,
                    size=size,
                    target=made.load_balancer.target("calm", 80, [match], parent=made),
                    deployment=ROLLING,
                ),
            )
            assert calm.callee().url == "http://calm.nova.local:8000"

        inputs = service(run(program), "calm")
        assert inputs["deploymentConfiguration"] == {"strategy": "ROLLING"}
        assert "advancedConfiguration" not in inputs["loadBalancers"][0]
        assert "serviceRegistries" in inputs


def told(**fields: object) -> str:
    """A value of nova:deployment."""
    return json.dumps(fields)


class TestSettings:
    @pytest.mark.parametrize(
        ("overrides", "path", "allowed"),
        [
            ({"onDemandBase": "-1"}, "nova:onDemandBase", "between 0 and 1000"),
            ({"spotPercent": "100"}, "nova:onDemandBase", "leave less to Spot"),
            ({"spotPercent": "30", "onDemandBase": "1"}, "nova:onDemandBase", "at least 2 tasks"),
            ({"containerInsights": "on"}, "nova:containerInsights", "disabled, enabled, enhanced"),
            ({"containerInsights": "disabled"}, "nova:containerInsights", "enabled or enhanced"),
            ({"deployment": '"rolling"'}, "nova:deployment", "an object"),
            ({"deployment": "{}"}, "nova:deployment.strategy", "rolling, blue-green, linear, canary"),
            ({"deployment": told(strategy="BLUE_GREEN")}, "nova:deployment.strategy", "blue-green"),
            (
                {"deployment": told(strategy="rolling", bakeMinutes=10)},
                "nova:deployment.bakeMinutes",
                "rolling has no such field; there are: rollbackAlarms",
            ),
            (
                {"deployment": told(strategy="blue-green", canaryPercent=10)},
                "nova:deployment.canaryPercent",
                "rollbackAlarms, bakeMinutes, testMinutes",
            ),
            (
                {"deployment": told(strategy="canary", canaryPercent=0)},
                "nova:deployment.canaryPercent",
                "0.1 to 100",
            ),
            (
                {"deployment": told(strategy="canary", canaryPercent=100.1)},
                "nova:deployment.canaryPercent",
                "0.1 to 100",
            ),
            (
                {"deployment": told(strategy="canary", canaryMinutes=1441)},
                "nova:deployment.canaryMinutes",
                "0 to 1440",
            ),
            (
                {"deployment": told(strategy="linear", stepPercent=2.9)},
                "nova:deployment.stepPercent",
                "3.0 to 100",
            ),
            (
                {"deployment": told(strategy="linear", stepPercent="10")},
                "nova:deployment.stepPercent",
                "a number",
            ),
            (
                {"deployment": told(strategy="linear", stepMinutes=1.5)},
                "nova:deployment.stepMinutes",
                "whole number",
            ),
            (
                {"deployment": told(strategy="blue-green", bakeMinutes=4)},
                "nova:deployment.bakeMinutes",
                "5 to 1440",
            ),
            (
                {"deployment": told(strategy="blue-green", testMinutes=True)},
                "nova:deployment.testMinutes",
                "a number",
            ),
            (
                {"deployment": told(strategy="canary", rollbackAlarms=False)},
                "nova:deployment.rollbackAlarms",
                "it is true with canary",
            ),
            (
                {"deployment": told(strategy="rolling", rollbackAlarms=1)},
                "nova:deployment.rollbackAlarms",
                "true or false",
            ),
            (
                {
                    "deployment": told(strategy="blue-green"),
                    "webAcl": "false",
                    "production": "false",
                },
                "nova:deployment.strategy",
                "set webAcl to true",
            ),
        ],
    )
    def test_a_wrong_value_is_named(self, overrides: dict[str, str], path: str, allowed: str) -> None:
        with pytest.raises(SettingsError) as raised:
            settings_with(**overrides)
        assert str(raised.value).startswith(f"{path}: ")
        assert allowed in str(raised.value)

    def test_without_workers_that_scale_nothing_has_to_be_counted(self) -> None:
        fixed = {name: SIZE | ({"maxTasks": 1} if name in WORKERS else {}) for name in SERVICES}
        settings = settings_with(containerInsights="disabled", services=json.dumps(fixed))
        assert settings.services.insights is Insights.DISABLED
