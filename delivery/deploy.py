"""Brings a stack to released images, and back to those before when it does not come up or does not answer.

- `python -m delivery.deploy preview --stack prod --images images.json --preview preview.json` looks;
- `python -m delivery.deploy update --stack prod --images images.json [--approved preview.json]` does it.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery import gate, smoke
from delivery.errors import DeliveryError, run
from delivery.github import Repository
from delivery.images import read_record
from delivery.preview import read_file
from delivery.report import markdown
from delivery.stack import IMAGES, Stack, references
from pulumi_cli.preview import Preview

type Check = Callable[[Mapping[str, Any]], None]
"""Raises ``DeliveryError`` where a stack with these outputs does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One stack, and what it is to run."""

    stack: Stack
    images: dict[str, str]
    labels: set[str]
    """Of the pull requests that brought the commit."""
    check: Check

    def preview(self) -> tuple[Preview, str]:
        """Return what the update would do, with the engine's document; the stack file takes the images."""
        self.stack.take(self.images)
        return self.stack.preview()

    def update(self, approved: Preview | None) -> None:
        """Update, and see that the stack answers; go back to the images before where it does not.

        Raises ``DeliveryError`` for anything but success: before the update for what nobody has approved,
        after it with what went wrong and what the stack runs now.
        """
        fresh, _ = self.preview()
        print(gate.check(fresh, self.labels), flush=True)
        if approved is not None and (more := fresh.beyond(approved)):
            listed = "\n".join(f"  - {change.op} {change.key}" for change in more)
            raise DeliveryError(
                f"since this was approved, more would be deleted or replaced:\n{listed}\nLook again"
            )
        before = references(self.stack.outputs().get(IMAGES) or {})
        try:
            self.stack.update()
            self._ask()
        except DeliveryError as failure:
            raise DeliveryError(f"{failure}\n{self._go_back(before)}") from failure

    def _ask(self) -> None:
        if self.stack.asleep():
            print(f"stack {self.stack.name} is asleep: nobody is asked", flush=True)
        else:
            self.check(self.stack.outputs())

    def _go_back(self, before: dict[str, str]) -> str:
        """Take the images of before, under the program of now; return what came of it."""
        # What the stack did not run before, it runs as released: the program would build it otherwise.
        images = self.images | before
        if images == self.images:
            return "There are no images of before to go back to: the stack stays as it is"
        self.stack.take(images)
        planned, _ = self.stack.preview()
        if planned.errors or planned.losses():
            reasons = [*planned.errors, *(f"{change.op} {change.key}" for change in planned.losses())]
            listed = "\n".join(f"  - {reason}" for reason in reasons)
            return f"Not rolled back, as that would be more than images; a person decides:\n{listed}"
        self.stack.update()
        self._ask()
        return "Rolled back: the stack answers, with the images that it had before"


def answers(outputs: Mapping[str, Any]) -> None:
    """Ask the stack's site and API; raises ``DeliveryError`` where they do not answer as they should."""
    smoke.check(str(outputs["site_url"]), str(outputs["api_url"]))


def main(arguments: list[str]) -> None:
    """Preview or update, as the arguments say."""
    parser = argparse.ArgumentParser(prog="delivery.deploy", description="Brings a stack to released images.")
    parser.add_argument("action", choices=("preview", "update"))
    parser.add_argument("--stack", required=True)
    parser.add_argument(
        "--images", type=Path, help="a record of released images; those that the stack runs when left out"
    )
    parser.add_argument("--preview", type=Path, default=Path("preview.json"), help="where a preview is kept")
    parser.add_argument("--approved", type=Path, help="the preview that somebody has approved")
    given = parser.parse_args(arguments)
    stack = Stack(name=given.stack)
    images = read_record(given.images) if given.images else references(stack.outputs().get(IMAGES) or {})
    deployment = Deployment(stack=stack, images=images, labels=_labels(given.action), check=answers)
    if given.action == "preview":
        _show(deployment, given.preview)
        return
    deployment.update(None if given.approved is None else read_file(given.approved))


def _show(deployment: Deployment, path: Path) -> None:
    found, document = deployment.preview()
    path.write_text(document, encoding="utf-8")
    text = markdown(deployment.stack.name, found, None, None)
    print(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as page:
            page.write(text)
    if found.errors:
        raise DeliveryError(f"the preview of stack {deployment.stack.name} failed; what it said is above")


def _labels(action: str) -> set[str]:
    """Return the labels of the pull requests behind this job's commit; none at a person's shell.

    A preview judges nothing by them.
    """
    if action == "preview" or "GITHUB_ACTIONS" not in os.environ:
        return set()
    return Repository.of_this_job().labels_of_commit(os.environ.get("GITHUB_SHA", ""))


if __name__ == "__main__":
    run(main)
