"""What rules let pass on purpose, where a stack without such things cannot show it."""

from typing import Any

import pytest
from nova_policy.graph import Graph, Resource
from nova_policy.registry import all_rules
from nova_policy.secret_shapes import looks_secret
from nova_policy.values import UNKNOWN

RULES = {rule.name: rule for rule in all_rules()}


def one(kind: str, name: str, references: dict[str, tuple[str, str]] | None = None, **props: Any) -> Resource:
    """A resource of stack prod; ``references`` names type and name of what its properties come from."""
    urns = {key: frozenset({_urn(*target)}) for key, target in (references or {}).items()}
    return Resource(urn=_urn(kind, name), type=kind, name=name, props=props, references=urns)


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:prod::shop::{kind}::{name}"


def messages(rule: str, *resources: Resource, **options: Any) -> list[str]:
    """What a rule says of a few resources."""
    found = RULES[rule].findings(Graph(resources), RULES[rule].defaults | options)
    return [finding.message for finding in found]


GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
BUCKET = "aws:s3/bucket:Bucket"
SERVICE = "aws:ecs/service:Service"


@pytest.mark.parametrize(
    ("internal", "port", "block", "refused"),
    [
        (False, 443, "0.0.0.0/0", False),
        (False, 443, "::/0", False),
        (None, 443, "0.0.0.0/0", False),  # public unless it says otherwise
        (False, 22, "0.0.0.0/0", True),
        (True, 443, "0.0.0.0/0", True),
        (False, 22, "10.0.0.0/8", False),
        (False, 22, "not a block", False),
    ],
)
def test_public_load_balancers_are_open_at_their_ports(
    internal: bool | None, port: int, block: str, refused: bool
) -> None:
    key = "cidrIpv6" if ":" in block else "cidrIpv4"
    resources = (
        one(GROUP, "door"),
        one(BALANCER, "web", {"securityGroups": (GROUP, "door")}, internal=internal),
        one(INGRESS, "in", {"securityGroupId": (GROUP, "door")}, fromPort=port, toPort=port, **{key: block}),
    )
    assert bool(messages("ec2-securitygroup-open-ingress", *resources)) is refused


def test_a_bucket_of_logs_needs_no_logs_versions_or_key() -> None:
    logging = one(
        "aws:s3/bucketLogging:BucketLogging",
        "l",
        {"bucket": (BUCKET, "data"), "targetBucket": (BUCKET, "logs")},
    )
    resources = (one(BUCKET, "data"), one(BUCKET, "logs"), logging)
    for rule in ("s3-bucket-versioning", "s3-bucket-key"):
        assert len(messages(rule, *resources)) == 1
    assert messages("s3-bucket-access-logs", *resources) == []


def test_a_bucket_of_a_load_balancers_logs_neither() -> None:
    resources = (
        one(BUCKET, "logs"),
        one(BALANCER, "web", {"accessLogs": (BUCKET, "logs")}, accessLogs={"enabled": True}),
    )
    for rule in ("s3-bucket-versioning", "s3-bucket-key", "s3-bucket-access-logs"):
        assert messages(rule, *resources) == []
        assert len(messages(rule, one(BUCKET, "logs"))) == 1


def test_names_that_programs_hand_on_as_text_are_references() -> None:
    logging = one("aws:s3/bucketLogging:BucketLogging", "l", bucket="my-data", targetBucket="my-logs")
    resources = (one(BUCKET, "data", bucket="my-data"), one(BUCKET, "logs", bucket="my-logs"), logging)
    assert messages("s3-bucket-access-logs", *resources) == []


def test_a_task_on_each_machine_is_neither_counted_nor_scaled() -> None:
    service = one(SERVICE, "agent", schedulingStrategy="DAEMON")
    for rule in ("ecs-service-tasks", "ecs-service-scaling", "ecs-service-rebalancing"):
        assert messages(rule, service) == []


def test_a_registry_may_scan_for_all_repositories() -> None:
    repository = one("aws:ecr/repository:Repository", "shop")
    scanning = one("aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration", "all")
    assert messages("ecr-repository-scan", repository) == ["its images are not scanned"]
    assert messages("ecr-repository-scan", repository, scanning) == []


def test_tags_will_do_where_settings_say_so() -> None:
    function = one("aws:lambda/function:Function", "f", imageUri="registry.example:5000/f:1.2")
    assert len(messages("lambda-function-image", function)) == 1
    assert messages("lambda-function-image", function, digest=False) == []


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("PASSWORD", "hunter2", True),
        ("STRIPE_API_KEY", "4f9b21", True),
        ("GREETING", "-----BEGIN RSA PRIVATE KEY-----", True),
        ("DATABASE_URL", "postgres://a:b@db/shop", True),
        ("AUTHORIZATION", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", True),
        ("DB_PASSWORD_SECRET", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", False),
        ("TOKEN_URL", "https://login.example.com/token", False),
        ("TOKENS_MAX", "4096", False),
        ("SECRET_PATH", "/run/secrets/db", False),
        ("REDIS_URL", "rediss://cache.example.com:6379", False),
        ("PRIMARY_KEY", "id", False),
        ("PASSWORD", "", False),
    ],
)
def test_secrets_are_told_by_name_and_form(name: str, value: str, secret: bool) -> None:
    assert looks_secret(name, value) is secret


def test_a_limit_that_is_not_known_yet_is_one() -> None:
    function = one("aws:lambda/function:Function", "work", reservedConcurrentExecutions=UNKNOWN)
    assert messages("lambda-function-concurrency", function) == []


def test_a_letter_of_a_day_may_have_dead_letters_of_four() -> None:
    kind = "aws:sqs/queue:Queue"
    end = one(kind, "end")
    source = one(kind, "source", {"redrivePolicy": (kind, "end")}, messageRetentionSeconds=86400)
    assert messages("sqs-queue-dead-letter-retention", end, source) == []


def test_an_archive_without_an_end_is_long_enough() -> None:
    bus = one("aws:cloudwatch/eventBus:EventBus", "bus")
    kept = one("aws:cloudwatch/eventArchive:EventArchive", "kept", {"eventSourceArn": (bus.type, bus.name)})
    assert messages("events-bus-archive", bus, kept) == []
