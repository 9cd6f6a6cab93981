"""Commands that have the platform work: content, questions about it, and the agent that answers them."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from cli import agents, evaluation, platform, questions, users
from cli import demo as demos
from cli.commands.options import JsonOption, Models, StackOption
from cli.errors import NovaError
from cli.home import find_home
from cli.output import Output, aligned
from cli.target import find_target

app = typer.Typer()
managed_agent = typer.Typer(
    name="agent", help="The managed agent: its versions, and a question to it.", no_args_is_help=True
)
app.add_typer(managed_agent)

EVALUATION_SHARE_LEAST = 0.9
"""Of the judged cases of an evaluation; what else may fail is a matter of a model's mood."""


@app.command()
def demo(
    file: Annotated[
        Path, typer.Argument(help="a recording (wav, mp3, m4a, webm, ogg, flac) or a video (mp4, mov, ...)")
    ],
    question: Annotated[str | None, typer.Argument(help="what you want to know about it")] = None,
) -> None:
    """Have a recording transcribed or a video analysed by the public API, print it, and ask about it."""
    home, output = find_home(), Output()
    medium, _ = demos.check(file)
    if question is not None and medium is not demos.AUDIO:
        raise NovaError(f"{file.name} is a {medium.noun}: questions are answered about recordings")
    access_token = users.demo_token(home)
    api = str(home.outputs()["api_url"])
    daemon, _outputs = platform.require(home)
    refused_before = int(platform.describe(home)["refused"]["total"])
    try:
        with output.step(f"{medium.doing} {file.name}") as step:
            upload_id, result = demos.process(api, access_token, file, step.update)
            step.summary = demos.summary(medium, result)
        for line in demos.lines(result) if medium is demos.AUDIO else demos.seen(result):
            output.line(line)
        if question is not None:
            _question(output, api, access_token, upload_id, question)
    except NovaError as error:
        # What the services keep from their callers, the owner of this machine may know.
        refused = platform.refused_since(daemon, refused_before)
        raise NovaError("\n  refused: ".join([str(error), *refused])) from error


@app.command("eval")
def evaluate(
    *,
    behaviour: Annotated[
        str, typer.Option(help="version of the behaviour; the one that serves when left out")
    ] = "",
    against: Annotated[str, typer.Option(help="an earlier version to compare with")] = "",
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="least share of judged cases that has to pass")
    ] = EVALUATION_SHARE_LEAST,
    models: Annotated[
        Models, typer.Option(help="aws: judge also what takes a language model; of a stack always")
    ] = Models.offline,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
    stack: StackOption = "",
) -> None:
    """Ask the coordinator 60 questions, check the answers, and compare two versions of its behaviour."""
    output = Output()
    target = find_target(find_home(), stack)
    offline = models is Models.offline and not stack
    found: list[evaluation.Evaluation] = []
    for version in [*([against] if against else []), behaviour]:
        with output.step(f"Evaluating behaviour {version or 'in service'}") as step:
            found.append(evaluation.evaluate(target, version, offline=offline, progress=step.update))
            step.summary = f"{found[-1].share:.0%} of what was judged passed"
    newest = found[-1]
    if as_json:
        typer.echo(json.dumps([one.document() for one in found], ensure_ascii=False, indent=2))
    else:
        told = [line for one in found for line in evaluation.lines(one)]
        told += evaluation.compared(found[0], newest) if against else []
        typer.echo("\n".join(told))
    if newest.share < threshold:
        raise NovaError(f"{newest.share:.0%} of what was judged passed, {threshold:.0%} are asked for")


@managed_agent.command("versions")
def agent_versions(*, stack: StackOption = "", as_json: JsonOption = False) -> None:
    """List the versions of the managed agent, and which endpoint answers with which."""
    output = Output()
    found = agents.Agent(find_target(find_home(), stack), stack).versions()
    if as_json:
        output.line(json.dumps([version.document() for version in found], indent=2))
        return
    for line in aligned([agents.HEADINGS, *(version.row() for version in found)]):
        output.line(line)


@managed_agent.command("promote")
def agent_promote(
    version: Annotated[str, typer.Argument(help="number of a version, or newest to follow the newest one")],
    *,
    stack: StackOption = "",
) -> None:
    """Let the endpoint answer with a version from now on, and note that in the stack's file."""
    output = Output()
    managed = agents.Agent(find_target(find_home(), stack), stack)
    with output.step(f"Promoting version {version}") as step:
        now, before = managed.promote(version, step.update)
        step.summary = f"answers with {now}, before with {before}; {managed.file.path.name} says so"


@managed_agent.command("rollback")
def agent_rollback(*, stack: StackOption = "") -> None:
    """Let the endpoint answer with the version that answered before, and note that in the stack's file."""
    output = Output()
    managed = agents.Agent(find_target(find_home(), stack), stack)
    with output.step("Rolling back") as step:
        now, before = managed.rollback(step.update)
        step.summary = f"answers with {now}, before with {before}; {managed.file.path.name} says so"


@managed_agent.command("invoke")
def agent_invoke(
    question: Annotated[str, typer.Argument(help="what you want to know")],
    *,
    session: Annotated[str, typer.Option(help="a session to go on with; a new one when left out")] = "",
    stack: StackOption = "",
    user: Annotated[str, typer.Option(help="who asks, in a stack in AWS; the password is asked for")] = "",
) -> None:
    """Ask the managed agent and print its answer as it comes."""
    home, output = find_home(), Output()
    target = find_target(home, stack)
    managed = agents.Agent(target, stack)
    if target.endpoint is None:
        if not user:
            raise NovaError("say who asks with --user: a user of the stack's pool")
        access_token = users.sign_in(target, user, typer.prompt("Password", hide_input=True, err=True))
    else:
        access_token = users.demo_token(home)
    _tell(output, managed.ask(access_token, session, question))


def _question(output: Output, api: str, token: str, recording_id: str, question: str) -> None:
    with output.step("Searching") as step:
        hits = questions.passages(api, token, recording_id, question, step.update)
        step.summary = f"{len(hits)} passage{'s' if len(hits) > 1 else ''}"
    for hit in hits:
        output.line(questions.passage_line(hit))
    output.note("Asking ...")
    _tell(output, questions.ask(api, token, recording_id, question))


def _tell(output: Output, events: Iterable[questions.ServerEvent]) -> None:
    started, first = time.monotonic(), 0.0
    for event in events:
        match event.name:
            case "session":
                output.note(f"session {event.data['id']}")
            case "tool" if event.data["status"] == "started":
                output.note(f"the coordinator calls {event.data['name']}")
            case "token":
                first = first or time.monotonic() - started
                output.piece(event.data["text"])
            case _:
                pass
    output.line()
    output.note(f"Answered ({time.monotonic() - started:.1f} s, first token after {first * 1000:.0f} ms)")
