"""A second region: replicas of what cannot be made again, and the stack there that works on them."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from settings.errors import SettingsError
from settings.settings import Settings
from tests.infra.deployment import Deployment, deployed
from tests.infra.policies import granted
from tests.infra.requests import findings
from tests.infra.test_settings import settings_with
from tests.slices import IMAGES

HOME, AWAY = "us-east-1", "us-west-2"
TABLES = ("data-keys", "events", "read-model")
KEY = f"arn:aws:kms:{AWAY}:123456789012:key/{{}}0000000-0000-4000-8000-000000000000"
KEYS = {"tables": KEY.format(1), "content": KEY.format(2), "personal": KEY.format(3)}
IMAGE = "audio-repository-1a2b3c4@sha256:" + "0" * 64

TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
PIPE = "aws:pipes/pipe:Pipe"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def primary(preview: bool = False) -> Deployment:
    """Stack prod with replicas."""
    return deployed("prod", preview=preview, overrides={"replicaRegion": AWAY})


def given(**fields: object) -> dict[str, object]:
    """What prod hands over, as a person writes it into the other stack's file."""
    handed: dict[str, object] = primary().outputs["replica"]
    names = ("eventStoreTable", "eventStoreStreamArn", "readModelTable", "dataKeysTable", "contentBucket")
    images: dict[str, str] = {}
    return {**{name: handed[name] for name in names}, "images": images, "standby": True} | fields


@cache
def _attached(standby: bool, images: str, preview: bool) -> Deployment:
    replica_of = given(standby=standby, images=json.loads(images))
    overrides = {
        "region": AWAY,
        "availabilityZones": json.dumps([f"{AWAY}{letter}" for letter in "abc"]),
        "existingKeys": json.dumps(KEYS),
        "replicaOf": json.dumps(replica_of),
    }
    return deployed("prod", preview=preview, overrides=overrides)


def attached(*, standby: bool = True, preview: bool = False, **images: str) -> Deployment:
    """The stack in the other region, in prod's settings otherwise."""
    return _attached(standby, json.dumps(images, sort_keys=True), preview)


REGIONAL = {"mcp-server-payments-table", "nova-leases-table", "nova-usage-table"}
"""Tables of which every region has its own."""


def added(deployment: Deployment, without: Deployment) -> set[str]:
    """Types and names of what one deployment has and another has not, components apart."""
    new = deployment.resources.keys() - without.resources.keys()
    found = [deployment.resources[urn] for urn in new]
    return {f"{each.type} {each.name}" for each in found if not each.type.startswith("nova:")}


def dimensions(deployment: Deployment, alarm: str) -> dict[str, Any]:
    return deployment.one(ALARM, alarm).inputs["dimensions"]


# --- the stack that has the data ---


def test_no_stack_has_replicas_of_itself(deployment: Deployment) -> None:
    assert deployment.of_type(REPLICATION) == []
    assert not any("replicas" in table.inputs for table in deployment.of_type(TABLE))
    assert deployment.outputs["replica"] == {}


def test_all_tables_have_a_replica_under_a_key_of_its_region() -> None:
    # Each region books the usage of its own turns.
    tables = [table for table in primary().of_type(TABLE) if table.name not in REGIONAL]
    assert {table.name for table in tables} == {f"nova-{name}-table" for name in TABLES}
    for table in tables:
        (replica,) = table.inputs["replicas"]
        assert replica == {
            "regionName": AWAY,
            "kmsKeyArn": f"arn:aws:kms:{AWAY}:123456789012:key/nova-keys-{AWAY}-tables",
            "pointInTimeRecovery": True,
            "deletionProtectionEnabled": True,
            "propagateTags": True,
        }
        # DynamoDB replicates by a stream with both images, and refuses a replica without.
        assert table.inputs["streamEnabled"] is True
        assert table.inputs["streamViewType"] == "NEW_AND_OLD_IMAGES"


@pytest.mark.parametrize("table", ["read-model", "data-keys"])
def test_other_tables_have_a_stream_for_their_replica_alone(production: Deployment, table: str) -> None:
    assert "streamEnabled" not in production.one(TABLE, f"nova-{table}-table").inputs


def test_what_is_private_opens_in_both_regions() -> None:
    """The wrapping key has a replica, and a replicated table has one name."""
    (replica,) = primary().of_type("aws:kms/replicaKey:ReplicaKey")
    assert replica.inputs["region"] == AWAY
    assert replica.inputs["primaryKeyArn"] == f"arn:aws:kms:{HOME}:123456789012:key/nova-keys-personal"
    handed = primary().outputs["replica"]
    assert handed["existingKeys"]["personal"] == f"arn:aws:kms:{AWAY}:123456789012:key/{replica.name}"
    assert handed["dataKeysTable"] == "nova-data-keys-table-0000000"
    (task,) = [found for found in granted(attached(), "audio-task-policy") if found.sid == "MakeDataKeys"]
    assert task.resources == (KEYS["personal"],)
    assert task.conditions == {"StringEquals": {"kms:EncryptionContext:table": handed["dataKeysTable"]}}


@pytest.mark.parametrize("region", [HOME, AWAY])
def test_dynamodb_may_use_the_keys_of_both_regions(region: str) -> None:
    name = "nova-keys-tables" if region == HOME else f"nova-keys-{AWAY}-tables"
    policy = json.loads(primary().one("aws:kms/key:Key", name).inputs["policy"])
    (statement,) = [found for found in policy["Statement"] if found["Sid"] == "DynamoDBReplicates"]
    assert statement["Condition"]["StringEquals"]["kms:ViaService"] == f"dynamodb.{region}.amazonaws.com"


def test_content_is_replicated_whole_and_encrypted_there() -> None:
    replication = primary().of_type(REPLICATION)[0]
    assert replication.inputs["bucket"] == "nova-content-bucket-0000000"
    (rule,) = replication.inputs["rules"]
    threshold = {"minutes": 15}
    assert rule == {
        "id": "everything",
        "status": "Enabled",
        "priority": 0,
        "filter": {"prefix": ""},
        "deleteMarkerReplication": {"status": "Enabled"},
        "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
        "destination": {
            "bucket": "arn:aws:s3:::nova-content-replica-bucket-0000000",
            "encryptionConfiguration": {
                "replicaKmsKeyId": f"arn:aws:kms:{AWAY}:123456789012:key/nova-keys-{AWAY}-content"
            },
            "metrics": {"status": "Enabled", "eventThreshold": threshold},
            "replicationTime": {"status": "Enabled", "time": threshold},
        },
    }


def test_replication_begins_when_both_buckets_keep_versions_and_the_role_has_its_rights() -> None:
    needed = {urn.rpartition("::")[2] for urn in primary().of_type(REPLICATION)[0].depends_on}
    assert {
        "nova-content-versioning",
        "nova-content-replica-versioning",
        "nova-content-replica-policy",
    } <= needed


def test_the_replica_is_kept_as_the_bucket_is() -> None:
    def parts(prefix: str) -> dict[str, dict[str, Any]]:
        found = [each for each in primary().resources.values() if each.type.startswith("aws:s3/")]
        return {
            each.type: each.inputs
            for each in found
            if each.name.startswith(prefix) and ("replica" in each.name) == ("replica" in prefix)
        }

    here, there = parts("nova-content-"), parts("nova-content-replica-")
    cors = "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration"
    # Whoever takes over announces objects, and knows its site.
    assert there.keys() - {REPLICATION} == here.keys() - {NOTIFICATION, cors}
    assert {kind: part.get("region") for kind, part in there.items() if kind != REPLICATION} == dict.fromkeys(
        there.keys() - {REPLICATION}, AWAY
    )
    lifecycle = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    assert there[lifecycle]["rules"] == here[lifecycle]["rules"]


def test_the_role_reads_the_one_bucket_and_replicates_to_the_other() -> None:
    rights = {found.sid: found for found in granted(primary(), "nova-content-replica-policy")}
    assert rights["ReadVersions"].resources == ("arn:aws:s3:::nova-content-bucket-0000000/*",)
    assert rights["WriteReplicas"].resources == ("arn:aws:s3:::nova-content-replica-bucket-0000000/*",)
    assert rights["DecryptContent"].conditions["StringEquals"]["kms:ViaService"] == f"s3.{HOME}.amazonaws.com"
    assert rights["EncryptContent"].conditions["StringEquals"]["kms:ViaService"] == f"s3.{AWAY}.amazonaws.com"


def test_what_is_late_or_lost_raises_alarms_where_it_is_reported() -> None:
    for table in TABLES:
        alarm = primary().one(ALARM, f"nova-{table}-replica-alarm").inputs
        assert alarm["dimensions"] == {
            "TableName": f"nova-{table}-table-0000000",
            "ReceivingRegion": AWAY,
        }
        assert alarm["metricName"] == "ReplicationLatency"
    content = {
        "SourceBucket": "nova-content-bucket-0000000",
        "DestinationBucket": "nova-content-replica-bucket-0000000",
        "RuleId": "everything",
    }
    assert dimensions(primary(), "nova-content-replica-lag-alarm") == content
    assert dimensions(primary(), "nova-content-replica-failures-alarm") == content
    assert primary().one(ALARM, "nova-content-replica-lag-alarm").inputs["region"] == AWAY
    assert "region" not in primary().one(ALARM, "nova-content-replica-failures-alarm").inputs


def test_what_the_other_stack_needs_is_handed_over() -> None:
    handed = primary().outputs["replica"]
    assert handed["region"] == AWAY
    assert handed["contentBucket"] == "nova-content-replica-bucket-0000000"
    assert f":{AWAY}:" in handed["eventStoreStreamArn"]
    assert set(handed["existingKeys"]) == {"tables", "content", "personal"}
    assert set(handed["images"]) == IMAGES
    assert all("@sha256:" in image and "amazonaws" not in image for image in handed["images"].values())


def test_replicas_change_nothing_else(production: Deployment) -> None:
    assert added(production, without=primary()) == set()
    new = added(primary(), without=production)
    assert all("replica" in name or AWAY in name for name in new), new


# --- the stack that attaches ---


def test_it_makes_no_data_of_its_own() -> None:
    found = attached()
    assert {table.name for table in found.of_type(TABLE)} == REGIONAL
    assert "nova-content-bucket" not in {bucket.name for bucket in found.of_type(BUCKET)}
    gone = {name.split()[1] for name in added(deployed("prod"), without=found)}
    ours = (
        "nova-content-",
        "nova-events-table",
        "nova-data-keys-table",
        "nova-read-model-table",
        "nova-keys-personal",
        "nova-keys-tables",
        "nova-keys-content",
    )
    # The silence of a pipe that is stopped is none.
    assert {name for name in gone if not name.startswith(ours)} == {"nova-pipe-silence-alarm"}


def test_its_roles_reach_the_replicas_under_their_keys() -> None:
    found = attached()
    policy = json.dumps([policy.inputs["policy"] for policy in found.of_type(ROLE_POLICY)])
    assert f"arn:aws:dynamodb:{AWAY}:123456789012:table/nova-events-table-0000000" in policy
    assert "arn:aws:s3:::nova-content-replica-bucket-0000000/" in policy
    assert KEYS["tables"] in policy
    assert KEYS["content"] in policy
    assert f":{HOME}:123456789012:table" not in policy


@pytest.mark.parametrize(("standby", "state"), [(True, "STOPPED"), (False, "RUNNING")])
def test_it_reads_the_stream_once_it_takes_over(standby: bool, state: str) -> None:
    pipes = attached(standby=standby).of_type(PIPE)
    assert [pipe.inputs["desiredState"] for pipe in pipes] == [state, state]
    stream = given()["eventStoreStreamArn"]
    assert {pipe.inputs["source"] for pipe in pipes} == {stream}


@pytest.mark.parametrize("standby", [True, False])
def test_it_hears_of_uploads_once_it_takes_over(standby: bool) -> None:
    # Replicated objects are announced too: both stacks would transcribe them.
    found = [each.inputs["bucket"] for each in attached(standby=standby).of_type(NOTIFICATION)]
    assert found == ([] if standby else ["nova-content-replica-bucket-0000000"])


def test_it_backs_up_and_logs_the_replicas() -> None:
    (selection,) = attached().of_type("aws:backup/selection:Selection")
    assert (
        f"arn:aws:dynamodb:{AWAY}:123456789012:table/nova-events-table-0000000"
        in selection.inputs["resources"]
    )
    (logging,) = attached().of_type("aws:s3/bucketLogging:BucketLogging")
    assert logging.inputs["bucket"] == "nova-content-replica-bucket-0000000"


def test_a_replicated_image_is_run_and_not_built() -> None:
    found = attached(audio=IMAGE)
    built = {image.name for image in found.of_type("docker:index/image:Image")}
    assert built == {f"{name}-image" for name in IMAGES - {"audio"}}
    repositories = {each.name for each in found.of_type("awsx:ecr:Repository")}
    assert "audio-repository" not in repositories
    (task,) = [
        each for each in found.of_type("aws:ecs/taskDefinition:TaskDefinition") if each.name == "audio-task"
    ]
    (container,) = json.loads(task.inputs["containerDefinitions"])
    assert container["image"] == f"123456789012.dkr.ecr.{AWAY}.amazonaws.com/{IMAGE}"
    policy = json.dumps([each.inputs["policy"] for each in found.of_type(ROLE_POLICY)])
    assert f"arn:aws:ecr:{AWAY}:123456789012:repository/audio-repository-1a2b3c4" in policy


# --- both ---


@pytest.mark.parametrize("stack", [primary, attached])
def test_previews_show_what_updates_make(stack: Callable[..., Deployment]) -> None:
    assert stack(preview=True).resources.keys() == stack().resources.keys()


@pytest.mark.parametrize("stack", [primary, attached])
def test_aws_takes_every_request(stack: Callable[..., Deployment]) -> None:
    kinds = {TABLE, BUCKET, REPLICATION, NOTIFICATION, ALARM, PIPE}
    found = [each for each in stack().resources.values() if each.type in kinds]
    assert found
    assert [problem for each in found for problem in findings(each)] == []


# --- settings ---


def attaching(**overrides: str) -> Settings:
    """Settings of a stack in the other region."""
    texts = {
        "region": AWAY,
        "availabilityZones": json.dumps([f"{AWAY}{letter}" for letter in "abc"]),
        "existingKeys": json.dumps(KEYS),
        "replicaOf": json.dumps(given()),
    }
    return settings_with(**(texts | overrides))


@pytest.mark.parametrize(
    ("replica", "allowed"),
    [
        (HOME, "another region than the stack's own"),
        ("cn-north-1", "nothing between its partitions"),
        ("us-gov-west-1", "nothing between its partitions"),
        ("Oregon", "it is an AWS region such as"),
    ],
)
def test_a_region_that_can_have_no_replicas_is_refused(replica: str, allowed: str) -> None:
    with pytest.raises(SettingsError, match=allowed) as raised:
        settings_with(replicaRegion=replica)
    assert f"nova:replicaRegion: '{replica}'" in str(raised.value)


def test_replicas_that_leave_the_residency_are_refused() -> None:
    lite = "us.amazon.nova-2-lite-v1:0"
    us = {"residency": "us", "agentModel": lite, "sentimentModel": lite, "videoModel": lite}
    assert settings_with(**us, replicaRegion=AWAY).data.replica_region == AWAY
    with pytest.raises(SettingsError, match="these would leave it: replicaRegion eu-central-1; it has us-"):
        settings_with(**us, replicaRegion="eu-central-1")


def test_replicas_have_no_replicas() -> None:
    with pytest.raises(SettingsError, match=r"replicaRegion: 'us-east-2' .* works on replicas itself"):
        attaching(replicaRegion="us-east-2")


@pytest.mark.parametrize("missing", ["tables", "content", "personal"])
def test_replicas_need_the_keys_that_they_are_encrypted_under(missing: str) -> None:
    keys = {name: key for name, key in KEYS.items() if name != missing}
    with pytest.raises(SettingsError, match=rf"existingKeys\.{missing}: .* their owner's key of this region"):
        attaching(existingKeys=json.dumps(keys))


STREAM = (
    f"arn:aws:dynamodb:{HOME}:123456789012:table/nova-events-table-0000000/stream/2026-01-01T00:00:00.000"
)
WRONG: list[tuple[dict[str, object], str]] = [
    ({"eventStoreTable": "a"}, "eventStoreTable: a is not allowed; it is the name of a table"),
    ({"dataKeysTable": "x"}, "dataKeysTable: x is not allowed; it is the name of a table"),
    ({"readModelTable": "arn:aws:dynamodb"}, "readModelTable: .* it is the name of a table"),
    ({"contentBucket": "Content"}, "contentBucket: Content is not allowed; it is the name of a bucket"),
    ({"eventStoreStreamArn": STREAM}, f"it is the ARN of that table's stream in {AWAY}"),
    ({"eventStoreStreamArn": STREAM.replace(HOME, AWAY).replace("events", "other")}, "that table's stream"),
    ({"images": {"audio": "audio:latest"}}, "images.audio: audio:latest is not allowed; it is <repository>@"),
    ({"images": {"audio": 1}}, r"replicaOf\.images\.audio: 1 .* it has to be a string"),
    ({"images": []}, r"replicaOf\.images: .* it has to be an object"),
    ({"standby": "true"}, r"replicaOf\.standby: 'true' .* it is true or false"),
    ({"readModelTable": None}, r"replicaOf\.readModelTable: None .* it has to be a string"),
    ({"eventBus": "nova"}, r"replicaOf\.eventBus: 'nova' .* no such field; there are: eventStoreTable,"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_what_is_handed_over_wrongly_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        attaching(replicaOf=json.dumps(given(**fields)))
