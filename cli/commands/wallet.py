"""Commands of the wallet that agents pay with."""

import typer

from cli import wallet as wallets
from cli.commands.options import StackOption, YesOption
from cli.home import find_home
from cli.output import Output
from cli.target import find_target

app = typer.Typer(name="wallet", help="The wallet that agents pay with.", no_args_is_help=True)


@app.command("show")
def show_wallet(*, stack: StackOption = "") -> None:
    """Say which address agents pay from."""
    address = wallets.address_of(find_target(find_home(), stack))
    Output().line(address or "not set: ./nova wallet rotate makes a key")


@app.command("rotate")
def rotate_wallet(*, stack: StackOption = "", yes: YesOption = False) -> None:
    """Make a key and have agents pay from its address. Nobody is shown the key."""
    home, output = find_home(), Output()
    target = find_target(home, stack)
    before = wallets.address_of(target)
    if before and not yes:
        typer.confirm(f"Leave what {before} has, and pay from a new address?", abort=True, err=True)
    if not stack:
        output.line(wallets.rotate_here(home, target))
        return
    output.line(wallets.rotate(target))
    output.note(
        "Send it the asset that the setting `wallet` names, on its network; the coin of the network is not "
        "needed, as the facilitator pays for transactions. docs/paying.md says where test money is."
    )
