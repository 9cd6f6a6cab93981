"""Questions to the logs that nobody has to write in the middle of an incident.

Creates: a saved query of CloudWatch Logs Insights for each of ``QUERIES``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .queries import QUERIES

GROUPS_MAX = 50
"""Log groups that one query reads (StartQuery)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQueriesArgs:
    """Which logs are read; raises ``ValueError`` for more groups than a query takes, and for none."""

    log_groups: Sequence[pulumi.Input[str]]

    def __post_init__(self) -> None:
        """Check the number of groups."""
        if not 1 <= len(self.log_groups) <= GROUPS_MAX:
            raise ValueError(
                f"log_groups: {len(self.log_groups)} are not allowed; a query reads 1 to {GROUPS_MAX}"
            )


class SavedQueries(pulumi.ComponentResource):
    """Queries in a folder of the stack; asking one costs by what it reads."""

    def __init__(self, name: str, args: SavedQueriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:observe:SavedQueries", name, None, opts)
        for label, text in QUERIES.items():
            aws.cloudwatch.QueryDefinition(
                f"{name}-{label}",
                name=f"{pulumi.get_project()}/{pulumi.get_stack()}/{label}",
                log_group_names=list(args.log_groups),
                query_string=text,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
