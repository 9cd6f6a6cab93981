"""The evaluation of a behaviour: its cases, its checks, and a short one against the application itself."""

# ruff: noqa: ANN401 - answers of any kind

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from nova_agent_core.behaviour import load_behaviour, versions
from nova_agent_core.evals import run as task
from nova_agent_core.evals.cases import Case, Expected, Heard, Paper, Suite, faults, in_language, load_suite
from nova_agent_core.evals.run import EvaluationSettings, Library, evaluated
from nova_common.job import JobError

from tests.services.agent_core.scripted import ScriptedModel, fail, say, use
from tests.services.support.tokens import ALICE, token

SUITE = load_suite()
DOCUMENT = "55555555-5555-4555-8555-555555555555"


class Search:
    """The search service as far as an evaluation uses it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refuses = False
        self.finds = True

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((request.method, request.url.path))
        if request.url.path == "/api/search":
            return httpx2.Response(200, json={"hits": [{}] if self.finds else []})
        if request.method == "DELETE":
            return httpx2.Response(204)
        return httpx2.Response(503 if self.refuses else 201, json={"id": DOCUMENT})


@pytest.fixture
def search() -> Search:
    return Search()


def suite(*cases: Case) -> Suite:
    return Suite(paper=(Paper(title="Sailing", text="The harbour opens at nine."),), case=cases)


def case(name: str, *messages: str, apart: bool = False, model: bool = False, **expect: Any) -> Case:
    return Case(
        id=name,
        messages=messages,
        apart=apart,
        needs_language_model=model,
        expect=Expected(**expect),
    )


def evaluation(app: FastAPI, search: Search, cases: Suite, *, offline: bool = True) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        transport = httpx2.MockTransport(search.answer)
        async with httpx2.AsyncClient(transport=transport, base_url="http://search") as client:
            return await evaluated(app, Library(client), cases, token(ALICE), offline=offline)

    return asyncio.run(work())


def test_there_are_sixty_cases_half_of_them_in_japanese() -> None:
    assert len(SUITE.case) == 60
    assert sum(found.language == "ja" for found in SUITE.case) == 30
    assert {found.language for found in SUITE.case} == {"en", "ja"}
    for found in SUITE.case:
        assert found.expect != Expected(), found.id
        written = "".join(found.messages)
        assert in_language(written, "en") == (found.language == "en"), found.id


def test_the_tools_of_the_cases_are_those_of_a_behaviour() -> None:
    known = {tool for version in versions() for tool in load_behaviour(version).tools}
    for found in SUITE.case:
        assert {*found.expect.tools, *found.expect.no_tools} <= known, found.id


def test_two_cases_of_one_name_are_refused() -> None:
    same = case("en-a", "a", contains=("a",))
    with pytest.raises(ValueError, match="the same id"):
        suite(same, same)


HEARD = Heard(
    text='It says "nine o\'clock".',
    used=[("search_recordings", {"query": "harbour"}), ("remember", {"words": "x"})],
    succeeded={"search_recordings"},
    stop_reason="end_turn",
)


@pytest.mark.parametrize(
    ("expected", "wrong"),
    [
        ({"tools": ["search_recordings"], "contains": ["NINE"], "arguments": ["Harbour"]}, []),
        ({"tools": ["remember"]}, ["tools: remember"]),
        ({"no_tools": ["search_recordings", "remember"]}, ["no_tools: search_recordings"]),
        ({"arguments": ["sea"]}, ["arguments: sea"]),
        ({"contains": ["ten"]}, ["contains: ten"]),
        ({"contains_any": ["ten", "nine"]}, []),
        ({"contains_any": ["ten", "two"]}, ["contains_any: ten, two"]),
        ({"lacks": ["nine", "ten"]}, ["lacks: nine"]),
        ({"answer_language": "en"}, []),
        ({"answer_language": "ja"}, ["answer_language: ja"]),
        ({"stop_reason": "guardrail_intervened"}, ["stop_reason: guardrail_intervened"]),
    ],
)
def test_a_check(expected: dict[str, Any], wrong: list[str]) -> None:
    assert faults(Expected(**expected), HEARD) == wrong


def test_languages_are_told_by_their_script() -> None:
    assert in_language("会議は木曜日の午後3時です。", "ja")
    assert not in_language("The meeting is on Thursday (木).", "ja")
    assert in_language("The meeting in Kyoto is on Thursday (木).", "en")
    assert not in_language("会議は木曜日です", "en")
    assert in_language("", "en")


def test_a_short_evaluation_of_the_application(
    make_app: Callable[..., FastAPI], model: ScriptedModel, search: Search
) -> None:
    app = make_app(behaviour=load_behaviour("2"))
    app.state.heartbeat_seconds = 5
    model.rounds += [
        use(("search_recordings", {"query": "harbour"})),
        say("At nine."),
        use(("remember", {"words": "my colour is teal"})),
        say("I will."),
        say("Teal."),
        say("It is blue."),
        fail(RuntimeError("arn:secret")),
    ]
    found = evaluation(
        app,
        search,
        suite(
            case("en-harbour", "When?", tools=("search_recordings",), contains=("nine",)),
            case("en-recall", "Remember that my colour is teal", "Which?", apart=True, contains=("teal",)),
            case("en-wrong", "Which?", contains=("red",)),
            case("en-broken", "Which?", contains=("red",)),
            case("ja-model", "何色ですか", model=True, contains=("青",)),
        ),
    )
    assert [(one["id"], one["outcome"]) for one in found] == [
        ("en-harbour", "passed"),
        ("en-recall", "passed"),
        ("en-wrong", "failed"),
        ("en-broken", "failed"),
        ("ja-model", "not judged"),
    ]
    assert found[0]["input_tokens"] == 20
    assert found[2]["faults"] == ["contains: red"]
    assert found[3]["faults"][0].startswith("no answer: ")
    assert "arn:secret" not in json.dumps(found)
    assert app.state.notes.all(ALICE) == []
    assert search.asked[-1] == ("DELETE", f"/api/documents/{DOCUMENT}")


def test_with_a_language_model_all_are_judged(
    make_app: Callable[..., FastAPI], model: ScriptedModel, search: Search
) -> None:
    model.rounds.append(say("青です"))
    (found,) = evaluation(
        make_app(), search, suite(case("ja-model", "何色ですか", model=True, contains=("青",))), offline=False
    )
    assert found["outcome"] == "passed"


def test_without_its_documents_nothing_is_judged(
    make_app: Callable[..., FastAPI], search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "INDEXED_SECONDS_MAX", 0)
    cases = suite(case("en-a", "a", contains=("a",)))
    search.finds = False
    with pytest.raises(JobError, match="not found in time"):
        evaluation(make_app(), search, cases)
    assert search.asked[-1][0] == "DELETE"
    search.refuses = True
    with pytest.raises(JobError, match=r"takes no documents \(503\)"):
        evaluation(make_app(), search, cases)


def test_what_it_is_told_is_checked(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EVALUATION_TOKEN", "token")
    settings = EvaluationSettings.from_env()
    with pytest.raises(JobError, match="BEHAVIOUR is '99'"):
        task.run(settings, ["99"])
    with pytest.raises(JobError, match="takes a behaviour's version"):
        task.run(settings, ["1", "--all"])
