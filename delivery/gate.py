"""Refuses a change that would delete or replace what holds data, unless people have said that they mean it.

`python -m delivery.gate --preview preview.json`, with the labels of the pull request as JSON in `LABELS`.
"""

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from delivery.errors import DeliveryError, run
from delivery.preview import read_file
from pulumi_cli.preview import Preview

LABEL = "replace-stateful"
"""The pull request's label by which people say so."""


def check(preview: Preview, labels: Iterable[str]) -> str:
    """Return what is let through, and why; raises ``DeliveryError`` for what is not."""
    if preview.errors:
        raise DeliveryError("the preview failed:\n" + "\n".join(f"  - {error}" for error in preview.errors))
    losses = preview.losses()
    if not losses:
        return "nothing that holds data is deleted or replaced"
    listed = "\n".join(
        f"  - {change.op} {change.key} {', '.join(change.because)}".rstrip() for change in losses
    )
    if LABEL not in labels:
        raise DeliveryError(
            f"this deletes or replaces what holds data:\n{listed}\n"
            f"If it is meant, the pull request gets the label {LABEL}; else look at these properties"
        )
    return f"let through by the label {LABEL}:\n{listed}"


def labels_of(text: str) -> list[str]:
    """Return the labels in a workflow's JSON; raises ``DeliveryError`` for anything else."""
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise DeliveryError(f"LABELS is no JSON: {error}") from error
    labels = cast("list[object]", found) if isinstance(found, list) else [None]
    if not all(isinstance(label, str) for label in labels):
        raise DeliveryError("LABELS has to be a list of texts")
    return [str(label) for label in labels]


def main(arguments: list[str]) -> None:
    """Judge the preview that the arguments name."""
    parser = argparse.ArgumentParser(prog="delivery.gate", description="Refuses the loss of data.")
    parser.add_argument("--preview", type=Path, required=True, help="what `pulumi preview --json` printed")
    given = parser.parse_args(arguments)
    print(check(read_file(given.preview), labels_of(os.environ.get("LABELS", "[]"))))


if __name__ == "__main__":
    run(main)
