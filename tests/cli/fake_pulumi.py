"""A stand-in for the engine's command line: keeps stacks in a file by backend, and notes what it was asked.

Run as a program of its own, with nothing but the standard library. `PULUMI_FAKE` names its folder: `calls`
holds a line of JSON for each call, `fail` the words of a command that fails, `outputs` what `up` has the
stack give out; `preview` is what a preview shows as JSON, `state` what is exported.
"""

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(os.environ["PULUMI_FAKE"])
STACKS = HERE / "stacks.json"
SHOWN = {"preview --json": HERE / "preview", "stack export": HERE / "state"}


def main(arguments: list[str]) -> int:
    said = {name: value for name, value in os.environ.items() if name.startswith(("PULUMI_", "AWS_"))}
    with (HERE / "calls").open("a") as calls:
        calls.write(
            json.dumps({"arguments": arguments, "folder": str(Path.cwd()), "environment": said}) + "\n"
        )
    if arguments == ["version"]:
        sys.stdout.write((HERE / "version").read_text())
        return 0
    failing = HERE / "fail"
    if failing.exists() and " ".join(arguments).startswith(failing.read_text()):
        sys.stderr.write("error: as the test wants it\n")
        return 255
    shown = SHOWN.get(" ".join(arguments[:2]))
    if shown is not None and "--file" not in arguments and shown.exists():
        sys.stdout.write(shown.read_text())
        return 0
    if arguments[0] == "destroy":
        destroy([urn for option, urn in pairwise(arguments) if option == "--target"])
        return 0
    backends: dict[str, dict[str, Any]] = json.loads(STACKS.read_text()) if STACKS.exists() else {}
    answer = run(arguments, backends.setdefault(os.environ["PULUMI_BACKEND_URL"], {}))
    STACKS.write_text(json.dumps(backends))
    return answer


def run(arguments: list[str], stacks: dict[str, Any]) -> int:
    options = dict(pairwise(arguments))
    stack = stacks.get(options.get("--stack", ""), {})
    # What a passphrase encrypts, nobody opens without it, even where it is empty.
    if stack.get("provider") == "passphrase" and "PULUMI_CONFIG_PASSPHRASE" not in os.environ:
        sys.stderr.write("error: passphrase must be set\n")
        return 255
    match arguments:
        case ["config" | "preview", *_]:
            pass
        case ["stack", "ls", *_]:
            sys.stdout.write(json.dumps([{"name": name} for name in stacks]))
        case ["stack", "init", name, *_] if name not in stacks:
            stacks[name] = {"provider": options["--secrets-provider"], "outputs": {}}
        case ["stack", "output", *_]:
            sys.stdout.write(json.dumps(stack["outputs"]))
        case ["stack", "export", *_]:
            Path(options["--file"]).write_text(json.dumps(stack))
        case ["stack", "import", *_]:
            stack |= json.loads(Path(options["--file"]).read_text())
        case ["stack", "change-secrets-provider", provider, *_]:
            stack["provider"] = provider
        case ["up", *_]:
            stack["outputs"] = json.loads((HERE / "outputs").read_text())
        case _:
            sys.stderr.write(f"error: cannot {arguments}\n")
            return 255
    return 0


def destroy(targets: list[str]) -> None:
    """Take resources out of the state with all that needs them; all of them without targets."""
    file = SHOWN["stack export"]
    resources: list[dict[str, Any]] = json.loads(file.read_text())["deployment"]["resources"]
    gone = set(targets) or {one["urn"] for one in resources}
    for one in resources * len(resources):
        if gone & set(one["dependencies"]):
            gone.add(one["urn"])
    left = [one for one in resources if one["urn"] not in gone]
    file.write_text(json.dumps({"deployment": {"resources": left}}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
