"""Usage and quota as callers see them: what turns are booked with, whose it is, and when it ends."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from nova_agent_core import quota as quotas
from nova_agent_tools.recordings import ListRecordings
from nova_common.contracts.sessions import TurnFailed
from nova_common.event_store import DynamoEventStore

from tests.services.agent_core.callers import (
    BEHAVIOUR,
    LIMITS,
    ask,
    check_problem,
    history,
    start,
    stream,
    view,
)
from tests.services.agent_core.scripted import ScriptedModel, break_off, fail, hold, say, use
from tests.services.support.stub_services import StubServices
from tests.services.support.tokens import ALICE, BOB, bearer

LIST: tuple[str, dict[str, Any]] = ("list_recordings", {})

type MakeClient = Callable[..., TestClient]


def usage(client: TestClient, user: str = ALICE, month: str = "") -> dict[str, Any]:
    response = client.get("/api/usage", headers=bearer(user), params={"month": month} if month else {})
    assert response.status_code == 200, response.text
    return response.json()


def behaviour(**budget: int) -> Any:  # noqa: ANN401 - a model
    return BEHAVIOUR.model_copy(update={"budget": BEHAVIOUR.budget.model_copy(update=budget)})


def test_a_month_is_the_sum_of_its_turns(client: TestClient, model: ScriptedModel) -> None:
    assert usage(client)["days"] == []
    model.rounds += [use(("list_recordings", {})), say("None."), say("Two")]
    session_id = start(client)
    answers = [ask(client, session_id, text).json() for text in ("one", "two")]
    month = usage(client)
    (day,) = month["days"]
    assert (day["turns"], day["failed_turns"], day["tool_calls"]) == (2, 0, 1)
    assert (day["input_tokens"], day["output_tokens"]) == (30, 9)
    assert day["cost_usd"] == pytest.approx(sum(answer["usage"]["cost_usd"] for answer in answers))
    assert month["spent_usd"] == pytest.approx(30 * 3e-6 + 9 * 15e-6)
    assert (month["quota_usd"], month["reserved_usd"]) == (20, 0)


def test_usage_is_ones_own(client: TestClient) -> None:
    ask(client, start(client, BOB), "?", BOB)
    assert usage(client)["spent_usd"] == 0
    assert usage(client, BOB)["days"][0]["turns"] == 1
    assert client.get("/api/usage").status_code == 401


@pytest.mark.parametrize("month", ["2026-13", "2026", "now", "2026-1", "2026-11-01", "²026-11"])
def test_a_month_that_is_none(client: TestClient, month: str) -> None:
    check_problem(client.get("/api/usage", headers=bearer(), params={"month": month}), 422)


def test_another_month_is_empty(client: TestClient) -> None:
    ask(client, start(client), "?")
    assert usage(client, month="2020-02") == {
        "month": "2020-02",
        "quota_usd": 20,
        "spent_usd": 0,
        "reserved_usd": 0,
        "used_percent": 0,
        "days": [],
    }


def test_a_failed_turn_is_booked(client: TestClient, model: ScriptedModel, store: DynamoEventStore) -> None:
    model.rounds += [use(("list_recordings", {})), fail(RuntimeError("?"), "Half an answer")]
    session_id = start(client)
    assert ask(client, session_id, "one").status_code == 500
    failed = history(store, session_id)[-1].data
    assert isinstance(failed, TurnFailed)
    assert (failed.model, failed.behaviour) == ("global.anthropic.claude-sonnet-4-6", "1")
    assert failed.is_estimated
    assert failed.input_tokens > 10
    assert failed.output_tokens == 3 + 5
    (day,) = usage(client)["days"]
    assert (day["turns"], day["failed_turns"], day["output_tokens"]) == (1, 1, 8)


def test_a_call_that_was_refused_costs_nothing(client: TestClient, model: ScriptedModel) -> None:
    model.rounds.append(_refuse)
    assert ask(client, start(client), "one").status_code == 500
    assert usage(client)["spent_usd"] == 0
    assert usage(client)["days"][0]["failed_turns"] == 1


async def _refuse() -> AsyncIterator[dict[str, Any]]:
    raise RuntimeError("refused")
    yield {}


def test_an_interrupted_turn_is_estimated(make_client: MakeClient, model: ScriptedModel) -> None:
    client = make_client(LIMITS)
    model.rounds.append(hold(20, "x" * 300))
    assert ask(client, start(client), "?").status_code == 504
    (day,) = usage(client)["days"]
    assert day["output_tokens"] == 100
    assert 500 < day["input_tokens"] < 3000
    assert usage(client)["reserved_usd"] == 0


def test_the_end_of_the_quota(make_client: MakeClient, model: ScriptedModel) -> None:
    client = make_client(behaviour=behaviour(), QUOTA_USD_PER_MONTH="1")
    session_id = start(client)
    model.rounds.append(_dear(0.79))
    assert [name for name, _ in stream(client, session_id, "?")] == ["token", "done"]
    model.rounds.append(_dear(0.02))
    events = stream(client, session_id, "?")
    assert [name for name, _ in events] == ["token", "quota", "done"]
    assert events[1][1] == events[2][1]["quota"]
    assert events[1][1]["used_percent"] == pytest.approx(81.0, abs=0.2)
    assert events[1][1]["quota_usd"] == 1
    model.rounds.append(_dear(0.3))
    answer = ask(client, session_id, "?").json()
    assert answer["quota"]["used_percent"] > 100
    for accept in ("text/event-stream", "application/json"):
        refused = ask(client, session_id, "?", Accept=accept)
        problem = check_problem(refused, 429, "quota-exceeded")
        assert "1.00 USD is used up (1.11 USD spent)" in problem["detail"]
        assert int(refused.headers["retry-after"]) > 0
    assert len(model.seen) == 3
    assert len(view(client, session_id)["turns"]) == 3
    assert ask(client, start(client, BOB), "?", BOB).status_code == 200


def _dear(usd: float) -> Any:  # noqa: ANN401 - a round
    tokens = {"inputTokens": 0, "outputTokens": round(usd / 15e-6), "totalTokens": 0}

    async def play() -> Any:  # noqa: ANN401 - a stream
        async for chunk in say("ok")():
            yield (
                {"metadata": {"usage": tokens, "metrics": {"latencyMs": 1}}} if "metadata" in chunk else chunk
            )

    return play


def test_a_refused_message_leaves_the_session_free(
    make_client: MakeClient, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(QUOTA_USD_PER_MONTH="1")
    session_id = start(client)
    model.rounds.append(_dear(1.2))
    ask(client, session_id, "?")
    check_problem(ask(client, session_id, "?"), 429, "quota-exceeded")

    def later(_: datetime) -> str:
        return "2031-01"

    monkeypatch.setattr(quotas, "month_of", later)
    check_problem(ask(client, session_id, "?"), 429, "quota-exceeded")
    assert usage(client, month="2031-01")["days"] == []


class TestTheBudgetOfAMessage:
    def test_tools_end_and_the_answer_goes_on(
        self, make_client: MakeClient, model: ScriptedModel, services: StubServices
    ) -> None:
        client = make_client(behaviour=behaviour(tool_calls_max=2))
        model.rounds += [use(*[LIST] * 5), say("Enough.")]
        answer = ask(client, start(client), "?").json()
        assert answer["text"] == "Enough."
        assert answer["usage"]["tool_calls"] == len(services.requests) == 2
        results = [block["toolResult"] for block in model.seen[1][-1]["content"]]
        assert [result["status"] for result in results].count("error") == 3
        assert "used up" in json.dumps(results)

    @pytest.mark.parametrize(
        "budget", [{"input_tokens_max": 1_000}, {"output_tokens_max": BEHAVIOUR.model.tokens_max + 2}]
    )
    def test_tokens_end_before_the_call_that_may_exceed_them(
        self, make_client: MakeClient, model: ScriptedModel, budget: dict[str, int]
    ) -> None:
        client = make_client(behaviour=behaviour(**budget))
        model.rounds += [use(("list_recordings", {})), say("never")]
        check_problem(ask(client, start(client), "?"), 502, "turn-budget-exceeded")
        assert len(model.seen) <= 1

    def test_a_few_tools_run_at_once(
        self, make_client: MakeClient, model: ScriptedModel, services: StubServices
    ) -> None:
        client = make_client(behaviour=behaviour(tools_at_once_max=2))
        services.delay_seconds = 0.1
        model.rounds += [use(*[LIST] * 6), say("ok")]
        assert ask(client, start(client), "?").status_code == 200
        assert len(services.requests) == 6
        assert services.at_once_max == 2


@pytest.mark.parametrize(
    ("told", "booked"),
    [("0.01", 0.01), (0.25, 0.25), ("-1", 0), ("1e9", 0), ("a lot", 0), (None, 0), ("NaN", 0)],
)
def test_what_a_tool_pays_is_booked(
    client: TestClient,
    model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
    told: object,
    booked: float,
) -> None:
    run = ListRecordings.stream

    async def paying(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - as it is called
        async for result in run(*args, **kwargs):
            yield {**result, "metadata": {"nova/paid-usd": told}}

    monkeypatch.setattr(ListRecordings, "stream", paying)
    model.rounds += [use(LIST), say("ok")]
    answer = ask(client, start(client), "?").json()
    assert answer["usage"]["payments_usd"] == booked
    assert usage(client)["spent_usd"] == pytest.approx(booked + 20 * 3e-6 + 6 * 15e-6)
    assert usage(client)["days"][0]["payments_usd"] == booked


def test_a_stream_without_usage_is_estimated(client: TestClient, model: ScriptedModel) -> None:
    model.rounds.append(break_off("x" * 30))
    assert ask(client, start(client), "?").status_code == 502
    assert usage(client)["days"][0]["output_tokens"] == 10
