"""Every role of the program: what its policy grants is allowed, what others are granted is refused."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.infra.deployment import Deployment, deployed
from tests.local_cloud.iam_matrix import World

type Arguments = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Grant:
    """One action that a statement allows on one resource."""

    action: str
    resource: str
    condition: dict[str, dict[str, Any]]


def _s3(arn: str) -> tuple[str, str]:
    bucket, _, key = arn.removeprefix("arn:aws:s3:::").partition("/")
    return bucket, key


def _table(arn: str) -> str:
    return arn.partition(":table/")[2].partition("/")[0]


def _item(arn: str, member: str) -> dict[str, Any]:
    return {"TableName": _table(arn), member: {"pk": {"S": "a"}, "sk": {"S": "b"}}}


def _query(arn: str) -> dict[str, Any]:
    index = arn.partition("/index/")[2]
    values = {":p": {"S": "a"}}
    asked = {
        "TableName": _table(arn),
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": values,
    }
    return asked | ({"IndexName": index} if index else {})


def _queue(arn: str) -> dict[str, str]:
    return {"QueueUrl": f"http://127.0.0.1/123456789012/{arn.rpartition(':')[2]}"}


def _index(arn: str) -> dict[str, str]:
    return {"indexArn": arn}


def _stream(arn: str) -> dict[str, Any]:
    return {"StreamArn": arn}


def _log(arn: str) -> dict[str, str]:
    return {"logGroupName": arn.partition(":log-group:")[2].partition(":")[0], "logStreamName": "s"}


def _object(arn: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (members of the request)
    return {"Bucket": _s3(arn)[0], "Key": _s3(arn)[1], **more}


def _records(arn: str) -> dict[str, str]:
    return {"ShardIterator": base64.urlsafe_b64encode(json.dumps({"arn": arn}).encode()).decode()}


CALLS: dict[str, Callable[[str], Arguments]] = {
    "dynamodb:GetItem": lambda arn: ("dynamodb.get_item", _item(arn, "Key")),
    "dynamodb:PutItem": lambda arn: ("dynamodb.put_item", _item(arn, "Item")),
    "dynamodb:Query": lambda arn: ("dynamodb.query", _query(arn)),
    "dynamodb:DescribeStream": lambda arn: ("dynamodbstreams.describe_stream", _stream(arn)),
    "dynamodb:GetRecords": lambda arn: ("dynamodbstreams.get_records", _records(arn)),
    "ecr:BatchGetImage": lambda arn: (
        "ecr.batch_get_image",
        {"repositoryName": arn.partition("repository/")[2], "imageIds": [{"imageTag": "t"}]},
    ),
    "ecr:GetAuthorizationToken": lambda _arn: ("ecr.get_authorization_token", {}),
    "events:PutEvents": lambda arn: (
        "events.put_events",
        {"Entries": [{"EventBusName": arn, "Source": "nova.x", "DetailType": "T", "Detail": "{}"}]},
    ),
    "kms:Decrypt": lambda arn: ("kms.decrypt", {"KeyId": arn, "CiphertextBlob": "x" * 80}),
    "kms:Encrypt": lambda arn: ("kms.encrypt", {"KeyId": arn, "Plaintext": "x"}),
    "logs:CreateLogStream": lambda arn: ("logs.create_log_stream", _log(arn)),
    "logs:DescribeLogGroups": lambda _arn: ("logs.describe_log_groups", {}),
    "s3:DeleteObject": lambda arn: ("s3.delete_object", _object(arn)),
    "s3:DeleteObjectVersion": lambda arn: ("s3.delete_object", _object(arn, VersionId="null")),
    "s3:GetObject": lambda arn: ("s3.get_object", _object(arn)),
    "s3:GetObjectVersion": lambda arn: ("s3.get_object", _object(arn, VersionId="null")),
    "s3:PutObject": lambda arn: ("s3.put_object", _object(arn, Body="")),
    "s3:ListBucket": lambda arn: ("s3.list_objects_v2", {"Bucket": _s3(arn)[0]}),
    "s3:ListBucketVersions": lambda arn: ("s3.list_object_versions", {"Bucket": _s3(arn)[0]}),
    "s3vectors:DeleteVectors": lambda arn: ("s3vectors.delete_vectors", _index(arn) | {"keys": ["k"]}),
    "s3vectors:GetVectors": lambda arn: ("s3vectors.get_vectors", _index(arn) | {"keys": ["k"]}),
    "s3vectors:PutVectors": lambda arn: (
        "s3vectors.put_vectors",
        _index(arn) | {"vectors": [{"key": "k", "data": {"float32": [1.0]}}]},
    ),
    "s3vectors:QueryVectors": lambda arn: (
        "s3vectors.query_vectors",
        _index(arn) | {"topK": 1, "queryVector": {"float32": [1.0]}},
    ),
    "secretsmanager:GetSecretValue": lambda arn: ("secretsmanager.get_secret_value", {"SecretId": arn}),
    "sqs:DeleteMessage": lambda arn: ("sqs.delete_message", _queue(arn) | {"ReceiptHandle": "r"}),
    "sqs:ReceiveMessage": lambda arn: ("sqs.receive_message", _queue(arn)),
    "sqs:SendMessage": lambda arn: ("sqs.send_message", _queue(arn) | {"MessageBody": "m"}),
    "transcribe:GetTranscriptionJob": lambda arn: (
        "transcribe.get_transcription_job",
        {"TranscriptionJobName": arn.partition("transcription-job/")[2]},
    ),
}
"""How an action is asked for on a resource. Models take two resources at once and have cases of their own."""


def call(grant: Grant) -> list[Any]:
    """The call of a grant, with the members that its condition asks for."""
    method, arguments = CALLS[grant.action](
        grant.resource.replace("*", "x") if ":" in grant.resource else "*"
    )
    for block in grant.condition.values():
        prefix = block.get("s3:prefix")
        if prefix is not None:
            arguments["Prefix"] = (prefix if isinstance(prefix, str) else prefix[0]).replace("*", "x")
    return [method, arguments]


def grants(statements: list[dict[str, Any]]) -> Iterator[Grant]:
    for statement in statements:
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                yield Grant(action, resource, statement.get("Condition", {}))


@pytest.fixture(scope="module")
def program() -> Deployment:
    return deployed("local")


@pytest.fixture(scope="module")
def policies(program: Deployment) -> dict[str, list[dict[str, Any]]]:
    """The statements of each role by the name of its policy, as the program declares them."""
    recorded = program.of_type("aws:iam/rolePolicy:RolePolicy")
    return {policy.name: json.loads(policy.inputs["policy"])["Statement"] for policy in recorded}


@pytest.fixture(scope="module", autouse=True)
def buckets(world: World, policies: dict[str, list[dict[str, Any]]]) -> None:
    """The program's buckets: S3 says that there is none before it asks for rights."""
    found = {grant.resource for own in policies.values() for grant in grants(own)}
    for name in {_s3(arn)[0] for arn in found if arn.startswith("arn:aws:s3:::")}:
        world.administrator("s3").create_bucket(Bucket=name)


THROUGH_OTHERS = re.compile("kms:(ViaService|EncryptionContext)")
"""What a condition says of a key that is used through a service, or for what a service encrypts."""


OWN_DOORS = ("bedrock-agentcore:Invoke", "bedrock-agentcore:Stop", "lambda:Invoke")
"""What is asked for at addresses of its own, and held to policies by tests of these."""


def test_every_role_may_what_it_was_granted_and_nothing_else(
    world: World, program: Deployment, policies: dict[str, list[dict[str, Any]]]
) -> None:
    assert len(policies) == len(program.of_type("aws:iam/role:Role")) >= 16
    for name, statements in policies.items():
        caller = world.principal({"statements": statements})
        own = list(grants(statements))
        direct = [grant for grant in own if not THROUGH_OTHERS.search(str(grant.condition))]
        asked = [grant for grant in direct if grant.action in CALLS]
        doors = [grant for grant in direct if grant.action.startswith(OWN_DOORS)]
        assert asked or doors, f"{name}: no call is known for what it may do"
        for grant in asked:
            message = world.ask({"call": call(grant)}, caller)
            assert message == "", f"{name} was granted {grant.action} on {grant.resource}: {message}"
        for forbidden in foreign(name, policies):
            message = world.ask({"call": call(forbidden)}, caller)
            expected = f"is not authorized to perform: {forbidden.action}"
            assert expected in message, f"{name}: {forbidden.action} on {forbidden.resource}: {message!r}"
            assert caller.names["session"] in message


def foreign(name: str, policies: dict[str, list[dict[str, Any]]]) -> list[Grant]:
    """Grants of others whose action this role lacks, and keys that it has only through services."""
    own = list(grants(policies[name]))
    actions = {grant.action for grant in own}
    found: dict[str, Grant] = {}
    for other in policies.values():
        for grant in grants(other):
            if grant.action in CALLS and grant.action not in actions:
                found.setdefault(grant.action, grant)
    keys = [
        grant
        for grant in own
        if grant.action in ("kms:Decrypt", "kms:Encrypt") and THROUGH_OTHERS.search(str(grant.condition))
    ]
    assert found, f"{name} may do everything that any role may do"
    return [*found.values(), *keys]


def test_no_role_gets_at_what_another_alone_was_granted(
    world: World, policies: dict[str, list[dict[str, Any]]]
) -> None:
    """The same action on another role's resource: tables, queues, prefixes of keys, repositories, indexes."""
    count = 0
    for name, statements in policies.items():
        caller = world.principal({"statements": statements})
        own = list(grants(statements))
        patterns: dict[str, set[str]] = {}
        for grant in own:
            patterns.setdefault(grant.action, set()).add(grant.resource)
        for other in policies.values():
            for grant in grants(other):
                if (
                    grant.action not in patterns
                    or grant.action not in CALLS
                    or grant.action.startswith("kms:")
                ):
                    continue
                if grant.resource in patterns[grant.action] | {"*"} or "*" in patterns[grant.action]:
                    continue
                message = world.ask({"call": call(grant)}, caller)
                assert f"is not authorized to perform: {grant.action}" in message, f"{name}: {grant}"
                count += 1
    assert count > 20
