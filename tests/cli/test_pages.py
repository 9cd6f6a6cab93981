"""The pages of docs/ that are made from the program are those of the program as it is now."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import cost as costs
from cli import pages
from cli.app import app
from cli.charges import Charges
from cli.errors import NovaError
from cli.markdown import RENEW
from cli.prices import price_table
from tests.infra.deployment import ROOT, Deployment, deployed

MADE_HERE = (
    "docs/architecture.svg",
    "docs/resources.md",
    *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs" / "components").glob("*.md"))),
)
"""Those that need no other region; docs/costs.md is looked at with the bills."""
NO_BILL = costs.Bill(lines=())


@cache
def made() -> dict[str, str]:
    deployments = {stack: deployed(stack) for stack in pages.STACKS}
    return pages.pages(deployments, dict.fromkeys(pages.STACKS, NO_BILL), ROOT)


def rows(page: str) -> Iterator[list[str]]:
    """The rows of a page's tables, without their headers."""
    for line in made()[page].splitlines():
        if line.startswith("| ") and not line.startswith(("| ---", "| type", "| stack")):
            yield line.strip("| ").split(" | ")


@pytest.mark.parametrize("path", MADE_HERE)
def test_the_committed_page_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == made()[path], f"stale: renew it with `{RENEW}`"


def test_every_made_page_is_held_to_that() -> None:
    assert sorted(made()) == sorted({*MADE_HERE, "docs/costs.md"})


def test_every_resource_is_listed_with_its_price() -> None:
    table, resources = price_table(), [row for row in rows("docs/resources.md") if len(row) == 5]
    for column, stack in enumerate(pages.STACKS, start=3):
        deployment = deployed(stack)
        amounts = [row[column].split("; ") for row in resources if row[column] != "none"]
        provided = [found for found in deployment.resources.values() if found.custom or found.remote]
        made = [found for found in provided if not found.type.startswith("pulumi:")]
        assert sum(int(number) for number, *_ in amounts) == len(made)
        paid = [float(last.removesuffix(" USD")) for *_, last in amounts if last.endswith(" USD")]
        expected, charges = 0.0, Charges(deployment)
        for resource in made:
            for charge in charges.of(resource):
                price = table.of(charge.price)
                hours = table.hours_a_month if price.unit == "hour" else 1
                expected += charge.count * price.usd[pages.REGION] * hours
        assert sum(paid) == pytest.approx(expected, abs=0.01 * len(paid))


def test_names_are_found_by_their_component() -> None:
    page = made()["docs/resources.md"]
    (section,) = re.findall(r"### FargateService: (.*?)\n\n(.*?)\n", page)
    assert section[0].startswith("agent-core, audio, audio-live, audio-worker, ")
    assert section[1].startswith("A service of identical tasks in the private subnets")
    assert re.search(
        r"\| aws:ecs:Service \| .*? \| …-service \| \d+; 1 task; [\d.]+ USD \| \d+; 2 to 20 tasks; ", page
    )
    assert "| aws:ec2:VpcEndpoint |" in page


def test_every_component_says_what_it_is_for() -> None:
    described = pages.descriptions(ROOT)
    for stack in pages.STACKS:
        tokens = {
            found.type for found in deployed(stack).resources.values() if found.type.startswith("nova:")
        }
        assert tokens <= described.keys()
    assert all(text.endswith((".", ":")) for text in described.values())


def test_a_type_without_a_purpose_says_where_to_write_it() -> None:
    deployment = deployed("dev")
    queue = deployment.of_type("aws:sqs/queue:Queue")[0]
    strange = replace(queue, type="aws:rds/cluster:Cluster")
    changed = replace(deployment, resources={**deployment.resources, queue.urn: strange})
    with pytest.raises(NovaError, match=r"aws:rds/cluster:Cluster has no (price|purpose).*cli/"):
        pages.resources_page({"dev": changed}, ROOT)


def test_the_command_writes_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluated(stack: str) -> Deployment:
        return deployed(stack)

    def bill(_stack: str, _regions: tuple[str, ...]) -> costs.Bill:
        return NO_BILL

    monkeypatch.setattr(pages, "evaluated", evaluated)
    monkeypatch.setattr(costs, "bill", bill)
    monkeypatch.setattr("cli.commands.program.CHECKOUT", tmp_path)
    (tmp_path / "docs").mkdir()
    for folder in ("components", "services"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    first = CliRunner().invoke(app, ["docs"])
    assert ", ".join(made()) in first.stderr
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in made()} == made()
    again = CliRunner().invoke(app, ["docs"])
    assert "nothing has changed" in again.stderr
