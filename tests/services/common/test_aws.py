"""Clients: made for their region, with time-outs that fit what they call."""

from typing import Any

import pytest
from botocore.client import BaseClient
from nova_common import aws

pytestmark = pytest.mark.usefixtures("aws_environment")

VECTORS, MODELS, SLOW_MODELS = "s3vectors", "bedrock-runtime", "bedrock-runtime of 300 s"


def made(name: str) -> BaseClient:
    match name:
        case "s3vectors":
            return aws.s3vectors("us-west-2")
        case "bedrock-runtime":
            return aws.bedrock_runtime("us-west-2")
        case _:
            return aws.bedrock_runtime("us-west-2", read_timeout_seconds=300)


@pytest.mark.parametrize(("name", "read_seconds"), [(VECTORS, 15), (MODELS, 60), (SLOW_MODELS, 300)])
def test_clients_give_up_in_time(name: str, read_seconds: float) -> None:
    client = made(name)
    # The options are set on the object one by one, so that its class does not name them.
    config: Any = client.meta.config
    assert client.meta.service_model.service_name == name.partition(" ")[0]
    assert client.meta.region_name == "us-west-2"
    assert (config.connect_timeout, config.read_timeout) == (2, read_seconds)
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert config.max_pool_connections == aws.CONNECTIONS_MAX
