"""The event store's contract, where it matters most, on the gateway's engine."""

import uuid
from collections.abc import Iterator

import pytest
from nova_common.contracts.audio import RECORDING
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry

from tests.local_cloud.running import Running
from tests.services.common import test_event_store as contract
from tests.services.support import tables


@pytest.fixture
def store(cloud: Running) -> Iterator[DynamoEventStore]:
    client, name = cloud.client("dynamodb"), f"events-{uuid.uuid4()}"
    tables.create_table(client, name)
    yield DynamoEventStore(client, name, EventRegistry([RECORDING]))
    client.delete_table(TableName=name)


def test_many_writers_lose_nothing(store: DynamoEventStore) -> None:
    contract.test_fifty_writers_on_one_aggregate_lose_nothing(store)


def test_the_same_consequence_is_appended_once(store: DynamoEventStore) -> None:
    contract.test_the_same_consequence_decided_by_many_is_appended_once(store)
