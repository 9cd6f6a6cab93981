"""Models called by profiles that carry their cost: what they are made of, who may use them, who sees them."""

import json

import pytest

from components.agent.model_ids import GEOGRAPHIES
from evaluation.answers import ACCOUNT_ID
from tests.infra.deployment import Deployment, deployed
from tests.infra.policies import Granted, granted
from tests.infra.test_observability import ALARM, watched_metrics

PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SONNET = "anthropic.claude-sonnet-4-6"
LITE = "amazon.nova-2-lite-v1:0"
EMBEDDINGS = "amazon.nova-2-multimodal-embeddings-v1:0"


def arn(deployment: Deployment, workload: str) -> str:
    """The ARN by which a workload calls its model."""
    (found,) = [
        statement.resources
        for statement in granted(deployment, policy_of(workload))
        if statement.sid.startswith("Invoke") and is_its(workload, statement)
    ]
    (only,) = found
    return only


def policy_of(workload: str) -> str:
    """The policy of the role in which a workload calls its model."""
    return f"{workload.removesuffix('-memory')}-task-policy"


def is_its(workload: str, statement: Granted) -> bool:
    """Whether a right is one on the kind of model that a workload calls: some roles call two."""
    return ("Embeddings" in statement.sid) == workload.startswith(("search", "agent-core-memory"))


def routes(deployment: Deployment, workload: str) -> list[Granted]:
    """A workload's rights on the models behind its profile."""
    return [
        statement
        for statement in granted(deployment, policy_of(workload))
        if statement.sid.startswith("Route") and is_its(workload, statement)
    ]


def environment(deployment: Deployment, service: str) -> dict[str, str]:
    """The variables of a service's tasks."""
    (container,) = json.loads(deployment.one(TASK, f"{service}-task").inputs["containerDefinitions"])
    return {variable["name"]: variable["value"] for variable in container["environment"]}


@pytest.fixture(params=["dev", "prod"])
def profiled(request: pytest.FixtureRequest) -> Deployment:
    """The stacks that tell the cost of models apart."""
    return deployed(request.param)


class TestWhatIsMade:
    def test_each_workload_has_a_profile_of_the_model_that_it_is_set_to(self, profiled: Deployment) -> None:
        made = {found.name: found.inputs["modelSource"]["copyFrom"] for found in profiled.of_type(PROFILE)}
        assert made == {
            "agent-core-model": f"arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:inference-profile/global.{SONNET}",
            "agent-core-memory-model": f"arn:aws:bedrock:us-east-1::foundation-model/{EMBEDDINGS}",
            "audio-model": f"arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:inference-profile/global.{LITE}",
            "search-model": f"arn:aws:bedrock:us-east-1::foundation-model/{EMBEDDINGS}",
            "video-model": f"arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:inference-profile/global.{LITE}",
        }

    def test_it_carries_the_workloads_tag_beside_the_stacks(self, profiled: Deployment) -> None:
        tags = {found.name: found.inputs["tags"] for found in profiled.of_type(PROFILE)}
        assert tags == {
            "agent-core-model": {"workload": "agent-core"},
            "agent-core-memory-model": {"workload": "agent-core-memory"},
            "audio-model": {"workload": "audio"},
            "search-model": {"workload": "search"},
            "video-model": {"workload": "video"},
        }

    def test_it_is_where_the_model_is_called(self) -> None:
        zones = json.dumps(["eu-west-1a", "eu-west-1b", "eu-west-1c"])
        moved = deployed("dev", overrides={"region": "eu-west-1", "availabilityZones": zones})
        places = {found.name: found.inputs.get("region") for found in moved.of_type(PROFILE)}
        assert places == {
            "agent-core-model": None,
            "agent-core-memory-model": "us-east-1",
            "audio-model": None,
            "search-model": "us-east-1",
            "video-model": None,
        }

    def test_a_stack_can_do_without(self) -> None:
        plain = deployed("local")
        assert plain.of_type(PROFILE) == []
        assert environment(plain, "agent-core")["MODEL_ID"] == f"global.{SONNET}"
        for service in ("search", "agent-core"):
            assert environment(plain, service)["EMBEDDING_MODEL"] == EMBEDDINGS


class TestRights:
    @pytest.mark.parametrize(
        "workload", ["agent-core", "agent-core-memory", "search", "search-indexer", "video-worker"]
    )
    def test_a_role_may_invoke_its_own_profile_alone(self, profiled: Deployment, workload: str) -> None:
        assert f":{ACCOUNT_ID}:application-inference-profile/" in arn(profiled, workload)
        assert arn(profiled, "agent-core") != arn(profiled, "search") == arn(profiled, "search-indexer")
        assert arn(profiled, "agent-core-memory") != arn(profiled, "search")
        for statement in granted(profiled):
            if "bedrock:InvokeModel" in statement.actions:
                assert not [found for found in statement.resources if ":inference-profile/" in found]

    @pytest.mark.parametrize(
        ("policy", "streams"),
        [
            ("agent-core-task-policy", True),
            ("agent-core-runtime-role-policy", True),
            ("search-task-policy", False),
            ("search-indexer-task-policy", False),
            ("video-worker-task-policy", False),
        ],
    )
    def test_only_who_answers_in_streams_may_have_them(
        self, profiled: Deployment, policy: str, streams: bool
    ) -> None:
        found = [
            statement
            for statement in granted(profiled, policy)
            if statement.actions[0].startswith("bedrock:")
        ]
        assert found
        for statement in found:
            streamed = streams and "Embeddings" not in statement.sid
            more = ["bedrock:InvokeModelWithResponseStream"] if streamed else []
            assert list(statement.actions) == ["bedrock:InvokeModel", *more]

    def test_models_are_invoked_only_through_it(self, profiled: Deployment) -> None:
        for workload in ("agent-core", "agent-core-memory", "search", "search-indexer", "video-worker"):
            found = routes(profiled, workload)
            assert found
            for statement in found:
                through = statement.conditions["StringEquals"]["bedrock:InferenceProfileArn"]
                assert through == arn(profiled, workload)

    def test_the_models_are_those_behind_it(self) -> None:
        (embeddings,) = routes(deployed("dev"), "search")
        assert embeddings.resources == (f"arn:aws:bedrock:us-east-1::foundation-model/{EMBEDDINGS}",)
        regional, anywhere = routes(deployed("dev"), "agent-core")
        assert regional.resources == (f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}",)
        assert anywhere.resources == (f"arn:aws:bedrock:::foundation-model/{SONNET}",)
        assert anywhere.conditions["StringEquals"]["aws:RequestedRegion"] == "unspecified"

    def test_it_stays_where_the_residency_says(self) -> None:
        lite = f"us.{LITE}"
        models = {"agentModel": f"us.{SONNET}", "sentimentModel": lite, "videoModel": lite}
        stays = deployed("dev", overrides={**models, "residency": "us"})
        (profile,) = [found for found in stays.of_type(PROFILE) if found.name == "agent-core-model"]
        assert profile.inputs["modelSource"]["copyFrom"].endswith(f":inference-profile/us.{SONNET}")
        (statement,) = routes(stays, "agent-core")
        assert set(statement.resources) == {
            f"arn:aws:bedrock:{region}::foundation-model/{SONNET}" for region in GEOGRAPHIES["us"]
        }


class TestWhoKnows:
    def test_services_and_the_runtime_are_given_the_profile_as_their_model(
        self, profiled: Deployment
    ) -> None:
        assert environment(profiled, "agent-core")["MODEL_ID"] == arn(profiled, "agent-core")
        assert environment(profiled, "video-worker")["MODEL_ID"] == arn(profiled, "video-worker")
        for service in ("search", "search-indexer"):
            assert environment(profiled, service)["EMBEDDING_MODEL"] == arn(profiled, "search")
        (runtime,) = profiled.of_type("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime")
        assert runtime.inputs["environmentVariables"]["MODEL_ID"] == arn(profiled, "agent-core")

    def test_alarms_know_both_names_that_its_metrics_may_have(self, profiled: Deployment) -> None:
        assert environment(profiled, "agent-core")["EMBEDDING_MODEL"] == arn(profiled, "agent-core-memory")
        for workload in ("agent-core", "agent-core-memory", "search"):
            profile = arn(profiled, workload)
            alarms = [
                found for found in profiled.of_type(ALARM) if found.name.startswith(f"{workload}-model-")
            ]
            assert len(alarms) == 2
            for alarm in alarms:
                names = {found["dimensions"]["ModelId"] for found in watched_metrics(alarm.inputs)}
                assert names == {profile, profile.rpartition("/")[2]}
