"""The list of recordings as a caller sees it."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import base64
import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from nova_common.contracts.audio import RECORDING, RecordingSummary
from nova_common.contracts.sessions import SESSION, SessionSummary
from nova_projector.app import create_app
from nova_projector.domain import Row
from nova_projector.read_model import DynamoReadModel, InvalidCursorError, Position
from nova_projector.recordings import RECORDINGS
from nova_projector.sessions import SESSIONS
from nova_projector.settings import ApiSettings

from tests.services.support import tokens
from tests.services.support.api_checks import check_api
from tests.services.support.tables import READ_MODEL_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def rows(dynamodb: "DynamoDBClient") -> DynamoReadModel[RecordingSummary]:
    return DynamoReadModel(dynamodb, READ_MODEL_TABLE, RECORDINGS)


@pytest.fixture
def sessions(dynamodb: "DynamoDBClient") -> DynamoReadModel[SessionSummary]:
    return DynamoReadModel(dynamodb, READ_MODEL_TABLE, SESSIONS)


@pytest.fixture
def client(rows: DynamoReadModel[RecordingSummary]) -> TestClient:
    del rows
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
    return TestClient(app, raise_server_exceptions=False)


def add(rows: DynamoReadModel[RecordingSummary], user: str, number: int, **changes: Any) -> str:
    recording_id = str(uuid.uuid4())
    fields: dict[str, Any] = {
        "id": recording_id,
        "status": "awaiting_upload",
        "filename": f"{number}.wav",
        # Pairs share their moment, so that the id has to decide.
        "created_at": START + timedelta(seconds=number // 2),
    }
    row = Row(
        aggregate=RECORDING.key(recording_id),
        version=1,
        user=user,
        summary=RecordingSummary(**(fields | changes)),
    )
    rows.put(row, expected_version=0)
    return recording_id


def add_session(sessions: DynamoReadModel[SessionSummary], user: str, number: int, turns: int = 0) -> str:
    session_id = str(uuid.uuid4())
    created_at = START + timedelta(seconds=number // 2)
    summary = SessionSummary(
        id=session_id, created_at=created_at, updated_at=created_at + timedelta(hours=1), turns=turns
    )
    row = Row(aggregate=SESSION.key(session_id), version=1, user=user, summary=summary)
    sessions.put(row, expected_version=0)
    return session_id


def read(
    client: TestClient, user: str = ALICE, cursor: str | None = None, path: str = "/api/audio"
) -> dict[str, Any]:
    params = {"cursor": cursor} if cursor else {}
    response = client.get(path, params=params, headers=bearer(user))
    assert response.status_code == 200
    return response.json()


def test_nothing_is_an_empty_page(client: TestClient) -> None:
    assert read(client) == {"items": [], "next_cursor": None}


def test_an_item_has_the_fields_of_the_contract(
    client: TestClient, rows: DynamoReadModel[RecordingSummary]
) -> None:
    plain = add(rows, ALICE, 1)
    rich = add(rows, ALICE, 9, status="failed", reason="no speech", language="en-US", duration_seconds=2.5)
    assert read(client)["items"] == [
        {
            "id": rich,
            "status": "failed",
            "reason": "no speech",
            "filename": "9.wav",
            "duration_seconds": 2.5,
            "language": "en-US",
            "created_at": "2026-01-01T00:00:04.000000Z",
        },
        {
            "id": plain,
            "status": "awaiting_upload",
            "filename": "1.wav",
            "duration_seconds": None,
            "created_at": "2026-01-01T00:00:00.000000Z",
        },
    ]


def test_a_session_has_the_fields_of_the_contract(
    client: TestClient, rows: DynamoReadModel[RecordingSummary], sessions: DynamoReadModel[SessionSummary]
) -> None:
    add(rows, ALICE, 1)
    assert read(client, path="/api/sessions") == {"items": [], "next_cursor": None}
    session_id = add_session(sessions, ALICE, 4, turns=3)
    assert read(client, path="/api/sessions")["items"] == [
        {
            "id": session_id,
            "created_at": "2026-01-01T00:00:02.000000Z",
            "updated_at": "2026-01-01T01:00:02.000000Z",
            "turns": 3,
        }
    ]
    assert read(client, BOB, path="/api/sessions")["items"] == []
    assert len(read(client)["items"]) == 1


@pytest.mark.parametrize("path", ["/api/audio", "/api/sessions"])
@pytest.mark.parametrize("count", [49, 50, 51, 100, 120])
def test_pages_hold_fifty_newest_first_and_nothing_twice(
    client: TestClient,
    rows: DynamoReadModel[RecordingSummary],
    sessions: DynamoReadModel[SessionSummary],
    path: str,
    count: int,
) -> None:
    recordings = {add(rows, ALICE, number) for number in range(count)}
    begun = {add_session(sessions, ALICE, number) for number in range(count)}
    added = recordings if path == "/api/audio" else begun
    add(rows, BOB, 1)
    add_session(sessions, BOB, 1)
    seen: list[dict[str, Any]] = []
    sizes: list[int] = []
    cursor: str | None = None
    while not sizes or cursor:
        page = read(client, cursor=cursor, path=path)
        sizes.append(len(page["items"]))
        seen += page["items"]
        cursor = page["next_cursor"]
    assert sizes == [50] * (count // 50) + ([count % 50] if count % 50 else [])
    assert {item["id"] for item in seen} == added
    assert len(seen) == count
    moments = [item["created_at"] for item in seen]
    assert moments == sorted(moments, reverse=True)


def test_another_users_cursor_shows_only_ones_own(
    client: TestClient, rows: DynamoReadModel[RecordingSummary]
) -> None:
    for number in range(60):
        add(rows, ALICE, number)
    mine = add(rows, BOB, 0)
    cursor = read(client)["next_cursor"]
    items = read(client, BOB, cursor)["items"]
    assert {item["id"] for item in items} <= {mine}
    # It means nothing worse in the other list.
    assert read(client, ALICE, cursor, path="/api/sessions")["items"] == []


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


GOOD = f"2026-01-01T00:00:00.000000Z#{uuid.UUID(int=1)}"


def test_a_cursor_of_no_page_is_a_400(client: TestClient, subtests: pytest.Subtests) -> None:
    cursors = [
        "x",
        "!!!",
        "ünicode",
        "a" * 500,
        encoded(""),
        encoded("{}"),
        encoded(GOOD[:-1]),
        encoded(GOOD + "\n"),
        encoded(GOOD.replace("2026", "\uff12\uff10\uff12\uff16")),
        encoded("user#somebody#" + GOOD),
    ]
    for path, cursor in itertools.product(["/api/audio", "/api/sessions"], cursors):
        with subtests.test(path=path, cursor=cursor):
            response = client.get(path, params={"cursor": cursor}, headers=bearer())
            assert response.status_code == 400
            assert response.headers["content-type"] == "application/problem+json"
            problem = response.json()
            assert problem["type"] == "urn:nova:problem:invalid-cursor"
            assert problem["errors"][0]["parameter"] == "cursor"
            with pytest.raises(InvalidCursorError):
                Position.decode(cursor)


def test_an_empty_cursor_is_a_400_too(client: TestClient) -> None:
    assert client.get("/api/audio?cursor=", headers=bearer()).status_code == 400


def test_a_cursor_survives_the_journey() -> None:
    position = Position(created_at="2026-01-01T00:00:00.000000Z", aggregate_id=str(uuid.uuid4()))
    assert Position.decode(position.encode()) == position


@pytest.mark.parametrize("path", ["/api/audio", "/api/sessions"])
def test_a_token_is_needed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401
    for forged in tokens.forged_tokens().values():
        response = client.get(path, headers={"Authorization": f"Bearer {forged}"})
        assert response.status_code == 401


def test_only_the_lists_are_served(client: TestClient) -> None:
    for path in ("/api/audio", "/api/sessions"):
        assert client.post(path, json={}, headers=bearer()).status_code == 405
        assert client.get(f"{path}/{uuid.uuid4()}", headers=bearer()).status_code == 404
    assert client.get("/ready").json() == {"status": "ok", "checks": {"read_model": "ok", "identity": "ok"}}


def test_the_api_does_what_it_says(client: TestClient) -> None:
    check_api(client)
