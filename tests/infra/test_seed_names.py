"""docs/seed-names.md leads to names that exist, and says of none that it is missing when it is there."""

import json
import re
from collections.abc import Iterator
from functools import cache

from settings.project import project_schema
from tests.infra.conftest import deployed
from tests.infra.deployment import ROOT

PAGE = ROOT / "docs/seed-names.md"
NOT_BUILT = "## Not built yet"


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
    built, _, _ = PAGE.read_text(encoding="utf-8").partition(NOT_BUILT)
    said = {name for _there, here, *_why in rows(built) for name in names(here)}
    assert len(said) > 20
    assert said - known() == set()


def test_a_setting_in_a_reason_exists_too() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"`(nova:\w+)`", page)) <= known()


def test_what_is_not_built_is_not_there() -> None:
    _, _, missing = PAGE.read_text(encoding="utf-8").partition(NOT_BUILT)
    theirs = {name for there, *_ in rows(missing) for name in names(there)}
    assert {"ENDPOINT_PATH", "RESOURCE_SERVER_URL", "MCP_SERVER_URL", "PRIVATE_KEY"} <= theirs
    assert theirs & known() == set(), "it is there now: say in its row what it is"
    will_be = {"site", "mcp", "seller", "mcp_url", "seller_url"}
    assert will_be & known() == set(), "built: move its row up in docs/seed-names.md"


def test_the_readme_leads_there() -> None:
    assert "docs/seed-names.md" in (ROOT / "README.md").read_text(encoding="utf-8")
