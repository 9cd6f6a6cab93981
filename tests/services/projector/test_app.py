"""The list of recordings as a caller sees it."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from nova_common.contracts.audio import RECORDING, RecordingSummary
from nova_projector.app import create_app
from nova_projector.domain import RecordingRow
from nova_projector.read_model import DynamoReadModel, InvalidCursorError, Position
from nova_projector.settings import ApiSettings

from tests.services.support import tokens
from tests.services.support.tables import READ_MODEL_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def rows(dynamodb: "DynamoDBClient") -> DynamoReadModel:
    return DynamoReadModel(dynamodb, READ_MODEL_TABLE)


@pytest.fixture
def client(rows: DynamoReadModel) -> TestClient:
    del rows
    settings = ApiSettings.from_env(
        {
            "SERVICE_NAME": "projector",
            "USER_POOL_ISSUER": tokens.ISSUER,
            "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
            "AWS_REGION": REGION,
            "READ_MODEL_TABLE": READ_MODEL_TABLE,
        }
    )
    app = create_app(settings)
    app.state.verifier = tokens.verifier()
    return TestClient(app, raise_server_exceptions=False)


def add(rows: DynamoReadModel, user: str, number: int, **changes: Any) -> str:
    recording_id = str(uuid.uuid4())
    fields: dict[str, Any] = {
        "id": recording_id,
        "status": "awaiting_upload",
        "filename": f"{number}.wav",
        # Pairs share their moment, so that the id has to decide.
        "created_at": START + timedelta(seconds=number // 2),
    }
    row = RecordingRow(
        aggregate=RECORDING.key(recording_id),
        version=1,
        user=user,
        summary=RecordingSummary(**(fields | changes)),
    )
    rows.put(row, expected_version=0)
    return recording_id


def read(client: TestClient, user: str = ALICE, cursor: str | None = None) -> dict[str, Any]:
    params = {"cursor": cursor} if cursor else {}
    response = client.get("/api/audio", params=params, headers=bearer(user))
    assert response.status_code == 200
    return response.json()


def test_nothing_is_an_empty_page(client: TestClient) -> None:
    assert read(client) == {"items": [], "next_cursor": None}


def test_an_item_has_the_fields_of_the_contract(client: TestClient, rows: DynamoReadModel) -> None:
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


@pytest.mark.parametrize("count", [49, 50, 51, 100, 120])
def test_pages_hold_fifty_newest_first_and_nothing_twice(
    client: TestClient, rows: DynamoReadModel, count: int
) -> None:
    added = {add(rows, ALICE, number) for number in range(count)}
    add(rows, BOB, 1)
    seen: list[dict[str, Any]] = []
    sizes: list[int] = []
    cursor: str | None = None
    while not sizes or cursor:
        page = read(client, cursor=cursor)
        sizes.append(len(page["items"]))
        seen += page["items"]
        cursor = page["next_cursor"]
    assert sizes == [50] * (count // 50) + ([count % 50] if count % 50 else [])
    assert {item["id"] for item in seen} == added
    assert len(seen) == count
    moments = [item["created_at"] for item in seen]
    assert moments == sorted(moments, reverse=True)


def test_another_users_cursor_shows_only_ones_own(client: TestClient, rows: DynamoReadModel) -> None:
    for number in range(60):
        add(rows, ALICE, number)
    mine = add(rows, BOB, 0)
    cursor = read(client)["next_cursor"]
    items = read(client, BOB, cursor)["items"]
    assert {item["id"] for item in items} <= {mine}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


GOOD = f"2026-01-01T00:00:00.000000Z#{uuid.UUID(int=1)}"


@pytest.mark.parametrize(
    "cursor",
    [
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
    ],
)
def test_a_cursor_of_no_page_is_a_400(client: TestClient, cursor: str) -> None:
    response = client.get("/api/audio", params={"cursor": cursor}, headers=bearer())
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
    position = Position(created_at="2026-01-01T00:00:00.000000Z", recording_id=str(uuid.uuid4()))
    assert Position.decode(position.encode()) == position


def test_a_token_is_needed(client: TestClient) -> None:
    assert client.get("/api/audio").status_code == 401
    for forged in tokens.forged_tokens().values():
        response = client.get("/api/audio", headers={"Authorization": f"Bearer {forged}"})
        assert response.status_code == 401


def test_only_the_list_is_served(client: TestClient) -> None:
    assert client.post("/api/audio", json={}, headers=bearer()).status_code == 405
    assert client.get(f"/api/audio/{uuid.uuid4()}", headers=bearer()).status_code == 404
    assert client.get("/ready").json() == {"status": "ok", "checks": {"read_model": "ok"}}
