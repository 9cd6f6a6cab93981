"""The list of documents: projected from their histories, shown to their owners alone, a page at a time."""

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.search import DOCUMENT, DocumentAdded, DocumentDeleted, DocumentKind
from nova_common.event_store import DynamoEventStore
from nova_common.events import Event, EventRegistry
from nova_projector.app import create_app
from nova_projector.documents import DOCUMENTS
from nova_projector.domain import project
from nova_projector.read_model import PAGE_ITEMS
from nova_projector.settings import ApiSettings
from nova_projector.worker import keepers_of

from tests.services.support import tokens
from tests.services.support.private import Private
from tests.services.support.tables import EVENT_STORE_TABLE, READ_MODEL_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REFERENCE = DocumentReference(key="documents/a.json", version_id="v", sha256="0" * 64)


class World:
    """An event store, a read model, and the API over it."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.private = Private(dynamodb)
        self.store = DynamoEventStore(
            dynamodb, EVENT_STORE_TABLE, EventRegistry([DOCUMENT]), self.private.data
        )
        self.keeper = keepers_of(self.store, dynamodb, READ_MODEL_TABLE)(0)["Document"]
        settings = ApiSettings.from_env(
            {
                "SERVICE_NAME": "projector",
                "USER_POOL_ISSUER": tokens.ISSUER,
                "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
                "DATA_KEYS_TABLE": "unused",
                "AWS_REGION": REGION,
                "READ_MODEL_TABLE": READ_MODEL_TABLE,
            }
        )
        app = create_app(settings)
        app.state.verifier = tokens.verifier()
        self.client = TestClient(app)

    def added(self, title: str, user: str = ALICE, kind: DocumentKind = "document") -> str:
        document_id = str(uuid.uuid4())
        fact = DocumentAdded(document=REFERENCE, kind=kind, vectors=1)
        event = DOCUMENT.event(document_id, fact, user=user, correlation="c", private={"title": title})
        self.store.append([event], 0)
        self.keeper.catch_up(DOCUMENT.key(document_id))
        return document_id

    def deleted(self, document_id: str, user: str = ALICE) -> None:
        self.store.append([DOCUMENT.event(document_id, DocumentDeleted(), user=user, correlation="c")], 1)
        self.keeper.catch_up(DOCUMENT.key(document_id))

    def page(self, user: str = ALICE, **query: str) -> dict[str, Any]:
        answer = self.client.get("/api/documents", headers=bearer(user), params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def world(dynamodb: "DynamoDBClient") -> World:
    return World(dynamodb)


def test_documents_are_listed_newest_first_by_their_titles(world: World) -> None:
    world.deleted(world.added("gone"))
    first, second = world.added("Ein Plan, größer"), world.added("a tree", kind="image")
    items = world.page()["items"]
    assert [(item["id"], item["kind"], item["title"]) for item in items] == [
        (second, "image", "a tree"),
        (first, "document", "Ein Plan, größer"),
    ]
    assert all(item["created_at"].endswith("Z") for item in items)


def test_nobody_sees_anothers(world: World) -> None:
    mine, theirs = world.added("mine"), world.added("theirs", user=BOB)
    assert [item["id"] for item in world.page()["items"]] == [mine]
    assert [item["id"] for item in world.page(BOB)["items"]] == [theirs]
    assert world.client.get("/api/documents").status_code == 401


def test_a_long_list_comes_in_pages(world: World) -> None:
    added = [world.added(f"number {number}") for number in range(PAGE_ITEMS + 2)]
    first = world.page()
    second = world.page(cursor=first["next_cursor"])
    assert [item["id"] for item in first["items"] + second["items"]] == added[::-1]
    assert second["next_cursor"] is None
    answer = world.client.get("/api/documents", headers=bearer(), params={"cursor": "x"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:nova:problem:invalid-cursor")


def test_a_title_that_was_erased_is_empty() -> None:
    fact = DocumentAdded(document=REFERENCE, kind="document", vectors=1)
    event = DOCUMENT.event(str(uuid.uuid4()), fact, user=ALICE, correlation="c")
    row = project(DOCUMENTS, None, [Event.of(event, 1)])
    assert row is not None
    assert row.summary is not None
    assert row.summary.title == ""
