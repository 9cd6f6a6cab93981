"""Places: how many conversations a person may have at once, over all tasks.

A place is held by a lease that its task renews; one whose task died is free again when the lease has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from nova_common.aws import error_code

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

PLACES_PER_USER = 2
"""Two windows of one person."""

LEASE_SECONDS = 60
RENEWAL_SECONDS = 20
"""Three renewals in a lease: one that fails costs nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of a person's places, and the conversation that has it."""

    user: str
    number: int
    holder: str


class Places:
    """Places in a DynamoDB table with a time to live."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def take(self, user: str, holder: str) -> Place | None:
        """Return a free place of the user for the conversation `holder`; None when all are taken."""
        for number in range(PLACES_PER_USER):
            place = Place(user, number, holder)
            if self._take(place):
                return place
        return None

    def renew(self, place: Place) -> bool:
        """Hold a place longer; false when it was lost meanwhile and somebody else has it."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(place),
                UpdateExpression="SET expires_at = :until",
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":until": self._until(), ":holder": {"S": place.holder}},
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def release(self, place: Place) -> None:
        """Give a place back, unless somebody else has it by now."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=_key(place),
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": place.holder}},
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def _take(self, place: Place) -> bool:
        try:
            self._client.put_item(
                TableName=self._table,
                Item={**_key(place), "holder": {"S": place.holder}, "expires_at": self._until()},
                # The same holder again: the first answer was lost and the call repeated.
                ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now OR holder = :holder",
                ExpressionAttributeValues={
                    ":now": {"N": str(int(self._clock()))},
                    ":holder": {"S": place.holder},
                },
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _until(self) -> UniversalAttributeValueTypeDef:
        return {"N": str(int(self._clock()) + LEASE_SECONDS)}


def _key(place: Place) -> dict[str, UniversalAttributeValueTypeDef]:
    return {"pk": {"S": f"place#{place.user}"}, "sk": {"S": str(place.number)}}
