"""Says what came of a judgement, to people and to programs (pure)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from nova_policy.judgement import Judgement, Verdict
from nova_policy.rule import AnyRule


def lines(judgement: Judgement) -> list[str]:
    """Return the report for people: by severity, then by rule, each with its remediation."""
    said: list[str] = []
    for severity, of_severity in groupby(judgement.verdicts, key=lambda one: one.severity):
        said.append(f"{severity.value}:")
        for rule, of_rule in groupby(of_severity, key=lambda one: one.rule):
            members = list(of_rule)
            said.append(f"  {rule} ({members[0].level.value})")
            said += [f"    {_place(one)}{one.message}" for one in members]
            said.append(f"    -> {members[0].remediation}")
    accepted = Counter((one.rule, one.reason, one.expires.isoformat()) for _, one in judgement.accepted)
    said += [
        f"accepted until {until}: {count} of {rule} ({reason})"
        for (rule, reason, until), count in accepted.items()
    ]
    mandatory = len(judgement.mandatory)
    said.append(
        f"{judgement.rules} rules over {judgement.resources} resources: {mandatory} mandatory and "
        f"{len(judgement.verdicts) - mandatory} advisory findings, {len(judgement.accepted)} accepted"
    )
    return said


def document(judgement: Judgement) -> dict[str, Any]:
    """Return the report as JSON values."""
    return {
        "rules": judgement.rules,
        "resources": judgement.resources,
        "mandatory": len(judgement.mandatory),
        "findings": [_finding(one) for one in judgement.verdicts],
        "accepted": [
            {**_finding(verdict), "reason": exemption.reason, "expires": exemption.expires.isoformat()}
            for verdict, exemption in judgement.accepted
        ],
    }


def catalogue(rules: Sequence[AnyRule]) -> list[dict[str, Any]]:
    """Return what there is to know of each rule as JSON values."""
    return [
        {
            "name": rule.name,
            "severity": rule.severity.value,
            "level": rule.level.value,
            "description": rule.description,
            "remediation": rule.remediation,
            "references": list(rule.references),
            "controls": list(rule.controls),
            "types": list(rule.types),
            "options": {name: dict(schema) for name, schema in rule.all_options.items()},
        }
        for rule in rules
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    cells = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells]


def _finding(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule,
        "severity": verdict.severity.value,
        "level": verdict.level.value,
        "resource": verdict.resource,
        "message": verdict.message,
        "remediation": verdict.remediation,
    }


def _name(verdict: Verdict) -> str:
    return verdict.resource.rpartition("::")[2]


def _place(verdict: Verdict) -> str:
    return f"{_name(verdict)}: " if verdict.resource else ""
