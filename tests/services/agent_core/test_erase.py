"""Erasing a person: sessions, what models remember of them, and what they cost."""

import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from nova_agent_core.erase import EraseSettings, removals
from nova_agent_core.ledger import Reservation, UsageLedger
from nova_agent_core.memory import memory_key
from nova_agent_core.notes import NoteDocuments, note_id
from nova_agent_core.sessions import Sessions
from nova_agent_core.spending import Spending
from nova_agent_core.storage import TurnDocuments
from nova_common import aws
from nova_common.contracts.memory import Note
from nova_common.contracts.sessions import TurnBody, TurnCompleted
from nova_common.erasure import Belongings
from nova_common.event_store import DynamoEventStore
from nova_common.problems import Problem

from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, USAGE_TABLE
from tests.services.support.tokens import ALICE, BOB
from tests.services.support.vectors import FakeVectors

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
BODY = TurnBody(question="canary?", answer="canary", tools=[])


class Bench:
    """Sessions of people and the job's parts."""

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        s3: "S3Client",
        store: DynamoEventStore,
        documents: TurnDocuments,
        keys: Any,  # noqa: ANN401 - the client is untyped
        variables: dict[str, str],
    ) -> None:
        self.s3 = s3
        self.sessions = Sessions(store, documents)
        self.ledger = UsageLedger(dynamodb, USAGE_TABLE)
        self.keys = keys
        settings = EraseSettings.from_env(variables)
        made = removals(settings, Belongings(dynamodb, EVENT_STORE_TABLE))
        self.conversations, self.notes, self.spendings = made

    def session(self, user: str) -> str:
        """A session with a turn that a model remembers."""
        session_id = self.sessions.start(user).id
        self.sessions.end_turn(user, session_id, self.end(session_id))
        self.keys.set(memory_key(session_id), "canary")
        return session_id

    def end(self, session_id: str, turn: str = "1") -> TurnCompleted:
        """The end of a turn whose document was written just now."""
        body = self.sessions.write_body(session_id, turn, BODY)
        return TurnCompleted(turn=turn, body=body, tools=[], stop_reason="end_turn")

    def objects(self) -> list[str]:
        return [
            found.get("Key", "")
            for found in self.s3.list_object_versions(Bucket=CONTENT_BUCKET).get("Versions", [])
        ]


@pytest.fixture
def bench(
    dynamodb: "DynamoDBClient",
    s3: "S3Client",
    store: DynamoEventStore,
    documents: TurnDocuments,
    keys: Any,  # noqa: ANN401 - the client is untyped
    variables: dict[str, str],
    index: FakeVectors,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    monkeypatch.setattr(aws, "s3vectors", Mock(return_value=index))
    return Bench(dynamodb, s3, store, documents, keys, variables)


def reservation(user: str) -> Reservation:
    until = NOW + datetime.timedelta(minutes=5)
    return Reservation(user=user, turn="t", session="s", nanousd=10, begun=NOW, until=until)


def test_sessions_go_with_all_that_was_said(bench: Bench) -> None:
    mine, others = bench.session(ALICE), bench.session(BOB)
    assert bench.conversations(ALICE) == {"sessions": 1, "objects": 1, "memories": 1}
    with pytest.raises(Problem):
        bench.sessions.get(ALICE, mine)
    assert bench.sessions.get(BOB, others).turns
    assert bench.objects() == [f"sessions/{others}/1.json"]
    assert (bench.keys.get(memory_key(mine)), bench.keys.get(memory_key(others))) == (None, b"canary")
    assert not any(bench.conversations(ALICE).values())
    with pytest.raises(ValueError, match="is not that person's"):
        bench.sessions.erase(ALICE, others)


def test_a_turn_that_ends_later_leaves_nothing(bench: Bench) -> None:
    session_id = bench.session(ALICE)
    late = bench.end(session_id, "2")
    bench.ledger.reserve(reservation(ALICE), 0)
    bench.conversations(ALICE)
    assert bench.spendings(ALICE) == {"months of usage": 1}
    assert not bench.sessions.end_turn(ALICE, session_id, late)
    bench.ledger.settle(reservation(ALICE), Spending(), is_failed=False)
    assert bench.objects() == []
    assert bench.spendings(ALICE) == {"months of usage": 0}


def test_the_usage_of_others_stays(bench: Bench) -> None:
    for user in (ALICE, BOB):
        bench.ledger.reserve(reservation(user), 0)
    assert bench.spendings(ALICE) == {"months of usage": 1}
    assert bench.spendings(BOB) == {"months of usage": 1}


def test_notes_go_with_their_vectors(bench: Bench, s3: "S3Client", index: FakeVectors) -> None:
    documents = NoteDocuments(s3, CONTENT_BUCKET)
    for user in (ALICE, BOB):
        note = Note(id=note_id(user, "canary"), text="canary", created_at=NOW)
        documents.write(user, note)
        index.vectors[note.id] = {"key": note.id}
    assert bench.notes(ALICE) == {"notes": 1}
    assert bench.objects() == [f"memory/{BOB}/{note_id(BOB, 'canary')}"]
    assert list(index.vectors) == [note_id(BOB, "canary")]
    assert bench.notes(ALICE) == {"notes": 0}
