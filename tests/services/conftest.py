"""Fixtures of the services' tests: an emulated AWS in this process, and callers with tokens."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.kms.utils import generate_private_key
from nova_common import aws

from tests.services.support import engine, tables

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that open nothing, and no endpoint or profile of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", tables.REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if engine.ENDPOINT:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine.ENDPOINT)


_one_pair = cache(generate_private_key)
"""moto makes a pair of RSA keys for every key of KMS, in a thirtieth of a second; nobody asks ours for it."""


@pytest.fixture
def cloud(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty emulated AWS; it answers one request after the other, as its stores are not for threads.

    Only queues answer meanwhile: whoever receives waits there for a message, and nobody may wait for them.
    """
    del aws_environment
    answering, process = threading.RLock(), BotocoreStubber.process_request

    def one_at_a_time(stubber: BotocoreStubber, request: Any) -> Any:  # noqa: ANN401 - moto's, untyped
        if request.url.startswith("https://sqs."):
            return process(stubber, request)
        with answering:
            return process(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", one_at_a_time)
    monkeypatch.setattr("moto.kms.models.generate_private_key", _one_pair)
    with mock_aws():
        yield


@pytest.fixture
def dynamodb(cloud: None) -> "Iterator[DynamoDBClient]":
    del cloud
    with ExitStack() as stack:
        client = aws.dynamodb(tables.REGION)
        if engine.ENDPOINT:
            client = stack.enter_context(engine.emptied(engine.client()))
        tables.create_table(client, tables.EVENT_STORE_TABLE)
        tables.create_table(client, tables.READ_MODEL_TABLE)
        tables.create_table(client, tables.USAGE_TABLE)
        yield client


@pytest.fixture
def s3(cloud: None) -> "S3Client":
    del cloud
    client = aws.s3(tables.REGION)
    tables.create_bucket(client)
    return client


@pytest.fixture
def sqs(cloud: None) -> "SQSClient":
    del cloud
    return aws.sqs(tables.REGION)
