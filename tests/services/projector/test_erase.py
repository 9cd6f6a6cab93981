"""Erasing a person: their rows end in every generation, once what they show is deleted."""

import uuid
from typing import TYPE_CHECKING

import pytest
from nova_common.contracts.registry import AGGREGATES
from nova_common.contracts.sessions import SESSION, SessionDeleted, SessionStarted
from nova_common.erasure import Belongings, NotYetError
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_projector.erase import EraseSettings, removals
from nova_projector.generations import GenerationState
from nova_projector.worker import keepers_of

from tests.services.support.tables import EVENT_STORE_TABLE, READ_MODEL_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Bench:
    """Sessions of people, listed in two generations, and the job."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.dynamodb = dynamodb
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry(AGGREGATES))
        self.keepers = keepers_of(self.store, dynamodb, READ_MODEL_TABLE)
        state = GenerationState(dynamodb, READ_MODEL_TABLE)
        state.change(state.read(), served=0, others=(1,))
        settings = EraseSettings.from_env(
            {
                "SERVICE_NAME": "projector-erase",
                "AWS_REGION": REGION,
                "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
                "DATA_KEYS_TABLE": "keys",
                "READ_MODEL_TABLE": READ_MODEL_TABLE,
            }
        )
        (self.remove,) = removals(settings, Belongings(dynamodb, EVENT_STORE_TABLE))

    def session(self, user: str) -> str:
        session_id = str(uuid.uuid4())
        started = SESSION.event(session_id, SessionStarted(), user=user, correlation="c")
        self.store.append([started], 0)
        for generation in (0, 1):
            self.keepers(generation)[SESSION.name].catch_up(started.aggregate)
        return session_id

    def delete(self, session_id: str, user: str) -> None:
        self.store.append([SESSION.event(session_id, SessionDeleted(), user=user, correlation="c")], 1)

    def of(self, user: str) -> int:
        """How many items of the table name somebody."""
        return repr(self.dynamodb.scan(TableName=READ_MODEL_TABLE)["Items"]).count(f"'user': {{'S': '{user}'")


@pytest.fixture
def bench(dynamodb: "DynamoDBClient") -> Bench:
    return Bench(dynamodb)


def test_rows_end_in_every_generation(bench: Bench) -> None:
    session_id = bench.session(ALICE)
    bench.session(BOB)
    assert (bench.of(ALICE), bench.of(BOB)) == (2, 2)
    bench.delete(session_id, ALICE)
    assert bench.remove(ALICE) == {"rows of lists": 2}
    assert (bench.of(ALICE), bench.of(BOB)) == (0, 2)
    assert bench.remove(ALICE) == {"rows of lists": 0}


def test_a_session_has_to_be_deleted_where_it_belongs(bench: Bench) -> None:
    session_id = bench.session(ALICE)
    with pytest.raises(NotYetError, match=f"Session#{session_id} is still listed"):
        bench.remove(ALICE)
    assert bench.of(ALICE) == 2
