"""AWS clients: made once a process, with bounded time-outs, from botocore alone.

boto3's resource layer is left out because a task has to be up in about 1.5 seconds: its import and the
customised S3 client cost 0.15 s of them.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from nova_common.telemetry.aws_calls import trace_calls

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime import BedrockRuntimeClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient
    from types_boto3_s3 import S3Client
    from types_boto3_s3vectors import S3VectorsClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient
    from types_boto3_transcribe import TranscribeServiceClient

CONNECTIONS_MAX = 40
"""Connections of a client: as many as the thread pool of the web framework has threads."""

ATTEMPTS_MAX = 4
"""Attempts of one call, with botocore's pauses in between."""

UNREACHABLE = (BotoConnectionError, HTTPClientError)
"""What botocore raises when a service cannot be reached or does not answer, after its own attempts."""


@functools.cache
def session() -> botocore.session.Session:
    """Return the session of this process: it holds the credentials and renews them."""
    return botocore.session.get_session()


def _client(service: str, region: str, *, read_timeout_seconds: float, **options: object) -> Any:  # noqa: ANN401
    settings: dict[str, Any] = {
        "connect_timeout": 2,
        "read_timeout": read_timeout_seconds,
        "max_pool_connections": CONNECTIONS_MAX,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
        **options,
    }
    create = cast("Any", session().create_client)
    client = create(service, region_name=region, config=Config(**settings))
    trace_calls(client)
    return client


def endpoint(service: str, region: str) -> str:
    """Return the URL at which a service is called in a region, without a slash at its end."""
    client = cast("Any", session().create_client)(service, region_name=region)
    return str(client.meta.endpoint_url).rstrip("/")


def dynamodb(region: str) -> DynamoDBClient:
    """Return a DynamoDB client; its answers are small, so it gives up on a silent connection early."""
    return _client("dynamodb", region, read_timeout_seconds=5)


def kms(region: str) -> KMSClient:
    """Return a KMS client; its answers are small, and somebody waits for them."""
    return _client("kms", region, read_timeout_seconds=5)


def s3(region: str) -> S3Client:
    """Return an S3 client that signs with SigV4 and asks uploaders for no checksum."""
    return _client(
        "s3",
        region,
        read_timeout_seconds=30,
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def secretsmanager(region: str) -> SecretsManagerClient:
    """Return a Secrets Manager client; it is asked at the start only, while nobody waits for an answer."""
    return _client("secretsmanager", region, read_timeout_seconds=5)


def sqs(region: str) -> SQSClient:
    """Return an SQS client; it waits longer than the longest poll of 20 s."""
    return _client("sqs", region, read_timeout_seconds=30)


def transcribe(region: str) -> TranscribeServiceClient:
    """Return an Amazon Transcribe client."""
    return _client("transcribe", region, read_timeout_seconds=15)


def s3vectors(region: str) -> S3VectorsClient:
    """Return an S3 Vectors client; a batch of vectors is up to 20 MiB on its way."""
    return _client("s3vectors", region, read_timeout_seconds=15)


def bedrock_runtime(
    region: str, *, read_timeout_seconds: float = 60, attempts_max: int = ATTEMPTS_MAX
) -> BedrockRuntimeClient:
    """Return a Bedrock client for models of a region.

    The read time-out is the longest silence of a model: minutes for one that answers in one piece. Whoever
    waits that long asks once (`attempts_max`) and decides by the error what to do.
    """
    return _client(
        "bedrock-runtime",
        region,
        read_timeout_seconds=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts_max},
        # What lies between (NAT, load balancers of endpoints) forgets a connection after 350 s of silence.
        tcp_keepalive=True,
    )


def error_code(error: ClientError) -> str:
    """Return the error code that AWS answered, such as `ConditionalCheckFailedException`."""
    response: dict[str, Any] = dict(error.response)
    return str(response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    """Return the message that AWS answered."""
    response: dict[str, Any] = dict(error.response)
    return str(response.get("Error", {}).get("Message", ""))
