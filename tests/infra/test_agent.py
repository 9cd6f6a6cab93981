"""The agent: where it may be, where its models may be, and its second host."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.agent.availability import AGENTCORE_REGIONS, OFFERS, check_model, check_runtime_region
from components.agent.model_ids import GEOGRAPHIES, PROVIDERS
from components.agent.residency import Place, Residency, departures, model_place
from components.agent.runtime_plan import RuntimeNetwork, SessionLimits, check_endpoint_version
from settings.errors import SettingsError
from settings.project import stack_config
from settings.settings import Settings
from settings.values import Values
from tests.infra.deployment import ROOT

SONNET = "anthropic.claude-sonnet-4-6"
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
        assert f"region us-east-1; agentModel global.{SONNET} (any commercial region); emb" in message
        assert message.endswith("embeddingRegion us-east-1; it has ap-northeast-1, ap-northeast-3")

    @pytest.mark.parametrize("residency", ["jp", "eu", "us"])
    def test_a_stack_can_stay_in_each(self, residency: str) -> None:
        region = {"jp": "ap-northeast-1", "eu": "eu-central-1", "us": "us-west-2"}[residency]
        settings = in_region(
            region,
            residency=residency,
            agentModel=f"{residency}.{SONNET}",
            embeddingModel=NEWER_EMBEDDINGS,
            embeddingRegion=region,
        )
        assert settings.models.residency == residency

    def test_one_of_them_is_named_alone(self) -> None:
        with pytest.raises(SettingsError, match="these would leave it: agentModel global") as refused:
            settings_with(residency="us")
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
