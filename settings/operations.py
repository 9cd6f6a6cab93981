"""Logs, alarms and whose the stack is."""

import re
from dataclasses import dataclass

from components.observe.retention import check_retention
from settings.values import Values

KEYS = ("logRetentionDays", "alarmEmail", "owner", "costCenter")

# AWS limit of a tag's value; the characters are those allowed in all services.
_TAG_VALUE = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")
_TAG_VALUE_ALLOWED = "it is a tag value of 1 to 256 characters"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsSettings:
    """How long logs are kept, who is told of alarms, and who owns and pays for the stack."""

    log_retention_days: int
    alarm_email: str
    """Empty for none."""
    owner: str
    cost_center: str


def read_operations(values: Values) -> OperationsSettings:
    """Read operations; raises ``SettingsError`` for a retention, an address or a tag that AWS refuses."""
    days = values.integer("logRetentionDays", 1, 3653)
    values.check("logRetentionDays", days, lambda: check_retention(days))
    return OperationsSettings(
        log_retention_days=days,
        alarm_email=values.matching(
            "alarmEmail", r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "it is a mail address, or empty"
        ),
        owner=values.matching("owner", _TAG_VALUE, _TAG_VALUE_ALLOWED),
        cost_center=values.matching("costCenter", _TAG_VALUE, _TAG_VALUE_ALLOWED),
    )
