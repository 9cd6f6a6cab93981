"""The agent: where it may be, where its models may be, and its second host."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_agent_core.runtime_app import AUTHORIZATION_HEADER as ACCEPTED_HEADER

from components.agent.availability import AGENTCORE_REGIONS, OFFERS, check_model, check_runtime_region
from components.agent.model_ids import GEOGRAPHIES, PROVIDERS
from components.agent.residency import Place, Residency, departures, model_place
from components.agent.runtime_plan import (
    RuntimeNetwork,
    SessionLimits,
    check_endpoint_version,
    check_variables,
)
from components.names import stack_identifier
from evaluation.answers import ACCOUNT_ID
from services.agent_core.infra import AUTHORIZATION_HEADER
from settings.errors import SettingsError
from settings.project import stack_config
from settings.settings import Settings
from settings.values import Values
from tests.infra.deployment import ROOT, Deployment, deployed, run
from tests.infra.policies import actions_on, granted

SONNET = "anthropic.claude-sonnet-4-6"
LITE = "amazon.nova-2-lite-v1:0"
EMBEDDINGS = "amazon.nova-2-multimodal-embeddings-v1:0"
NEWER_EMBEDDINGS = "amazon.nova-9-embeddings-v1:0"
"""Of the family that search speaks, and unknown here."""


def settings_with(**overrides: str) -> Settings:
    """The settings of stack dev with some keys replaced."""
    texts = stack_config(ROOT, "dev") | {f"nova:{key}": text for key, text in overrides.items()}
    return Settings.read(Values(project="nova", texts=texts))


def in_region(region: str, **overrides: str) -> Settings:
    """The settings of stack dev moved to a region."""
    zones = json.dumps([f"{region}{letter}" for letter in "abc"])
    return settings_with(**{"region": region, "availabilityZones": zones} | overrides)


class TestWhereThingsAreOffered:
    """Tables of what AWS offers, and what is said where they do not reach."""

    @pytest.mark.parametrize("network", ["vpc", "public"])
    def test_a_region_without_agentcore_is_refused_with_those_that_have_it(self, network: str) -> None:
        with pytest.raises(SettingsError) as refused:
            in_region("eu-central-2", agentRuntimeNetwork=network)
        assert str(refused.value).startswith("nova:region: 'eu-central-2'")
        assert "eu-central-1" in str(refused.value)

    def test_without_a_runtime_any_region_will_do(self) -> None:
        assert in_region("eu-central-2", agentRuntimeNetwork="none").agent.network is RuntimeNetwork.NONE

    @pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1", "eu-west-1", "us-gov-west-1"])
    def test_regions_with_agentcore_pass(self, region: str) -> None:
        check_runtime_region(region)

    @given(region=st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True))
    def test_only_regions_of_the_table_pass(self, region: str) -> None:
        if region not in AGENTCORE_REGIONS:
            with pytest.raises(ValueError, match="there is no AgentCore Runtime"):
                check_runtime_region(region)

    @pytest.mark.parametrize(
        ("model", "region", "said"),
        [
            (EMBEDDINGS, "eu-west-1", "is not offered in eu-west-1, but in us-east-1"),
            (f"us.{EMBEDDINGS}", "us-east-1", "is offered in us-east-1 "),
            (f"apac.{SONNET}", "ap-northeast-1", "prefixes au., eu., global., jp., us."),
            ("amazon.nova-2-lite-v1:0", "us-east-1", "but through inference profiles"),
            (f"eu.{SONNET}", "us-east-1", "profiles of eu are called from eu-central-1"),
            (f"jp.{SONNET}", "ap-southeast-1", "called from ap-northeast-1, ap-northeast-3, not from ap-s"),
        ],
    )
    def test_models_are_refused_where_they_are_known_to_be_missing(
        self, model: str, region: str, said: str
    ) -> None:
        with pytest.raises(ValueError, match=said):
            check_model(model, region)

    @pytest.mark.parametrize(
        ("model", "region"),
        [
            (EMBEDDINGS, "us-east-1"),
            (f"global.{SONNET}", "eu-central-2"),
            (f"jp.{SONNET}", "ap-northeast-3"),
            # Canada belongs to no geography and calls some profiles of the United States.
            (f"us.{SONNET}", "ca-central-1"),
        ],
    )
    def test_models_pass_where_they_are_offered(self, model: str, region: str) -> None:
        assert check_model(model, region) is None

    @given(
        provider=st.sampled_from(PROVIDERS),
        name=st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True),
        prefix=st.sampled_from(["", "global.", "us."]),
    )
    def test_unknown_models_pass_with_a_warning_that_names_them(
        self, provider: str, name: str, prefix: str
    ) -> None:
        model = f"{prefix}{provider}.{name}"
        if f"{provider}.{name}" not in OFFERS:
            assert model in (check_model(model, "us-east-1") or "")

    def test_a_setting_is_refused_by_its_key(self) -> None:
        with pytest.raises(SettingsError, match=f"nova:embeddingModel: '{EMBEDDINGS}'.*not offered in eu-we"):
            settings_with(embeddingRegion="eu-west-1")
        with pytest.raises(SettingsError, match=r"nova:agentModel: 'eu\.anthropic.*called from eu-central-1"):
            settings_with(agentModel=f"eu.{SONNET}")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("agentBehaviour", "../1"),
            ("agentBehaviour", ""),
            ("quotaUsdPerUserAndMonth", "-1"),
            ("quotaUsdPerUserAndMonth", "1000001"),
            ("quotaUsdPerUserAndMonth", "2.5"),
        ],
    )
    def test_behaviour_and_quota_have_a_form(self, key: str, value: str) -> None:
        with pytest.raises(SettingsError, match=f"nova:{key}: "):
            settings_with(**{key: value})

    def test_a_behaviour_that_has_no_file_is_refused_before_anything_is_made(self) -> None:
        with pytest.raises(Exception, match=r"behaviour: '99' is not allowed; there are 1"):
            deployed("dev", overrides={"agentBehaviour": "99"})

    def test_a_setting_that_cannot_be_checked_is_warned_of(self) -> None:
        assert settings_with().models.warnings == ()
        (warning,) = settings_with(agentModel="anthropic.claude-next").models.warnings
        assert warning.startswith("nova:agentModel: ")
        assert "us-east-1 offers anthropic.claude-next" in warning


class TestResidency:
    """What people say stays where the stack says."""

    def test_everything_that_would_leave_is_named_at_once(self) -> None:
        with pytest.raises(SettingsError) as refused:
            settings_with(residency="jp")
        message = str(refused.value)
        assert message.startswith("nova:residency: 'jp'")
        assert f"region us-east-1; agentModel global.{SONNET} (any commercial region); sen" in message
        assert message.endswith("embeddingRegion us-east-1; it has ap-northeast-1, ap-northeast-3")

    @pytest.mark.parametrize("residency", ["jp", "eu", "us"])
    def test_a_stack_can_stay_in_each(self, residency: str) -> None:
        region = {"jp": "ap-northeast-1", "eu": "eu-central-1", "us": "us-west-2"}[residency]
        settings = in_region(
            region,
            residency=residency,
            agentModel=f"{residency}.{SONNET}",
            sentimentModel=f"{residency}.amazon.nova-2-lite-v1:0",
            videoModel=f"{residency}.{LITE}",
            embeddingModel=NEWER_EMBEDDINGS,
            embeddingRegion=region,
            sonicRegion={"jp": "ap-northeast-1", "eu": "eu-north-1", "us": "us-west-2"}[residency],
        )
        assert settings.models.residency == residency

    def test_the_model_that_looks_at_videos_stays_too(self) -> None:
        with pytest.raises(SettingsError, match=f"these would leave it: videoModel global.{LITE}"):
            settings_with(residency="us", agentModel=f"us.{SONNET}", sentimentModel=f"us.{LITE}")

    def test_who_is_heard_stays_too(self) -> None:
        us = {"agentModel": f"us.{SONNET}", "sentimentModel": f"us.{LITE}", "videoModel": f"us.{LITE}"}
        with pytest.raises(SettingsError, match=r"would leave it: sonicRegion eu-north-1; it has us-east-1"):
            settings_with(residency="us", sonicRegion="eu-north-1", **us)

    def test_one_of_them_is_named_alone(self) -> None:
        with pytest.raises(SettingsError, match="these would leave it: agentModel global") as refused:
            settings_with(residency="us", videoModel=f"us.{LITE}")
        assert "us-east-1;" not in str(refused.value).partition("; it has")[0]

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(SettingsError, match=r"nova:residency: 'de'.*jp, eu, us, global"):
            settings_with(residency="de")

    def test_a_profile_of_a_wider_geography_leaves_a_narrower_one(self) -> None:
        place = model_place("agentModel", "apac.amazon.nova-2-lite-v1:0", "ap-northeast-1")
        (found,) = departures(Residency.JP, [place])
        assert "ap-southeast-1" in found
        assert "ap-northeast-1" not in found.partition("(")[2]

    @given(
        residency=st.sampled_from(Residency),
        prefix=st.sampled_from(sorted(GEOGRAPHIES)),
        data=st.data(),
    )
    def test_a_profile_stays_exactly_where_all_its_regions_belong(
        self, residency: Residency, prefix: str, data: st.DataObject
    ) -> None:
        region = data.draw(st.sampled_from(GEOGRAPHIES[prefix]))
        place = model_place("agentModel", f"{prefix}.{SONNET}", region)
        stays = residency is Residency.GLOBAL or set(GEOGRAPHIES[prefix]) <= set(residency.regions)
        assert (departures(residency, [place]) == ()) == stays

    @given(regions=st.lists(st.sampled_from(["us-east-1", "eu-west-1", "ap-northeast-1"]), min_size=1))
    def test_nothing_leaves_the_world(self, regions: list[str]) -> None:
        anywhere = Place(label="anything", regions=())
        assert departures(Residency.GLOBAL, [anywhere, Place(label="x", regions=tuple(regions))]) == ()
        assert departures(Residency.EU, [anywhere]) == ("anything (any commercial region)",)


class TestRuntimePlan:
    """Versions and times of the agent's runtime."""

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("agentEndpointVersion", "newest", "number of a version"),
            ("agentEndpointVersion", "0", "1 to 99999"),
            ("agentEndpointVersion", "100000", "1 to 99999"),
            ("agentEndpointVersion", "1.5", "number of a version"),
            ("agentEndpointVersion", "-1", "number of a version"),
            ("agentIdleSeconds", "59", "between 60 and 1209600"),
            ("agentLifetimeSeconds", "1209601", "between 60 and 1209600"),
            ("agentIdleSeconds", "28801", "as long as it lives, 28800"),
            ("agentRuntimeNetwork", "private", "vpc, public, none"),
            ("agentApplicationLogs", "yes", "true or false"),
        ],
    )
    def test_what_agentcore_does_not_take_is_refused(self, key: str, value: str, said: str) -> None:
        with pytest.raises(SettingsError, match=f"nova:{key}: .*{said}"):
            settings_with(**{key: value})

    @pytest.mark.parametrize("version", ["", "1", "42", "99999"])
    def test_versions_and_none_pass(self, version: str) -> None:
        check_endpoint_version(version)
        assert settings_with(agentEndpointVersion=version).agent.endpoint_version == version

    @given(idle=st.integers(0, 1_300_000), lifetime=st.integers(0, 1_300_000))
    def test_limits_are_taken_exactly_where_they_can_be_kept(self, idle: int, lifetime: int) -> None:
        def make() -> SessionLimits:
            return SessionLimits(idle_seconds=idle, lifetime_seconds=lifetime)

        if 60 <= idle <= lifetime <= 1_209_600:
            assert make().idle_seconds == idle
        else:
            with pytest.raises(ValueError, match="is not allowed"):
                make()


RUNTIME = "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime"
ENDPOINT = "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
POLICY = "agent-core-runtime-role-policy"
PROD_ID = "nova_prod_agent_core_runtime-a1B2c3D4e5"
PUBLIC = {
    "agentRuntimeNetwork": "public",
    "domain": "nova.example.com",
    "hostedZoneId": "Z0123456789ABCDEFGHIJ",
}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT_ID}:{resource}"


def runtime_of(deployment: Deployment) -> dict[str, Any]:
    return deployment.one(RUNTIME, "agent-core-runtime-runtime").inputs


class TestRuntime:
    """The coordinator's image on AgentCore, in the VPC."""

    def test_it_runs_the_services_image_by_its_digest(self, production: Deployment) -> None:
        inputs = runtime_of(production)
        image = inputs["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
        task = production.one("aws:ecs/taskDefinition:TaskDefinition", "agent-core-task")
        (container,) = json.loads(task.inputs["containerDefinitions"])
        assert image == container["image"]
        assert "@sha256:" in image
        assert inputs["protocolConfiguration"] == {"serverProtocol": "HTTP"}
        assert inputs["platformVersion"] == "V1"
        assert inputs["agentRuntimeName"] == "nova_prod_agent_core_runtime"

    def test_its_container_is_told_what_a_task_is_told(self, production: Deployment) -> None:
        variables = dict(runtime_of(production)["environmentVariables"])
        task = production.one("aws:ecs/taskDefinition:TaskDefinition", "agent-core-task")
        (container,) = json.loads(task.inputs["containerDefinitions"])
        told = {variable["name"]: variable["value"] for variable in container["environment"]}
        (secret,) = container["secrets"]
        assert variables.pop("REDIS_PASSWORD_SECRET") == secret["valueFrom"]
        assert secret["name"] == "REDIS_PASSWORD"
        assert (variables.pop("AWS_REGION"), variables.pop("AWS_DEFAULT_REGION")) == ("us-east-1",) * 2
        own = {"PORT": "8080", "SERVICE_NAME": "agent-core-runtime"}
        assert variables == told | own

    def test_its_environment_fits_with_room(self, deployment: Deployment) -> None:
        variables = runtime_of(deployment)["environmentVariables"]
        assert len(variables) <= 50
        # AgentCore takes 4 KB of names and values in all.
        assert sum(len(name) + len(str(value)) for name, value in variables.items()) < 3072

    def test_the_header_that_carries_the_token_passes(self, production: Deployment) -> None:
        allowed = runtime_of(production)["requestHeaderConfiguration"]["requestHeaderAllowlists"]
        assert allowed == [AUTHORIZATION_HEADER] == [ACCEPTED_HEADER]
        assert AUTHORIZATION_HEADER.startswith("X-Amzn-Bedrock-AgentCore-Runtime-Custom-")

    def test_sessions_live_as_the_stack_says(self) -> None:
        inputs = runtime_of(
            deployed("dev", overrides={"agentIdleSeconds": "60", "agentLifetimeSeconds": "3600"})
        )
        assert inputs["lifecycleConfigurations"] == [{"idleRuntimeSessionTimeout": 60, "maxLifetime": 3600}]

    def test_it_waits_for_its_rights(self, deployment: Deployment) -> None:
        runtime = deployment.one(RUNTIME, "agent-core-runtime-runtime")
        policy = deployment.one("aws:iam/rolePolicy:RolePolicy", POLICY)
        membership = deployment.one(
            "aws:elasticache/userGroupAssociation:UserGroupAssociation", "nova-cache-agent-core-membership"
        )
        assert {policy.urn, membership.urn} <= runtime.depends_on
        assert runtime.inputs["timeouts"] == {"create": "30m", "update": "30m", "delete": "30m"}

    def test_only_agentcore_takes_its_role_and_only_for_this_account(self, production: Deployment) -> None:
        role = production.one("aws:iam/role:Role", "agent-core-runtime-role-role")
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "bedrock-agentcore.amazonaws.com"}
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": arn("bedrock-agentcore", "*")},
        }

    def test_it_may_do_what_the_service_may(self, production: Deployment) -> None:
        def rights(policy: str) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
            return {(found.actions, found.resources) for found in granted(production, policy)}

        assert rights("agent-core-task-policy") <= rights(POLICY)

    def test_it_may_write_its_own_logs_and_identify_itself_and_nothing_wider(
        self, production: Deployment
    ) -> None:
        name = "nova_prod_agent_core_runtime"
        group = arn("logs", f"log-group:/aws/bedrock-agentcore/runtimes/{name}-*")
        assert actions_on(production, POLICY, group) == {"logs:CreateLogGroup", "logs:DescribeLogStreams"}
        assert actions_on(production, POLICY, f"{group}:log-stream:*") == {
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        }
        directory = "workload-identity-directory/default"
        identified = {
            "bedrock-agentcore:GetWorkloadAccessToken",
            "bedrock-agentcore:GetWorkloadAccessTokenForJWT",
        }
        for resource in (directory, f"{directory}/workload-identity/{name}-*"):
            assert actions_on(production, POLICY, arn("bedrock-agentcore", resource)) == identified
        secret = production.one("aws:secretsmanager/secret:Secret", "nova-cache-agent-core-password-secret")
        assert actions_on(
            production, POLICY, arn("secretsmanager", f"secret:{secret.name}-0000000-AbCdEf")
        ) == {"secretsmanager:GetSecretValue"}
        (metrics,) = [found for found in granted(production, POLICY) if found.sid == "SendMetrics"]
        assert metrics.conditions == {"StringEquals": {"cloudwatch:namespace": "bedrock-agentcore"}}
        anywhere = {
            action
            for found in granted(production, POLICY)
            if "*" in found.resources
            for action in found.actions
        }
        assert {action.partition(":")[0] for action in anywhere} == {"cloudwatch", "ecr", "logs", "xray"}

    def test_it_reaches_what_the_service_reaches(self, production: Deployment) -> None:
        own = "agent-core-runtime-security-group-0000000"
        place = runtime_of(production)["networkConfiguration"]
        assert place["networkMode"] == "VPC"
        assert place["networkModeConfig"]["securityGroups"] == [own]
        reached = {
            (rule.inputs["securityGroupId"], rule.inputs["fromPort"])
            for rule in production.of_type(INGRESS)
            if rule.inputs.get("referencedSecurityGroupId") == own
        }
        assert reached == {
            ("nova-vpc-endpoints-security-group-0000000", 443),
            ("nova-cache-security-group-0000000", 6379),
            ("search-security-group-0000000", 8000),
            ("audio-security-group-0000000", 8000),
            ("projector-security-group-0000000", 8000),
            ("video-security-group-0000000", 8000),
        }
        left = {
            (rule.inputs.get("referencedSecurityGroupId"), rule.inputs["fromPort"])
            for rule in production.of_type(EGRESS)
            if rule.inputs["securityGroupId"] == own
        }
        assert reached <= left
        assert not [rule for rule in production.of_type(INGRESS) if rule.inputs["securityGroupId"] == own]

    def test_its_outputs_are_found(self, production: Deployment) -> None:
        runtime = arn("bedrock-agentcore", f"runtime/{PROD_ID}")
        assert production.outputs["agent_runtime_arn"] == runtime
        assert production.outputs["agent_runtime_id"] == PROD_ID
        assert production.outputs["agent_endpoint_arn"] == f"{runtime}/runtime-endpoint/live"

    def test_without_a_runtime_there_is_nothing_of_it(self) -> None:
        without = deployed("dev", overrides={"agentRuntimeNetwork": "none"})
        assert not [name for name in without.resources if "agent-core-runtime" in name]
        assert without.outputs.get("agent_runtime_arn") is None

    @pytest.mark.parametrize("stack", ["dev", "prod"])
    def test_names_keep_stacks_apart(self, stack: str) -> None:
        names: list[str] = []

        def program() -> None:
            names.extend(stack_identifier(label, 48) for label in ("agent-core", "agent_core", "a" * 60))

        run(program, stack=stack)
        run(program, stack=f"{stack}-2", project="9nova")
        assert len(set(names)) == len(names)
        assert all(
            name[0].isalpha() and name.replace("_", "").isalnum() and len(name) <= 48 for name in names
        )


class TestPublicRuntime:
    """The coordinator's image on AgentCore, without a way into the VPC."""

    def test_it_reaches_the_services_by_the_sites_address_and_remembers_by_itself(self) -> None:
        deployment = deployed("dev", overrides=PUBLIC)
        inputs = runtime_of(deployment)
        assert inputs["networkConfiguration"] == {"networkMode": "PUBLIC"}
        variables = inputs["environmentVariables"]
        for name in ("SEARCH_URL", "AUDIO_URL", "VIDEO_URL", "PROJECTOR_URL"):
            assert variables[name] == "https://nova.example.com"
        assert variables["SESSION_MEMORY"] == "process"
        assert not [name for name in variables if name.startswith("REDIS")]
        assert not [found for found in granted(deployment, POLICY) if "Redis" in found.sid]
        assert not [name for name in deployment.resources if "agent-core-runtime-security-group" in name]

    def test_it_needs_an_address_that_is_known_beforehand(self) -> None:
        with pytest.raises(SettingsError, match=r"nova:agentRuntimeNetwork: 'public'.*set domain"):
            settings_with(agentRuntimeNetwork="public")
        assert settings_with(**PUBLIC).agent.network is RuntimeNetwork.PUBLIC


class TestEndpoint:
    """Which version answers, and where what it says is kept."""

    def test_it_follows_the_newest_version(self, production: Deployment) -> None:
        inputs = production.one(ENDPOINT, "agent-core-runtime-endpoint").inputs
        assert (inputs["agentRuntimeId"], inputs["name"]) == (PROD_ID, "live")
        assert inputs["agentRuntimeVersion"] == "1"

    def test_it_stays_with_the_version_that_it_is_pinned_to(self) -> None:
        preview = deployed("dev", preview=True, overrides={"agentEndpointVersion": "7"})
        assert preview.one(ENDPOINT, "agent-core-runtime-endpoint").inputs["agentRuntimeVersion"] == "7"

    def test_its_logs_are_encrypted_and_kept_before_the_first_is_written(
        self, deployment: Deployment
    ) -> None:
        endpoint = deployment.one(ENDPOINT, "agent-core-runtime-endpoint")
        runtime_id = endpoint.inputs["agentRuntimeId"]
        for label, name in (("default", "DEFAULT"), ("live", "live")):
            group = deployment.one(LOG_GROUP, f"agent-core-runtime-{label}-logs")
            assert group.inputs["name"] == f"/aws/bedrock-agentcore/runtimes/{runtime_id}-{name}"
            assert group.inputs["retentionInDays"] in {14, 365}
            assert ":key/" in group.inputs["kmsKeyId"]
            assert group.urn in endpoint.depends_on

    def test_every_trouble_of_it_is_told(self, production: Deployment) -> None:
        self.check_alarms(production, {"SystemErrors", "UserErrors", "Throttles", "Latency"})

    def test_development_pays_for_what_is_urgent(self, development: Deployment) -> None:
        self.check_alarms(development, {"SystemErrors", "Throttles"})

    def check_alarms(self, deployment: Deployment, metrics: set[str]) -> None:
        runtime_id = deployment.one(ENDPOINT, "agent-core-runtime-endpoint").inputs["agentRuntimeId"]
        found = {
            alarm.inputs["metricName"]: alarm.inputs
            for alarm in deployment.of_type(ALARM)
            if alarm.inputs.get("namespace") == "AWS/Bedrock-AgentCore"
        }
        assert set(found) == metrics
        for inputs in found.values():
            assert inputs["dimensions"] == {
                "Resource": arn("bedrock-agentcore", f"runtime/{runtime_id}"),
                "Operation": "InvokeAgentRuntime",
                "Name": f"{runtime_id.partition('-')[0]}::live",
            }


def with_application_logs() -> Deployment:
    return deployed("prod", overrides={"agentApplicationLogs": "true"})


class TestDeliveries:
    """Usage, traces and, if wanted, what was said."""

    def delivered(self, deployment: Deployment) -> dict[str, dict[str, Any]]:
        sources = {
            found.inputs["name"]: found.inputs
            for found in deployment.of_type("aws:cloudwatch/logDeliverySource:LogDeliverySource")
            if found.name.startswith("agent-core-")
        }
        deliveries = [
            found
            for found in deployment.of_type("aws:cloudwatch/logDelivery:LogDelivery")
            if found.name.startswith("agent-core-")
        ]
        return {
            sources[found.inputs["deliverySourceName"]]["logType"]: found.inputs
            | sources[found.inputs["deliverySourceName"]]
            for found in deliveries
            if found.name.startswith("agent-core-runtime")
        }

    def test_words_are_delivered_only_where_that_is_wanted(self) -> None:
        assert set(self.delivered(deployed("prod"))) == {"USAGE_LOGS", "TRACES"}
        with_words = with_application_logs()
        assert set(self.delivered(with_words)) == {"USAGE_LOGS", "APPLICATION_LOGS", "TRACES"}
        runtime = arn("bedrock-agentcore", f"runtime/{PROD_ID}")
        assert {found["resourceArn"] for found in self.delivered(with_words).values()} == {runtime}

    def test_logs_go_to_groups_that_services_may_write_to(self) -> None:
        deployment = with_application_logs()
        for label in ("usage", "application"):
            group = deployment.one(LOG_GROUP, f"agent-core-runtime-{label}-logs").inputs
            kind = f"{label.upper()}_LOGS"
            assert (
                group["name"]
                == f"/aws/vendedlogs/bedrock-agentcore/runtime/{kind}/nova-prod-agent-core-runtime"
            )
            assert ":key/" in group["kmsKeyId"]
            assert group["retentionInDays"] == 365
            destination = deployment.one(
                "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
                f"agent-core-runtime-{label}-destination",
            )
            where = destination.inputs["deliveryDestinationConfiguration"]["destinationResourceArn"]
            assert where == arn("logs", f"log-group:{group['name']}")

    def test_traces_go_to_xray(self, production: Deployment) -> None:
        destination = production.one(
            "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
            "agent-core-runtime-traces-destination",
        )
        assert destination.inputs["deliveryDestinationType"] == "XRAY"

    def test_they_are_made_one_after_the_other(self) -> None:
        deployment = with_application_logs()
        kind = "aws:cloudwatch/logDelivery:LogDelivery"
        usage, application, traces = (
            deployment.one(kind, f"agent-core-runtime-{label}-delivery")
            for label in ("usage", "application", "traces")
        )
        assert usage.urn in application.depends_on
        assert application.urn in traces.depends_on
        assert len({found.urn for found in deployment.of_type(kind) if found.name.startswith("agent")}) == 3


class TestVariables:
    """What a runtime's environment may be."""

    @given(
        st.dictionaries(
            st.text("AB_", max_size=101), st.text("x", max_size=20) | st.just("y" * 5001), max_size=52
        )
    )
    def test_an_environment_is_taken_exactly_where_agentcore_takes_it(
        self, variables: dict[str, str]
    ) -> None:
        fits = len(variables) <= 50 and all(
            1 <= len(name) <= 100 and len(value) <= 5000 for name, value in variables.items()
        )
        if fits:
            check_variables(variables)
        else:
            with pytest.raises(ValueError, match=r"environment: .* up to"):
                check_variables(variables)

    def test_what_is_not_known_yet_is_not_looked_at(self) -> None:
        check_variables({"LATER": object()})
