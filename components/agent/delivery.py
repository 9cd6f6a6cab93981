"""What AgentCore tells about a runtime: usage, traces and, if wanted, application logs.

Creates: a delivery source and a delivery for each of them; for logs a log group and its destination, for
traces the destination that is X-Ray.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..names import stack_name
from ..observe.logs import LogPolicy

VENDED_PREFIX = "/aws/vendedlogs/bedrock-agentcore/runtime"
"""What the names of groups begin with that AWS services write to under one entry of the account's log policy
(CloudWatch Logs user guide, "Enable logging from AWS services")."""
_NAME_LENGTH_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDeliveriesArgs:
    """Whose deliveries, and how logs are kept."""

    runtime_arn: pulumi.Input[str]
    logs: LogPolicy
    application_logs: bool
    """Whether questions and answers are delivered, word for word."""


class RuntimeDeliveries(pulumi.ComponentResource):
    """Deliveries of one runtime, one made after the other: CloudWatch Logs refuses them at once.

    Traces arrive when the region's traces go to CloudWatch Logs, which the account decides once, for all its
    stacks.
    """

    def __init__(
        self, name: str, args: RuntimeDeliveriesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:agent:RuntimeDeliveries", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._last: list[pulumi.Resource] = []
        self._deliver("usage", "USAGE_LOGS", self._log_group("usage", "USAGE_LOGS"))
        if args.application_logs:
            self._deliver(
                "application", "APPLICATION_LOGS", self._log_group("application", "APPLICATION_LOGS")
            )
        self._deliver("traces", "TRACES", self._traces())
        self.register_outputs({})

    def _deliver(self, label: str, log_type: str, destination: aws.cloudwatch.LogDeliveryDestination) -> None:
        source = aws.cloudwatch.LogDeliverySource(
            f"{self._label}-{label}-source",
            name=self._unique(label),
            log_type=log_type,
            resource_arn=self._args.runtime_arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._last),
        )
        delivery = aws.cloudwatch.LogDelivery(
            f"{self._label}-{label}-delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._last),
        )
        self._last = [delivery]

    def _log_group(self, label: str, log_type: str) -> aws.cloudwatch.LogDeliveryDestination:
        group = self._args.logs.group(
            f"{self._label}-{label}-logs",
            parent=self,
            physical_name=f"{VENDED_PREFIX}/{log_type}/{stack_name(self._label, _NAME_LENGTH_MAX)}",
        )
        return aws.cloudwatch.LogDeliveryDestination(
            f"{self._label}-{label}-destination",
            name=self._unique(label),
            delivery_destination_configuration=aws.cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
                destination_resource_arn=group.arn
            ),
            opts=self._child,
        )

    def _traces(self) -> aws.cloudwatch.LogDeliveryDestination:
        return aws.cloudwatch.LogDeliveryDestination(
            f"{self._label}-traces-destination",
            name=self._unique("traces"),
            delivery_destination_type="XRAY",
            opts=self._child,
        )

    def _unique(self, label: str) -> str:
        return stack_name(f"{self._label}-{label}", _NAME_LENGTH_MAX)
