"""What an independent scanner says about a stack, by its program's graph as a plan of Terraform.

Every check that fails counts as severe, unless `policy/severities.toml` says that it has been looked at and
matters less; a severe one stops, unless `policy/exceptions.toml` accepts it for that resource.
"""

import datetime
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from nova_policy.exemptions import Exemption, read_exemptions
from nova_policy.graph import Resource
from nova_policy.settings import PolicySettingsError

from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from cli.policies import EXEMPTIONS

SEVERITIES = CHECKOUT / "policy" / "severities.toml"
SEVERE = "high"
LESSER = ("medium", "low")
_KEYS = {"severity", "reference", "reason"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check that one resource does not pass."""

    check: str
    what: str
    address: str
    """Of the resource in the plan: its type, and its name in the program."""
    severity: str
    exemption: Exemption | None = None
    """What accepts it."""

    @property
    def stops(self) -> bool:
        """Whether somebody has to do something."""
        return self.severity == SEVERE and self.exemption is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What the scanner said of a stack."""

    stack: str
    resources: int
    passed: int
    findings: tuple[Finding, ...]
    unneeded: tuple[Exemption, ...]
    """Exceptions for this stack that nothing needs."""

    @property
    def severe(self) -> tuple[Finding, ...]:
        """What nobody has accepted."""
        return tuple(found for found in self.findings if found.stops)


def scanned(stack: str, home: Home) -> Scan:
    """Evaluate the program of ``stack``, hand its plan to the scanner, and judge what comes back.

    Raises ``NovaError`` for a stack that is no plan, a scanner that does not run, or files of reviews that
    cannot be read.
    """
    from cli.graph import evaluated  # noqa: PLC0415 (the SDK takes a second to load)
    from cli.scanner import prepare, scan  # noqa: PLC0415
    from evaluation.terraform.plan import PlanError, plan  # noqa: PLC0415

    interpreter = prepare(home)
    try:
        planned = plan(evaluated(stack))
    except PlanError as error:
        raise NovaError(f"stack {stack} cannot be written as a plan: {error}") from error
    return judged(
        stack, scan(interpreter, planned), accepted(), lesser(), datetime.datetime.now(datetime.UTC).date()
    )


def judged(
    stack: str,
    report: Mapping[str, Any],
    exemptions: Iterable[Exemption],
    severities: Mapping[str, str],
    today: datetime.date,
) -> Scan:
    """Judge a report of checkov's (pure)."""
    ours = [one for one in exemptions if one.scanned and one.holds_in(stack)]
    findings = [
        _finding(stack, failed, ours, severities, today) for failed in report["results"]["failed_checks"]
    ]
    used = {id(found.exemption) for found in findings}
    return Scan(
        stack=stack,
        resources=report["summary"]["resource_count"],
        passed=report["summary"]["passed"],
        findings=tuple(sorted(findings, key=lambda found: (found.severity, found.check, found.address))),
        unneeded=tuple(one for one in ours if id(one) not in used),
    )


def accepted() -> tuple[Exemption, ...]:
    """Read the exceptions; raises ``NovaError``."""
    try:
        return read_exemptions(EXEMPTIONS)
    except PolicySettingsError as error:
        raise NovaError(str(error)) from error


def lesser() -> Mapping[str, str]:
    """Return the severity of each check that has been looked at and matters less; raises ``NovaError``."""
    return {check: row["severity"] for check, row in reviews().items()}


def reviews(file: Path = SEVERITIES) -> Mapping[str, Mapping[str, str]]:
    """Return ``severity``, ``reference`` and ``reason`` by check; raises ``NovaError`` for another form."""
    try:
        table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise NovaError(f"{file.name} cannot be read: {error}") from error
    for check, row in table.items():
        given = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
        if given.keys() != _KEYS or given["severity"] not in LESSER:
            raise NovaError(
                f"{file.name}, {check}: it has to say {', '.join(sorted(_KEYS))}, and its severity is one of "
                f"{', '.join(LESSER)}"
            )
    return table


def lines(scan: Scan) -> list[str]:
    """Return the result for people."""
    said = [f"{found.check} {found.address}: {found.what}" for found in scan.severe]
    said += [
        f"accepted until {exemption.expires}: {found.check} {found.address} ({exemption.reason})"
        for found in scan.findings
        if (exemption := found.exemption) is not None
    ]
    said += [f"nothing needs the exception {one.label}: take it out" for one in scan.unneeded]
    counts = Counter(found.severity for found in scan.findings if found.exemption is None)
    said.append(
        f"{scan.resources} resources, {scan.passed} checks passed; failed and not accepted: "
        + ", ".join(f"{counts[severity]} {severity}" for severity in (SEVERE, *LESSER))
    )
    return said


def document(scan: Scan) -> dict[str, Any]:
    """Return the result as JSON values."""
    return {
        "stack": scan.stack,
        "resources": scan.resources,
        "passed": scan.passed,
        "findings": [
            {
                "check": found.check,
                "what": found.what,
                "resource": found.address,
                "severity": found.severity,
                "accepted": found.exemption.reason if found.exemption else None,
            }
            for found in scan.findings
        ],
        "unneeded": [one.label for one in scan.unneeded],
    }


def _finding(
    stack: str,
    failed: Mapping[str, Any],
    exemptions: Sequence[Exemption],
    severities: Mapping[str, str],
    today: datetime.date,
) -> Finding:
    check, address = str(failed["check_id"]), str(failed["resource"])
    kind, _, name = address.partition(".")
    # Exceptions name resources as the program does, here as in the pack.
    resource = Resource(urn=f"urn:pulumi:{stack}::plan::{kind}::{name}", type=kind, name=name, props={})
    found = (one for one in exemptions if one.covers(check, resource, today))
    return Finding(
        check=check,
        what=str(failed["check_name"]),
        address=address,
        severity=severities.get(check, SEVERE),
        exemption=next(found, None),
    )
