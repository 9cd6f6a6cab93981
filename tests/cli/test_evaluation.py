"""What `nova eval` says of versions, and how it starts them."""

from typing import Any

import pytest

from cli import evaluation, jobs
from cli.errors import NovaError
from cli.evaluation import Evaluation, compared, evaluate, lines
from cli.target import Target


def case(name: str, outcome: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    numbers = {"ms": 1000, "input_tokens": 100, "output_tokens": 10, "cost_usd": 0.5}
    return {"id": name, "outcome": outcome, "faults": ["contains: nine"]} | numbers | more


OLD = Evaluation("1", "sonnet", [case("en-a", "passed"), case("en-b", "failed"), case("ja-c", "passed")])
NEW = Evaluation(
    "2",
    "sonnet",
    [case("en-a", "failed", ms=3000), case("en-b", "passed"), {"id": "ja-c", "outcome": "not judged"}],
)


def test_what_was_not_judged_counts_for_nothing() -> None:
    assert OLD.share == pytest.approx(2 / 3)
    assert NEW.share == 0.5
    assert Evaluation("1", "m", [{"id": "ja-c", "outcome": "not judged"}]).share == 0


def test_an_evaluation_in_words() -> None:
    first, japanese, numbers, failed = lines(NEW)
    assert first == "Behaviour 2 on sonnet: 1 passed, 1 failed, 1 not judged offline"
    assert japanese.endswith("0 passed, 0 failed, 1 not judged")
    assert numbers == "  200 tokens in, 20 out, 1.0000 USD, 4.0 s of answers"
    assert failed == "  failed: en-a (contains: nine)"


def test_a_comparison_names_what_regressed_first() -> None:
    assert compared(OLD, NEW) == [
        "Behaviour 1 to 2: 1 regressed, 1 improved",
        "  regressed: en-a (contains: nine)",
        "  improved: en-b",
        "  input tokens -33%, output tokens -33%, cost -33%, time +33%",
    ]


def test_everything_for_programs() -> None:
    document = NEW.document()
    counts = {name: document[name] for name in ("passed", "failed", "not_judged", "share", "cost_usd")}
    assert counts == {"passed": 1, "failed": 1, "not_judged": 1, "share": 0.5, "cost_usd": 1.0}
    assert [one["id"] for one in document["cases"]] == ["en-a", "en-b", "ja-c"]


class Ecs:
    """The service as ECS describes it."""

    def describe_services(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 (a boto3 client)
        assert asked == {"cluster": "cluster", "services": ["nova-agent-core-1"]}
        network = {"awsvpcConfiguration": {"subnets": ["subnet"], "securityGroups": ["own"]}}
        return {"services": [{"taskDefinition": "agent-core:7", "networkConfiguration": network}]}

    def describe_task_definition(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 (a boto3 client)
        assert asked == {"taskDefinition": "agent-core:7"}
        container = {
            "name": "agent-core",
            "environment": [{"name": "BEHAVIOUR", "value": "2"}],
            "logConfiguration": {"options": {"awslogs-group": "logs"}},
        }
        return {"taskDefinition": {"containerDefinitions": [container]}}


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    job: dict[str, Any] = {
        "cluster": "cluster",
        "platformVersion": "1.4.0",
        "securityGroups": ["other"],
        "subnets": [],
    }
    outputs: dict[str, Any] = {
        "jobs": {"search-reindex": job},
        "services": ["nova-audio-1", "nova-agent-core-1"],
    }
    nothing: Any = None
    made = Target(outputs=outputs, region="us-east-1", session=nothing, endpoint=None)

    def client(_target: Target, _service: str) -> Ecs:
        return Ecs()

    monkeypatch.setattr(Target, "client", client)
    monkeypatch.setenv("NOVA_EVAL_TOKEN", "token")
    return made


@pytest.mark.parametrize(
    ("version", "offline", "arguments"),
    [("", True, ["2", "--offline"]), ("1", False, ["1"])],
)
def test_the_service_itself_is_started_behind_another_command(
    target: Target, monkeypatch: pytest.MonkeyPatch, version: str, offline: bool, arguments: list[str]
) -> None:
    started: list[tuple[Any, ...]] = []

    def run_task(*told: Any) -> dict[str, Any]:  # noqa: ANN401 (recorded as it is)
        started.append(told)
        return {"behaviour": "2", "model": "sonnet", "cases": [case("en-a", "passed")]}

    monkeypatch.setattr(jobs, "run_task", run_task)
    found = evaluate(target, version, offline=offline, progress=lambda _: None)
    assert found.share == 1
    ((_, job, command, variables, _),) = started
    assert command[:3] == ["python", "-m", "nova_agent_core.evals.run"]
    assert command[3:] == arguments
    assert variables == {"EVALUATION_TOKEN": "token"}
    assert (job["taskDefinition"], job["securityGroups"], job["logGroup"]) == (
        "agent-core:7",
        ["own"],
        "logs",
    )


def test_a_stack_without_the_service(target: Target) -> None:
    target.outputs["services"] = ["nova-audio-1"]
    with pytest.raises(NovaError, match="no service agent-core"):
        evaluate(target, "", offline=True, progress=lambda _: None)
    assert evaluation.SERVICE == "agent-core"
