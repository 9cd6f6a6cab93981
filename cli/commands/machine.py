"""Commands of the platform on this machine: start it, stop it, read its logs, get at its APIs."""

import contextlib
import shlex
import time
from typing import Annotated

import typer

from cli import daemon as daemons
from cli import logs as log_files
from cli import platform, users
from cli import wallet as wallets
from cli.apply import apply_program
from cli.checks import problems
from cli.commands.options import Models, YesOption
from cli.errors import NovaError
from cli.home import Home, alone, find_home, remove_data
from cli.model_account import model_account
from cli.output import Output
from cli.ports import choose_port, keep_port
from cli.target import find_target
from cli.tools import build_environment, find_uv

app = typer.Typer()


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
    with alone(home):
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
                step.summary = wallets.address_of(target) or wallets.rotate_here(home, target)
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
    yes: YesOption = False,
) -> None:
    """Stop the platform. Its data stays, unless --volumes says otherwise."""
    home, output = find_home(), Output()
    if volumes and not yes:
        typer.confirm(f"Delete all data in {home.path}?", abort=True, err=True)
    if not home.path.exists():
        output.note("Nothing runs.")
        return
    with alone(home), output.step("Stopping") as step:
        step.summary = "stopped, no process left" if daemons.stop(home) else "nothing ran"
        if volumes:
            remove_data(home)
            step.summary += ", data deleted"


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
    Output().line(users.demo_token(find_home()))


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
