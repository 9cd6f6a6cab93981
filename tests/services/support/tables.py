"""The tables, bucket and queues of the tests, shaped as the platform declares them."""

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

REGION = "us-east-1"
EVENT_STORE_TABLE = "nova-events"
READ_MODEL_TABLE = "nova-read-model"
USAGE_TABLE = "nova-usage"
LIVE_TABLE = "nova-live"
CONTENT_BUCKET = "nova-content"


def create_table(client: "DynamoDBClient", name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("pk", "sk", "gsi1pk", "gsi1sk")
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "gsi1",
                "KeySchema": [
                    {"AttributeName": "gsi1pk", "KeyType": "HASH"},
                    {"AttributeName": "gsi1sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def create_bucket(client: "S3Client") -> None:
    client.create_bucket(Bucket=CONTENT_BUCKET)
    client.put_bucket_versioning(Bucket=CONTENT_BUCKET, VersioningConfiguration={"Status": "Enabled"})


def create_queue(client: "SQSClient", *, receives_max: int) -> tuple[str, str]:
    """Return the URLs of a queue and of its dead-letter queue."""
    dead = client.create_queue(QueueName="dead-letters")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": {receives_max}}}'
    queue = client.create_queue(QueueName="work", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    return queue, dead


def queue_depth(client: "SQSClient", url: str) -> int:
    """Count messages, visible or in flight."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(attributes.get(name, "0")) for name in names)


def poll_shortly(monkeypatch: pytest.MonkeyPatch, worker: ModuleType) -> None:
    """Let a worker poll for a second at most: it is told to stop soon, and the poll at hand is waited for."""
    monkeypatch.setattr(worker, "LIMITS", replace(worker.LIMITS, poll=1))
