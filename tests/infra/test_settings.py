"""What a stack may decide, and how each mistake is answered."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.compute.capacity import Capacity
from components.compute.sizing import ServiceSize
from components.data.cache_plan import CacheEngine
from components.network.plan import NewNetwork
from components.network.zones import NatStrategy
from evaluation.recorder import Cloud, RecordingMonitor
from settings.errors import SettingsError
from settings.project import project_schema, stack_config
from settings.settings import KEYS, Settings
from settings.values import Values
from tests.infra.deployment import ROOT, deploy
from tests.slices import SERVICES

STACKS = ("local", "dev", "prod")
SIZE = {"cpu": 256, "memory": 512, "minTasks": 1, "maxTasks": 2}


def settings_with(**overrides: str) -> Settings:
    """The settings of stack prod with some keys replaced."""
    texts = stack_config(ROOT, "prod") | {f"nova:{key}": text for key, text in overrides.items()}
    return Settings.read(Values(project="nova", texts=texts))


def strategy(settings: Settings) -> NatStrategy:
    """How a network of the stack's own reaches the internet."""
    assert isinstance(settings.network.plan, NewNetwork)
    return settings.network.plan.nat


def services_with(service: str = "audio", **fields: object) -> str:
    """A value of nova:services in which one service differs."""
    return json.dumps({name: SIZE | (fields if name == service else {}) for name in SERVICES})


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_file_gives_settings(stack: str) -> None:
    settings = Settings.read(Values(project="nova", texts=stack_config(ROOT, stack)))
    assert settings.region == "us-east-1"


def test_the_project_file_declares_exactly_what_is_read() -> None:
    schema = project_schema(ROOT)
    assert set(schema.config) == {f"nova:{key}" for key in KEYS}
    assert all(len(declared.description) > 20 for declared in schema.config.values())


def test_production_and_development_sizes() -> None:
    prod = settings_with()
    dev = Settings.read(Values(project="nova", texts=stack_config(ROOT, "dev")))
    sizes, small = prod.services.sizes, dev.services.sizes["audio"]
    assert (sizes["audio"].cpu, sizes["audio"].memory) == (512, 1024)
    assert (sizes["agent-core"].cpu, sizes["agent-core"].memory) == (1024, 2048)
    assert (sizes["search-indexer"].cpu, sizes["search-indexer"].memory) == (512, 1024)
    assert (sizes["video-worker"].cpu, sizes["video-worker"].memory) == (1024, 2048)
    assert (sizes["projector-worker"].cpu, sizes["projector-worker"].memory) == (256, 512)
    assert (sizes["audio"].tasks_min, sizes["audio"].tasks_max) == (2, 20)
    assert strategy(prod) is NatStrategy.PER_ZONE
    assert prod.data.protect
    assert prod.services.capacity == Capacity(spot_percent=0, on_demand_base=2)
    assert (small.cpu, small.memory, small.tasks_max) == (256, 512, 1)
    assert dev.services.capacity == Capacity(spot_percent=100, on_demand_base=0)
    assert strategy(dev) is NatStrategy.SINGLE
    assert (prod.data.cache.replicas, dev.data.cache.replicas, dev.data.cache.node_type) == (
        1,
        0,
        "cache.t4g.micro",
    )
    assert (prod.data.cache.engine, prod.data.cache.password_generation) == (CacheEngine.REDIS, 1)


def test_models_of_production_and_of_the_local_stack() -> None:
    prod = settings_with().models
    local = Settings.read(Values(project="nova", texts=stack_config(ROOT, "local"))).models
    assert (prod.agent, prod.embedding) == (
        "global.anthropic.claude-sonnet-4-6",
        "amazon.nova-2-multimodal-embeddings-v1:0",
    )
    # The offline model makes embeddings of one dimension only.
    assert (prod.embedding_dimension, local.embedding_dimension) == (1024, 384)
    assert prod.embedding_region == "us-east-1"
    assert (prod.sonic, prod.sonic_region) == ("amazon.nova-2-sonic-v1:0", "us-east-1")


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_states_only_what_differs(stack: str) -> None:
    pinned = {"pulumi:disable-default-providers", "nova:region", "nova:availabilityZones"}
    defaults = stack_config_of_defaults()
    same = {
        key
        for key, text in stack_config(ROOT, stack).items()
        if key not in pinned and defaults[key] == text and key in stated(stack)
    }
    assert same == set()


def stack_config_of_defaults() -> dict[str, str]:
    """The configuration of a stack file that sets nothing."""
    return {
        key: declared.default
        if isinstance(declared.default, str)
        else json.dumps(declared.default, sort_keys=True, separators=(",", ":"))
        for key, declared in project_schema(ROOT).config.items()
    }


def stated(stack: str) -> set[str]:
    """The keys that a stack file sets."""
    lines = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()
    return {
        line.split(": ")[0].strip().rstrip(":") for line in lines if line.startswith(("  nova:", "  pulumi:"))
    }


@pytest.mark.parametrize(
    ("key", "text", "path", "allowed"),
    [
        ("region", "Frankfurt", "nova:region", "us-east-1"),
        ("availabilityZones", '["us-east-1a"]', "nova:availabilityZones", "2 to 6 zones"),
        ("availabilityZones", '["us-east-1a","us-east-1a"]', "nova:availabilityZones", "once"),
        (
            "availabilityZones",
            '["us-east-1a","eu-west-1a"]',
            "nova:availabilityZones",
            "no availability zone",
        ),
        ("availabilityZones", '["us-east-1a",2]', "nova:availabilityZones", "list of strings"),
        ("availabilityZones", "us-east-1a", "nova:availabilityZones", "cannot be read"),
        ("vpcCidr", "10.0.0.0/21", "nova:vpcCidr", "/16 to /20"),
        ("vpcCidr", "10.0.0.0/8", "nova:vpcCidr", "/16 to /20"),
        ("vpcCidr", "8.8.0.0/16", "nova:vpcCidr", "RFC 1918"),
        ("vpcCidr", "10.0.0.1/16", "nova:vpcCidr", "IPv4 network"),
        ("natGateways", "two", "nova:natGateways", "none, single, per-az"),
        ("permissionsBoundary", "no boundary", "nova:permissionsBoundary", "name of an IAM policy"),
        ("natGateways", "none", "nova:natGateways", "maxTasks of these services to 0"),
        ("logRetentionDays", "31", "nova:logRetentionDays", "30, 60, 90"),
        ("logRetentionDays", "0", "nova:logRetentionDays", "between 1 and 3653"),
        ("protectStatefulResources", "yes", "nova:protectStatefulResources", "true or false"),
        ("protectStatefulResources", "false", "nova:protectStatefulResources", "true where production is"),
        ("recoveryDays", "6", "nova:recoveryDays", "between 7 and 30"),
        ("recoveryDays", "31", "nova:recoveryDays", "between 7 and 30"),
        ("recoveryDays", "7.5", "nova:recoveryDays", "whole number"),
        ("services", "[]", "nova:services", "object"),
        ("services", '{"audio": 1}', "nova:services.audio", "object"),
        ("serviceSizes", "tiny", "nova:serviceSizes", "full, small"),
        ("services", services_with("search-indexer", cpu=1), "nova:services.search-indexer.cpu", "256, 512"),
        ("sentimentModel", "nova lite", "nova:sentimentModel", "<provider>.<name>"),
        ("sentimentModel", "amazon.nova-2-lite-v1:0", "nova:sentimentModel", "inference profile"),
        ("agentModel", "claude", "nova:agentModel", "<provider>.<name>"),
        ("agentModel", "ca.anthropic.claude-sonnet-4-6", "nova:agentModel", "apac, au, eu, jp, us"),
        ("agentModel", "global.anthropic.", "nova:agentModel", "no name of a model"),
        ("agentModel", "arn:aws:bedrock:us-east-1::foundation-model/x", "nova:agentModel", "not an ARN"),
        ("videoModel", "nova", "nova:videoModel", "<provider>.<name>"),
        ("videoModel", "global.anthropic.claude-sonnet-4-6", "nova:videoModel", "understands video"),
        ("videoModel", "us.amazon.nova-micro-v1:0", "nova:videoModel", "understands video"),
        (
            "videoModel",
            "amazon.nova-2-lite-v1:0",
            "nova:videoModel",
            "prefixes apac., eu., global., jp., us.",
        ),
        ("videoModel", "eu.amazon.nova-2-lite-v1:0", "nova:videoModel", "not from us-east-1"),
        ("sharedKey", "yes", "nova:sharedKey", "true or false"),
        ("embeddingModel", "anthropic.claude-sonnet-4-6", "nova:embeddingModel", "Nova family"),
        (
            "embeddingModel",
            "us.amazon.nova-2-multimodal-embeddings-v1:0",
            "nova:embeddingModel",
            "without the prefix",
        ),
        ("embeddingModel", "", "nova:embeddingModel", "no provider"),
        ("sonicModel", "us.amazon.nova-2-sonic-v1:0", "nova:sonicModel", "without the prefix"),
        ("sonicModel", "amazon.nova-2-lite-v1:0", "nova:sonicModel", "speech-to-speech"),
        ("sonicModel", "", "nova:sonicModel", "no provider"),
        ("sonicRegion", "Tokyo", "nova:sonicRegion", "us-east-1"),
        ("sonicRegion", "eu-central-1", "nova:sonicModel", "not offered in eu-central-1, but in ap-north"),
        ("transcriptionEngine", "whisper", "nova:transcriptionEngine", "transcribe, sonic"),
        ("speakersMax", "1", "nova:speakersMax", "between 2 and 30"),
        ("speakersMax", "31", "nova:speakersMax", "between 2 and 30"),
        ("embeddingDimension", "512", "nova:embeddingDimension", "256, 384, 1024, 3072"),
        ("embeddingDimension", "4096", "nova:embeddingDimension", "between 1 and 3072"),
        ("embeddingRegion", "Virginia", "nova:embeddingRegion", "us-east-1"),
        ("cacheNodeType", "t4g.micro", "nova:cacheNodeType", "cache.t4g.micro"),
        ("cacheNodeType", "cache.r6gd.xlarge", "nova:cacheNodeType", "in memory"),
        ("cacheReplicas", "6", "nova:cacheReplicas", "between 0 and 5"),
        ("cacheEngine", "memcached", "nova:cacheEngine", "redis, valkey"),
        ("cachePasswordGeneration", "0", "nova:cachePasswordGeneration", "between 1 and"),
        ("services", services_with()[:-1] + ', "vision": {}}', "nova:services.vision", "no such service"),
        ("services", services_with(cpu=300), "nova:services.audio.cpu", "256, 512, 1024"),
        ("services", services_with(memory=4096), "nova:services.audio.memory", "512, 1024, 2048 MiB"),
        (
            "services",
            services_with("audio-worker", memory=1),
            "nova:services.audio-worker.memory",
            "512, 1024",
        ),
        ("services", services_with(cpu="256"), "nova:services.audio.cpu", "whole number"),
        ("services", services_with(cpu=True), "nova:services.audio.cpu", "whole number"),
        ("services", services_with(minTasks=3), "nova:services.audio.minTasks", "the maximum, 2"),
        ("services", services_with(minTasks=-1), "nova:services.audio.minTasks", "between 0"),
        ("services", services_with(maxTasks=1001), "nova:services.audio.maxTasks", "0 to 1000"),
        ("services", services_with(disk=1), "nova:services.audio.disk", "no such field"),
        ("spotPercent", "101", "nova:spotPercent", "between 0 and 100"),
        ("production", "1", "nova:production", "true or false"),
        ("domain", "nova", "nova:domain", "nova.example.com"),
        ("domain", "Nova.example.com", "nova:domain", "lower case"),
        ("domain", f"{'a.' * 100}com", "nova:domain", "host name"),
        ("domain", "", "nova:domain", "nova.example.com"),
        ("hostedZoneId", "", "nova:hostedZoneId", "public hosted zone"),
        ("hostedZoneId", "/hostedzone/Z1", "nova:hostedZoneId", "public hosted zone"),
        ("webAcl", "maybe", "nova:webAcl", "true or false"),
        ("webAcl", "false", "nova:webAcl", "true where production is"),
        ("originProofGeneration", "0", "nova:originProofGeneration", "between 1 and"),
        ("originSecurityGroup", "CloudFront", "nova:originSecurityGroup", "sg-0123456789abcdef0"),
        ("userPoolId", "pool", "nova:userPoolId", "us-east-1_AbCdEf123"),
        ("userPoolId", "eu-west-1_AbCdEf123", "nova:userPoolId", "stack's region, us-east-1"),
        ("userPoolId", "us-east-1_AbCdEf123", "nova:userPoolClientId", "clients"),
        ("userPoolClientId", "abc", "nova:userPoolId", "id of a Cognito user pool"),
        ("tokenScope", "one two", "nova:tokenScope", "one scope"),
        ("accessTokenMinutes", "4", "nova:accessTokenMinutes", "between 5 and 1440"),
        ("refreshTokenDays", "3651", "nova:refreshTokenDays", "between 1 and 3650"),
        ("throttleRate", "0", "nova:throttleRate", "between 1 and 10000"),
        ("throttleBurst", "199", "nova:throttleBurst", "throttleRate, 200"),
        ("throttleBurst", "5001", "nova:throttleBurst", "between 1 and 5000"),
        ("alarmEmail", "nobody", "nova:alarmEmail", "mail address"),
        ("alarms", "none", "nova:alarms", "all, urgent"),
        ("runbookUrl", "http://example.com/runbooks", "nova:runbookUrl", "https address"),
        ("runbookUrl", "https://example.com/runbooks/", "nova:runbookUrl", "without a slash at the end"),
        ("runbookUrl", "https://example.com/" + 200 * "a", "nova:runbookUrl", "up to 200 characters"),
        ("owner", "", "nova:owner", "tag value"),
        ("costCenter", "a,b", "nova:costCenter", "tag value"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(key: str, text: str, path: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_with(**{key: text})
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert allowed in message


def test_a_stack_states_what_differs_and_no_more() -> None:
    """Of the sizes that it takes: one field of one service, or all fields of all, as stacks before did."""
    for chosen, cpu in (("full", 512), ("small", 256)):
        usual = settings_with(serviceSizes=chosen).services.sizes
        other = settings_with(serviceSizes=chosen, services='{"audio": {"maxTasks": 7}}').services.sizes
        assert other == {**usual, "audio": replace(usual["audio"], tasks_max=7)}
        assert usual["audio"].cpu == cpu
    stated = settings_with(services=services_with()).services.sizes
    assert set(stated.values()) == {ServiceSize(cpu=256, memory=512, tasks_min=1, tasks_max=2)}


def test_what_is_replaced_has_to_fit_what_stays() -> None:
    with pytest.raises(SettingsError, match=r"nova:services\.audio\.memory: 512 .* 512 CPU units"):
        settings_with(services='{"audio": {"memory": 512}}')


def test_a_service_that_no_slice_declares_is_named() -> None:
    with pytest.raises(SettingsError, match=r"services/\*/slice\.toml: 'vision' .* no slice .* video-worker"):
        settings_with().services.sizes["vision"]


def test_production_needs_a_domain() -> None:
    with pytest.raises(SettingsError, match=r"nova:domain: '' .* where production is true"):
        settings_with(domain="", hostedZoneId="")


def test_elsewhere_protection_guard_and_domain_may_be_left_out() -> None:
    free = settings_with(
        production="false", protectStatefulResources="false", webAcl="false", domain="", hostedZoneId="",
        wallet="{}",
    )  # fmt: skip
    assert not free.production
    assert (free.data.protect, free.edge.web_acl, free.edge.domain) == (False, False, None)


def test_without_tasks_no_way_out_is_needed() -> None:
    idle = json.dumps({name: SIZE | {"minTasks": 0, "maxTasks": 0} for name in SERVICES})
    quiet = settings_with(natGateways="none", agentRuntimeNetwork="none", services=idle)
    assert strategy(quiet) is NatStrategy.NONE


def test_a_missing_key_is_named() -> None:
    texts = stack_config(ROOT, "prod")
    del texts["nova:owner"]
    with pytest.raises(SettingsError, match=r"nova:owner: None .* missing"):
        Settings.read(Values(project="nova", texts=texts))


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("vpcCdir", "10.1.0.0/16", "nova:vpcCdir.*no such key.*nova:vpcCidr"),
        ("vpcCidr", "10.0.0.0/24", "nova:vpcCidr: '10.0.0.0/24' is not allowed"),
    ],
)
@pytest.mark.parametrize("preview", [False, True])
def test_a_mistake_stops_the_program_before_anything_is_registered(
    key: str, text: str, message: str, preview: bool
) -> None:
    monitor = RecordingMonitor(Cloud(preview))
    with pytest.raises(SettingsError, match=message):
        deploy("local", preview=preview, monitor=monitor, overrides={key: text})
    registered = [found for found in monitor.recorded.values() if found.type != "pulumi:pulumi:Stack"]
    assert registered == []
    assert monitor.cloud.invokes == []


def test_a_key_in_a_foreign_namespace_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"aws:region": "eu-west-1"}))
    with pytest.raises(SettingsError, match=r"aws:region.*no such key"):
        deploy("local")


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the project file beside a stack file ``test`` of the given text."""

    def make(text: str) -> Path:
        shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
        (tmp_path / "Pulumi.test.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_the_engine_form_of_values(project: Callable[[str], Path]) -> None:
    directory = project(
        "config:\n"
        "  pulumi:disable-default-providers: ['*']\n"
        "  nova:owner: yes\n"
        "  nova:costCenter: '0012'\n"
        "  nova:logRetentionDays: 30.0\n"
        "  nova:protectStatefulResources: false\n"
        "  nova:recoveryDays: '14'\n"
        "  nova:services: {b: 1, a: {z: true}}\n"
    )
    values = stack_config(directory, "test")
    assert values["nova:owner"] == "yes"
    assert values["nova:costCenter"] == "0012"
    assert values["nova:logRetentionDays"] == "30"
    assert values["nova:protectStatefulResources"] == "false"
    assert values["nova:recoveryDays"] == "14"
    assert values["nova:services"] == '{"a":{"z":true},"b":1}'
    assert values["nova:vpcCidr"] == "10.0.0.0/16"
    assert values["pulumi:disable-default-providers"] == '["*"]'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config:\n  nova:vpcCdir: 10.1.0.0/16\n", r"nova:vpcCdir: .* no such key"),
        ("config:\n  aws:region: eu-west-1\n", r"aws:region: .* no such key"),
        ("config:\n  region: eu-west-1\n", r"region: .* namespace"),
        ("config:\n  nova:logRetentionDays: soon\n", r"nova:logRetentionDays: 'soon' .* type integer"),
        ("config:\n  nova:logRetentionDays: true\n", r"nova:logRetentionDays: True .* type integer"),
        (
            "config:\n  nova:protectStatefulResources: 1\n",
            r"nova:protectStatefulResources: 1 .* type boolean",
        ),
        ("config:\n  nova:availabilityZones: us-east-1a\n", r"nova:availabilityZones: .* array<string>"),
        ("config:\n  nova:availabilityZones: [1]\n", r"nova:availabilityZones: .* array<string>"),
        ("config:\n  nova:services: [audio]\n", r"nova:services: .* type object"),
        ("config:\n  nova:owner: 7\n", r"nova:owner: 7 .* type string"),
        ("config:\n  nova:owner: {secure: abc}\n", r"nova:owner: .* only be read by the engine"),
        ("settings:\n  nova:owner: a\n", r"Pulumi.test.yaml: settings: .* sections are"),
        ("- nova\n", r"Pulumi.test.yaml: .* mapping"),
    ],
)
def test_a_wrong_stack_file_is_refused(project: Callable[[str], Path], text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        stack_config(project(text), "test")


def test_a_stack_without_a_file_is_named(project: Callable[[str], Path]) -> None:
    with pytest.raises(SettingsError, match=r"stack: 'staging' .* Pulumi.staging.yaml.*Pulumi.test.yaml"):
        stack_config(project("config: {}\n"), "staging")


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("{type: integer, description: d}", "give its default"),
        ("{description: d, default: 1}", "give its type"),
        ("{type: integer, default: 1}", "give its description"),
        ("{type: integer, description: d, default: one}", "default has to be of type integer"),
        ("{type: number, description: d, default: 1}", "types are string"),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path: Path, declaration: str, message: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: nova\nconfig:\n  size: {declaration}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        project_schema(tmp_path)
