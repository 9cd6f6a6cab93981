"""`nova policy`: what it prints, and when it fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nova_policy.judgement import Judgement
from nova_policy.registry import all_rules
from typer.testing import CliRunner

from cli import policies
from cli.app import app
from tests.policy.conftest import STACKS, graph, judgement, unchanged
from tests.policy.mutation import set_at

RUN = CliRunner()
TABLE = "aws:dynamodb/table:Table"
UNPROTECTED = set_at((TABLE, "nova-events-table", "pointInTimeRecovery", "enabled"), False)


def given(found: Judgement) -> Callable[[str, Path | None], Judgement]:
    """What stands in for evaluating a program."""

    def judged(_stack: str, _settings: Path | None) -> Judgement:
        return found

    return judged


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with a table that cannot be restored."""
    changed = judgement(UNPROTECTED(graph("prod")), "prod")
    monkeypatch.setattr(policies, "judged", given(changed))


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_in_order_passes(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "judged", given(unchanged(stack)))
    result = RUN.invoke(app, ["policy", "--stack", stack])
    assert result.exit_code == 0
    assert "0 mandatory and 0 advisory findings" in result.stdout


@pytest.mark.usefixtures("refused")
def test_a_finding_is_shown_with_its_remedy_and_fails() -> None:
    result = RUN.invoke(app, ["policy", "--stack", "prod"])
    assert result.exit_code == 1
    said = result.stdout.splitlines()
    assert said[:2] == ["high:", "  dynamodb-table-recovery (mandatory)"]
    assert said[2] == "    nova-events-table: point-in-time recovery is off"
    assert said[3].startswith("    -> Set pointInTimeRecovery.enabled")


@pytest.mark.usefixtures("refused")
def test_programs_get_json() -> None:
    result = RUN.invoke(app, ["policy", "--stack", "prod", "--json"])
    document: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code, document["mandatory"]) == (1, 1)
    assert [one["rule"] for one in document["findings"]] == ["dynamodb-table-recovery"]


def test_rules_are_listed() -> None:
    assert len(RUN.invoke(app, ["policy", "--rules"]).stdout.splitlines()) == len(all_rules())
    listed = json.loads(RUN.invoke(app, ["policy", "--rules", "--json"]).stdout)
    assert [one["name"] for one in listed] == [rule.name for rule in all_rules()]
