"""Data keys of the tests: a table and a wrapping key, shaped as the platform declares them."""

from typing import TYPE_CHECKING

from nova_common import aws
from nova_common.data_keys import DataKeys
from nova_common.erased import ErasedPeople
from nova_common.private_data import PrivateData

from tests.services.support.tables import REGION

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

DATA_KEYS_TABLE = "nova-data-keys"


class Private:
    """A fresh table of data keys and the key that wraps them."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.dynamodb = dynamodb
        self.kms = aws.kms(REGION)
        create_keys_table(dynamodb, DATA_KEYS_TABLE)
        self.wrapping_key: str = self.kms.create_key()["KeyMetadata"].get("Arn", "")
        self.people = ErasedPeople(dynamodb, DATA_KEYS_TABLE)
        self.keys = self.other_task()
        self.data = PrivateData(self.keys)
        self.environment = {"DATA_KEYS_TABLE": DATA_KEYS_TABLE, "DATA_KEYS_WRAPPING_KEY": self.wrapping_key}

    def other_task(self) -> DataKeys:
        """The same keys, as a process sees them that has not read any yet."""
        return DataKeys(self.dynamodb, self.kms, table=DATA_KEYS_TABLE, wrapping_key=self.wrapping_key)


def create_keys_table(client: "DynamoDBClient", name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
