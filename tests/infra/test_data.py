"""Where data rests: buckets, keys, tables, backups, and what is kept of them."""

import json
import re
from typing import Any

import pulumi
import pytest

from components.account import Account
from components.data.key_plan import DataClass
from components.data.keys import Keys, KeysArgs
from evaluation.answers import ACCOUNT_ID, REGION, resource_arn
from settings.errors import SettingsError
from settings.project import stack_config
from settings.settings import Settings
from settings.values import Values
from tests.infra.deployment import ROOT, Deployment, deployed, key_name, run
from tests.infra.policies import granted, statements

CONTENT = "nova-content"
LOGS = "nova-access-logs"
BUCKETS = (CONTENT, LOGS)
EVENTS = resource_arn("dynamodb", "table/nova-events-table-0000000")
READ_MODEL = resource_arn("dynamodb", "table/nova-read-model-table-0000000")


def part(deployment: Deployment, kind: str, name: str) -> dict[str, Any]:
    """The inputs of the part of a bucket that is of type ``aws:s3/<kind>``."""
    token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return deployment.one(token, name).inputs


def bucket_arn(label: str) -> str:
    return f"arn:aws:s3:::{label}-bucket-0000000"


def bucket_policy(deployment: Deployment, label: str) -> dict[str, dict[str, Any]]:
    """The statements of a bucket's policy, by id."""
    policy = part(deployment, "BucketPolicy", f"{label}-policy")
    assert policy["bucket"] == f"{label}-bucket-0000000"
    return {found["Sid"]: found for found in statements(policy["policy"])}


class TestBuckets:
    def test_there_are_no_others(self, deployment: Deployment) -> None:
        buckets = deployment.of_type("aws:s3/bucket:Bucket")
        assert {bucket.name for bucket in buckets} == {f"{label}-bucket" for label in BUCKETS}

    def test_each_is_closed_to_the_public(self, deployment: Deployment) -> None:
        for label in BUCKETS:
            block = part(deployment, "BucketPublicAccessBlock", f"{label}-public-access-block")
            assert block == {
                "bucket": f"{label}-bucket-0000000",
                "blockPublicAcls": True,
                "blockPublicPolicy": True,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            }
            ownership = part(deployment, "BucketOwnershipControls", f"{label}-ownership")
            assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}

    def test_each_is_reached_over_tls_only(self, deployment: Deployment) -> None:
        for label in BUCKETS:
            deny = bucket_policy(deployment, label)["DenyPlainTransport"]
            assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", {"AWS": "*"}, ["s3:*"])
            assert deny["Resource"] == [bucket_arn(label), f"{bucket_arn(label)}/*"]
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_a_policy_follows_the_block(self, deployment: Deployment) -> None:
        for label in BUCKETS:
            policy = deployment.one("aws:s3/bucketPolicy:BucketPolicy", f"{label}-policy")
            assert any(urn.endswith(f"::{label}-public-access-block") for urn in policy.depends_on)


class TestContent:
    def test_objects_are_encrypted_with_the_contents_key(self, deployment: Deployment) -> None:
        kind = "BucketServerSideEncryptionConfiguration"
        (rule,) = part(deployment, kind, f"{CONTENT}-encryption")["rules"]
        assert rule["bucketKeyEnabled"] is True
        default = rule["applyServerSideEncryptionByDefault"]
        assert default["sseAlgorithm"] == "aws:kms"
        assert default["kmsMasterKeyId"].endswith(f"key/{key_name(deployment, 'content')}")

    def test_an_upload_cannot_choose_another_key(self, deployment: Deployment) -> None:
        deny = bucket_policy(deployment, CONTENT)["DenyOtherEncryption"]
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == (
            "Deny",
            {"AWS": "*"},
            ["s3:PutObject"],
        )
        assert deny["Resource"] == [f"{bucket_arn(CONTENT)}/*"]
        (key,) = deny["Condition"].pop("StringNotEquals").items()
        assert key[0] == "s3:x-amz-server-side-encryption-aws-kms-key-id"
        assert key[1].endswith(f":key/{key_name(deployment, 'content')}")
        # Without it a request that leaves the choice to the bucket would be refused too.
        assert deny["Condition"] == {"Null": {"s3:x-amz-server-side-encryption": "false"}}

    def test_versions_are_kept_and_announced(self, deployment: Deployment) -> None:
        versioning = part(deployment, "BucketVersioning", f"{CONTENT}-versioning")
        assert versioning["versioningConfiguration"] == {"status": "Enabled"}
        notification = part(deployment, "BucketNotification", f"{CONTENT}-notification")
        assert notification["eventbridge"] is True

    def test_content_is_tiered_and_leftovers_expire(self, production: Deployment) -> None:
        rules = part(production, "BucketLifecycleConfiguration", f"{CONTENT}-lifecycle")["rules"]
        keep, passing = rules
        assert keep["transitions"] == [{"days": 30, "storageClass": "INTELLIGENT_TIERING"}]
        assert keep["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
        assert keep["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
        assert (passing["filter"], passing["expiration"]) == ({"prefix": "transcribe/"}, {"days": 7})

    def test_only_the_sites_own_pages_use_it(self, production: Deployment, development: Deployment) -> None:
        (rule,) = part(production, "BucketCorsConfiguration", f"{CONTENT}-cors")["corsRules"]
        assert rule == {
            "allowedOrigins": ["https://nova.example.com"],
            "allowedMethods": ["GET", "HEAD", "PUT"],
            "allowedHeaders": ["content-type"],
            "exposeHeaders": ["ETag"],
            "maxAgeSeconds": 3600,
        }
        (rule,) = part(development, "BucketCorsConfiguration", f"{CONTENT}-cors")["corsRules"]
        assert rule["allowedOrigins"] == [development.outputs["site_url"]]


class TestAccessLogs:
    def test_they_are_encrypted_by_s3(self, deployment: Deployment) -> None:
        # Load balancers deliver to nothing else.
        kind = "BucketServerSideEncryptionConfiguration"
        (rule,) = part(deployment, kind, f"{LOGS}-encryption")["rules"]
        assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}

    def test_they_expire_as_logs_do(self, production: Deployment, development: Deployment) -> None:
        for made, days in ((production, 365), (development, 14)):
            (rule,) = part(made, "BucketLifecycleConfiguration", f"{LOGS}-lifecycle")["rules"]
            assert (rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""})
            assert rule["expiration"] == {"days": days}
            assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}

    def test_who_may_write(self, deployment: Deployment) -> None:
        logs, owner = bucket_arn(LOGS), {"aws:SourceAccount": ACCOUNT_ID}
        sources = {"aws:SourceArn": [f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:delivery-source:*"]}
        balancers = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}:loadbalancer/*"
        allowed = {
            sid: (found["Principal"], found["Action"], found["Resource"], found["Condition"])
            for sid, found in bucket_policy(deployment, LOGS).items()
            if found["Effect"] == "Allow"
        }
        assert allowed == {
            "LoadBalancersWrite": (
                {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                ["s3:PutObject"],
                [f"{logs}/load-balancer/AWSLogs/{ACCOUNT_ID}/*"],
                {"ArnLike": {"aws:SourceArn": balancers}},
            ),
            "BucketsWrite": (
                {"Service": "logging.s3.amazonaws.com"},
                ["s3:PutObject"],
                [f"{logs}/buckets/*"],
                {"StringEquals": owner, "ArnEquals": {"aws:SourceArn": [bucket_arn(CONTENT)]}},
            ),
            "DeliveriesWrite": (
                {"Service": "delivery.logs.amazonaws.com"},
                ["s3:PutObject"],
                [f"{logs}/AWSLogs/{ACCOUNT_ID}/*"],
                {"StringEquals": {**owner, "s3:x-amz-acl": "bucket-owner-full-control"}, "ArnLike": sources},
            ),
            "DeliveriesCheckTheOwner": (
                {"Service": "delivery.logs.amazonaws.com"},
                ["s3:GetBucketAcl"],
                [logs],
                {"StringEquals": owner, "ArnLike": sources},
            ),
        }

    def test_requests_for_content_are_logged(self, deployment: Deployment) -> None:
        (logging,) = deployment.of_type("aws:s3/bucketLogging:BucketLogging")
        assert logging.inputs == {
            "bucket": "nova-content-bucket-0000000",
            "targetBucket": "nova-access-logs-bucket-0000000",
            "targetPrefix": "buckets/",
            "targetObjectKeyFormat": {"partitionedPrefix": {"partitionDateSource": "EventTime"}},
        }
        assert any(urn.endswith(f"::{LOGS}-policy") for urn in logging.depends_on)


DELEGATION = {
    "Sid": "DelegateToAccountPolicies",
    "Effect": "Allow",
    "Action": ["kms:*"],
    "Resource": ["*"],
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
}
"""What makes the account's own IAM policies count for a key."""

READ = ["kms:Decrypt", "kms:DescribeKey"]
RE_ENCRYPT = ["kms:ReEncryptFrom", "kms:ReEncryptTo"]
FARGATE = {"kms:EncryptionContext:aws:ecs:clusterAccount": ACCOUNT_ID}
OWNER = {"aws:SourceAccount": ACCOUNT_ID}

USERS: dict[str, dict[str, tuple[str, list[str], dict[str, Any] | None]]] = {
    "tables": {},
    "personal": {},
    "content": {},
    "cache": {},
    "secrets": {},
    "images": {
        "FargateMakesDataKeys": (
            "fargate.amazonaws.com",
            ["kms:GenerateDataKeyWithoutPlaintext"],
            {"StringEquals": FARGATE},
        ),
        "FargateGrantsDecryption": (
            "fargate.amazonaws.com",
            ["kms:CreateGrant"],
            {
                "StringEquals": FARGATE,
                "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
            },
        ),
    },
    "vectors": {
        "S3VectorsIndexes": (
            "indexing.s3vectors.amazonaws.com",
            ["kms:Decrypt"],
            {
                "StringEquals": OWNER,
                "ArnLike": {"aws:SourceArn": f"arn:aws:s3vectors:{REGION}:{ACCOUNT_ID}:bucket/*"},
                "ForAnyValue:StringEquals": {
                    "kms:EncryptionContextKeys": ["aws:s3vectors:arn", "aws:s3vectors:resource-id"]
                },
            },
        )
    },
    "messages": {
        # Without a condition: EventBridge tells KMS neither account nor rule, and loses the event silently.
        "EventBridgeDelivers": ("events.amazonaws.com", [*READ, "kms:GenerateDataKey", *RE_ENCRYPT], None),
        "AlarmsNotify": (
            "cloudwatch.amazonaws.com",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            {"StringEquals": OWNER},
        ),
        "BudgetsNotify": (
            "budgets.amazonaws.com",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            {"StringEquals": OWNER, "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{ACCOUNT_ID}:*"}},
        ),
    },
    "logs": {
        "CloudWatchLogsEncrypts": (
            f"logs.{REGION}.amazonaws.com",
            [
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                *RE_ENCRYPT,
            ],
            {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:*"
                }
            },
        )
    },
}
"""Services that use the key of each class of data on nobody's behalf: principal, actions and conditions."""


def key_statements(deployment: Deployment, name: str) -> list[dict[str, Any]]:
    return statements(deployment.one("aws:kms/key:Key", name).inputs["policy"])


def statements_for_readers(deployment: Deployment) -> dict[str, str]:
    """What docs/operations/keys.md shows of each kind of key policy."""
    return {
        label: json.dumps(key_statements(deployment, f"nova-keys-{label}"), indent=2)
        for label in ("tables", "vectors", "messages", "logs", "images")
    }


class TestKeys:
    @pytest.mark.parametrize("label", sorted(USERS))
    def test_a_key_admits_its_services_and_nobody_else(self, production: Deployment, label: str) -> None:
        first, *services = key_statements(production, f"nova-keys-{label}")
        assert first == DELEGATION
        found = {
            statement["Sid"]: (
                statement["Principal"]["Service"],
                statement["Action"],
                statement.get("Condition"),
            )
            for statement in services
        }
        assert found == USERS[label]
        assert all((found["Effect"], found["Resource"]) == ("Allow", ["*"]) for found in services)

    def test_a_shared_key_admits_what_the_keys_of_all_classes_do(
        self, production: Deployment, development: Deployment
    ) -> None:
        names = {key.name for key in development.of_type("aws:kms/key:Key")}
        assert names == {"nova-keys-data", "nova-keys-personal"}
        key = development.one("aws:kms/key:Key", "nova-keys-data")
        found = statements(key.inputs["policy"])
        apart = [
            statement
            for label in USERS
            for statement in key_statements(production, f"nova-keys-{label}")
            if statement != DELEGATION
        ]
        assert found[0] == DELEGATION
        assert sorted(map(json.dumps, found[1:])) == sorted(map(json.dumps, apart))
        sids = [statement["Sid"] for statement in found]
        assert len(sids) == len(set(sids))

    def test_an_existing_key_is_not_shared(self) -> None:
        arn = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/0a1b2c3d-0000-1111-2222-333344445555"
        made = deployed("dev", overrides={"existingKeys": json.dumps({"content": arn})})
        kind = "BucketServerSideEncryptionConfiguration"
        (rule,) = part(made, kind, f"{CONTENT}-encryption")["rules"]
        assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == arn
        for queue in made.of_type("aws:sqs/queue:Queue"):
            assert queue.inputs["kmsMasterKeyId"].endswith("key/nova-keys-data")

    def test_every_class_has_a_key_that_rotates(
        self, production: Deployment, development: Deployment
    ) -> None:
        for made, protected, days in ((production, True, 30), (development, False, 7)):
            keys = {key.name: key for key in made.of_type("aws:kms/key:Key")}
            assert set(keys) >= {key_name(made, label) for label in USERS}
            several = {name for name, key in keys.items() if key.inputs.get("multiRegion")}
            assert several == {"nova-keys-personal"}
            for key in keys.values():
                assert key.inputs["enableKeyRotation"] is True
                assert key.inputs["deletionWindowInDays"] == days
                assert key.protect is protected

    def test_the_documentation_shows_what_is_declared(self, production: Deployment) -> None:
        text = (ROOT / "docs/operations/keys.md").read_text(encoding="utf-8")
        for label, block in statements_for_readers(production).items():
            assert f"## `{label}`" in text
            assert f"```json\n{block}\n```" in text.partition(f"## `{label}`")[2], label

    def test_a_teams_own_key_is_used_and_no_other_made(self) -> None:
        arn = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/0a1b2c3d-0000-1111-2222-333344445555"
        given = {"existingKeys": json.dumps({"messages": arn, "content": arn}), "sharedKey": "false"}
        made = deployed("dev", overrides=given)
        names = {key.name for key in made.of_type("aws:kms/key:Key")}
        assert names == {f"nova-keys-{label}" for label in USERS} - {
            "nova-keys-messages",
            "nova-keys-content",
        }
        for queue in made.of_type("aws:sqs/queue:Queue"):
            assert queue.inputs["kmsMasterKeyId"] == arn
        kind = "BucketServerSideEncryptionConfiguration"
        (rule,) = part(made, kind, f"{CONTENT}-encryption")["rules"]
        assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == arn

    def test_a_key_of_another_region_has_that_regions_services(self) -> None:
        def program() -> None:
            account = Account(
                account_id=pulumi.Output.from_input(ACCOUNT_ID),
                partition=pulumi.Output.from_input("aws"),
                region="eu-west-1",
            )
            keys = Keys("keys", KeysArgs(account=account, recovery_days=7, protect=False))
            there = keys.of(DataClass.LOGS, "us-east-1")
            assert keys.of(DataClass.LOGS, "us-east-1") is there
            assert keys.of(DataClass.LOGS, "eu-west-1") is keys.logs

        made = run(program)
        key = made.one("aws:kms/key:Key", "keys-us-east-1-logs")
        assert key.inputs["region"] == "us-east-1"
        (_, service) = statements(key.inputs["policy"])
        assert service["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
        assert service["Condition"]["ArnLike"] == {
            "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:*"
        }
        home = made.one("aws:kms/key:Key", "keys-logs")
        assert "region" not in home.inputs


STATEFUL: dict[str, tuple[str, object, object]] = {
    "aws:backup/vault:Vault": ("forceDestroy", False, True),
    "aws:cognito/userPool:UserPool": ("deletionProtection", "ACTIVE", "INACTIVE"),
    "aws:dynamodb/table:Table": ("deletionProtectionEnabled", True, False),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        "finalSnapshotIdentifier",
        "nova-prod-cache-final",
        None,
    ),
    "aws:kms/key:Key": ("deletionWindowInDays", 30, 7),
    "aws:lb/loadBalancer:LoadBalancer": ("enableDeletionProtection", True, False),
    "aws:s3/bucket:Bucket": ("forceDestroy", False, True),
    "aws:s3/vectorsIndex:VectorsIndex": ("forceDestroy", None, None),
    "aws:s3/vectorsVectorBucket:VectorsVectorBucket": ("forceDestroy", False, True),
    "aws:secretsmanager/secret:Secret": ("recoveryWindowInDays", 30, 0),
}
"""What keeps something that cannot be made again, and the input by which AWS too holds on to it in production
and lets go of it in development. An index of vectors has none, nor has what stands in front of people."""

KEEPING = re.compile(
    r"(Bucket|BucketV2|Cluster|Database|Domain|FileSystem|Index|Instance|Key|ReplicaKey|ReplicationGroup|Secret|"
    r"Table|TableReplica|UserPool|Vault|VectorBucket|VectorsIndex|VectorsVectorBucket|Volume)"
)
"""Names of types that may keep data."""
FORGETFUL = {"aws:ecs/cluster:Cluster"}
"""Types that are called like one that does."""


class TestProtection:
    def test_production_holds_on_to_what_it_keeps_and_development_lets_go(
        self, production: Deployment
    ) -> None:
        # As dev, with all the parts that production has.
        loose = deployed(
            "prod",
            overrides={"production": "false", "protectStatefulResources": "false", "recoveryDays": "7"},
        )
        for kind, (field, held, let_go) in STATEFUL.items():
            assert production.of_type(kind), kind
            for made, protected, value in ((production, True, held), (loose, False, let_go)):
                for found in made.of_type(kind):
                    assert found.protect is protected, found.urn
                    assert found.inputs.get(field) == value, found.urn

    def test_nothing_else_is_protected_and_nothing_stateful_forgotten(self, production: Deployment) -> None:
        protected = {found.type for found in production.resources.values() if found.protect}
        assert protected == set(STATEFUL)
        keeping = {
            found.type
            for found in production.resources.values()
            if found.type.startswith("aws:") and KEEPING.fullmatch(found.type.rpartition(":")[2])
        }
        assert keeping - FORGETFUL <= set(STATEFUL)

    def test_development_is_destroyed_without_a_word(self, development: Deployment) -> None:
        assert not any(found.protect for found in development.resources.values())


class TestBackups:
    def test_tables_and_content_are_backed_up(self, production: Deployment) -> None:
        (selection,) = production.of_type("aws:backup/selection:Selection")
        assert selection.inputs["resources"] == [EVENTS, READ_MODEL, bucket_arn(CONTENT)]
        assert selection.inputs["planId"] == "nova-backups-plan-0000000"
        assert any(urn.endswith("::nova-backups-policy") for urn in selection.depends_on)

    def test_daily_for_the_time_of_recovery_and_monthly_for_a_year(self, production: Deployment) -> None:
        (plan,) = production.of_type("aws:backup/plan:Plan")
        rules = {
            rule["ruleName"]: (rule["schedule"], rule["lifecycle"]["deleteAfter"])
            for rule in plan.inputs["rules"]
        }
        assert rules == {"daily": ("cron(0 5 ? * * *)", 30), "monthly": ("cron(0 5 1 * ? *)", 365)}
        for rule in plan.inputs["rules"]:
            assert rule["targetVaultName"] == "nova-backups-vault-0000000"
            assert (rule["startWindow"], rule["completionWindow"]) == (60, 720)
        elsewhere = deployed("dev", overrides={"backups": "true"})
        (plan,) = elsewhere.of_type("aws:backup/plan:Plan")
        assert [rule["ruleName"] for rule in plan.inputs["rules"]] == ["daily"]
        assert elsewhere.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration") == []

    def test_the_vault_has_a_key_and_a_lock_of_its_own(self, production: Deployment) -> None:
        (vault,) = production.of_type("aws:backup/vault:Vault")
        assert vault.inputs["kmsKeyArn"] == resource_arn("kms", "key/nova-keys-backups")
        assert key_statements(production, "nova-keys-backups") == [DELEGATION]
        (lock,) = production.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
        # No changeableForDays: that would lock it for ever, for everybody.
        assert lock.inputs == {
            "backupVaultName": "nova-backups-vault-0000000",
            "minRetentionDays": 30,
            "maxRetentionDays": 365,
        }

    def test_the_role_reads_what_it_copies_and_nothing_else(self, production: Deployment) -> None:
        objects = f"{bucket_arn(CONTENT)}/*"
        vault = resource_arn("backup", "backup-vault:nova-backups-vault-0000000")
        rights: dict[str, set[str]] = {}
        for found in granted(production, "nova-backups-policy"):
            for resource in found.resources:
                rights.setdefault(resource, set()).update(found.actions)
        starts = {
            "dynamodb:CreateBackup",
            "dynamodb:DescribeTable",
            "dynamodb:ListTagsOfResource",
            "dynamodb:StartAwsBackupJob",
        }
        assert rights.pop(EVENTS) == rights.pop(READ_MODEL) == starts
        kept = {"dynamodb:DeleteBackup", "dynamodb:DescribeBackup"}
        assert rights.pop(f"{EVENTS}/backup/*") == rights.pop(f"{READ_MODEL}/backup/*") == kept
        assert all(action.startswith("s3:Get") for action in rights.pop(objects))
        changes = {action for action in rights.pop(bucket_arn(CONTENT)) if ":Put" in action}
        assert changes == {"s3:PutBucketNotification", "s3:PutInventoryConfiguration"}
        assert rights.pop(vault) == {"backup:CopyIntoBackupVault", "backup:DescribeBackupVault"}
        assert all(
            action.startswith("events:")
            for action in rights.pop(resource_arn("events", "rule/AwsBackupManagedRule*"))
        )
        assert rights.pop("*") == {
            "cloudwatch:GetMetricData",
            "events:ListRules",
            "s3:ListAllMyBuckets",
            "tag:GetResources",
        }
        assert rights == {
            resource_arn("kms", "key/nova-keys-tables"): set(READ),
            resource_arn("kms", "key/nova-keys-content"): set(READ),
            resource_arn("kms", "key/nova-keys-backups"): {
                *READ,
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:CreateGrant",
            },
        }

    def test_the_role_is_taken_by_backups_of_this_account(self, production: Deployment) -> None:
        role = production.one("aws:iam/role:Role", "nova-backups-role").inputs
        (trusted,) = statements(role["assumeRolePolicy"])
        assert trusted["Principal"] == {"Service": "backup.amazonaws.com"}
        assert trusted["Condition"]["StringEquals"] == OWNER

    def test_a_failed_job_raises_an_alarm(self, production: Deployment) -> None:
        alarm = production.one("aws:cloudwatch/metricAlarm:MetricAlarm", "nova-backups-failures-alarm").inputs
        assert alarm["alarmDescription"].endswith("/backup-failures.md")
        assert alarm["alarmActions"]
        watched = {
            (query["metric"]["metricName"], query["metric"]["dimensions"]["ResourceType"])
            for query in alarm["metricQueries"]
            if "metric" in query
        }
        assert watched == {
            (f"NumberOfBackupJobs{outcome}", kind)
            for outcome in ("Failed", "Expired", "Aborted")
            for kind in ("DynamoDB", "S3")
        }

    def test_development_has_none(self, development: Deployment) -> None:
        assert not any("backup" in found.type.lower() for found in development.resources.values())


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/0a1b2c3d-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    ("key", "text", "path", "allowed"),
    [
        ("backups", "daily", "nova:backups", "true or false"),
        ("existingKeys", "[]", "nova:existingKeys", "object"),
        ("existingKeys", '{"queues":"a"}', "nova:existingKeys.queues", "tables, personal, content"),
        ("existingKeys", '{"tables":1}', "nova:existingKeys.tables", "string"),
        ("existingKeys", '{"tables":"alias/nova"}', "nova:existingKeys.tables", "no alias"),
        (
            "existingKeys",
            json.dumps({"logs": KEY.replace("us-east-1", "eu-west-1")}),
            "nova:existingKeys.logs",
            "in us-east-1",
        ),
    ],
)
def test_a_setting_is_refused(key: str, text: str, path: str, allowed: str) -> None:
    values = Values(project="nova", texts=stack_config(ROOT, "prod") | {f"nova:{key}": text})
    with pytest.raises(SettingsError) as refused:
        Settings.read(values)
    assert str(refused.value).startswith(f"{path}: ")
    assert allowed in str(refused.value)
