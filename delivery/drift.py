"""Whether the account is still what a stack's state says, and one issue that tells people when it is not.

`python -m delivery.drift detect --stack dev --found drift.json` asks, `... report ...` tells.
"""

import argparse
from pathlib import Path

from delivery.errors import DeliveryError, run
from delivery.github import Repository
from delivery.preview import read_file
from pulumi_cli.preview import Preview


def body(stack: str, found: Preview, address: str) -> str:
    """Return what the issue says; ``address`` is that of the run."""
    lines = "\n".join(
        f"- {'gone' if change.op == 'delete' else 'changed'}: `{change.key}`"
        + (f" ({', '.join(change.because)})" if change.because else "")
        for change in found.changes
    )
    return (
        f"Resources of stack `{stack}` are not what its state says: somebody or something changed them in "
        f"the account.\n\n{lines}\n\nWhat to do stands in docs/operations/delivery.md, under Drift: either "
        "`pulumi up --refresh` puts them back, or the program is changed to what they are now.\n\n"
        f"Last looked at by {address}\n"
    )


def report(repository: Repository, stack: str, found: Preview, address: str) -> str:
    """Open, update or close the issue of ``stack``; return what was done."""
    if found.errors:
        raise DeliveryError("nobody knows whether there is drift:\n" + "\n".join(found.errors))
    marker = f"nova drift {stack}"
    if found.changes:
        title = f"Drift in stack {stack}: {len(found.changes)} resources"
        return f"told in {repository.open_issue(marker, title, body(stack, found, address))}"
    closed = repository.close_issue(marker, f"Nothing differs any more, says {address}")
    return f"closed {closed}" if closed else "no drift"


def main(arguments: list[str]) -> None:
    """Ask or tell, as the arguments say."""
    parser = argparse.ArgumentParser(prog="delivery.drift", description="Finds drift.")
    parser.add_argument("action", choices=("detect", "report"))
    parser.add_argument("--stack", required=True)
    parser.add_argument("--found", type=Path, required=True, help="where the engine's document is kept")
    parser.add_argument("--run", default="", help="address of the run")
    given = parser.parse_args(arguments)
    if given.action == "report":
        print(report(Repository.of_this_job(), given.stack, read_file(given.found), given.run))
        return
    # Only this needs the environment.
    from delivery.stack import Stack  # noqa: PLC0415

    found, document = Stack(name=given.stack).drift()
    given.found.write_text(document, encoding="utf-8")
    if found.errors:
        raise DeliveryError("the engine could not look:\n" + "\n".join(found.errors))
    print(f"{len(found.changes)} resources of stack {given.stack} differ from its state")


if __name__ == "__main__":
    run(main)
