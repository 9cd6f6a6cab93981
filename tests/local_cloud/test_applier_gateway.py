"""A small program against a running gateway: created, kept, changed, replaced, removed."""

import io
import json
import subprocess
import textwrap
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from cli import daemon as daemons
from cli.daemon import Daemon
from cli.home import CHECKOUT, Home
from cli.ports import choose_port
from cli.tools import build_environment, find_uv
from local_cloud.applier.cloud import Cloud

PROGRAM = """
import json
import pulumi, pulumi_aws as aws

config = pulumi.Config()
provider = aws.Provider(
    "aws", region="us-east-1", default_tags=aws.ProviderDefaultTagsArgs(tags={"owner": "tests"})
)
options = pulumi.ResourceOptions(provider=provider)
letters = aws.sqs.Queue("letters", message_retention_seconds=1209600, opts=options)
work = aws.sqs.Queue(
    "work",
    visibility_timeout_seconds=config.require_int("timeout"),
    redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": letters.arn, "maxReceiveCount": 3}),
    opts=options,
)
table = aws.dynamodb.Table(
    "table",
    billing_mode="PAY_PER_REQUEST",
    hash_key=config.require("key"),
    attributes=[aws.dynamodb.TableAttributeArgs(name=config.require("key"), type="S")],
    ttl=aws.dynamodb.TableTtlArgs(attribute_name="expires_at", enabled=True),
    opts=options,
)
role = aws.iam.Role(
    "role",
    assume_role_policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            }
        ],
    }),
    opts=options,
)
if config.require_bool("extra"):
    bus = aws.cloudwatch.EventBus("bus", opts=options)
    rule = aws.cloudwatch.EventRule(
        "rule", event_bus_name=bus.name, event_pattern=json.dumps({"source": ["tests"]}), opts=options
    )
    aws.cloudwatch.EventTarget("target", rule=rule.name, event_bus_name=bus.name, arn=work.arn, opts=options)
    aws.cloudwatch.MetricAlarm(
        "alarm", comparison_operator="GreaterThanThreshold", evaluation_periods=1, threshold=1, opts=options
    )
pulumi.export("queue", work.url)
pulumi.export("table", table.name)
pulumi.export("password", pulumi.Output.secret("correct-horse"))
"""

PROJECT = """
name: sample
runtime: python
config:
  sample:timeout: {type: integer, description: of the queue, default: 30}
  sample:key: {type: string, description: of the table, default: pk}
  sample:extra: {type: boolean, description: more of it, default: true}
"""


def uv() -> str:
    return (
        find_uv()
        or subprocess.run(
            [str(CHECKOUT / "nova"), "--print-uv"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Home, Daemon]]:
    home = Home(tmp_path_factory.mktemp("applier").resolve())
    build_environment(home, uv())
    daemon = daemons.start(home, choose_port(home), "offline")
    try:
        yield home, daemon
    finally:
        daemons.stop(home)


class Sample:
    """The program in a directory of its own."""

    def __init__(self, directory: Path, home: Home, daemon: Daemon) -> None:
        self.directory = directory
        self.home = home
        self.daemon = daemon
        self.cloud = Cloud(daemon.endpoint, "us-east-1", daemon.access_key_id, daemon.secret_access_key)
        directory.mkdir()
        (directory / "Pulumi.yaml").write_text(PROJECT)
        (directory / "__main__.py").write_text(textwrap.dedent(PROGRAM))

    def apply(self, *options: str, **config: object) -> list[dict[str, Any]]:
        """Run the applier as the command line does; returns its events."""
        lines = "".join(f"  sample:{key}: {json.dumps(value)}\n" for key, value in config.items())
        (self.directory / "Pulumi.local.yaml").write_text(f"config:\n{lines}" if lines else "config: {}\n")
        command = [
            str(CHECKOUT / ".venv" / "bin" / "python"), "-m", "local_cloud.applier",
            "--home", str(self.home.path),
            "--endpoint", self.daemon.endpoint, "--program", str(self.directory), *options,
        ]  # fmt: skip
        finished = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        events = [json.loads(line) for line in io.StringIO(finished.stdout)]
        assert events, finished.stderr
        assert finished.returncode == (events[-1]["event"] == "error")
        assert "correct-horse" not in finished.stdout
        return events

    def forget_that_creations_ended(self) -> None:
        """Leave the checkpoint as a run does that is killed between a creation and its record."""
        path = self.home.path / "stack.json"
        checkpoint = json.loads(path.read_text())
        for entry in checkpoint["resources"].values():
            if not entry["recorded"]:
                entry.update(pending=True, id="", outputs={})
        path.write_text(json.dumps(checkpoint))

    def queue(self, events: list[dict[str, Any]]) -> dict[str, str]:
        request = {"QueueUrl": events[-1]["outputs"]["queue"], "AttributeNames": ["All"]}
        return self.cloud.call("sqs", "GetQueueAttributes", request)["Attributes"]


@pytest.fixture(scope="module")
def sample(gateway: tuple[Home, Daemon], tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(tmp_path_factory.mktemp("program") / "sample", *gateway)


def counts(events: list[dict[str, Any]]) -> dict[str, int]:
    assert events[-1]["event"] == "done", events[-1]
    return events[-1]["counts"]


def test_a_program_is_created_kept_changed_and_removed(sample: Sample) -> None:
    first = sample.apply()
    assert counts(first) == {"create": 7, "record": 1}
    assert first[-1]["recorded"] == ["aws:cloudwatch/metricAlarm:MetricAlarm"]
    assert first[-1]["outputs"]["password"] == "[secret]"
    assert sample.queue(first)["VisibilityTimeout"] == "30"
    tags = sample.cloud.call("sqs", "ListQueueTags", {"QueueUrl": first[-1]["outputs"]["queue"]})["Tags"]
    assert tags == {"owner": "tests"}

    assert counts(sample.apply()) == {"same": 8}

    changed = sample.apply(timeout=45)
    assert counts(changed) == {"same": 7, "update": 1}
    assert changed[-1]["outputs"]["queue"] == first[-1]["outputs"]["queue"]
    assert sample.queue(changed)["VisibilityTimeout"] == "45"

    sample.forget_that_creations_ended()
    resumed = sample.apply(timeout=45)
    assert counts(resumed) == {"create": 7, "same": 1}
    assert resumed[-1]["outputs"] == changed[-1]["outputs"]

    smaller = sample.apply(timeout=45, extra=False)
    assert counts(smaller) == {"same": 4, "delete": 4}
    deleted = [event["name"] for event in smaller if event.get("op") == "delete"]
    assert deleted.index("target") < deleted.index("rule") < deleted.index("bus")
    assert len(sample.cloud.call("events", "ListEventBuses", {})["EventBuses"]) == 1

    refused = sample.apply(timeout=45, extra=False, key="id")
    assert refused[-1]["event"] == "error"
    assert "aws:dynamodb/table:Table 'table' (urn:pulumi:local::sample::" in refused[-1]["message"]
    assert "lose all its items" in refused[-1]["message"]
    table = first[-1]["outputs"]["table"]
    assert sample.cloud.call("dynamodb", "ListTables", {})["TableNames"] == [table]

    replaced = sample.apply("--discard-data", timeout=45, extra=False, key="id")
    assert counts(replaced) == {"same": 3, "replace": 1, "delete": 1}
    assert sample.cloud.call("dynamodb", "ListTables", {})["TableNames"] == [replaced[-1]["outputs"]["table"]]


def test_a_wrong_setting_stops_before_anything_is_registered(sample: Sample) -> None:
    events = sample.apply(colour="red")
    assert [event["event"] for event in events] == ["error"]
    assert "sample:colour" in events[0]["message"]


def test_an_unknown_function_is_named(sample: Sample) -> None:
    (sample.directory / "__main__.py").write_text(
        "import pulumi_aws as aws\naws.ec2.get_ami(most_recent=True)\n"
    )
    events = sample.apply()
    assert events[-1]["event"] == "error"
    assert "aws:ec2/getAmi:getAmi" in events[-1]["message"]
