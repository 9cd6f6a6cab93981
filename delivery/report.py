"""A preview for people, in Markdown: what would change, what policies say, what it costs.

`python -m delivery.report --stack dev --preview preview.json ... > comment.md`
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError, run
from delivery.gate import LABEL
from delivery.preview import read_file
from pulumi_cli.preview import Change, Preview

LINES_MAX = 200
"""Changes listed; GitHub refuses a comment of more than 65,536 characters."""
POLICY_CHARACTERS_MAX = 12_000
CENT = 0.005
MARKS = {"create": "+", "update": "~", "delete": "-", "replace": "±", "import": "="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What `nova policy` said of the program."""

    passed: bool
    text: str


type Costs = dict[str, float]
"""USD a month by what is paid for, in the stack's own region."""


def markdown(
    stack: str, preview: Preview, policies: Policies | None, costs: tuple[Costs, Costs] | None
) -> str:
    """Return the report; parts that nobody has looked into are left out."""
    parts = [f"### Preview of stack `{stack}`", _summary(preview)]
    if preview.errors:
        parts.append("**The preview failed:**\n\n" + _block(preview.errors))
    if losses := preview.losses():
        parts.append(
            f"**Data would be lost.** Only with the label `{LABEL}` this goes on:\n\n"
            + "\n".join(f"- {_named(change)}" for change in losses)
        )
    if preview.changes:
        parts.append(_folded("Changes", _listed(preview.changes)))
    if preview.warnings:
        parts.append(_folded("Warnings", _block(preview.warnings)))
    if policies is not None:
        verdict = "passed" if policies.passed else "**refused**"
        parts.append(_folded(f"Policies: {verdict}", _block([policies.text[-POLICY_CHARACTERS_MAX:]])))
    if costs is not None:
        parts.append(_costs(*costs))
    return "\n\n".join(parts) + "\n"


def costs_of(listing: dict[str, Any], region: str) -> Costs:
    """Return the prices in what `nova cost --json` printed; raises ``DeliveryError`` for a region without."""
    try:
        return {line["what"]: float(line["usd_a_month"][region]) for line in listing["lines"]}
    except KeyError as error:
        raise DeliveryError(
            f"the costs have no {error}: `nova cost --json --region {region}` makes them"
        ) from error


def main(arguments: list[str]) -> None:
    """Print the report on what the arguments name."""
    parser = argparse.ArgumentParser(prog="delivery.report", description="A preview for people.")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--preview", type=Path, required=True, help="what `pulumi preview --json` printed")
    parser.add_argument("--policy", type=Path, help="what `nova policy` printed")
    parser.add_argument("--policy-outcome", default="failure", help="success or failure")
    parser.add_argument("--region", default="us-east-1", help="the stack's")
    parser.add_argument("--cost-before", type=Path, help="what `nova cost --json` printed before the change")
    parser.add_argument("--cost-after", type=Path, help="and with it")
    given = parser.parse_args(arguments)
    policies = None
    if given.policy is not None:
        text = given.policy.read_text(encoding="utf-8").strip()
        policies = Policies(passed=given.policy_outcome == "success", text=text)
    costs = None
    if _written(given.cost_before) and _written(given.cost_after):
        costs = (_read_costs(given.cost_before, given.region), _read_costs(given.cost_after, given.region))
    print(markdown(given.stack, read_file(given.preview), policies, costs), end="")


def _summary(preview: Preview) -> str:
    if not preview.changes:
        return "Nothing would change."
    return ", ".join(f"{count} {op}" for op, count in preview.counts().items())


def _listed(changes: Iterable[Change]) -> str:
    ordered = sorted(changes, key=lambda change: (not change.destroys, change.op, change.type, change.name))
    lines = [
        f"{MARKS.get(change.op, '?')} {change.op:<8} {change.key}{_because(change)}" for change in ordered
    ]
    more = [f"... and {len(lines) - LINES_MAX} more"] if len(lines) > LINES_MAX else []
    return _block([*lines[:LINES_MAX], *more])


def _because(change: Change) -> str:
    return f"  ({', '.join(change.because)})" if change.because else ""


def _named(change: Change) -> str:
    reasons = (
        f", because of {', '.join(f'`{reason}`' for reason in change.because)}" if change.because else ""
    )
    return f"{change.op} `{change.key}`{reasons}"


def _costs(before: Costs, after: Costs) -> str:
    total_before, total_after = sum(before.values()), sum(after.values())
    title = f"Idle month: {total_after:.2f} USD ({total_after - total_before:+.2f})"
    rows = [
        f"| {what} | {before.get(what, 0):.2f} | {after.get(what, 0):.2f} |"
        for what in sorted(before.keys() | after.keys())
        if abs(before.get(what, 0) - after.get(what, 0)) >= CENT
    ]
    if not rows:
        return title
    return _folded(title, "\n".join(["| | before | after |", "|---|---:|---:|", *rows]))


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _block(lines: Iterable[str]) -> str:
    # Longer than any run of backticks inside, so that no text ends the block.
    text = "\n".join(lines)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _written(path: Path | None) -> bool:
    return path is not None and path.is_file() and bool(path.read_text(encoding="utf-8").strip())


def _read_costs(path: Path, region: str) -> Costs:
    return costs_of(json.loads(path.read_text(encoding="utf-8")), region)


if __name__ == "__main__":
    run(main)
