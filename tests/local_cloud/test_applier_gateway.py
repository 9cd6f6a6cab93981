"""A small program against a running gateway: created, kept, changed, replaced, removed."""

import io
import json
import re
import subprocess
import textwrap
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli import daemon as daemons
from cli.daemon import Daemon
from cli.home import CHECKOUT, Home
from cli.ports import choose_port
from local_cloud.applier.cloud import Cloud

# Several runs of a whole program each.
pytestmark = pytest.mark.timeout(600)

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


@pytest.fixture(scope="module")
def gateway(cloud_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Home, Daemon]]:
    home = Home(tmp_path_factory.mktemp("applier").resolve())
    home.environment.symlink_to(cloud_python.parents[1])
    daemon = daemons.start(home, choose_port(home), "offline")
    try:
        yield home, daemon
    finally:
        daemons.stop(home)


class Sample:
    """The program in a directory of its own."""

    def __init__(self, directory: Path, home: Home, daemon: Daemon) -> None:
        self.directory = directory
        self.prefix = "sample"
        self.fixed: dict[str, object] = {}
        self.home = home
        self.daemon = daemon
        self.cloud = Cloud(daemon.endpoint, "us-east-1", daemon.access_key_id, daemon.secret_access_key)
        directory.mkdir()
        (directory / "Pulumi.yaml").write_text(PROJECT)
        (directory / "__main__.py").write_text(textwrap.dedent(PROGRAM))

    def apply(self, *options: str, **config: object) -> list[dict[str, Any]]:
        """Run the applier as the command line does; returns its events."""
        lines = "".join(
            f"  {self.prefix}:{key}: {json.dumps(value)}\n" for key, value in (self.fixed | config).items()
        )
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


CACHE_PROGRAM = """
import json
import pulumi, pulumi_aws as aws, pulumi_random as random

config = pulumi.Config()
subnets = aws.elasticache.SubnetGroup("subnets", description="tests", subnet_ids=[config.require("subnet")])
parameters = aws.elasticache.ParameterGroup(
    "parameters", description="tests", family="redis7",
    parameters=[aws.elasticache.ParameterGroupParameterArgs(name="maxmemory-policy", value="volatile-lru")],
)
everybody = aws.elasticache.User(
    "everybody", user_id="tests-default", user_name="default", engine="redis", access_string="off -@all",
    authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="no-password-required"),
)
users = aws.elasticache.UserGroup(
    "users", user_group_id="tests", engine="redis", user_ids=[everybody.user_id],
    opts=pulumi.ResourceOptions(ignore_changes=["user_ids"]),
)
group = aws.elasticache.ReplicationGroup(
    "cache", description=config.require("description"), engine="redis", engine_version="7.1",
    node_type="cache.t4g.micro", num_cache_clusters=config.require_int("nodes"), port=6379,
    subnet_group_name=subnets.name, parameter_group_name=parameters.name,
    user_group_ids=[users.user_group_id], transit_encryption_enabled=True,
    transit_encryption_mode="required", at_rest_encryption_enabled=True, apply_immediately=True,
    log_delivery_configurations=[aws.elasticache.ReplicationGroupLogDeliveryConfigurationArgs(
        destination="tests", destination_type="cloudwatch-logs", log_format="json", log_type="engine-log",
    )],
)
word = random.RandomPassword(
    "word", length=40, special=False, keepers={"generation": str(config.require_int("generation"))}
)
user = aws.elasticache.User(
    "writer", user_id="tests-writer", user_name="writer", engine="redis",
    access_string="on ~writer:* -@all +@read +@write",
    authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="password", passwords=[word.result]),
)
aws.elasticache.UserGroupAssociation(
    "membership", user_group_id=users.user_group_id, user_id=user.user_id,
    opts=pulumi.ResourceOptions(depends_on=[group]),
)
secret = aws.secretsmanager.Secret("secret", description="tests", recovery_window_in_days=0)
version = aws.secretsmanager.SecretVersion("version", secret_id=secret.id, secret_string=word.result)
vectors = aws.s3.VectorsVectorBucket("vectors", vector_bucket_name="tests-vectors", force_destroy=True)
index = aws.s3.VectorsIndex(
    "index", vector_bucket_name=vectors.vector_bucket_name, index_name="words", data_type="float32",
    dimension=config.require_int("dimension"), distance_metric="cosine",
    metadata_configuration=aws.s3.VectorsIndexMetadataConfigurationArgs(
        non_filterable_metadata_keys=["text"]
    ),
)
pulumi.export("endpoint", group.primary_endpoint_address)
pulumi.export("group", group.replication_group_id)
pulumi.export("secret", secret.arn)
pulumi.export("version", version.version_id)
pulumi.export("word", word.result)
pulumi.export("index", index.index_arn)
"""

CACHE_PROJECT = """
name: cache
runtime: python
config:
  cache:description: {type: string, description: of the group, default: first}
  cache:subnet: {type: string, description: of the group, default: ""}
  cache:nodes: {type: integer, description: of the group, default: 1}
  cache:generation: {type: integer, description: of the password, default: 1}
  cache:dimension: {type: integer, description: of the vectors, default: 3}
"""


@pytest.fixture
def cached(gateway: tuple[Home, Daemon], tmp_path: Path) -> Sample:
    sample = Sample(tmp_path / "cache", *gateway)
    sample.prefix = "cache"
    (sample.directory / "Pulumi.yaml").write_text(CACHE_PROJECT)
    (sample.directory / "__main__.py").write_text("")
    sample.apply("--discard-data")  # what another program left in this home
    (sample.directory / "__main__.py").write_text(CACHE_PROGRAM)
    sample.fixed["subnet"] = sample.cloud.call("ec2", "DescribeSubnets", {})["Subnets"][0]["SubnetId"]
    return sample


def password(sample: Sample, events: list[dict[str, Any]]) -> str:
    """The current password, and that no file or line but the vault's own shows it."""
    outputs = events[-1]["outputs"]
    assert outputs["word"] == "[secret]"
    request = {"SecretId": outputs["secret"], "VersionId": outputs["version"]}
    word: str = sample.cloud.call("secretsmanager", "GetSecretValue", request)["SecretString"]
    assert re.fullmatch(r"[A-Za-z0-9]{40}", word)
    assert word not in json.dumps(events)
    time.sleep(1.5)  # what changed is saved by then
    home = sample.home.path
    files = [path for path in home.rglob("*") if path.is_file() and home / "env" not in path.parents]
    found = [str(path.relative_to(home)) for path in files if word.encode() in path.read_bytes()]
    assert found == ["state/secretsmanager.json"]
    assert not [str(path) for path in (home / "stack.json", home / "stack.key", home / found[0])
                if path.stat().st_mode & 0o077]  # fmt: skip
    return word


def answers(sample: Sample, group: str, word: str) -> bool:
    status = httpx2.get(f"{sample.daemon.endpoint}/_nova/status").json()["caches"][group]
    client: Any = redis.Redis
    try:
        return client(
            host="127.0.0.1", port=status["port"], ssl=True, username="writer", password=word,
            ssl_ca_certs=str(sample.home.path / "tls" / "ca.pem"), retry=Retry(NoBackoff(), 0),
        ).set("writer:key", "value")  # fmt: skip
    except exceptions.AuthenticationError:
        return False


def test_a_cache_with_users_and_secrets_is_created_kept_changed_and_removed(cached: Sample) -> None:
    first = cached.apply()
    assert counts(first)["create"] == 12
    assert [event for event in first if event["event"] == "log"] == []
    outputs = first[-1]["outputs"]
    old = password(cached, first)
    assert answers(cached, outputs["group"], old)
    assert outputs["endpoint"].startswith(f"master.{outputs['group']}.")

    again = cached.apply()
    assert counts(again) == {"same": 12}
    assert again[-1]["outputs"] == outputs

    renewed = cached.apply(generation=2)
    assert counts(renewed) == {"same": 9, "replace": 2, "update": 1, "delete": 2}
    fresh = password(cached, renewed)
    assert renewed[-1]["outputs"]["version"] != outputs["version"]
    assert (answers(cached, outputs["group"], old), answers(cached, outputs["group"], fresh)) == (False, True)
    before = {"SecretId": outputs["secret"], "VersionId": outputs["version"]}
    assert cached.cloud.call("secretsmanager", "GetSecretValue", before)["SecretString"] == old

    larger = cached.apply(generation=2, description="second", nodes=2)
    assert counts(larger) == {"same": 11, "update": 1}
    described = cached.cloud.call("elasticache", "DescribeReplicationGroups", {})["ReplicationGroups"][0]
    members = described["NodeGroups"][0]["NodeGroupMembers"]
    assert (described["Description"], len(members)) == ("second", 2)
    assert members[1]["ReadEndpoint"]["Address"].startswith("replica.")

    refused = cached.apply(generation=2, description="second", nodes=2, dimension=4)
    assert "lose all its vectors" in refused[-1]["message"]
    cached.cloud.call("s3vectors", "PutVectors", {
        "indexArn": outputs["index"], "vectors": [{"key": "a", "data": {"float32": [1.0, 0.0, 0.0]}}]
    })  # fmt: skip
    replaced = cached.apply("--discard-data", generation=2, description="second", nodes=2, dimension=4)
    assert counts(replaced) == {"same": 11, "replace": 1}

    cached.forget_that_creations_ended()
    resumed = cached.apply(generation=2, description="second", nodes=2, dimension=4)
    assert resumed[-1]["event"] == "done", resumed[-1]
    assert answers(cached, outputs["group"], password(cached, resumed))

    (cached.directory / "__main__.py").write_text("")
    removed = cached.apply("--discard-data")
    assert removed[-1]["event"] == "done", removed[-1]
    for service, operation, found in (
        ("elasticache", "DescribeReplicationGroups", "ReplicationGroups"),
        ("elasticache", "DescribeUsers", "Users"),
        ("elasticache", "DescribeUserGroups", "UserGroups"),
        ("secretsmanager", "ListSecrets", "SecretList"),
        ("s3vectors", "ListVectorBuckets", "vectorBuckets"),
    ):
        assert cached.cloud.call(service, operation, {})[found] == []
    assert not (cached.home.path / "redis" / outputs["group"]).exists()


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
