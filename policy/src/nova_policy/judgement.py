"""Runs rules over a whole graph: what they find, what was accepted, and what could not be judged (pure)."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nova_policy.exemptions import Exemption, problems
from nova_policy.graph import Graph, Resource
from nova_policy.rule import AnyRule, Level, Severity
from nova_policy.settings import Settings

EXEMPTIONS = "policy-exceptions-valid"
"""Names what is wrong with the file of exceptions, in the place of a rule's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One thing that has to be mended."""

    rule: str
    severity: Severity
    level: Level
    resource: str
    """URN; empty where it is about the policies themselves."""
    message: str
    remediation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What came of all rules, the most severe first."""

    verdicts: tuple[Verdict, ...]
    accepted: tuple[tuple[Verdict, Exemption], ...]
    """Findings that an exception covers."""
    rules: int
    """Rules that were asked."""
    resources: int

    @property
    def mandatory(self) -> tuple[Verdict, ...]:
        """What stops an update."""
        return tuple(one for one in self.verdicts if one.level is Level.MANDATORY)


def judge(
    graph: Graph,
    rules: Sequence[AnyRule],
    settings: Settings,
    exemptions: Sequence[Exemption],
    today: datetime.date,
    stack: str,
) -> Judgement:
    """Ask every rule that is not disabled; the graph has to be the whole of ``stack``.

    A rule that fails is a mandatory verdict of its own: whoever broke it may have broken what it watches.
    An exception of this stack that covers nothing is one, too.
    """
    verdicts: list[Verdict] = []
    accepted: list[tuple[Verdict, Exemption]] = []
    asked = [
        rule
        for rule in rules
        if settings.level(rule) is not Level.DISABLED and rule.holds_in(stack, settings.of(rule))
    ]
    for rule in asked:
        found, failure = _asked(rule, graph, settings)
        for verdict, resource in found:
            cover = next((one for one in exemptions if one.covers(rule.name, resource, today)), None)
            if cover is None:
                verdicts.append(verdict)
            else:
                accepted.append((verdict, cover))
        verdicts += failure
    used = {id(exemption) for _, exemption in accepted}
    verdicts += [
        _about_exemptions(f"{exemption.label}: {what}")
        for exemption, what in [
            *problems(exemptions, {rule.name for rule in rules}, today),
            *_stale(exemptions, used, {rule.name for rule in asked}, stack, today),
        ]
    ]
    verdicts.sort(key=lambda one: (-one.severity.rank, one.rule, one.resource, one.message))
    return Judgement(
        verdicts=tuple(verdicts), accepted=tuple(accepted), rules=len(asked), resources=len(graph.resources)
    )


def failure_message(error: Exception) -> str:
    """Say that a rule failed, and where; never the error's own text, which may hold a secret value."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"this rule could not judge: {type(error).__name__} at {place}; mend the rule, nothing was checked"


def _asked(
    rule: AnyRule, graph: Graph, settings: Settings
) -> tuple[list[tuple[Verdict, Resource]], list[Verdict]]:
    found: list[tuple[Verdict, Resource]] = []
    try:
        for finding in rule.findings(graph, settings.of(rule)):
            verdict = Verdict(
                rule=rule.name,
                severity=rule.severity,
                level=settings.level(rule),
                resource=finding.resource.urn,
                message=finding.message,
                remediation=rule.remediation,
            )
            found.append((verdict, finding.resource))
    except Exception as error:  # noqa: BLE001 (whatever a rule does wrong is said, and stops nothing else)
        failure = Verdict(
            rule=rule.name,
            severity=Severity.CRITICAL,
            level=Level.MANDATORY,
            resource="",
            message=failure_message(error),
            remediation="Mend the rule, and give its mutation test the case that broke it.",
        )
        return found, [failure]
    return found, []


def _stale(
    exemptions: Iterable[Exemption], used: set[int], rules: set[str], stack: str, today: datetime.date
) -> Iterable[tuple[Exemption, str]]:
    for one in exemptions:
        if one.rule in rules and one.holds_in(stack) and one.expires >= today and id(one) not in used:
            yield one, f"it covers nothing in stack {stack}: remove it"


def _about_exemptions(message: str) -> Verdict:
    return Verdict(
        rule=EXEMPTIONS,
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        resource="",
        message=message,
        remediation="Mend or remove the exception in the file of exceptions.",
    )
