"""`nova status` of a stack in AWS: each thing that is wrong makes it not healthy, and is named."""

# ruff: noqa: ANN401 - stand-ins take whatever the real thing takes

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.commands import health
from cli.target import Target
from pulumi_cli.engine import Engine
from tests.cli.engines import install_engine

NAME = "urn:pulumi:dev::nova::nova:platform:Platform${}::{}"
RESOURCES = {
    "aws:ecs/cluster:Cluster": ("nova-cluster", "arn:cluster"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("audio-errors-alarm", "audio-errors-alarm-1"),
    "nova:messaging:DeadLetterQueue$aws:sqs/queue:Queue": ("audio-dead-letters-queue", "https://dead"),
    "nova:messaging:Queue$aws:sqs/queue:Queue": ("audio-queue", "https://queue"),
    "aws:lambda/function:Function": ("payer", "payer-1"),
    "aws:cloudfront/distribution:Distribution": ("nova-site", "E1"),
}


@dataclass
class Aws:
    """Whatever API is asked."""

    running: int = 1
    rollout: str = "COMPLETED"
    alarms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    messages: dict[str, int] = field(default_factory=dict[str, int])

    def describe_services(self, cluster: str, services: list[str]) -> dict[str, Any]:
        assert cluster == "arn:cluster"
        one = {"status": "ACTIVE", "desiredCount": 1, "runningCount": self.running}
        rollout = [{"status": "PRIMARY", "rolloutState": self.rollout}]
        return {
            "services": [
                {"serviceName": name, **one, "deployments": rollout} for name in services if name != "gone"
            ]
        }

    def get_paginator(self, operation: str) -> "Aws":
        assert operation == "describe_alarms"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked["StateValue"] == "ALARM"
        return [{"MetricAlarms": self.alarms}]

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.messages.get(asked["QueueUrl"], 0))}}

    def get_agent_runtime(self, **_asked: Any) -> dict[str, str]:
        return {"status": "READY"}

    def get_agent_runtime_endpoint(self, **asked: Any) -> dict[str, str]:
        assert asked == {"agentRuntimeId": "runtime-1", "endpointName": "live"}
        return {"status": "READY", "liveVersion": "7"}

    def get_function(self, **_asked: Any) -> dict[str, Any]:
        return {"Configuration": {"State": "Active"}}

    def get_distribution(self, **_asked: Any) -> dict[str, Any]:
        return {"Distribution": {"Status": "Deployed"}}


@dataclass
class Place:
    """A stack, its outputs and its account."""

    aws: Aws
    outputs: dict[str, Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    engine = tmp_path / "engine"
    install_engine(engine, tmp_path / "programs", monkeypatch)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    listed = [
        {"urn": NAME.format(kind, name), "type": kind.rpartition("$")[2], "id": identity}
        for kind, (name, identity) in RESOURCES.items()
    ]
    (engine / "state").write_text(json.dumps({"deployment": {"resources": listed}}))
    outputs = {
        "asleep": False,
        "site_url": "https://site",
        "api_url": "https://site/api",
        "services": [f"service-{number}" for number in range(12)],
        "agent_runtime_id": "runtime-1",
    }
    found = Place(aws=Aws(), outputs=outputs)

    class Stack(Target):
        def client(self, service: str, special: Any = None, *, region: str = "") -> Any:
            assert service
            assert not special
            assert region in {"", "us-east-1", "eu-west-1"}
            return found.aws

    def stack_of(_engine: Engine) -> Target:
        return Stack(
            outputs=found.outputs, region="eu-west-1", session=boto3.session.Session(), endpoint=None
        )

    monkeypatch.setattr(health, "stack_of", stack_of)
    return found


def status(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["status", "--stack", "dev", *arguments])
    return result.exit_code, result.stdout


def test_a_healthy_stack_is_described_as_the_local_one_is(place: Place) -> None:
    code, printed = status("--json")
    described = json.loads(printed)
    assert (code, described["healthy"], described["asleep"]) == (0, True, False)
    assert {"healthy", "urls", "services"} <= described.keys()
    assert len(described["services"]) == len(place.outputs["services"])
    assert described["services"]["service-11"] == {
        "healthy": True,
        "url": None,
        "desired": 1,
        "running": 1,
        "deployment": "COMPLETED",
    }
    assert described["agent"] == {"status": "READY", "endpoint": "READY", "version": "7"}
    assert (described["functions"], described["distribution"]) == ({"payer": "Active"}, "Deployed")
    assert described["urls"]["site"] == "https://site"


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"running": 0}, "0 of 1 tasks"),
        ({"rollout": "IN_PROGRESS"}, "IN_PROGRESS"),
        ({"alarms": [{"AlarmName": "audio-errors-alarm-1"}]}, "alarm: audio-errors-alarm-1"),
        ({"messages": {"https://dead": 3}}, "audio-dead-letters-queue: 3 dead letters"),
    ],
    ids=["tasks", "deployment", "alarm", "dead letters"],
)
def test_what_is_wrong_is_named(place: Place, broken: dict[str, Any], words: str) -> None:
    for name, value in broken.items():
        setattr(place.aws, name, value)
    code, printed = status()
    assert code == 1
    assert printed.startswith("not healthy")
    assert words in printed


def test_what_is_not_wrong_is_not(place: Place) -> None:
    """Alarms of others, and messages that wait for their worker."""
    place.aws.alarms = [{"AlarmName": "somebody-elses"}]
    place.aws.messages = {"https://queue": 5}
    code, printed = status()
    assert code == 0
    assert "audio-queue: 5 messages" in printed
    assert "somebody" not in printed


def test_a_service_that_is_gone_is_missing(place: Place) -> None:
    place.outputs["services"] = ["gone"]
    code, printed = status()
    assert code == 1
    assert "MISSING" in printed


def test_a_stack_that_sleeps_says_so(place: Place) -> None:
    place.outputs["asleep"] = True
    code, printed = status()
    assert code == 1
    assert printed.startswith("asleep: ./nova wake")
