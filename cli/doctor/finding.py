"""What a check finds, and how checks are run one after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import NovaError


class State(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"
    """Works for now, or for most of what there is."""
    FAILURE = "failure"
    UNCHECKED = "unchecked"
    """Something that it needs is broken, which stands above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found."""

    name: str
    state: State
    found: str
    fix: str = ""
    """A command, or where it is written; empty where nothing is to be done."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"name": self.name, "state": self.state.value, "found": self.found, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class Ok:
    """Nothing is to be done."""

    found: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Something is to be done."""

    found: str
    fix: str
    state: State = State.FAILURE

    def __str__(self) -> str:
        """Return what is wrong and what to do, as a line."""
        return f"{self.found}: {self.fix}"


type Verdict = Ok | Broken


def warning(found: str, fix: str) -> Broken:
    """Return a verdict that stops nobody."""
    return Broken(found, fix, State.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question, which is asked if those that it needs were answered well."""

    name: str
    ask: Callable[[], Verdict]
    needs: tuple[str, ...] = ()
    right: str = ""
    """The AWS action that it takes, for whoever may not."""


def examine(checks: Iterable[Check], progress: Callable[[str], None]) -> list[Finding]:
    """Run ``checks`` in their order, and return a finding for each of them."""
    findings: dict[str, Finding] = {}
    for check in checks:
        progress(check.name)
        missing = _missing([findings[name] for name in check.needs])
        findings[check.name] = _skipped(check, missing) if missing else _found(check)
    return list(findings.values())


def _missing(needed: list[Finding]) -> list[str]:
    """Return what of it is broken; where all that is broken was itself not looked at, that."""
    found = {
        state: [one.name for one in needed if one.state is state]
        for state in (State.FAILURE, State.UNCHECKED)
    }
    return found[State.FAILURE] or found[State.UNCHECKED]


def _skipped(check: Check, missing: list[str]) -> Finding:
    return Finding(name=check.name, state=State.UNCHECKED, found=f"it needs {' and '.join(missing)}")


def _found(check: Check) -> Finding:
    try:
        verdict = check.ask()
    except NovaError as error:
        verdict = Broken(str(error), "do what it says, and ask again")
    except ClientError as error:
        verdict = _refused(check, error)
    except BotoCoreError as error:
        verdict = Broken(f"AWS cannot be asked: {error}", "look at the network and its proxy, and ask again")
    if isinstance(verdict, Ok):
        return Finding(name=check.name, state=State.OK, found=verdict.found)
    return Finding(name=check.name, state=verdict.state, found=verdict.found, fix=verdict.fix)


def _refused(check: Check, error: ClientError) -> Broken:
    code = str(error.response.get("Error", {}).get("Code"))
    if "AccessDenied" in code or code in {"UnauthorizedOperation", "NotAuthorized"}:
        return warning(f"these credentials may not look: {code}", f"allow them {check.right}")
    return Broken(f"AWS refuses: {error}", f"try `{check.right}` by hand; it may be AWS's own trouble")


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing stands in the way."""
    return all(finding.state in {State.OK, State.WARNING} for finding in findings)
