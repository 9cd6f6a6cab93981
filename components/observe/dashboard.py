"""One page that shows how the stack is doing.

Creates: a CloudWatch dashboard with the state of every alarm and a graph of each thing that is watched.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..json_text import json_text
from ..names import stack_name
from .alarms import Alerts
from .board import Board
from .console import dashboard_address

_NAME_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardArgs:
    """What is shown, from where."""

    region: str
    alerts: Alerts
    """Knows all that is watched, when the dashboard is made after everything else."""
    runbook_url: str


class Dashboard(pulumi.ComponentResource):
    """The stack's dashboard. What is made after it is not on it."""

    name: str
    url: str

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:observe:Dashboard", name, None, opts)
        self.name = stack_name(name, _NAME_LENGTH_MAX)
        self.url = dashboard_address(args.region, self.name)
        heading = f"# {pulumi.get_project()} {pulumi.get_stack()}"
        board = Board(
            region=args.region,
            text=f"{heading}\nWhat to do about an alarm: {args.runbook_url}",
            alarms=args.alerts.states,
            graphs=args.alerts.graphs,
        )
        aws.cloudwatch.Dashboard(
            name,
            dashboard_name=self.name,
            dashboard_body=json_text(board.body()),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self.name, "url": self.url})
