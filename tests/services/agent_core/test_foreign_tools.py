"""Tools of MCP servers in a turn: they are tools like others, and their servers no reason to fail."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.services.agent_core.callers import BEHAVIOUR, ask, start, stream, view
from tests.services.agent_core.scripted import ScriptedModel, say, use
from tests.services.agent_tools.test_mcp_servers import CONFIGURED, Served, serving
from tests.services.support.tokens import bearer

FORECAST: tuple[str, dict[str, Any]] = ("weather__forecast", {"city": "Oslo"})


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served()
    with serving(served):
        yield served


@pytest.fixture
def client(make_client: Callable[..., TestClient], served: Served) -> TestClient:
    return make_client(MCP_SERVERS=json.dumps([CONFIGURED | {"url": served.url}]))


def test_a_turn_uses_one(client: TestClient, model: ScriptedModel) -> None:
    model.rounds += [use(FORECAST), say("Rain.")]
    session = start(client)
    events = stream(client, session, "What is the weather?")
    uses = [data for name, data in events if name == "tool"]
    assert [(data["name"], data["status"]) for data in uses] == [
        ("weather__forecast", "started"),
        ("weather__forecast", "completed"),
    ]
    result = model.seen[-1][-1]["content"][0]["toolResult"]
    assert result["content"] == [{"text": "Oslo: rain"}]
    assert view(client, session)["turns"][0]["tools"] == ["weather__forecast"]
    assert events[-1][1]["usage"]["tool_calls"] == 1


def test_they_are_listed_with_the_others(client: TestClient) -> None:
    listed = client.get("/api/tools", headers=bearer()).json()["tools"]
    assert [tool["name"] for tool in listed] == [
        *BEHAVIOUR.tools,
        *(f"weather__{tool}" for tool in CONFIGURED["tools"]),
    ]


def test_the_budget_holds(
    make_client: Callable[..., TestClient], served: Served, model: ScriptedModel
) -> None:
    budget = BEHAVIOUR.budget.model_copy(update={"tool_calls_max": 1})
    few = BEHAVIOUR.model_copy(update={"budget": budget})
    client = make_client(behaviour=few, MCP_SERVERS=json.dumps([CONFIGURED | {"url": served.url}]))
    model.rounds += [use(FORECAST, FORECAST), say("Rain.")]
    ask(client, start(client), "What is the weather?")
    statuses = [block["toolResult"]["status"] for block in model.seen[-1][-1]["content"]]
    assert sorted(statuses) == ["error", "success"]


def test_a_turn_goes_on_when_its_server_is_gone(
    make_client: Callable[..., TestClient], model: ScriptedModel
) -> None:
    gone = Served()
    with serving(gone):
        client = make_client(MCP_SERVERS=json.dumps([CONFIGURED | {"url": gone.url}]))
        assert len(client.get("/api/tools", headers=bearer()).json()["tools"]) > len(BEHAVIOUR.tools)
    model.rounds += [use(FORECAST), say("I cannot say.")]
    answer = ask(client, start(client), "What is the weather?")
    assert answer.status_code == 200
    result = model.seen[-1][-1]["content"][0]["toolResult"]
    assert result["status"] == "error"


def test_a_server_that_was_never_there_takes_nothing_with_it(
    make_client: Callable[..., TestClient], model: ScriptedModel
) -> None:
    client = make_client(MCP_SERVERS=json.dumps([CONFIGURED]))
    model.rounds += [use(FORECAST), say("There is no such tool.")]
    assert ask(client, start(client), "What is the weather?").status_code == 200
    assert model.tool_names == BEHAVIOUR.tools
