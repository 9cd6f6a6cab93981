"""Writes docs/policies.md: ``python -m tests.policy.table``. Its rows are the tests' own mutations."""

from collections import defaultdict
from collections.abc import Iterable

from nova_policy.exemptions import read_exemptions
from nova_policy.registry import all_rules
from nova_policy.report import table
from nova_policy.rule import AnyRule

from cli.policies import EXEMPTIONS
from cli.scan import reviews
from tests.infra.deployment import ROOT
from tests.policy.mutation import all_mutations

PAGE = ROOT / "docs" / "policies.md"
CONTROLS_MAX = 70


def page() -> str:
    """Return the page."""
    rules = sorted(all_rules(), key=lambda rule: (min(rule.controls, default=CONTROLS_MAX + 1), rule.name))
    changes: dict[str, list[str]] = defaultdict(list)
    for mutation in all_mutations():
        changes[mutation.rule].append(mutation.what)
    lines = [
        "# Policies",
        "",
        "Made by `python -m tests.policy.table` from the rules and from the changes of the real stacks that",
        "the tests make; do not edit. [The pack's README](../policy/README.md) says how to run it.",
        "",
        f"{len(rules)} rules and {sum(map(len, changes.values()))} changes. Each rule refuses each of its",
        "changes, no other rule does, and none refuses anything of the stacks dev and prod as they are",
        "(`tests/policy/test_mutations.py`). High and critical rules are mandatory, the others advise. A",
        "control is a number of our own list of what a careful reviewer looks for; a reference is a control",
        "of AWS Foundational Security Best Practices.",
        "",
        *table(
            ("control", "rule", "severity", "reference", "what has to be", "what is refused"),
            (_row(rule, changes[rule.name]) for rule in rules),
        ),
        "",
        "## Options",
        "",
        *table(
            ("rule", "option", "default", "what it is"), (row for rule in rules for row in _options(rule))
        ),
        "",
        "## Exceptions",
        "",
        "What `policy/exceptions.toml` accepts; the names CKV are checks of the independent scanner.",
        "",
        *table(
            ("rule", "resource", "stacks", "until", "because"),
            (
                (one.rule, one.resource, ", ".join(one.stacks), one.expires.isoformat(), one.reason)
                for one in read_exemptions(EXEMPTIONS)
            ),
        ),
        "",
        "## What the independent scanner says",
        "",
        "`make scan` hands dev and prod to checkov, as plans of Terraform, and fails for whatever checkov",
        "refuses unless it is accepted above, or has been looked at and is not severe: checkov has no",
        "severities without its maker's service, so that `policy/severities.toml` has them. A reference is",
        "the control of AWS Foundational Security Best Practices whose severity that is.",
        "",
        *table(
            ("check", "severity", "reference", "because"),
            ((check, row["severity"], row["reference"], row["reason"]) for check, row in reviews().items()),
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(rule: AnyRule, changes: list[str]) -> tuple[str, ...]:
    return (
        ", ".join(map(str, rule.controls)),
        f"`{rule.name}`",
        rule.severity.value,
        ", ".join(rule.references),
        rule.description,
        "; ".join(changes),
    )


def _options(rule: AnyRule) -> Iterable[tuple[str, ...]]:
    for name, schema in rule.all_options.items():
        yield f"`{rule.name}`", f"`{name}`", f"`{schema['default']}`", schema["description"]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
