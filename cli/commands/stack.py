"""Commands that change a stack in AWS, or the account that it is in."""

from collections.abc import Callable
from typing import Annotated

import typer

from cli import bootstrap as bootstraps
from cli import destroy as destruction
from cli import sleep as sleeping
from cli import upgrade as upgrades
from cli.commands.options import AwsStack, PreviewOption, YesOption
from cli.home import CHECKOUT, alone, find_home
from cli.output import Output

app = typer.Typer()


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
    with alone(home):
        bootstraps.bring_up(home, Output(), request)


@app.command()
def upgrade(
    version: Annotated[str, typer.Option("--from", help="the version that your stacks were deployed with")],
) -> None:
    """Say what has to be done by hand since a version, before `pulumi up` with this one."""
    output = Output()
    for line in upgrades.lines(upgrades.since(CHECKOUT, version), version):
        output.line(line)


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


def _asking(*, yes: bool) -> Callable[[str], None]:
    """Return what asks the person and ends the command unless they agree; nothing with ``yes``."""

    def ask(question: str) -> None:
        if not yes:
            typer.confirm(question, abort=True, err=True)

    return ask
