"""What runs: capacity, hardening, scaling and deployments of the services."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_audio.worker import LIMITS as AUDIO_LIMITS
from nova_common.server import DRAIN_SECONDS, STOP_SECONDS_MAX
from nova_projector.worker import LIMITS as PROJECTOR_LIMITS
from nova_search.worker import LIMITS as SEARCH_LIMITS

from components.compute.backlog import Backlog
from components.compute.capacity import Capacity
from components.compute.container import STOP_SECONDS
from components.compute.discovery import DNS_TTL_SECONDS
from components.compute.insights import Insights
from components.edge.load_balancer import DEREGISTRATION_SECONDS
from services.audio import infra as audio
from services.projector import infra as projector
from services.search import infra as search
from settings.errors import SettingsError
from settings.services import SERVICES, WORKERS
from tests.infra.deployment import Deployment
from tests.infra.policies import statements
from tests.infra.test_settings import SIZE, settings_with

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
        assert storage["fargateEphemeralStorageKmsKeyId"].endswith("key/nova-keys-images")
        key = deployment.one("aws:kms/key:Key", "nova-keys-images")
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
        assert group.inputs["kmsKeyId"].endswith("key/nova-keys-logs")


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
        ("name", "per_task"), [("audio-worker", 48), ("projector-worker", 600), ("search-indexer", 24)]
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
        ) == (audio.MESSAGES_AT_ONCE, projector.MESSAGES_AT_ONCE, search.MESSAGES_AT_ONCE)

    def test_apis_follow_requests(self, production: Deployment) -> None:
        for name in ("agent-core", "audio", "projector", "search"):
            found = scaling(production, name)
            assert set(found) == {"cpu", "memory", "requests"}
            assert found["requests"]["targetValue"] == 1000

    def test_where_nothing_is_to_decide_there_is_no_policy(self, development: Deployment) -> None:
        assert development.of_type(POLICY) == []
        assert len(development.of_type("aws:appautoscaling/target:Target")) == len(SERVICES)

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


class TestSettings:
    @pytest.mark.parametrize(
        ("overrides", "path", "allowed"),
        [
            ({"onDemandBase": "-1"}, "nova:onDemandBase", "between 0 and 1000"),
            ({"spotPercent": "100"}, "nova:onDemandBase", "leave less to Spot"),
            ({"spotPercent": "30", "onDemandBase": "1"}, "nova:onDemandBase", "at least 2 tasks"),
            ({"containerInsights": "on"}, "nova:containerInsights", "disabled, enabled, enhanced"),
            ({"containerInsights": "disabled"}, "nova:containerInsights", "enabled or enhanced"),
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
