"""docs/seed-names.md leads to names that exist."""

import json
import re
from collections.abc import Iterator
from functools import cache

from settings.project import project_schema
from tests.infra.deployment import ROOT, deployed

PAGE = ROOT / "docs/seed-names.md"


def rows(section: str) -> Iterator[list[str]]:
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith(("| name there", "|---")):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def known() -> frozenset[str]:
    """Every name that a reader could look for in stack prod."""
    deployment = deployed("prod")
    found = {key if key.startswith("nova:") else f"nova:{key}" for key in project_schema(ROOT).config}
    found |= {*deployment.outputs, *services()}
    found |= {
        f"{service.inputs['name']}.nova.local"
        for service in deployment.of_type("aws:servicediscovery/service:Service")
    }
    found |= {resource.name for resource in deployment.resources.values() if not resource.custom}
    return frozenset(found | variables() | sources())


def services() -> set[str]:
    return {found.inputs["name"] for found in deployed("prod").of_type("aws:ecs/service:Service")}


def variables() -> set[str]:
    """The variables and secrets of tasks and of the runtime."""
    found: set[str] = set()
    for task in deployed("prod").of_type("aws:ecs/taskDefinition:TaskDefinition"):
        for container in json.loads(task.inputs["containerDefinitions"]):
            found |= {item["name"] for item in (*container["environment"], *container.get("secrets", []))}
    runtimes = deployed("prod").of_type("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime")
    return found.union(*(runtime.inputs["environmentVariables"] for runtime in runtimes))


def sources() -> set[str]:
    """The sources of events that rules wait for."""
    rules = deployed("prod").of_type("aws:cloudwatch/eventRule:EventRule")
    found = [source for rule in rules for source in json.loads(rule.inputs["eventPattern"])["source"]]
    return {source for source in found if isinstance(source, str)}


def test_every_name_on_our_side_exists() -> None:
    said = {name for _there, here, *_why in rows(PAGE.read_text(encoding="utf-8")) for name in names(here)}
    assert len(said) > 20
    assert said - known() == set()


def test_a_setting_in_a_reason_exists_too() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"`(nova:\w+)`", page)) <= known()


def test_the_readme_leads_there() -> None:
    assert "docs/seed-names.md" in (ROOT / "README.md").read_text(encoding="utf-8")
