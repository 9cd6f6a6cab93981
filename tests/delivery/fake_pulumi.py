"""A stand-in for the engine's command line, for one stack: answers from files, and notes what it was asked.

Run as a program of its own, with nothing but the standard library. `PULUMI_FAKE` names its folder: `outputs`
and `preview*` are what it prints, `failing` the numbers of the updates that fail, `calls` a line for each
call with what the stack file said at that moment.
"""

import json
import os
import sys
from pathlib import Path

HERE = Path(os.environ["PULUMI_FAKE"])


def main(arguments: list[str]) -> int:
    stack = arguments[arguments.index("--stack") + 1]
    with (HERE / "calls").open("a") as calls:
        settings = Path(f"Pulumi.{stack}.yaml").read_text()
        calls.write(json.dumps({"arguments": arguments, "settings": settings}) + "\n")
    match arguments:
        case ["stack", "output", *_]:
            sys.stdout.write((HERE / "outputs").read_text())
        case ["preview", "--json", *_] | ["refresh", "--preview-only", "--json", *_]:
            previews = sorted(HERE.glob("preview*"))
            # Each asks for the next one, and the last one stays.
            shown = previews[0]
            sys.stdout.write(shown.read_text())
            if len(previews) > 1:
                shown.unlink()
            return int("error" in shown.name)
        case ["up", "--yes", *_]:
            failing = HERE / "failing"
            if failing.exists() and str(updates()) in failing.read_text().split():
                return 255
        case _:
            sys.stderr.write(f"error: cannot {arguments}\n")
            return 255
    return 0


def updates() -> int:
    """How many updates there were, this one included."""
    lines = (HERE / "calls").read_text().splitlines()
    return sum(json.loads(line)["arguments"][0] == "up" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
