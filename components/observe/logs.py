"""Log groups that all keep events for the same time, under the same key."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.statements import Statement
from ..joined import joined
from .retention import check_retention


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy:
    """How logs are kept; raises ``ValueError`` for a retention that CloudWatch Logs does not take."""

    retention_days: int
    key_arn: pulumi.Input[str]
    """Key whose policy lets CloudWatch Logs encrypt this account's groups."""
    region: str | None = None
    """Where the groups are, and the key, unless that is the stack's region."""

    def __post_init__(self) -> None:
        """Check the retention."""
        check_retention(self.retention_days)

    def group(
        self, name: str, parent: pulumi.Resource, physical_name: pulumi.Input[str] | None = None
    ) -> aws.cloudwatch.LogGroup:
        """Create a log group as a child of ``parent``; the engine names it, unless its writer has to."""
        return aws.cloudwatch.LogGroup(
            name,
            region=self.region,
            name=physical_name,
            retention_in_days=self.retention_days,
            kms_key_id=self.key_arn,
            opts=pulumi.ResourceOptions(parent=parent),
        )


def write_statement(group: aws.cloudwatch.LogGroup) -> Statement:
    """Return the right to write to ``group``, which its writer cannot create or read."""
    return Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        resources=(joined(group.arn, ":log-stream:*"),),
    )
