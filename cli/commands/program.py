"""Commands that say what the program declares, without the engine and without a cloud."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli import cost as costs
from cli import graph as graphs
from cli import pages, policies
from cli import scan as scans
from cli.commands.options import JsonOption
from cli.home import CHECKOUT, find_home
from cli.output import Output, aligned
from cli.picture.svg import drawn
from cli.prices import price_table

app = typer.Typer()


@app.command()
def graph(
    *,
    stack: Annotated[str, typer.Option(help="the stack whose program is evaluated")],
    as_json: Annotated[
        bool, typer.Option("--json", help="print resources with their inputs and dependencies instead")
    ] = False,
) -> None:
    """Draw what a stack consists of, as SVG: components by area, and what flows between them."""
    deployment = graphs.evaluated(stack)
    if as_json:
        found = graphs.listing(stack, deployment)
        Output().line(json.dumps(found, indent=2, ensure_ascii=False))
        return
    Output().line(drawn(stack, deployment).rstrip())


@app.command()
def cost(
    *,
    stack: Annotated[str, typer.Option(help="the stack whose program is priced")],
    region: Annotated[
        str | None, typer.Option(help="price it as if it were there; all regions with prices when left out")
    ] = None,
    asleep: Annotated[bool, typer.Option("--asleep", help="price it as if it slept")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what a stack costs in a month in which nobody uses it."""
    output, table = Output(), price_table()
    regions = (region,) if region else table.regions
    found = costs.bill(stack, regions, asleep=asleep)
    if as_json:
        output.line(json.dumps(costs.listing(found, table), indent=2))
        return
    for line in aligned(costs.rows(found, regions)):
        output.line(line)
    for note in costs.notes(table):
        output.note(note)


@app.command()
def policy(
    stack: Annotated[str, typer.Option("--stack", help="whose program is judged")] = "prod",
    *,
    as_json: JsonOption = False,
    rules: Annotated[bool, typer.Option("--rules", help="list the rules instead")] = False,
    settings: Annotated[
        Path | None,
        typer.Option("--config", help="levels and options of rules, as --policy-pack-config takes them"),
    ] = None,
) -> None:
    """Judge what a stack would consist of; the exit code is 1 where a mandatory rule is not kept."""
    output = Output()
    if rules:
        for line in policies.catalogue_lines(as_json=as_json):
            output.line(line)
        return
    judgement = policies.judged(stack, settings)
    for line in policies.report_lines(judgement, as_json=as_json):
        output.line(line)
    if judgement.mandatory:
        raise typer.Exit(1)


@app.command()
def scan(
    *,
    stack: Annotated[str, typer.Option(help="the stack whose program is scanned")],
    as_json: JsonOption = False,
) -> None:
    """Ask an independent scanner (checkov) about a stack; the exit code is 1 for what nobody has reviewed."""
    output = Output()
    with output.step("Scanning") as step:
        found = scans.scanned(stack, find_home())
        step.summary = f"{len(found.severe)} severe findings, {len(found.unneeded)} exceptions too many"
    for line in [json.dumps(scans.document(found), indent=2)] if as_json else scans.lines(found):
        output.line(line)
    if found.severe or found.unneeded:
        raise typer.Exit(1)


@app.command()
def docs() -> None:
    """Renew the pages of docs/ that come from the program: picture, resources and costs."""
    output = Output()
    with output.step("Evaluating the program") as step:
        changed = pages.write(CHECKOUT)
        step.summary = ", ".join(changed) or "nothing has changed"
