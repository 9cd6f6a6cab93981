"""How long logs may be kept (pure, no resources)."""

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The values that CloudWatch Logs' PutRetentionPolicy takes, in days."""


def check_retention(days: int) -> None:
    """Raise ``ValueError`` for a retention that CloudWatch Logs does not take."""
    if days not in RETENTION_DAYS:
        raise ValueError(f"CloudWatch Logs keeps events for {', '.join(map(str, RETENTION_DAYS))} days")
