"""How the tests call the coordinator, and what its answers are checked for."""

# ruff: noqa: ANN401 - responses of either client, answers of any kind

import json
from typing import Any

from fastapi.testclient import TestClient
from nova_agent_core.behaviour import load_behaviour
from nova_agent_core.settings import ModelLimits
from nova_common.contracts.sessions import SESSION
from nova_common.event_store import DynamoEventStore
from nova_common.events import Event

from tests.services.support.tokens import ALICE, bearer

LIMITS = ModelLimits(read_seconds_max=1, turn_seconds_max=5, turns_at_once_max=4)
SERVED = load_behaviour("1")
BEHAVIOUR = SERVED.model_copy(update={"budget": SERVED.budget.model_copy(update={"rounds_max": 3})})


def start(client: TestClient, user: str = ALICE) -> str:
    response = client.post("/api/sessions", headers=bearer(user))
    assert response.status_code == 201
    return response.json()["id"]


def ask(client: TestClient, session_id: str, text: str, user: str = ALICE, **headers: str) -> Any:
    url = f"/api/sessions/{session_id}/messages"
    return client.post(url, json={"text": text}, headers={**bearer(user), **headers})


def stream(
    client: TestClient, session_id: str, text: str, user: str = ALICE
) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a whole stream."""
    response = ask(client, session_id, text, user, Accept="text/event-stream")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    return parse(response.text)


def parse(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Read a stream as the standard says, comments apart."""
    assert text.endswith("\n\n")
    events: list[tuple[str, dict[str, Any]]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        if not block.startswith(":"):
            name, data = block.split("\n")
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def view(client: TestClient, session_id: str, user: str = ALICE) -> dict[str, Any]:
    response = client.get(f"/api/sessions/{session_id}", headers=bearer(user))
    assert response.status_code == 200, response.text
    return response.json()


def history(store: DynamoEventStore, session_id: str) -> list[Event]:
    return list(store.load(SESSION.key(session_id)))


def check_problem(response: Any, status: int, kind: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == (f"urn:nova:problem:{kind}" if kind else "about:blank")
    return problem
