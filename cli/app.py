"""The commands."""

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    agents,
    erasure,
    evaluation,
    jobs,
    pages,
    platform,
    policies,
    questions,
    recovery,
    traces,
    users,
)
from cli import bootstrap as bootstraps
from cli import cost as costs
from cli import daemon as daemons
from cli import demo as demos
from cli import destroy as destruction
from cli import graph as graphs
from cli import logs as log_files
from cli import republish as publications
from cli import scan as scans
from cli import sleep as sleeping
from cli import stack_status as stacks
from cli import upgrade as upgrades
from cli import wallet as wallets
from cli.apply import apply_program
from cli.checks import problems
from cli.doctor import command as doctors
from cli.doctor.finding import healthy
from cli.errors import NovaError
from cli.home import CHECKOUT, MADE, Home, find_home, read_json
from cli.model_account import model_account
from cli.output import Output, aligned
from cli.picture.svg import drawn
from cli.ports import choose_port, keep_port
from cli.prices import price_table
from cli.state import read_state
from cli.target import LOCAL, Target, find_target, named_engine, stack_of
from cli.tools import build_environment, find_uv

app = typer.Typer(
    help="Nova on this machine.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
wallet = typer.Typer(help="The wallet that agents pay with.", no_args_is_help=True)
app.add_typer(wallet, name="wallet")

agent = typer.Typer(help="The managed agent: its versions, and a question to it.", no_args_is_help=True)
app.add_typer(agent, name="agent")

StackOption = Annotated[
    str, typer.Option("--stack", help="a stack in AWS; the platform on this machine when left out")
]

AwsStack = Annotated[str, typer.Option("--stack", help="a stack in AWS")]
PreviewOption = Annotated[bool, typer.Option("--preview", help="show what would be done, and change nothing")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for programs")]
YesOption = Annotated[bool, typer.Option("--yes", help="do not ask")]

EVALUATION_SHARE_LEAST = 0.9
"""Of the judged cases of an evaluation; what else may fail is a matter of a model's mood."""

REFUSED_SHOWN = 10
"""Refused calls that `nova status` prints; `--json` has all that are kept."""


class Models(StrEnum):
    """Who answers calls to models."""

    offline = "offline"
    aws = "aws"


@app.command()
def up(
    *,
    models: Annotated[
        Models, typer.Option(help="offline: models on this machine; aws: calls go to your AWS account")
    ] = Models.offline,
    discard_data: Annotated[
        bool, typer.Option("--discard-data", help="accept changes that lose data (tables, buckets, users)")
    ] = False,
) -> None:
    """Start the platform, or bring a running one to what the program declares now."""
    started = time.monotonic()
    home, output = find_home(), Output()
    running = daemons.running(home)
    if missing := problems(home, running_port=running.port if running else None):
        raise NovaError("the platform cannot start yet:\n" + "\n".join(f"  - {item}" for item in missing))
    if models is Models.aws:
        for line in model_account().notes():
            output.note(line)
    uv = find_uv() or "uv"
    with _alone(home):
        daemon = _start_cloud(home, output, uv, models)
        with output.step("Applying the program") as step:
            applied = apply_program(home, daemon, uv, step, output, discard=discard_data)
            step.summary = applied.summary()
        with output.step("Waiting for the services") as step:
            services = platform.expected_services(applied.outputs)
            platform.wait_until_healthy(home, daemon, services, step)
            step.summary = f"{len(services)} healthy"
        pool_id = str(applied.outputs["user_pool_id"])
        users.ensure_user(home, daemon, pool_id, platform.region(applied.outputs))
        if applied.outputs.get(wallets.OUTPUT):
            with output.step("Looking into the wallet") as step:
                target = find_target(home, "")
                step.summary = wallets.address_of(target) or _new_wallet(home, target)
    if applied.recorded:
        output.note(f"Recorded only, nothing runs for it here: {', '.join(applied.recorded)}")
    output.note(f"The platform is up ({time.monotonic() - started:.1f} s).")
    for name, url in platform.describe(home)["urls"].items():
        output.line(f"{name:<8} {url}")
    output.note('Try ./nova demo samples/trains.wav "When does the last train leave?"')
    output.note("./nova status and ./nova logs -f show what goes on; ./nova down stops it")


@app.command()
def down(
    *,
    volumes: Annotated[bool, typer.Option("--volumes", help="also delete all data of this platform")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Stop the platform. Its data stays, unless --volumes says otherwise."""
    home, output = find_home(), Output()
    if volumes and not yes:
        typer.confirm(f"Delete all data in {home.path}?", abort=True, err=True)
    if not home.path.exists():
        output.note("Nothing runs.")
        return
    with _alone(home), output.step("Stopping") as step:
        step.summary = "stopped, no process left" if daemons.stop(home) else "nothing ran"
        if volumes:
            _remove_data(home)
            step.summary += ", data deleted"


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
def logs(
    service: Annotated[str | None, typer.Argument(help="a service; all when left out")] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="print lines as they come")] = False,
) -> None:
    """Print the logs of services."""
    output = Output()
    files = log_files.log_files(find_home(), service)
    for line in log_files.last_lines(files):
        output.line(line)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            for line in log_files.follow(files):
                output.line(line)


@app.command()
def token() -> None:
    """Print an access token of the demo user."""
    Output().line(_access_token(find_home()))


@app.command()
def env() -> None:
    """Print export lines that point any AWS client at the local cloud, as its administrator."""
    home, output = find_home(), Output()
    daemon, outputs = platform.require(home)
    region = platform.region(outputs)
    for name, value in (
        ("AWS_ENDPOINT_URL", daemon.endpoint),
        ("AWS_ACCESS_KEY_ID", daemon.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", daemon.secret_access_key),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ):
        output.line(f"export {name}={shlex.quote(value)}")
    # Both would win over the keys above, or spoil them.
    output.line("unset AWS_SESSION_TOKEN AWS_PROFILE")


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
    access_token = _access_token(home)
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


@app.command()
def rebuild(
    *,
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
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
def reindex(
    *,
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
) -> None:
    """Fill the search index from the event store, after a change of the embedding model or a loss."""
    output = Output()
    target = find_target(find_home(), stack)
    with output.step("Filling the search index") as step:
        report = jobs.run_job(target, "search-reindex", [], step.update)
        step.summary = f"{report['vectors']} vectors added, {report['aggregates']} recordings and documents"


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
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
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


@app.command()
def redrive(
    queue: Annotated[str, typer.Argument(help="a queue, such as projector-worker")],
    *,
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
) -> None:
    """Move the dead letters of a queue back to it, once what made them fail is repaired."""
    output = Output()
    target = find_target(find_home(), stack)
    with output.step(f"Moving the dead letters of {queue}") as step:
        step.summary = f"{recovery.redrive(target, queue, step.update)} moved"


@app.command()
def replay(
    *,
    since: Annotated[str, typer.Option("--from", help="from when, in ISO 8601; UTC where no zone is named")],
    until: Annotated[str, typer.Option("--to", help="until when")],
    rule: Annotated[
        str, typer.Option(help="what the names of the rules begin with, such as projector-worker")
    ],
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
) -> None:
    """Send events of the bus's archive to rules once more, as for a consumer that lost messages."""
    output = Output()
    start, end = recovery.moment(since), recovery.moment(until)
    target = find_target(find_home(), stack)
    with output.step("Replaying") as step:
        step.summary = recovery.replay(target, start, end, rule, step.update)


@app.command()
def republish(
    *,
    since: Annotated[str, typer.Option("--from", help="from when, in ISO 8601; UTC where no zone is named")],
    until: Annotated[str, typer.Option("--to", help="until when")],
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
) -> None:
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
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
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


@wallet.command("show")
def show_wallet(
    *,
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
) -> None:
    """Say which address agents pay from."""
    address = wallets.address_of(find_target(find_home(), stack))
    Output().line(address or "not set: ./nova wallet rotate makes a key")


@wallet.command("rotate")
def rotate_wallet(
    *,
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Make a key and have agents pay from its address. Nobody is shown the key."""
    home, output = find_home(), Output()
    target = find_target(home, stack)
    before = wallets.address_of(target)
    if before and not yes:
        typer.confirm(f"Leave what {before} has, and pay from a new address?", abort=True, err=True)
    if not stack:
        output.line(_new_wallet(home, target))
        return
    output.line(wallets.rotate(target))
    output.note(
        "Send it the asset that the setting `wallet` names, on its network; the coin of the network is not "
        "needed, as the facilitator pays for transactions. docs/paying.md says where test money is."
    )


@app.command()
def trace(
    asked: Annotated[
        str, typer.Argument(metavar="ID", help="a trace, or a recording, video, session, document or request")
    ],
    *,
    stack: Annotated[
        str, typer.Option(help="a stack in AWS; the platform on this machine when left out")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for programs")] = False,
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


@agent.command("versions")
def agent_versions(
    *,
    stack: StackOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for programs")] = False,
) -> None:
    """List the versions of the managed agent, and which endpoint answers with which."""
    output = Output()
    found = agents.Agent(find_target(find_home(), stack), stack).versions()
    if as_json:
        output.line(json.dumps([version.document() for version in found], indent=2))
        return
    for line in aligned([agents.HEADINGS, *(version.row() for version in found)]):
        output.line(line)


@agent.command("promote")
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


@agent.command("rollback")
def agent_rollback(*, stack: StackOption = "") -> None:
    """Let the endpoint answer with the version that answered before, and note that in the stack's file."""
    output = Output()
    managed = agents.Agent(find_target(find_home(), stack), stack)
    with output.step("Rolling back") as step:
        now, before = managed.rollback(step.update)
        step.summary = f"answers with {now}, before with {before}; {managed.file.path.name} says so"


@agent.command("invoke")
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
        access_token = _access_token(home)
    _tell(output, managed.ask(access_token, session, question))


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
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for programs")] = False,
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
def destroy(
    *,
    stack: AwsStack,
    delete: Annotated[
        str, typer.Option("--delete", metavar="NAME", help="the stack's name once more, from who means it")
    ] = "",
    preview: PreviewOption = False,
) -> None:
    """Delete a stack in AWS with all that it holds. Interrupted, the same command goes on."""

    def ask(question: str) -> str:
        return typer.prompt(question, err=True)

    request = destruction.Request(stack=stack, named=delete, preview=preview, ask=ask)
    destruction.destroy(request, Output())


@app.command()
def sleep(*, stack: AwsStack, preview: PreviewOption = False, yes: YesOption = False) -> None:
    """Put a stack in AWS to sleep: what it has stored stays, what costs by the hour goes."""
    request = sleeping.Request(stack=stack, asleep=True, preview=preview, confirm=_asking(yes=yes))
    sleeping.change(request, Output())


@app.command()
def wake(*, stack: AwsStack, preview: PreviewOption = False, yes: YesOption = False) -> None:
    """Wake a stack in AWS that sleeps; it takes about a quarter of an hour."""
    request = sleeping.Request(stack=stack, asleep=False, preview=preview, confirm=_asking(yes=yes))
    sleeping.change(request, Output())


@app.command()
def bootstrap(
    *,
    region: Annotated[
        str, typer.Option(help="the region to bring up; that of the environment or profile when left out")
    ] = "",
    home_region: Annotated[
        str, typer.Option("--home", help="the account's first region, when this is a further one")
    ] = "",
    repository: Annotated[
        str, typer.Option(help="the GitHub repository whose workflows deploy: owner/name")
    ] = "",
    preview: PreviewOption = False,
    yes: YesOption = False,
) -> None:
    """Bring up what an AWS account and a region have once, with an administrator's credentials."""
    home = find_home()
    request = bootstraps.Request(
        region=region, home_region=home_region, repository=repository, preview=preview, yes=yes
    )
    with _alone(home):
        bootstraps.bring_up(home, Output(), request)


@app.command()
def policy(
    stack: Annotated[str, typer.Option("--stack", help="whose program is judged")] = "prod",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for programs")] = False,
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
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for programs")] = False,
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


@app.command()
def upgrade(
    version: Annotated[str, typer.Option("--from", help="the version that your stacks were deployed with")],
) -> None:
    """Say what has to be done by hand since a version, before `pulumi up` with this one."""
    output = Output()
    for line in upgrades.lines(upgrades.since(CHECKOUT, version), version):
        output.line(line)


def main() -> None:
    """Run the command line; errors that the person can act on are printed without a traceback."""
    try:
        app(prog_name="nova")
    except NovaError as error:
        Output().failure(str(error))
        sys.exit(1)


def _asking(*, yes: bool) -> Callable[[str], None]:
    """Return what asks the person and ends the command unless they agree; nothing with ``yes``."""

    def ask(question: str) -> None:
        if not yes:
            typer.confirm(question, abort=True, err=True)

    return ask


def _new_wallet(home: Home, target: Target) -> str:
    """Do on this machine what an operator does: make a key, and send its address money before it is used."""
    chain = platform.describe(home)["urls"].get("chain")
    if chain is None:
        return f"{wallets.rotate(target)}, which has to be sent money: it pays on a network elsewhere"
    return wallets.rotate(target, lambda address: wallets.fund(chain, address))


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


def _start_cloud(home: Home, output: Output, uv: str, models: Models) -> daemons.Daemon:
    with output.step("Preparing the local cloud") as step:
        rebuilt = build_environment(home, uv)
        step.summary = "environment built" if rebuilt else "environment is up to date"
    running = daemons.running(home)
    if running and not rebuilt and daemons.is_current(home, models) and daemons.answers(running.port):
        return running
    with output.step("Starting the local cloud") as step:
        # A daemon of older sources, or one that does not answer, and tasks that a killed one left behind.
        daemons.stop(home)
        port = choose_port(home)
        keep_port(home, port)
        daemon = daemons.start(home, port, models)
        step.summary = daemon.endpoint
    return daemon


def _access_token(home: Home) -> str:
    daemon, outputs = platform.require(home)
    user = read_json(home.user_file)
    if not user:
        raise NovaError("there is no demo user yet: `./nova up` makes it")
    return users.access_token(daemon, str(outputs["user_pool_client_id"]), platform.region(outputs), user)


def _remove_data(home: Home) -> None:
    """Remove what was made; images side by side, as the disk is waited for at each of their directories."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_remove, (home.path / "images").glob("*")))
        list(pool.map(_remove, (home.path / name for name in MADE)))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(home: Home) -> Generator[None]:
    """Hold the home's lock: two commands that change the same platform would undo each other's work."""
    home.path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise NovaError(
            f"another nova command is changing the platform in {home.path}: wait for it"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)
