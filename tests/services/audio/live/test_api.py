"""Live voice in the audio API: tickets, and conversations that were had; and in the projector: their list."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from nova_audio import app as audio
from nova_audio.live.limits import LIVE_LIMITS
from nova_audio.live.tickets import Tickets
from nova_audio.settings import ApiSettings
from nova_common.contracts.live import (
    LIVE_CONVERSATION,
    OPEN_SECONDS_MAX,
    TURNS_SHOWN_MAX,
    LiveConversationDeleted,
    LiveConversationEnded,
    LiveConversationStarted,
    LiveConversationSummary,
    LiveConversationTurn,
)
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData
from nova_projector import app as projector
from nova_projector import settings as projector_settings
from nova_projector.conversations import CONVERSATIONS
from nova_projector.read_model import DynamoReadModel
from nova_projector.worker import RowKeeper

from tests.services.support import tokens
from tests.services.support.private import Private
from tests.services.support.tables import (
    CONTENT_BUCKET,
    EVENT_STORE_TABLE,
    LIVE_TABLE,
    READ_MODEL_TABLE,
    REGION,
)
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

STARTED = LiveConversationStarted(model="amazon.nova-2-sonic-v1:0", voice="matthew")
ENDED = LiveConversationEnded(
    reason="idle", duration_ms=1, input_tokens=1, output_tokens=1, retries=0, renewals=0
)
IDENTITY = {
    "USER_POOL_ISSUER": tokens.ISSUER,
    "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
    "AWS_REGION": REGION,
}


@pytest.fixture
def client(private: Private) -> TestClient:
    variables = IDENTITY | {
        "SERVICE_NAME": "audio",
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "CONTENT_BUCKET": CONTENT_BUCKET,
        "LIVE_TABLE": LIVE_TABLE,
    }
    app = audio.create_app(ApiSettings.from_env(variables | private.environment))
    app.state.verifier = tokens.verifier()
    return TestClient(app)


@pytest.fixture
def lists(private: Private) -> TestClient:
    variables = (
        IDENTITY | private.environment | {"SERVICE_NAME": "projector", "READ_MODEL_TABLE": READ_MODEL_TABLE}
    )
    app = projector.create_app(projector_settings.ApiSettings.from_env(variables))
    app.state.verifier = tokens.verifier()
    return TestClient(app)


def said(role: str, text: str, number: int = 0) -> tuple[EventData, dict[str, str]]:
    data = LiveConversationTurn.model_validate({"role": role, "tools": ["a"] * number})
    return data, {"text": text}


def happened(
    store: DynamoEventStore,
    *facts: EventData | tuple[EventData, dict[str, str]],
    user: str = ALICE,
    ago: timedelta = timedelta(),
) -> str:
    conversation_id, begun = str(uuid.uuid4()), datetime.now(UTC) - ago
    for number, fact in enumerate((STARTED, *facts)):
        data, private = fact if isinstance(fact, tuple) else (fact, {})
        event = LIVE_CONVERSATION.event(
            conversation_id,
            data,
            user=user,
            correlation="c",
            private=private,
            occurred_at=begun + timedelta(seconds=number),
        )
        store.append([event], number)
    return conversation_id


def test_a_ticket_is_the_callers_and_carries_their_token(client: TestClient, tickets: Tickets) -> None:
    answer = client.post("/api/audio/live", headers=bearer(BOB))
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    url: str = answer.json()["url"]
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", "/live")
    holder = tickets.redeem(parse_qs(parts.query)["ticket"][0])
    assert holder is not None
    assert holder.user == BOB
    assert tokens.verifier().verify_authorization(holder.authorization).user_id == BOB
    assert client.post("/api/audio/live").status_code == 401


def test_the_owner_reads_what_was_said_and_nobody_else(client: TestClient, store: DynamoEventStore) -> None:
    conversation_id = happened(store, said("user", "Hello?"), said("assistant", "Hello.", 1), ENDED)
    url = f"/api/speaking-sessions/{conversation_id}"
    view = client.get(url, headers=bearer()).json()
    assert (view["status"], view["reason"], view["turns"]) == ("ended", "idle", 2)
    assert [(turn["role"], turn["text"], turn["tools"]) for turn in view["transcript"]] == [
        ("user", "Hello?", []),
        ("assistant", "Hello.", ["a"]),
    ]
    for method in ("GET", "DELETE"):
        assert client.request(method, url, headers=bearer(BOB)).status_code == 404
        assert client.request(method, url).status_code == 401
        assert client.request(method, "/api/speaking-sessions/x", headers=bearer()).status_code == 404
    assert client.get(f"/api/audio/{conversation_id}", headers=bearer()).status_code == 404


def test_a_deleted_conversation_is_gone(client: TestClient, store: DynamoEventStore) -> None:
    conversation_id = happened(store, said("user", "Hello?"))
    url = f"/api/speaking-sessions/{conversation_id}"
    assert client.get(url, headers=bearer()).json()["status"] == "open"
    assert client.delete(url, headers=bearer()).status_code == 204
    assert client.get(url, headers=bearer()).status_code == 404
    assert client.delete(url, headers=bearer()).status_code == 404


def test_of_a_long_conversation_the_end_is_shown(client: TestClient, store: DynamoEventStore) -> None:
    conversation_id = happened(store, *(said("user", str(n)) for n in range(TURNS_SHOWN_MAX + 2)))
    view = client.get(f"/api/speaking-sessions/{conversation_id}", headers=bearer()).json()
    assert view["turns"] == TURNS_SHOWN_MAX + 2
    assert [view["transcript"][0]["text"], len(view["transcript"])] == ["2", TURNS_SHOWN_MAX]


def test_a_conversation_that_lost_its_task_has_failed(
    client: TestClient, lists: TestClient, store: DynamoEventStore, dynamodb: "DynamoDBClient"
) -> None:
    assert LIVE_LIMITS.conversation_seconds_max + LIVE_LIMITS.drain_seconds_max < OPEN_SECONDS_MAX
    lost = happened(store, said("user", "Hello?"), ago=timedelta(seconds=OPEN_SECONDS_MAX))
    rows: DynamoReadModel[LiveConversationSummary] = DynamoReadModel(
        dynamodb, READ_MODEL_TABLE, CONVERSATIONS
    )
    RowKeeper(store, rows).catch_up(LIVE_CONVERSATION.key(lost))
    (listed,) = lists.get("/api/speaking-sessions", headers=bearer()).json()["items"]
    for shown in (listed, client.get(f"/api/speaking-sessions/{lost}", headers=bearer()).json()):
        assert (shown["status"], shown["reason"], shown["turns"]) == ("ended", "failed", 1)


def test_conversations_are_listed_newest_first_and_to_their_owners_alone(
    lists: TestClient, store: DynamoEventStore, dynamodb: "DynamoDBClient"
) -> None:
    rows: DynamoReadModel[LiveConversationSummary] = DynamoReadModel(
        dynamodb, READ_MODEL_TABLE, CONVERSATIONS
    )
    keeper = RowKeeper(store, rows)
    done = happened(store, said("user", "a"), said("assistant", "b"), ENDED)
    deleted = happened(store, said("user", "c"), LiveConversationDeleted())
    going_on, bobs = happened(store), happened(store, user=BOB)
    for conversation_id in (done, deleted, going_on, bobs):
        keeper.catch_up(LIVE_CONVERSATION.key(conversation_id))
    first, second = lists.get("/api/speaking-sessions", headers=bearer()).json()["items"]
    assert (first["id"], first["status"], first["turns"]) == (going_on, "open", 0)
    assert (second["id"], second["status"], second["reason"], second["turns"]) == (done, "ended", "idle", 2)
    (only,) = lists.get("/api/speaking-sessions", headers=bearer(BOB)).json()["items"]
    assert only["id"] == bobs
    assert lists.get("/api/speaking-sessions").status_code == 401
