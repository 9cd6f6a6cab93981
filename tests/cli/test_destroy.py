"""`nova destroy`: told before it happens, in an order that AWS lets go of, and gone on with after any end."""

# ruff: noqa: ANN401 - stand-ins take whatever the real thing takes

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from cli import destroy
from cli.app import app
from cli.errors import NovaError
from cli.graph import settings_of
from cli.target import Target
from pulumi_cli.engine import Engine
from tests.cli.engines import install_engine

OUTPUTS = {"user_pool_id": "us-east-1_Ab1"}


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::nova::nova:platform:Platform${kind}::{name}"


RUNTIME = urn("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime", "agent-runtime")
ENDPOINT = urn("aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint", "agent-endpoint")
FRONTEND = urn("aws:ecs/taskDefinition:TaskDefinition", "frontend-task")
GROUP = urn("aws:ec2/securityGroup:SecurityGroup", "agent-core-runtime-security-group")
TABLE = urn("aws:dynamodb/table:Table", "nova-events-table")
BUCKET = urn("aws:s3/bucket:Bucket", "nova-content-bucket")
BALANCER = urn("aws:lb/loadBalancer:LoadBalancer", "alb")
POOL = urn("aws:cognito/userPool:UserPool", "people")
KEY = urn("aws:kms/key:Key", "nova-keys-data")


def resource(name: str, identity: str, *needed: str, **more: Any) -> dict[str, Any]:
    return {
        "urn": name,
        "type": name.split("::")[2].rpartition("$")[2],
        "id": identity,
        "dependencies": list(needed),
        "inputs": {},
        **more,
    }


class Paginated:
    def __init__(self, pages: list[dict[str, Any]], asked: list[Any]) -> None:
        self._pages, self._asked = pages, asked

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        self._asked.append(arguments)
        return [self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]]


@dataclass
class Aws:
    """EC2, S3 and Backup as far as they are asked."""

    interfaces: list[dict[str, Any]] = field(default_factory=lambda: [{"NetworkInterfaces": []}])
    versions: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    points: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    asked: list[Any] = field(default_factory=list[Any])

    def get_paginator(self, _operation: str) -> Paginated:
        return Paginated(self.interfaces, self.asked)

    def list_object_versions(self, **_arguments: Any) -> dict[str, Any]:
        return {"Versions": self.versions}

    def list_recovery_points_by_backup_vault(self, **_arguments: Any) -> dict[str, Any]:
        return {"RecoveryPoints": self.points}


@dataclass
class Place:
    """A stack in an engine that takes notes, in an account."""

    engine: Path
    aws: Aws = field(default_factory=Aws)
    outputs: dict[str, Any] = field(default_factory=lambda: dict(OUTPUTS))

    def holds(self, *resources: dict[str, Any]) -> None:
        (self.engine / "state").write_text(json.dumps({"deployment": {"resources": list(resources)}}))

    def left(self) -> set[str]:
        document = json.loads((self.engine / "state").read_text())
        return {one["urn"] for one in document["deployment"]["resources"]}

    def asked(self) -> list[str]:
        lines = (self.engine / "calls").read_text().splitlines()
        texts = [" ".join(json.loads(line)["arguments"]) for line in lines]
        return [text for text in texts if text.startswith("destroy")]

    def fail(self, words: str) -> None:
        (self.engine / "fail").write_text(words)

    def repair(self) -> None:
        (self.engine / "fail").unlink()


USUAL = (
    resource(GROUP, "sg-1"),
    resource(TABLE, "events"),
    resource(BUCKET, "content", inputs={"forceDestroy": True}),
    resource(KEY, "key", inputs={"deletionWindowInDays": 7.0}),
    resource(RUNTIME, "runtime", GROUP),
    resource(ENDPOINT, "endpoint", RUNTIME),
    resource(FRONTEND, "frontend", ENDPOINT),
)
FIRST = f"destroy --target {ENDPOINT} --target {RUNTIME} --target-dependents --yes --skip-preview --stack dev"
LAST = "destroy --yes --skip-preview --stack dev"
BUSY, FREE = {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]}, dict[str, Any](NetworkInterfaces=[])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(engine=tmp_path / "engine")
    install_engine(found.engine, tmp_path / "programs", monkeypatch)
    (found.engine / "stacks.json").write_text(json.dumps({"file:///state": {"dev": {}, "prod": {}}}))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    monkeypatch.setattr(destroy, "POLL_INTERVAL_S", 0.0)

    class Stack(Target):
        def client(self, service: str, special: Any = None, *, region: str = "") -> Any:
            assert not special
            assert not region
            assert service in {"ec2", "s3", "backup"}
            return found.aws

    def stack_of(_engine: Engine) -> Target:
        session = boto3.session.Session()
        return Stack(outputs=found.outputs, region="us-east-1", session=session, endpoint=None)

    monkeypatch.setattr(destroy, "stack_of", stack_of)
    found.holds(*USUAL)
    return found


def nova(*arguments: str, stack: str = "dev", says: str = "") -> Result:
    return CliRunner().invoke(app, ["destroy", "--stack", stack, *arguments], input=says)


def message(result: Result) -> str:
    assert isinstance(result.exception, NovaError), result.output
    return str(result.exception)


def test_the_agent_goes_first_and_its_interfaces_are_waited_for(place: Place) -> None:
    place.aws.interfaces = [BUSY, BUSY, BUSY, FREE]
    result = nova("--delete", "dev")
    assert result.exit_code == 0, result.output
    assert place.asked() == [FIRST, LAST]
    assert len(place.aws.asked) == 4
    assert place.aws.asked[-1]["Filters"] == [
        {"Name": "interface-type", "Values": ["agentic_ai"]},
        {"Name": "group-id", "Values": ["sg-1"]},
    ]
    assert place.left() == set()
    forgotten = "`pulumi stack rm dev --preserve-config`"
    assert f"Stack dev is gone: {forgotten}" in result.stdout
    assert f"has nothing left: {forgotten}" in nova("--delete", "dev").stdout


def test_secrets_are_opened_by_the_passphrase_of_the_shell(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of-this-stack")
    monkeypatch.setenv("PULUMI_STACK", "another")
    assert nova("--delete", "dev").exit_code == 0
    calls = [json.loads(line) for line in (place.engine / "calls").read_text().splitlines()]
    for call in (call for call in calls if "--stack" in call["arguments"]):
        assert call["environment"]["PULUMI_CONFIG_PASSPHRASE"] == "of-this-stack"
        assert "PULUMI_STACK" not in call["environment"]


def test_the_plan_says_what_goes_and_changes_nothing(place: Place) -> None:
    place.aws.interfaces = [BUSY]
    printed = nova("--preview").stdout
    assert "1. delete the managed agent and what names it: 3 resources" in printed
    assert "up to 8 hours: 1 now" in printed
    assert "3. delete the rest: 4 resources" in printed
    assert "For good: what is in nova-content-bucket, nova-events-table" in printed
    assert "nova-keys-data is destroyed 7 days later" in printed
    assert place.asked() == []


@pytest.mark.parametrize("says", ["", "n\n", "prod\n"])
def test_who_does_not_name_the_stack_deletes_nothing(place: Place, says: str) -> None:
    assert nova(says=says).exit_code == 1
    assert "is not dev" in message(nova("--delete", "de"))
    assert place.asked() == []


def test_who_types_its_name_means_it(place: Place) -> None:
    assert nova(says="dev\n").exit_code == 0
    assert place.asked() == [FIRST, LAST]


def test_production_is_named_on_the_command_line_or_stays(place: Place) -> None:
    assert "--delete prod" in message(nova(stack="prod", says="prod\n"))
    assert place.asked() == []
    assert nova("--delete", "prod", stack="prod").exit_code == 0


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (resource(TABLE, "events", protect=True), "the engine protects nova-events-table"),
        (
            resource(TABLE, "events", inputs={"deletionProtectionEnabled": True}),
            "AWS protects nova-events-table from deletion",
        ),
        (
            resource(
                urn("aws:lb/loadBalancer:LoadBalancer", "alb"), "x", inputs={"enableDeletionProtection": True}
            ),
            "AWS protects alb",
        ),
        (
            resource(
                urn("aws:cognito/userPool:UserPool", "people"), "x", inputs={"deletionProtection": "ACTIVE"}
            ),
            "AWS protects people",
        ),
        (resource(BUCKET, "content"), "bucket content is not empty"),
        (resource(urn("aws:backup/vault:Vault", "vault"), "vault"), "vault vault holds recovery points"),
    ],
    ids=["protect", "table", "load balancer", "user pool", "bucket", "vault"],
)
def test_what_stands_in_the_way_is_told_before_anything_goes(
    place: Place, found: dict[str, Any], words: str
) -> None:
    place.holds(*(one for one in USUAL if one["urn"] != found["urn"]), found)
    place.aws.versions, place.aws.points = [{"Key": "a"}], [{"RecoveryPointArn": "arn"}]
    assert words in nova("--preview").stderr
    told = message(nova("--delete", "dev"))
    assert words in told
    assert "set nova:protectStatefulResources to false" in told
    assert place.asked() == []


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_protection_is_taken_away_as_it_says(stack: str) -> None:
    assert all(f"nova:{key}" in destroy.UNPROTECT for key in ("production", "protectStatefulResources"))
    settings = settings_of(stack, {"nova:production": "false", "nova:protectStatefulResources": "false"})
    assert not settings.data.protect


def test_replicas_elsewhere_stand_in_the_way(place: Place) -> None:
    place.outputs["replica"] = {"region": "us-west-2"}
    assert "another region has replicas" in message(nova("--delete", "dev"))


def test_interrupted_at_the_agent_it_goes_on(place: Place) -> None:
    place.fail("destroy --target")
    assert "run the same command again" in message(nova("--delete", "dev"))
    place.repair()
    assert nova("--delete", "dev").exit_code == 0
    assert place.asked() == [FIRST, FIRST, LAST]


def test_interrupted_while_it_waits_it_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.aws.interfaces = [BUSY]
    monkeypatch.setattr(destroy, "WAIT_MAX_S", -1)
    assert "AWS still keeps eni-1" in message(nova("--delete", "dev"))
    assert place.left() == {GROUP, TABLE, BUCKET, KEY}
    monkeypatch.setattr(destroy, "WAIT_MAX_S", 60)
    place.aws.interfaces = [BUSY, FREE]
    assert nova("--delete", "dev").exit_code == 0
    assert place.asked() == [FIRST, LAST]


def test_interrupted_at_the_rest_it_goes_on(place: Place) -> None:
    place.fail("destroy --yes")
    assert isinstance(nova("--delete", "dev").exception, NovaError)
    place.repair()
    assert nova("--delete", "dev").exit_code == 0
    assert place.asked() == [FIRST, LAST, LAST]


def test_the_platform_on_this_machine_is_deleted_otherwise(place: Place) -> None:
    assert "./nova down --volumes" in message(nova(stack="local"))
    assert not (place.engine / "calls").exists()
