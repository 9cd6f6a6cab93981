"""Commands for what a platform has stored: made again, sent again, erased."""

from typing import Annotated

import typer

from cli import erasure, jobs, recovery
from cli import republish as publications
from cli.commands.options import SinceOption, StackOption, UntilOption, YesOption
from cli.home import find_home
from cli.output import Output
from cli.target import find_target

app = typer.Typer()


@app.command()
def rebuild(
    *,
    stack: StackOption = "",
    accept_differences: Annotated[
        bool,
        typer.Option("--accept-differences", help="switch although rows are not as they were served"),
    ] = False,
) -> None:
    """Make the read model again from the event store, while everything runs, and switch to it."""
    output = Output()
    target = find_target(find_home(), stack)
    arguments = ["--accept-differences"] if accept_differences else []
    with output.step("Rebuilding the read model") as step:
        report = jobs.run_job(target, "projector-rebuild", arguments, step.update)
        step.summary = (
            f"{report['events']} events of {report['aggregates']} aggregates, "
            f"{report['events_per_second']} a second, generation {report['generation']}"
        )
    if report["differences"]:
        output.note(f"{report['differences']} rows are not as they were served before.")


@app.command()
def reindex(*, stack: StackOption = "") -> None:
    """Fill the search index from the event store, after a change of the embedding model or a loss."""
    output = Output()
    target = find_target(find_home(), stack)
    with output.step("Filling the search index") as step:
        report = jobs.run_job(target, "search-reindex", [], step.update)
        step.summary = f"{report['vectors']} vectors added, {report['aggregates']} recordings and documents"


@app.command()
def redrive(
    queue: Annotated[str, typer.Argument(help="a queue, such as projector-worker")],
    *,
    stack: StackOption = "",
) -> None:
    """Move the dead letters of a queue back to it, once what made them fail is repaired."""
    output = Output()
    target = find_target(find_home(), stack)
    with output.step(f"Moving the dead letters of {queue}") as step:
        step.summary = f"{recovery.redrive(target, queue, step.update)} moved"


@app.command()
def replay(
    *,
    since: SinceOption,
    until: UntilOption,
    rule: Annotated[
        str, typer.Option(help="what the names of the rules begin with, such as projector-worker")
    ],
    stack: StackOption = "",
) -> None:
    """Send events of the bus's archive to rules once more, as for a consumer that lost messages."""
    output = Output()
    start, end = recovery.moment(since), recovery.moment(until)
    target = find_target(find_home(), stack)
    with output.step("Replaying") as step:
        step.summary = recovery.replay(target, start, end, rule, step.update)


@app.command()
def republish(*, since: SinceOption, until: UntilOption, stack: StackOption = "") -> None:
    """Publish events of the store on the bus, as after an outage of the pipe of more than a day."""
    output = Output()
    start, end = recovery.moment(since), recovery.moment(until)
    target = find_target(find_home(), stack)
    with output.step("Publishing events") as step:
        step.summary = f"{publications.republish(target, start, end, step.update)} published"


@app.command()
def erase(
    user: Annotated[str, typer.Argument(help="who: a user name, an e-mail address or an id")],
    *,
    stack: StackOption = "",
    yes: YesOption = False,
) -> None:
    """Erase a person and all that they have, for good. Repeated, it goes on where it was interrupted."""
    output = Output()
    target = find_target(find_home(), stack)
    person = erasure.find_person(target, user)
    if not yes:
        typer.confirm(f"Erase {person.described} with all that they have, for good?", abort=True, err=True)
    with output.step(f"Erasing {person.id}") as step:
        removed = erasure.erase(target, person, step.update)
        step.summary = "done" if removed else "nothing was left"
    for kind, count in removed.items():
        output.line(f"{count:>8} {kind}")
