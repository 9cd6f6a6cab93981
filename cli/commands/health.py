"""Commands that say how a platform is: the one on this machine, or a stack in AWS."""

import json
from typing import Annotated

import typer

from cli import platform, traces
from cli import stack_status as stacks
from cli.commands.options import JsonOption, StackOption
from cli.doctor import command as doctors
from cli.doctor.finding import healthy
from cli.home import find_home
from cli.output import Output
from cli.state import read_state
from cli.target import LOCAL, find_target, named_engine, stack_of

app = typer.Typer()

REFUSED_SHOWN = 10
"""Refused calls that `nova status` prints; `--json` has all that are kept."""


@app.command()
def status(*, stack: StackOption = "", as_json: JsonOption = False) -> None:
    """Show whether the platform is healthy; the exit code is 0 when it is."""
    output = Output()
    if stack not in {"", LOCAL}:
        engine = named_engine(stack)
        described = stacks.describe_stack(read_state(engine), stack_of(engine))
        told = [json.dumps(described, indent=2)] if as_json else stacks.lines(described)
        for line in told:
            output.line(line)
        raise typer.Exit(0 if described["healthy"] else 1)
    described = platform.describe(find_home())
    if as_json:
        output.line(json.dumps(described, indent=2))
    else:
        output.line("healthy" if described["healthy"] else "not healthy")
        for name, url in described["urls"].items():
            output.line(f"  {name:<18} {url}")
        for name, service in described["services"].items():
            state = "healthy" if service["healthy"] else "not healthy"
            output.line(f"  {name:<18} {state:<12} {service['url'] or ''}".rstrip())
        if not described["services"]:
            output.line("  not running: start it with ./nova up")
        refused = described["refused"]
        if refused["total"]:
            output.line(f"refused calls: {refused['total']}")
            for call in refused["recent"][-REFUSED_SHOWN:]:
                output.line(f"  {platform.refused_line(call)}")
    raise typer.Exit(0 if described["healthy"] else 1)


@app.command()
def doctor(*, stack: StackOption = "", as_json: JsonOption = False) -> None:
    """Say what is broken on this machine and, with --stack, in the account, each with its fix."""
    output = Output()
    with output.step("Examining") as step:
        findings = doctors.diagnose(find_home(), stack, step.update)
    well = healthy(findings)
    if as_json:
        told = {"healthy": well, "findings": [finding.document() for finding in findings]}
        output.line(json.dumps(told, indent=2))
    else:
        for line in doctors.lines(findings):
            output.line(line)
    raise typer.Exit(0 if well else 1)


@app.command()
def trace(
    asked: Annotated[
        str, typer.Argument(metavar="ID", help="a trace, or a recording, video, session, document or request")
    ],
    *,
    stack: StackOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show what one request set off, over services, queues and models: a tree with times."""
    output = Output()
    target = find_target(find_home(), stack)
    trace_id = traces.find_trace(target, asked)
    spans = traces.read_trace(target, trace_id, output.note)
    if as_json:
        output.line(json.dumps(traces.listing(trace_id, spans), indent=2))
        return
    for line in traces.lines(trace_id, spans):
        output.line(line)
