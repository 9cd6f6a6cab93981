"""What services count besides what AWS does: a line of log that CloudWatch Logs makes a metric of.

That is CloudWatch's embedded metric format. One metric for the stack, without dimensions, because the log
says who wrote the line and each combination of dimensions is paid for; where nothing happens, nothing is.
"""

from collections.abc import Mapping
from enum import StrEnum


class Metric(StrEnum):
    """What is counted. Names are those of the alarms (components/observe/sets/application.py)."""

    DEGRADED = "DegradedFeatures"
    """Something was answered with less than it should have had, such as a turn that is not remembered."""
    PAYMENT_UNKNOWN = "PaymentsUnknown"
    """Nobody knows whether a payment went through."""
    BUDGET_LOW = "PaymentBudgetLow"
    """A payment took the day past the part of its budget from which people are warned, or did not fit."""
    WALLET_UNUSABLE = "WalletUnusable"
    """A payment was not made because the wallet has no key, or too little money."""
    QUOTA_REFUSAL = "QuotaRefusals"
    """A message was refused because its sender's quota of the month is used up."""
    QUOTA_WARNING = "QuotaWarnings"
    """A turn ended past the part of the quota from which its owner is warned."""


def counting(metric: Metric, **fields: object) -> dict[str, object]:
    """Return a log call's `extra` that counts it, with fields of its own."""
    return {"metric": metric, "fields": fields}


def embedded(metric: Metric, namespace: str, moment_ms: int) -> Mapping[str, object]:
    """Return what makes a line of log count one, `moment_ms` since 1970."""
    none: list[str] = []
    counted = {"Name": str(metric), "Unit": "Count"}
    directive = {"Namespace": namespace, "Dimensions": [none], "Metrics": [counted]}
    return {"_aws": {"Timestamp": moment_ms, "CloudWatchMetrics": [directive]}, str(metric): 1}
