"""The components, installed under their own name, carry programs that know nothing else of the platform."""

import datetime
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from nova_policy.judgement import judge
from nova_policy.registry import all_rules
from nova_policy.settings import Settings, read_settings

from cli.policies import graph_of
from cli.reference import components
from evaluation.program import ROOT, Deployment, evaluate
from evaluation.recorder import Recorded

PACKAGE = ROOT / "components"
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/Pulumi.yaml"))


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The package as it is built, in a folder of its own on the path."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = subprocess.run(
        [ROOT / "nova", "--print-uv"], capture_output=True, text=True, check=True
    ).stdout.strip()
    built = [uv, "build", "--quiet", "--wheel", str(PACKAGE), "--out-dir", str(folder)]
    subprocess.run(built, check=True, timeout=100)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "installed")
    sys.path.insert(0, str(folder / "installed"))
    yield folder / "installed"
    sys.path.remove(str(folder / "installed"))


@pytest.fixture(scope="session")
def programs(installed: Path) -> dict[str, Deployment]:
    """What each example registers."""
    assert (installed / "nova_components").is_dir()
    return {folder.name: evaluate("dev", directory=folder) for folder in EXAMPLES}


def inputs(found: Deployment, kind: str) -> list[dict[str, Any]]:
    return [resource.inputs for resource in found.of_type(kind)]


def test_there_are_the_two_that_the_page_lists() -> None:
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([a-z-]+)\)", page)) == {folder.name for folder in EXAMPLES}
    assert len(EXAMPLES) == 2


def test_everything_is_made_of_components(programs: dict[str, Deployment]) -> None:
    known = {component.token for component in components(ROOT)}
    for found in programs.values():
        own = {resource.type for resource in found.resources.values() if resource.type.startswith("nova:")}
        assert own
        assert own <= known

        def top(resource: Recorded, found: Deployment = found) -> str:
            parent = found.resources.get(resource.parent)
            return top(parent) if parent else resource.type

        assert {top(each).split(":")[0] for each in found.resources.values()} == {"nova", "pulumi"}


def test_a_service_stands_in_the_vpc_that_it_was_given(programs: dict[str, Deployment]) -> None:
    found = programs["service-in-your-vpc"]
    vpc = "vpc-0a1b2c3d4e5f60718"
    assert found.of_type("awsx:ec2:Vpc") == []
    assert {group["vpcId"] for group in inputs(found, "aws:ec2/securityGroup:SecurityGroup")} == {vpc}
    (service,) = inputs(found, "aws:ecs/service:Service")
    assert service["networkConfiguration"]["subnets"] == [
        "subnet-0a1b2c3d4e5f60711",
        "subnet-0a1b2c3d4e5f60712",
    ]
    assert service["networkConfiguration"]["assignPublicIp"] is False
    callers = [
        rule
        for rule in inputs(found, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if rule.get("referencedSecurityGroupId") == "sg-0a1b2c3d4e5f60719"
    ]
    assert [rule["toPort"] for rule in callers] == [80]
    assert not any(
        "cidrIpv4" in rule
        for rule in inputs(found, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    )
    (task,) = inputs(found, "aws:ecs/taskDefinition:TaskDefinition")
    (container,) = json.loads(task["containerDefinitions"])
    assert container["image"].endswith(
        ".dkr.ecr.us-east-1.amazonaws.com/shop@sha256:8f1e7c3a5b9d2f4e6a8c0b1d3f5e7a9c8b6d4f2e0a1c3e5b7d9f1a3c5e7b9d2f"
    )
    assert container["readonlyRootFilesystem"] is True
    assert "command" not in container or container["command"] == []


def test_the_policies_have_nothing_to_say(programs: dict[str, Deployment]) -> None:
    for name, found in programs.items():
        rules, own = all_rules(), ROOT / "examples" / name / "policies.json"
        settings = read_settings(own, rules) if own.exists() else Settings()
        said = judge(graph_of(found), rules, settings, (), datetime.date(2026, 11, 1), "dev")
        assert said.rules > 50
        assert said.mandatory == (), name
        advised = {verdict.rule for verdict in said.verdicts}
        assert advised == {rule.name for rule in rules if settings.level(rule) is not rule.level}, name


def test_a_runtime_stands_alone(programs: dict[str, Deployment]) -> None:
    found = programs["agent-runtime"]
    (runtime,) = inputs(found, "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime")
    assert runtime["networkConfiguration"] == {"networkMode": "PUBLIC"}
    assert not [one for one in found.resources.values() if "ec2" in one.type or "vpc" in one.type]
    (role,) = found.of_type("aws:iam/rolePolicy:RolePolicy")
    statements = json.loads(role.inputs["policy"])["Statement"]
    invoked = {
        arn.partition("/")[0].rpartition(":")[2]
        for statement in statements
        if "bedrock:InvokeModel" in statement["Action"]
        for arn in (
            [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
        )
    }
    assert invoked == {"foundation-model", "inference-profile"}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
@pytest.mark.usefixtures("installed")
def test_what_a_stack_does_not_say_is_asked_for(folder: Path) -> None:
    name = "shop" if "service" in folder.name else "assistant"
    with pytest.raises(Exception, match=f"{name}:image is missing: pulumi config set image"):
        evaluate("dev", directory=folder, overrides={"image": ""})


def test_examples_have_no_error_of_types(installed: Path, tmp_path: Path) -> None:
    settings = {
        "include": [str(folder) for folder in EXAMPLES],
        "extraPaths": [str(installed)],
        "venvPath": str(ROOT),
        "venv": ".venv",
        "pythonVersion": "3.13",
        "typeCheckingMode": "standard",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "pyright", "--project", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_one_version_is_said_everywhere() -> None:
    version = project(PACKAGE)["project"]["version"]
    assert version == project(ROOT)["project"]["version"]
    changes = (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == version
    assert f'tag = "v{version}"' in (PACKAGE / "README.md").read_text(encoding="utf-8")
    for folder in EXAMPLES:
        assert project(folder)["project"]["dependencies"] == [f"nova-components=={version}"]


def test_the_package_needs_what_the_platform_is_tested_with() -> None:
    tested = set(project(ROOT)["project"]["dependencies"])
    assert set(project(PACKAGE)["project"]["dependencies"]) <= tested
