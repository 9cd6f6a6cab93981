"""The real engine runs the real program: preview, up, an empty second preview, changed settings, destroy.

Needs the `pulumi` command line on PATH; the providers are the stand-in of this folder: no account is touched.
Runs stack dev; `make prove` runs all of them.
"""

import json
from pathlib import Path

import pytest
from pulumi.automation import CommandError

from cli.sleep import HOLDS_DATA
from pulumi_cli.urns import type_of
from tests.engine.running import SECRET, Running, check_that_it_goes_away, running

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"

# A setting, a value that no stack has, and the types that may change with it, some of them at least.
SETTINGS: tuple[tuple[str, str, set[str]], ...] = (
    (
        "logRetentionDays",
        "180",
        {LOG_GROUP, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"},
    ),
    ("throttleRate", "77", {"aws:apigateway/methodSettings:MethodSettings"}),
    (
        "cachePasswordGeneration",
        "2",
        {
            "aws:ecs/service:Service",
            "aws:ecs/taskDefinition:TaskDefinition",
            "aws:elasticache/user:User",
            "aws:secretsmanager/secretVersion:SecretVersion",
            "random:index/randomPassword:RandomPassword",
        },
    ),
    (
        "replicaRegion",
        "us-west-2",
        {
            "aws:cloudwatch/dashboard:Dashboard",
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            "aws:dynamodb/table:Table",
            "aws:iam/role:Role",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:kms/key:Key",
            "aws:kms/replicaKey:ReplicaKey",
            "aws:s3/bucket:Bucket",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
            "aws:sns/topic:Topic",
            "aws:sns/topicPolicy:TopicPolicy",
            "nova:access:ServiceRole",
            "nova:data:ContentReplica",
        },
    ),
)


def test_a_stack_lives_its_whole_life(stack_name: str, tmp_path: Path) -> None:
    with running(tmp_path, stack_name) as stack:
        planned = stack.preview()
        assert set(planned.changes) == {"create"}
        assert stack.update().changes == planned.changes
        assert stack.preview().changes == {}
        check_the_state(stack)
        for key, value, types in SETTINGS:
            check_a_setting(stack, key, value, types)
        check_that_it_goes_away(stack)


def test_a_stack_sleeps_and_wakes_with_what_it_has_stored(tmp_path: Path) -> None:
    with running(tmp_path, "dev") as stack:
        stack.update()
        awake = {found["urn"] for found in stack.resources()}
        with stack.setting("asleep", "true"):
            told, _ = stack.command_line().preview()
            lost = stack.update().lost()
            assert stack.preview().changes == {}
        assert {change.urn for change in told.changes if change.leaves} == lost
        assert told.errors == ()
        assert not {type_of(urn) for urn in lost} & HOLDS_DATA
        assert "aws:ecs/service:Service" in {type_of(urn) for urn in lost}
        stack.update()
        assert stack.preview().changes == {}
        assert {found["urn"] for found in stack.resources()} == awake
        check_that_it_goes_away(stack)


def check_the_state(stack: Running) -> None:
    """Nothing is made by a default provider, nothing secret lies open, nothing is left pending."""
    resources = stack.resources()
    for resource in resources:
        assert "::default" not in resource.get("provider", ""), resource["urn"]
        assert not resource["type"].startswith("pulumi:providers:") or "default" not in resource["urn"]
    text = json.dumps(resources)
    assert SECRET in text
    assert '"plaintext"' not in text
    passwords = [
        found for found in resources if found["type"] == "random:index/randomPassword:RandomPassword"
    ]
    assert passwords
    assert all("ciphertext" in found["outputs"]["result"] for found in passwords)


def check_a_setting(stack: Running, key: str, value: str, types: set[str]) -> None:
    """A changed setting changes resources of these types alone, in place."""
    with stack.setting(key, value):
        plan = stack.preview()
    assert plan.types(), key
    assert plan.types() <= types, key
    assert set(plan.changes) <= {
        "update",
        "create",
        "delete",
        "replace",
        "create-replacement",
        "delete-replaced",
    }


def test_the_engine_checks_types_before_it_runs_the_program(tmp_path: Path) -> None:
    def break_a_type(program: Path) -> None:
        source = program / "__main__.py"
        source.write_text(source.read_text(encoding="utf-8") + "\nwrong: int = 'text'\n", encoding="utf-8")

    with (
        running(tmp_path, "dev", prepare=break_a_type) as stack,
        pytest.raises(CommandError, match=r"reportAssignmentType|is not assignable"),
    ):
        stack.preview()
