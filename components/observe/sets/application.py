"""What is watched of what services count themselves (pure, no resources).

They write it into their logs, and CloudWatch Logs makes metrics of it (nova_common.metrics).
"""

from .. import thresholds
from ..alarms import AlarmArgs
from ..board import Curve, Graph, Section
from ..severity import Severity
from .source import AlarmSet, Source

DEGRADED = "DegradedFeatures"
QUOTA_REFUSALS = "QuotaRefusals"
QUOTA_WARNINGS = "QuotaWarnings"
PAYMENTS_UNKNOWN = "PaymentsUnknown"
BUDGET_LOW = "PaymentBudgetLow"
WALLET_UNUSABLE = "WalletUnusable"


def application_alarms(namespace: str) -> AlarmSet:
    """Watch what the services of a stack count in ``namespace``."""
    source = Source(namespace=namespace, dimensions={})
    return {
        "degraded": AlarmArgs(
            description="Answers lack something that they should have had.",
            runbook="degraded",
            severity=Severity.NOTICE,
            metric=source.metric(DEGRADED),
            threshold=thresholds.DEGRADED,
        ),
        "quota": AlarmArgs(
            description="People are refused because their quota of the month is used up.",
            runbook="quota",
            severity=Severity.NOTICE,
            metric=source.metric(QUOTA_REFUSALS),
            threshold=thresholds.QUOTA_REFUSALS,
        ),
    }


def payment_alarms(namespace: str) -> AlarmSet:
    """Watch what the MCP server counts in ``namespace``: of payments, of the budget, of the wallet."""
    source = Source(namespace=namespace, dimensions={})
    return {
        "unknown": AlarmArgs(
            description="Nobody knows whether payments went through.",
            runbook="payments",
            severity=Severity.NOTICE,
            metric=source.metric(PAYMENTS_UNKNOWN),
            threshold=thresholds.PAYMENTS_UNKNOWN,
        ),
        "budget": AlarmArgs(
            description="The day's budget for payments is nearly spent.",
            runbook="payments",
            severity=Severity.NOTICE,
            metric=source.metric(BUDGET_LOW),
            threshold=thresholds.BUDGET_LOW,
        ),
        "wallet": AlarmArgs(
            description="The wallet has no key, or too little money for what is asked of it.",
            runbook="payments",
            severity=Severity.NOTICE,
            metric=source.metric(WALLET_UNUSABLE),
            threshold=thresholds.WALLET_UNUSABLE,
        ),
    }


def near_quota(namespace: str) -> Graph:
    """Show the turns of people whom their quota will stop soon."""
    source = Source(namespace=namespace, dimensions={})
    return Graph(
        title="Turns of people near their quota",
        section=Section.COST,
        curves=(Curve(label="all people", metric=source.metric(QUOTA_WARNINGS), region=None),),
    )
