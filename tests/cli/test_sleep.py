"""`nova sleep` and `nova wake`: a setting and an update, refused where something stored would go."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli import stack_file
from cli.app import app
from cli.errors import NovaError
from cli.sleep import HOLDS_DATA
from tests.cli.engines import install_engine
from tests.infra.deployment import ROOT, deployed

QUEUE = "urn:pulumi:dev::nova::nova:messaging:Queue$aws:sqs/queue:Queue::audio-worker-queue"
TABLE = "urn:pulumi:dev::nova::nova:data:EventStore$aws:dynamodb/table:Table::nova-events-table"
CACHE = "urn:pulumi:dev::nova::aws:elasticache/replicationGroup:ReplicationGroup::nova-cache-group"
TASK = "urn:pulumi:dev::nova::aws:ecs/taskDefinition:TaskDefinition::audio-task"
OTHER_TASK = TASK.replace("audio", "video")
OUTPUTS = {"user_pool_id": "us-east-1_Ab1"}
NOT_PROTECTED = {"aws:elasticache/replicationGroup:ReplicationGroup", "aws:lb/loadBalancer:LoadBalancer"}
"""Protected in production, and made again after a sleep."""


@dataclass
class Place:
    """A checkout's stack file, an engine that takes notes, and an account with one queue."""

    file: Path
    engine: Path
    queue_url: str

    def previews(self, *steps: tuple[str, str]) -> None:
        document = {"steps": [{"op": operation, "urn": urn} for operation, urn in steps]}
        (self.engine / "preview").write_text(json.dumps(document))

    def asked(self) -> list[str]:
        lines = (self.engine / "calls").read_text().splitlines()
        texts = [" ".join(json.loads(line)["arguments"]) for line in lines]
        return [text for text in texts if text.startswith(("up", "config", "destroy"))]

    def asleep(self) -> list[str]:
        return [line.strip() for line in self.file.read_text().splitlines() if "asleep" in line]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    engine = tmp_path / "engine"
    install_engine(engine, tmp_path / "programs", monkeypatch)
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text((ROOT / "Pulumi.dev.yaml").read_text())
    monkeypatch.setattr(stack_file, "CHECKOUT", tmp_path)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    (engine / "outputs").write_text(json.dumps(OUTPUTS))
    stacks = {"file:///state": {"dev": {"outputs": OUTPUTS}}}
    (engine / "stacks.json").write_text(json.dumps(stacks))
    with mock_aws():
        sqs = cast("Any", boto3.session.Session()).client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName="audio-worker")["QueueUrl"]
        resources: list[dict[str, Any]] = [
            {"urn": QUEUE, "type": "aws:sqs/queue:Queue", "id": url, "dependencies": [], "parent": ""},
            {"urn": TABLE, "type": "aws:dynamodb/table:Table", "id": "events"},
        ]
        (engine / "state").write_text(json.dumps({"deployment": {"resources": resources}}))
        place = Place(file=file, engine=engine, queue_url=url)
        place.previews(("delete", CACHE), ("same", TABLE))
        yield place


def nova(*arguments: str, says: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=says)


def test_sleep_writes_the_setting_and_brings_the_stack_to_it(place: Place) -> None:
    before = place.file.read_text()
    result = nova("sleep", "--stack", "dev", says="y\n")
    assert result.exit_code == 0, result.output
    assert place.asked() == ["up --yes --skip-preview --stack dev"]
    assert place.file.read_text() == before.replace("config:\n", "config:\n  nova:asleep: true\n")
    assert "1 deleted" in result.stderr
    assert "people have to sign in to the site again" in result.stderr
    assert nova("wake", "--stack", "dev", "--yes").exit_code == 0
    assert place.asleep() == ["nova:asleep: false"]


def test_what_waits_in_queues_is_told(place: Place) -> None:
    sqs = cast("Any", boto3.session.Session()).client("sqs", region_name="us-east-1")
    sqs.send_message(QueueUrl=place.queue_url, MessageBody="wake up")
    result = nova("sleep", "--stack", "dev", "--yes")
    assert "audio-worker-queue holds 1 messages; SQS drops them 4 days after they came" in result.stderr


@pytest.mark.parametrize("operation", ["delete", "replace", "create-replacement"])
def test_nothing_is_begun_that_would_lose_data(place: Place, operation: str) -> None:
    place.previews((operation, TABLE), ("delete", CACHE))
    before = place.file.read_text()
    result = nova("sleep", "--stack", "dev", "--yes")
    assert isinstance(result.exception, NovaError)
    assert TABLE in str(result.exception)
    assert CACHE not in str(result.exception)
    assert (place.asked(), place.file.read_text()) == ([], before)


def test_a_preview_and_a_no_leave_everything(place: Place) -> None:
    before = place.file.read_text()
    assert nova("sleep", "--stack", "dev", "--preview").exit_code == 0
    assert nova("sleep", "--stack", "dev", says="n\n").exit_code == 1
    assert (place.asked(), place.file.read_text()) == ([], before)


def test_a_replacement_is_told_as_such(place: Place) -> None:
    place.previews(("replace", TASK), ("create-replacement", OTHER_TASK), ("delete-replaced", OTHER_TASK))
    assert "2 replaced" in nova("sleep", "--stack", "dev", "--preview").stderr


def test_nothing_is_begun_whose_preview_fails(place: Place) -> None:
    errors = [{"severity": "error", "message": "no such setting"}]
    (place.engine / "preview").write_text(json.dumps({"steps": [], "diagnostics": errors}))
    before = place.file.read_text()
    result = nova("sleep", "--stack", "dev", "--yes")
    assert isinstance(result.exception, NovaError)
    assert "the preview of stack dev failed" in str(result.exception)
    assert "no such setting" in str(result.exception)
    assert (place.asked(), place.file.read_text()) == ([], before)


def test_what_was_interrupted_goes_on(place: Place) -> None:
    (place.engine / "fail").write_text("up")
    assert isinstance(nova("sleep", "--stack", "dev", "--yes").exception, NovaError)
    assert place.asleep() == ["nova:asleep: true"], "AWS may have changed already"
    (place.engine / "fail").unlink()
    assert nova("sleep", "--stack", "dev", "--yes").exit_code == 0
    assert place.asked() == ["up --yes --skip-preview --stack dev"] * 2


def test_who_sleeps_already_is_left_alone(place: Place) -> None:
    place.previews(("same", TABLE))
    assert nova("sleep", "--stack", "dev").exit_code == 0
    assert place.asked() == []


@pytest.mark.parametrize(
    ("stack", "reason"), [("prod", "people depend on the stack"), ("local", r"\./nova down stops it")]
)
def test_who_may_not_sleep(place: Place, stack: str, reason: str) -> None:
    error = nova("sleep", "--stack", stack, "--yes").exception
    assert isinstance(error, NovaError)
    assert re.search(reason, str(error))
    assert not (place.engine / "calls").exists()


def test_everything_that_production_protects_holds_data() -> None:
    protected = {found.type for found in deployed("prod").resources.values() if found.protect}
    assert protected - NOT_PROTECTED <= HOLDS_DATA
    assert HOLDS_DATA - {"aws:kms/replicaKey:ReplicaKey"} <= {
        found.type for found in deployed("prod").resources.values()
    }
