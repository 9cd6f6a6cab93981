"""`nova`: the commands of all subjects, in the order in which its help lists them."""

import sys

import typer

from cli.commands import agent, data, health, machine, program, stack, wallet
from cli.errors import NovaError
from cli.output import Output

app = typer.Typer(
    help="Nova on this machine.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for subject in (machine, health, agent, data, wallet, program, stack):
    app.add_typer(subject.app)


def main() -> None:
    """Run the command line; errors that the person can act on are printed without a traceback."""
    try:
        app(prog_name="nova")
    except NovaError as error:
        Output().failure(str(error))
        sys.exit(1)
