"""What a guardrail keeps out, where it is evaluated, and that nothing of it is there when it is off."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.agent.guardrail_plan import GuardrailProfile, guardrail_profile
from components.agent.model_ids import GEOGRAPHIES
from components.agent.residency import Residency
from evaluation.answers import ACCOUNT_ID, resource_arn
from settings.errors import SettingsError
from tests.infra import grants, requests, schema
from tests.infra.deployment import Deployment, deployed
from tests.infra.policies import granted
from tests.infra.test_hardening import environment
from tests.infra.test_observability import ALARM, runbook, watched_metrics

GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
VERSION = "aws:bedrock/guardrailVersion:GuardrailVersion"
KEY = "nova-keys-guardrails"
ARN = resource_arn("bedrock", f"guardrail/{uuid5(NAMESPACE_OID, 'nova-guardrail-0000000').hex[:12]}")
CALLERS = {"agent-core-task-policy", "agent-core-runtime-role-policy"}


def guarded(**overrides: str) -> Deployment:
    """Stack prod with a guardrail."""
    return deployed("prod", overrides={"guardrail": "true", **overrides})


def inputs(deployment: Deployment) -> dict[str, Any]:
    """The one guardrail's inputs."""
    (found,) = deployment.of_type(GUARDRAIL)
    return found.inputs


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_nothing_of_it_is_there_when_it_is_off(stack: str) -> None:
    deployment = deployed(stack)
    assert deployment.of_type(GUARDRAIL) == deployment.of_type(VERSION) == []
    assert not [key for key in deployment.of_type("aws:kms/key:Key") if key.name == KEY]
    assert not [found for found in granted(deployment) if "bedrock:ApplyGuardrail" in found.actions]


class TestRules:
    def test_harm_is_looked_for_both_ways_and_attacks_in_what_people_say(self) -> None:
        rules = inputs(guarded())["contentPolicyConfig"]["filtersConfigs"]
        found = {rule["type"]: (rule["inputStrength"], rule["outputStrength"]) for rule in rules}
        assert found.pop("PROMPT_ATTACK") == ("MEDIUM", "NONE")
        assert found == dict.fromkeys(
            ("HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE"), ("MEDIUM", "MEDIUM")
        )

    def test_the_strength_is_a_setting(self) -> None:
        rules = inputs(guarded(guardrailStrength="high"))["contentPolicyConfig"]["filtersConfigs"]
        assert {rule["inputStrength"] for rule in rules} == {"HIGH"}

    @pytest.mark.parametrize(("handling", "action"), [("mask", "ANONYMIZE"), ("block", "BLOCK")])
    def test_identifiers_are_masked_or_blocked_and_names_are_left_alone(
        self, handling: str, action: str
    ) -> None:
        policy = inputs(guarded(guardrailPersonalData=handling))["sensitiveInformationPolicyConfig"]
        rules = {rule["type"]: rule["action"] for rule in policy["piiEntitiesConfigs"]}
        assert set(rules.values()) == {action}
        assert {"PASSWORD", "CREDIT_DEBIT_CARD_NUMBER", "AWS_SECRET_KEY"} <= set(rules)
        assert {"NAME", "EMAIL", "PHONE", "ADDRESS"}.isdisjoint(rules)

    def test_they_can_be_allowed(self) -> None:
        assert "sensitiveInformationPolicyConfig" not in inputs(guarded(guardrailPersonalData="allow"))

    @pytest.mark.parametrize("overrides", [{}, {"guardrailPersonalData": "allow"}])
    def test_aws_accepts_them(self, overrides: dict[str, str]) -> None:
        deployment = guarded(**overrides)
        for resource in [*deployment.of_type(GUARDRAIL), *deployment.of_type(VERSION)]:
            assert schema.problems(resource) == []
            assert requests.findings(resource) == []

    @pytest.mark.parametrize(
        ("key", "value"),
        [("guardrail", "on"), ("guardrailStrength", "none"), ("guardrailPersonalData", "hide")],
    )
    def test_other_settings_are_refused(self, key: str, value: str) -> None:
        with pytest.raises(SettingsError, match=f"nova:{key}: '{value}'"):
            deployed("dev", overrides={key: value})


class TestVersions:
    def test_each_change_of_the_rules_makes_a_version_and_leaves_the_old_ones(self) -> None:
        (mild,) = guarded().of_type(VERSION)
        (strict,) = guarded(guardrailStrength="high").of_type(VERSION)
        (open_,) = guarded(guardrailPersonalData="allow").of_type(VERSION)
        descriptions = {found.inputs["description"] for found in (mild, strict, open_)}
        assert len(descriptions) == 3
        assert all(found.inputs["skipDestroy"] for found in (mild, strict, open_))
        assert mild.inputs["guardrailArn"] == ARN

    def test_other_settings_make_none(self) -> None:
        (before,) = guarded().of_type(VERSION)
        (after,) = guarded(logRetentionDays="180").of_type(VERSION)
        assert before.inputs["description"] == after.inputs["description"]


class TestWhere:
    def test_it_is_evaluated_across_the_geography_where_people_may_be_heard_there(self) -> None:
        found = inputs(guarded())
        profile = f"arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:guardrail-profile/us.guardrail.v1:0"
        assert found["crossRegionConfig"] == {"guardrailProfileIdentifier": profile}
        assert found["contentPolicyConfig"]["tierConfigs"] == [{"tierName": "STANDARD"}]

    @pytest.mark.parametrize(
        ("region", "residency", "prefix"),
        [
            ("us-east-1", Residency.GLOBAL, "us"),
            ("us-east-1", Residency.US, "us"),
            ("eu-central-1", Residency.EU, "eu"),
            ("ap-northeast-1", Residency.GLOBAL, "apac"),
            # Tokyo's profile leads to Seoul, Singapore and Sydney too.
            ("ap-northeast-1", Residency.JP, None),
            # No profile is known to be called from there.
            ("eu-south-2", Residency.EU, None),
        ],
    )
    def test_a_profile_is_used_only_where_all_of_it_is_allowed(
        self, region: str, residency: Residency, prefix: str | None
    ) -> None:
        expected = None if prefix is None else GuardrailProfile(prefix=prefix)
        assert guardrail_profile(region, residency) == expected

    @given(
        region=st.sampled_from(sorted({place for known in GEOGRAPHIES.values() for place in known})),
        residency=st.sampled_from(Residency),
    )
    def test_it_never_leaves_the_residency(self, region: str, residency: Residency) -> None:
        profile = guardrail_profile(region, residency)
        if profile is not None:
            assert region in profile.destinations
            assert all(residency.admits(place) for place in profile.destinations)

    def test_alone_it_is_of_the_tier_that_stays(self) -> None:
        zones = '["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]'
        found = deployed(
            "dev",
            overrides={
                "guardrail": "true",
                "region": "ap-northeast-1",
                "availabilityZones": zones,
                "residency": "jp",
                "agentModel": "jp.anthropic.claude-sonnet-4-6",
                "sentimentModel": "jp.amazon.nova-2-lite-v1:0",
                "videoModel": "jp.amazon.nova-2-lite-v1:0",
                "embeddingModel": "amazon.nova-9-embeddings-v1:0",
                "embeddingRegion": "ap-northeast-1",
                "sonicRegion": "ap-northeast-1",
            },
        )
        assert "crossRegionConfig" not in inputs(found)
        assert inputs(found)["contentPolicyConfig"]["tierConfigs"] == [{"tierName": "CLASSIC"}]
        (statement, _) = [found for found in granted(found) if "bedrock:ApplyGuardrail" in found.actions]
        assert statement.resources == (ARN.replace("us-east-1", "ap-northeast-1"),)


class TestRights:
    def test_only_who_talks_with_people_may_apply_it(self) -> None:
        found = [
            statement for statement in granted(guarded()) if "bedrock:ApplyGuardrail" in statement.actions
        ]
        assert {statement.role for statement in found} == CALLERS
        for statement in found:
            assert statement.actions == ("bedrock:ApplyGuardrail",)
            profiles = {
                f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:guardrail-profile/us.guardrail.v1:0"
                for region in GEOGRAPHIES["us"]
            }
            assert set(statement.resources) == {ARN, *profiles}

    def test_aws_knows_the_rights(self) -> None:
        checked = [
            list(grants.problems(dict(statement), document.kind))
            for document in grants.documents(guarded())
            for statement in document.statements
            if statement.get("Sid") in {"ApplyGuardrail", "DecryptGuardrail"}
        ]
        assert checked == [[]] * 4

    def test_its_rules_are_under_a_key_of_their_own_which_they_may_read(self) -> None:
        (key,) = [key for key in guarded().of_type("aws:kms/key:Key") if key.name == KEY]
        assert inputs(guarded())["kmsKeyArn"].endswith(f":key/{KEY}")
        assert key.protect
        readers = {
            statement.role
            for statement in granted(guarded())
            if "kms:Decrypt" in statement.actions and statement.resources == (inputs(guarded())["kmsKeyArn"],)
        }
        assert readers == CALLERS


def test_its_interventions_are_watched_by_version() -> None:
    (alarm,) = [found for found in guarded().of_type(ALARM) if found.name.startswith("nova-guardrail-")]
    assert runbook(alarm.inputs) == "guardrail"
    (metric,) = watched_metrics(alarm.inputs)
    assert metric["namespace"] == "AWS/Bedrock/Guardrails"
    assert metric["metricName"] == "InvocationsIntervened"
    assert metric["dimensions"] == {"GuardrailArn": ARN, "GuardrailVersion": "1"}


def test_the_coordinator_names_it_on_both_of_its_hosts() -> None:
    deployment = guarded(agentRuntimeNetwork="vpc")
    (version,) = deployment.of_type(VERSION)
    (runtime,) = deployment.of_type("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime")
    for found in (environment(deployment, "agent-core"), runtime.inputs["environmentVariables"]):
        assert found["GUARDRAIL_ID"] == version.inputs["guardrailArn"] == ARN
        assert found["GUARDRAIL_VERSION"]


def test_without_one_the_coordinator_knows_of_none(production: Deployment) -> None:
    assert not {"GUARDRAIL_ID", "GUARDRAIL_VERSION"} & set(environment(production, "agent-core"))
