"""The pages that say how to add something, followed to the letter in a copy of the checkout."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.docs.checkout import Checkout
from tests.docs.pages import FollowError, blocks
from tests.test_house import ROOT

PAGES = ("add-a-service.md", "add-a-tool.md", "add-an-alarm.md", "add-a-policy.md")
REPORT = """
import json
from evaluation.program import evaluate
kept = ("greeter", "projector-worker-in-flight", "agent-core-task")
found = {}
for stack in ("local", "dev", "prod"):
    made = evaluate(stack).resources.values()
    found[stack] = {f"{one.type} {one.name}": one.inputs for one in made if one.name.startswith(kept)}
print("\\n" + json.dumps(found, default=str))
"""
"""Prints what is new in each stack: the inputs of its resources, by type and name."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One copy for all pages, which come after each other as they would in a repository."""
    folder = tmp_path_factory.mktemp("followed")
    (folder / "checkout").mkdir()
    return Checkout(folder / "checkout", folder / "home")


@pytest.fixture(scope="module")
def stacks(checkout: Checkout) -> dict[str, dict[str, Any]]:
    """What the stacks of the copy have of what the pages add, once they were followed."""
    (checkout.folder / "report.py").write_text(REPORT, encoding="utf-8")
    return json.loads(checkout.run(".venv/bin/python report.py").splitlines()[-1])


def test_every_page_is_followed() -> None:
    assert {page.name for page in (ROOT / "docs").glob("add-*.md")} == {*PAGES}
    for page in PAGES:
        assert len(list(blocks(ROOT / "docs" / page))) > 1, page


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_followed_to_its_end(checkout: Checkout, page: str) -> None:
    checkout.follow(ROOT / "docs" / page)


def test_the_service_is_there_in_each_stack(stacks: dict[str, dict[str, Any]]) -> None:
    for stack, made in stacks.items():
        kinds = {found.split()[1]: found.split()[0] for found in made}
        assert kinds["greeter-service"] == "aws:ecs/service:Service", stack
        assert kinds["greeter-task-role"] == "aws:iam/role:Role", stack
        assert kinds["greeter-security-group"] == "aws:ec2/securityGroup:SecurityGroup", stack
        assert kinds["greeter-rule-all"] == "aws:lb/listenerRule:ListenerRule", stack
        alarms = {name for name, kind in kinds.items() if kind.endswith(":MetricAlarm")}
        assert alarms >= {"greeter-tasks-alarm", "greeter-target-errors-alarm"}, stack


def test_the_agent_is_given_the_tool(checkout: Checkout, stacks: dict[str, dict[str, Any]]) -> None:
    """That it runs in a turn is a test of the page's own."""
    for stack, made in stacks.items():
        task = made["aws:ecs/taskDefinition:TaskDefinition agent-core-task"]
        (container,) = json.loads(task["containerDefinitions"])
        assert {"name": "BEHAVIOUR", "value": "4"} in container["environment"], stack
    loaded = "from nova_agent_core.behaviour import load_behaviour; print(load_behaviour('4').tools)"
    assert "list_documents" in checkout.run(f'.venv/bin/python -c "{loaded}"')


def test_the_alarm_is_there_with_its_runbook(checkout: Checkout, stacks: dict[str, dict[str, Any]]) -> None:
    for stack, made in stacks.items():
        alarm = made["aws:cloudwatch/metricAlarm:MetricAlarm projector-worker-in-flight-alarm"]
        assert alarm["alarmDescription"].endswith("docs/operations/runbooks/queue-in-flight.md"), stack
    assert (checkout.folder / "docs/operations/runbooks/queue-in-flight.md").is_file()


def test_the_policy_refuses(checkout: Checkout) -> None:
    """In the program itself, by the command that people run."""
    program = checkout.folder / "components/data/tables.py"
    text = program.read_text(encoding="utf-8")
    bought = text.replace('billing_mode="PAY_PER_REQUEST"', 'billing_mode="PROVISIONED"')
    assert bought != text
    program.write_text(bought, encoding="utf-8")
    said = checkout.run("./nova policy --stack prod || echo refused")
    program.write_text(text, encoding="utf-8")
    assert "dynamodb-table-billing" in said


def test_a_page_that_is_wrong_is_found(checkout: Checkout, tmp_path: Path) -> None:
    """Each kind of block, wrong in its way; the message says which."""
    page = tmp_path / "wrong.md"
    diff = "```diff\n--- a/LICENSE\n+++ b/LICENSE\n@@ -1,2 +1,2 @@\n-no such line\n+another\n nor this\n```\n"
    wrong = {
        diff: r"wrong\.md, block 2 \(line 5, `diff`\): it no longer applies",
        "```text LICENSE\nmine\n```\n": r"block 2 .*: LICENSE is there already",
        "```sh\ntest -e nowhere\n```\n": r"block 2 .*: exit code 1",
        "```python\nlost = True\n```\n": r"block 2 .*: neither diff nor sh, and names no file",
    }
    for text, message in wrong.items():
        page.write_text(f"```sh\ntrue\n```\n\n{text}", encoding="utf-8")
        with pytest.raises(FollowError, match=message):
            checkout.follow(page)
