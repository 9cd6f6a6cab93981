"""Puts a report on a pull request, as one comment that is edited in place.

`python3 -m delivery.comment --pull-request 12 --stack dev --body comment.md`
"""

import argparse
from pathlib import Path

from delivery.errors import DeliveryError, run
from delivery.github import Repository


def main(arguments: list[str]) -> None:
    """Post what the arguments name."""
    parser = argparse.ArgumentParser(prog="delivery.comment", description="Comments on a pull request.")
    parser.add_argument("--pull-request", type=int, required=True, help="its number")
    parser.add_argument("--stack", required=True, help="the stack that the report is about")
    parser.add_argument("--body", type=Path, required=True, help="what to say, in Markdown")
    given = parser.parse_args(arguments)
    body = given.body.read_text(encoding="utf-8")
    if not body.strip():
        raise DeliveryError(f"{given.body} is empty")
    print(Repository.of_this_job().comment(given.pull_request, f"nova preview {given.stack}", body))


if __name__ == "__main__":
    run(main)
