"""The whole examination: this machine, and a stack's account where one is named."""

from collections.abc import Callable, Iterator

from cli.doctor.account import Account
from cli.doctor.engine import engine_checks
from cli.doctor.finding import Check, Finding, Ok, State, Verdict, examine
from cli.doctor.machine import Machine
from cli.doctor.stack import StackNeeds
from cli.graph import evaluated, settings_of
from cli.home import Home
from cli.target import LOCAL

_MARKS = {State.OK: "ok", State.WARNING: "warning", State.FAILURE: "FAILURE", State.UNCHECKED: "not checked"}


def diagnose(home: Home, stack: str, progress: Callable[[str], None]) -> list[Finding]:
    """Examine this machine and, unless it is the local one or none, the account of ``stack``.

    Raises ``NovaError`` for a stack whose settings are refused: they say what the account has to offer.
    """
    checks: list[Check] = list(Machine(home=home).checks())
    if stack not in ("", LOCAL):
        checks += aws_checks(stack)
    return examine(checks, progress)


def aws_checks(stack: str, account: Account | None = None) -> list[Check]:
    """Return the checks of what ``stack`` needs in AWS, and of what deploys it."""
    deployment, settings = evaluated(stack), settings_of(stack)
    asked = account or Account(settings=settings)
    needs = StackNeeds(account=asked, stack=stack, deployment=deployment)

    def program() -> Verdict:
        return Ok(f"{len(deployment.resources)} resources in {settings.region}")

    return [
        Check(name="program", ask=program),
        *engine_checks(stack),
        *asked.checks(),
        *needs.checks(),
    ]


def lines(findings: list[Finding]) -> Iterator[str]:
    """Return the findings for people, each with its fix below it."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        yield f"{_MARKS[finding.state]:<12} {finding.name:<{width}}  {finding.found}"
        if finding.fix:
            yield f"{'':<12} {'':<{width}}  fix: {finding.fix}"
