"""What is backed up, how often, and how long it is kept (pure, no resources)."""

from dataclasses import dataclass

MONTHLY_RETENTION_DAYS = 365
"""A year of months: for what is found out long after point-in-time recovery has forgotten it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlan:
    """How long backups are kept; raises ``ValueError`` for days that a vault's lock would refuse."""

    daily_retention_days: int
    monthly: bool
    """Whether one backup a month is kept for ``MONTHLY_RETENTION_DAYS``."""

    def __post_init__(self) -> None:
        """Check the days."""
        if not 1 <= self.daily_retention_days <= MONTHLY_RETENTION_DAYS:
            raise ValueError(
                f"daily_retention_days: {self.daily_retention_days} is not allowed; "
                f"it is 1 to {MONTHLY_RETENTION_DAYS}"
            )

    @property
    def longest_retention_days(self) -> int:
        """The longest that any backup is kept."""
        return MONTHLY_RETENTION_DAYS if self.monthly else self.daily_retention_days
