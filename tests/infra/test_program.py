"""The whole program, for every stack file, in update and in preview."""

import ast
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, override

import pytest
from pulumi.runtime.mocks import MockCallArgs

from components.compute.image import image_sources
from components.compute.sources import content_tag
from evaluation.answers import UnknownInvokeError
from evaluation.recorder import Cloud, RecordingMonitor
from tests.infra.conftest import STACKS
from tests.infra.deployment import ROOT, Deployment, deploy, deployed, run
from tests.infra.test_paying import with_payments
from tests.slices import ALWAYS, IMAGES, NAMES

SECOND_NODE = "nova-cache-node-002-"
"""What the names of the second cache node's alarms start with."""
DOMAIN_KINDS = {
    "aws:acm/certificate:Certificate",
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:route53/record:Record",
    "nova:edge:Certificates",
}
"""What only a stack with a domain of its own has."""


@pytest.mark.parametrize("stack", STACKS)
def test_preview_and_update_register_the_same(stack: str) -> None:
    update, preview = deployed(stack), deployed(stack, preview=True)
    assert set(preview.resources) == set(update.resources)
    for urn, resource in update.resources.items():
        assert set(preview.resources[urn].inputs) == set(resource.inputs), urn


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("preview", [False, True])
def test_a_second_evaluation_is_identical(stack: str, preview: bool) -> None:
    first, second = deployed(stack, preview=preview), deploy(stack, preview=preview)
    assert second.resources == first.resources
    assert second.outputs == first.outputs


def test_a_provider_is_asked_for_nothing_twice() -> None:
    asked = Counter[str]()

    class Listening(Cloud):
        @override
        def call(self, args: MockCallArgs) -> Any:
            asked[f"{args.token} {args.args!r}"] += 1  # pyright: ignore[reportUnknownMemberType]
            return super().call(args)

    deploy("prod", monitor=RecordingMonitor(Listening(preview=False)))
    assert len(asked) > len(set(deployed("prod").invokes)) > 1
    assert [question for question, times in asked.items() if times > 1] == []


def test_the_stacks_have_the_same_resources() -> None:
    shapes = {
        stack: {(found.type, found.name) for found in deployed(stack).resources.values()} for stack in STACKS
    }
    # What dev does without costs money when idle: with a seller and a wallet it has what the others have.
    shapes["dev"] = {(found.type, found.name) for found in with_payments().resources.values()}
    # The models of the local cloud know no profiles; its keys and its guardrail cost nothing.
    key = "aws:kms/key:Key"
    assert {kind for kind, _ in shapes["local"] - shapes["dev"]} == {
        key,
        "aws:bedrock/guardrail:Guardrail",
        "aws:bedrock/guardrailVersion:GuardrailVersion",
        "nova:agent:Guardrail",
    }
    assert {kind for kind, _ in shapes["dev"] - shapes["local"]} == {
        "aws:bedrock/inferenceProfile:InferenceProfile",
        key,
        "nova:agent:ModelProfile",
        # The default user of Valkey has a password, which nobody knows.
        "random:index/randomPassword:RandomPassword",
    }
    # Workers reach everything by endpoints there.
    assert {name for _, name in shapes["dev"] - shapes["prod"]} == {
        "audio-worker-egress-tls",
        "nova-cache-default-password",
        "nova-jobs-egress-tls",
        "nova-keys-data",
        "projector-worker-egress-tls",
        "search-indexer-egress-tls",
        "video-worker-egress-tls",
    }
    # Production has one more node in its cache, alarms that only announce, services that scale, a domain,
    # interface endpoints, backups, web ACLs, and a key for each class of data.
    further = {
        (kind, name)
        for kind, name in shapes["prod"] - shapes["dev"]
        if "-backups" not in name and not name.startswith("nova-web")
    }
    alarm = "aws:cloudwatch/metricAlarm:MetricAlarm"
    others = {kind for kind, name in further if kind != alarm and "-endpoints" not in name}
    assert others == {"aws:appautoscaling/policy:Policy", key, *DOMAIN_KINDS}
    for name in (name for kind, name in further if kind == alarm):
        described = deployed("prod").one(alarm, name).inputs["alarmDescription"]
        assert name.startswith(SECOND_NODE) or described.startswith("Notice."), name


def test_every_resource_has_a_parent_of_ours(deployment: Deployment) -> None:
    slices = {name.replace("-", "_") for name in IMAGES}
    workloads = ("nova:platform:", *(f"nova:{name}:" for name in slices))
    for resource in deployment.resources.values():
        if resource.type.startswith("pulumi:providers:") or resource.type.startswith(workloads):
            assert "pulumi:pulumi:Stack" in resource.parent
        else:
            assert deployment.resources[resource.parent].type.startswith("nova:"), resource.urn


def test_everything_of_ours_is_a_leaf_or_has_children(deployment: Deployment) -> None:
    parents = {resource.parent for resource in deployment.resources.values()}
    for resource in deployment.resources.values():
        if resource.type.startswith("nova:"):
            assert resource.urn in parents, f"{resource.urn} creates nothing"


def test_every_provider_is_explicit_and_tags(deployment: Deployment) -> None:
    (aws,) = deployment.of_type("pulumi:providers:aws")
    # The SDK sends a provider's nested inputs as JSON text.
    tags = json.loads(aws.inputs["defaultTags"])["tags"]
    assert set(tags) == {"project", "stack", "owner", "cost-center", "managed-by"}
    assert aws.inputs["region"] == "us-east-1"
    for resource in deployment.resources.values():
        package = resource.type.split(":")[0]
        if package in {"aws", "awsx", "docker", "random"}:
            (provider,) = deployment.of_type(f"pulumi:providers:{package}")
            assert resource.provider.startswith(provider.urn), resource.urn


def test_names_are_stable_labels(deployment: Deployment) -> None:
    for resource in deployment.resources.values():
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", resource.name), resource.urn
        assert not re.search(r"-\d+$", resource.name), f"{resource.urn} is named by its place in a list"


def test_names_are_unique_in_their_type(deployment: Deployment) -> None:
    counts = Counter((resource.type, resource.name) for resource in deployment.resources.values())
    assert [name for name, count in counts.items() if count > 1] == []


def test_automatic_names_fit_their_limits(deployment: Deployment) -> None:
    limits = {
        "aws:cloudwatch/eventArchive:EventArchive": 48,
        "aws:cloudwatch/eventRule:EventRule": 64,
        "aws:elasticache/replicationGroup:ReplicationGroup": 40,
        "aws:iam/role:Role": 64,
        "aws:lb/loadBalancer:LoadBalancer": 32,
        "aws:lb/targetGroup:TargetGroup": 32,
        "aws:pipes/pipe:Pipe": 64,
        "aws:s3/bucket:Bucket": 63,
        "aws:sqs/queue:Queue": 80,
    }
    for kind, limit in limits.items():
        for resource in deployment.of_type(kind):
            # The engine appends a hyphen and seven digits.
            assert len(resource.name) + 8 <= limit, resource.urn


def test_outputs(deployment: Deployment) -> None:
    sold = ["x402-seller"] if "seller_url" in deployment.outputs else []
    assert sorted(deployment.outputs["services"]) == sorted([*ALWAYS, *sold])
    assert deployment.outputs["api_url"].endswith("/api")
    assert set(deployment.outputs) - {"mcp_server_url", "seller_url", "wallet_secret"} == {
        "agent_endpoint_arn",
        "agent_runtime_arn",
        "agent_runtime_id",
        "alerts_topic_arn",
        "api_url",
        "asleep",
        "cache_endpoint",
        "content_bucket",
        "dashboard_url",
        "event_bus",
        "event_store_table",
        "images",
        "jobs",
        "data_keys_table",
        "read_model_table",
        "replica",
        "services",
        "site_url",
        "user_pool_client_id",
        "user_pool_id",
        "vector_bucket",
        "vector_index",
        "vpc_id",
    }


def test_the_program_only_composes() -> None:
    tree = ast.parse((ROOT / "__main__.py").read_text(encoding="utf-8"))
    imported = {
        node.module.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    } | {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imported == {"components", "pulumi", "services", "settings"}
    branches = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.Match, ast.BoolOp, ast.Compare)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, branches)] == []
    numbers = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and not isinstance(node.value, str)
    ]
    assert numbers == []


def test_an_unforeseen_invoke_stops_the_run() -> None:
    def program() -> None:
        import pulumi_aws as aws  # noqa: PLC0415 (only this program needs it)

        aws.get_regions()

    with pytest.raises(Exception, match="getRegions") as raised:
        run(program)
    assert "UnknownInvokeError" in repr(raised.value) or isinstance(raised.value, UnknownInvokeError)


def test_a_resource_registered_twice_stops_the_run() -> None:
    def program() -> None:
        import pulumi_aws as aws  # noqa: PLC0415 (only this program needs it)

        aws.sqs.Queue("same")
        aws.sqs.Queue("same")

    with pytest.raises(Exception, match="registered twice"):
        run(program)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the program and its images are made of, in a folder of its own."""
    folder = tmp_path_factory.mktemp("pristine")
    for name in ("__main__.py", "Pulumi.yaml", "Pulumi.local.yaml", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder)
    # What is made of the sources is left out: the site's packages alone are thousands of files.
    made = shutil.ignore_patterns("__pycache__", "node_modules", ".next")
    for name in ("libs", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=made)
    return folder


@pytest.fixture(scope="module")
def pristine_tags(pristine: Path) -> dict[str, str]:
    """The images' tags before any edit."""
    return image_tags(deploy("local", directory=pristine))


def image_tags(deployment: Deployment) -> dict[str, str]:
    """The tag of each image, by workload."""
    return {
        image.name.removesuffix("-image"): image.inputs["imageName"].rpartition(":")[2]
        for image in deployment.of_type("docker:index/image:Image")
    }


def tags_of_sources(tree: Path) -> dict[str, str]:
    """What the tags of the images of ``tree`` have to be, by workload."""
    folders = sorted(path.parent for path in tree.glob("services/*/Dockerfile"))
    return {
        folder.name.replace("_", "-"): content_tag(
            tree, image_sources(tree, folder.relative_to(tree).as_posix())
        )
        for folder in folders
    }


def test_a_copy_elsewhere_has_the_same_tags(
    pristine: Path, pristine_tags: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(pristine, tmp_path / "elsewhere")
    assert image_tags(deploy("local", directory=tmp_path / "elsewhere")) == pristine_tags
    assert tags_of_sources(pristine) == pristine_tags
    assert pristine_tags["audio"] != pristine_tags["projector"]


@pytest.mark.parametrize(
    ("edited", "rebuilt"),
    [
        ("services/audio/src/nova_audio/domain.py", {"audio"}),
        ("services/audio/pyproject.toml", {"audio"}),
        ("services/projector/src/nova_projector/__init__.py", {"projector"}),
        ("services/agent_core/src/nova_agent_core/__init__.py", {"agent-core"}),
        ("services/search/Dockerfile.dockerignore", {"search"}),
        ("libs/common/src/nova_common/__init__.py", {*NAMES}),
        ("libs/agent_tools/src/nova_agent_tools/__init__.py", {"agent-core", "audio"}),
        ("uv.lock", {*NAMES}),
        ("services/audio/Dockerfile", {"audio"}),
        ("services/audio/infra.py", set[str]()),
        ("Pulumi.yaml", set[str]()),
    ],
)
def test_an_edit_rebuilds_only_what_it_goes_into(
    pristine: Path, tmp_path: Path, edited: str, rebuilt: set[str]
) -> None:
    tree = tmp_path / "edited"
    shutil.copytree(pristine, tree)
    with (tree / edited).open("a", encoding="utf-8") as file:
        file.write("\n# edited\n")
    before, after = tags_of_sources(pristine), tags_of_sources(tree)
    assert {name for name in after if before[name] != after[name]} == rebuilt
