"""What the stack may cost in a month, before somebody is told.

Creates: a budget over what carries the stack's tags, and its two notifications.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from . import thresholds
from .alarms import Alerts

METRIC = "UnblendedCost"
"""What each resource costs where it is used, as Cost Explorer shows it by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetArgs:
    """How much, and who is told; raises ``ValueError`` for an amount below a dollar."""

    usd_a_month: int
    alerts: Alerts

    def __post_init__(self) -> None:
        """Check the amount."""
        if self.usd_a_month < 1:
            raise ValueError(f"usd_a_month: {self.usd_a_month} is not allowed; it is at least 1")


class Budget(pulumi.ComponentResource):
    """Tells of money spent (a notice), and of a month that will end beyond the budget (urgent).

    It knows what AWS has billed, some hours late, and only as far as the account activated the tags
    ``project`` and ``stack`` for cost allocation, which its own stack does (``costTags``).
    """

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:observe:Budget", name, None, opts)
        aws.budgets.Budget(
            name,
            budget_type="COST",
            limit_amount=str(args.usd_a_month),
            limit_unit="USD",
            time_unit="MONTHLY",
            metrics=METRIC,
            filter_expression=aws.budgets.BudgetFilterExpressionArgs(
                # Several tags in one filter would mean any of them.
                ands=[
                    aws.budgets.BudgetFilterExpressionAndArgs(
                        tags=aws.budgets.BudgetFilterExpressionAndTagsArgs(key=key, values=[value])
                    )
                    for key, value in (("project", pulumi.get_project()), ("stack", pulumi.get_stack()))
                ]
            ),
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[args.alerts.topic_arn],
                )
                for kind, percent in (
                    ("ACTUAL", thresholds.BUDGET_SPENT_PERCENT),
                    ("FORECASTED", thresholds.BUDGET_FORECAST_PERCENT),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.alerts.topic_policy]),
        )
        self.register_outputs({})
