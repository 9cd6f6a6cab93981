"""The engine that DynamoDB's tests run on: moto in this process, or the one that somebody started.

`NOVA_TEST_DYNAMODB_ENDPOINT` names another, such as AWS's own (scripts/test-dynamodb-local).
"""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tests.services.support import tables

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ENDPOINT = os.environ.get("NOVA_TEST_DYNAMODB_ENDPOINT")
START_SECONDS_MAX = 30.0
"""A Java machine of its own takes about 2 s to answer, and far longer where everything else runs, too."""


@contextmanager
def emptied(made: "DynamoDBClient") -> Generator["DynamoDBClient"]:
    """Leave no table behind."""
    try:
        yield made
    finally:
        for name in made.list_tables()["TableNames"]:
            made.delete_table(TableName=name)


def client(connections: int = 10) -> "DynamoDBClient":
    """A client of the other engine, once that answers."""
    create = cast("Any", botocore.session.get_session().create_client)
    config = Config(max_pool_connections=connections)
    made: DynamoDBClient = create("dynamodb", region_name=tables.REGION, endpoint_url=ENDPOINT, config=config)
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            made.list_tables()
        except BotoCoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return made
