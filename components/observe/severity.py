"""How soon somebody has to look at an alarm, and which alarms a stack pays for (pure, no resources)."""

from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody has to look."""

    URGENT = "Urgent"
    """Now: people are hit, or data is at risk."""
    NOTICE = "Notice"
    """In working hours: it will become urgent, or costs money."""


class AlarmScope(StrEnum):
    """Which alarms a stack has; each metric of each costs 0.10 USD a month."""

    ALL = "all"
    URGENT = "urgent"

    @property
    def severities(self) -> frozenset[Severity]:
        """The severities of the alarms that the stack has."""
        return frozenset(Severity) if self is AlarmScope.ALL else frozenset({Severity.URGENT})
