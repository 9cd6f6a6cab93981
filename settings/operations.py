"""Whether the stack sleeps; logs, alarms and whose it is."""

import re
from dataclasses import dataclass

from components.observe.retention import check_retention
from components.observe.severity import AlarmScope
from settings.errors import SettingsError
from settings.values import Values

KEYS = (
    "asleep",
    "logRetentionDays",
    "traceSamplePercent",
    "alarms",
    "alarmEmail",
    "runbookUrl",
    "budgetUsd",
    "owner",
    "costCenter",
)

# AWS limit of a tag's value; the characters are those allowed in all services.
_TAG_VALUE = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")
_TAG_VALUE_ALLOWED = "it is a tag value of 1 to 256 characters"

# A folder, in this repository or on the web, without a slash at its end.
_RUNBOOK_FOLDER = re.compile(r"(https://[a-z0-9.-]+/)?[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*")
_RUNBOOK_URL_LENGTH_MAX = 200

_PERCENT = (0, 100)
# A typing error should not allow more than any team means to spend.
_BUDGET_USD = (0, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsSettings:
    """Whether the stack sleeps, how long logs are kept, who is told of alarms, who owns and pays for it."""

    asleep: bool
    """Whether the stack keeps what it has stored, and nothing that costs by the hour."""
    log_retention_days: int
    trace_sample_percent: int
    alarms: AlarmScope
    alarm_email: str
    """Empty for none."""
    runbook_url: str
    """Folder of the runbooks, without a slash at its end."""
    budget_usd: int
    """What the stack may cost in a month before somebody is told; 0 for no budget."""
    owner: str
    cost_center: str


def read_operations(values: Values) -> OperationsSettings:
    """Read operations; raises ``SettingsError`` for a retention, an address or a tag that AWS refuses."""
    days = values.integer("logRetentionDays", 1, 3653)
    values.check("logRetentionDays", days, lambda: check_retention(days))
    return OperationsSettings(
        asleep=values.boolean("asleep"),
        log_retention_days=days,
        trace_sample_percent=values.integer("traceSamplePercent", *_PERCENT),
        alarms=values.choice("alarms", AlarmScope),
        alarm_email=values.matching(
            "alarmEmail", r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "it is a mail address, or empty"
        ),
        runbook_url=_runbook_url(values),
        budget_usd=values.integer("budgetUsd", *_BUDGET_USD),
        owner=values.matching("owner", _TAG_VALUE, _TAG_VALUE_ALLOWED),
        cost_center=values.matching("costCenter", _TAG_VALUE, _TAG_VALUE_ALLOWED),
    )


def _runbook_url(values: Values) -> str:
    allowed = (
        f"it is an https address, or a path in the repository, of a folder: up to {_RUNBOOK_URL_LENGTH_MAX} "
        "characters without a slash at the end"
    )
    url = values.matching("runbookUrl", _RUNBOOK_FOLDER, allowed)
    if len(url) > _RUNBOOK_URL_LENGTH_MAX:
        raise SettingsError(values.key("runbookUrl"), url, allowed)
    return url
