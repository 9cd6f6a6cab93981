"""What services say in their logs that somebody has to hear.

Creates: an alarm for critical entries and one for calls that AWS refused; for each watched log group the
metric filters that count them; alarms of what services count themselves.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .alarms import AlarmArgs, Alerts
from .metrics import Metric
from .namespace import metrics_namespace
from .sets.application import application_alarms, near_quota
from .severity import Severity
from .thresholds import WINDOW_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWatchArgs:
    """Who is told."""

    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """Log entries that are counted."""

    label: str
    metric: str
    pattern: str
    """In CloudWatch Logs' filter syntax, on the JSON that services write."""
    description: str
    runbook: str


_COUNTED = (
    _Counted(
        label="critical",
        metric="CriticalLogEntries",
        pattern='{ $.level = "CRITICAL" }',
        description="A service logged something that must not happen.",
        runbook="critical-log",
    ),
    _Counted(
        label="refused",
        metric="RefusedCalls",
        pattern='{ $.exception = "*AccessDenied*" }',
        description="AWS refused a call of one of our own services.",
        runbook="refused-calls",
    ),
)


PATTERNS = {counted.metric: counted.pattern for counted in _COUNTED}
"""How the entries of each metric are found."""


class LogWatch(pulumi.ComponentResource):
    """Counts entries of all watched log groups together, in a namespace of the stack.

    One metric for the stack instead of one for each service: the log says whose entry it is, and a custom
    metric costs three times what an alarm does. Without an entry there is no data and no cost.
    """

    def __init__(self, name: str, args: LogWatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:observe:LogWatch", name, None, opts)
        self._groups: list[pulumi.Output[str]] = []
        self._namespace = metrics_namespace()
        args.alerts.watch(name, application_alarms(self._namespace), parent=self)
        args.alerts.show(near_quota(self._namespace))
        for counted in _COUNTED:
            args.alerts.alarm(
                f"{name}-{counted.label}-alarm",
                AlarmArgs(
                    description=counted.description,
                    runbook=counted.runbook,
                    severity=Severity.URGENT,
                    metric=Metric(
                        namespace=self._namespace,
                        name=counted.metric,
                        dimensions={},
                        statistic="Sum",
                        period_seconds=WINDOW_SECONDS,
                    ),
                    threshold=0,
                ),
                parent=self,
            )
        self.register_outputs({})

    @property
    def groups(self) -> tuple[pulumi.Output[str], ...]:
        """Names of the groups whose entries are counted, which are those that services write."""
        return tuple(self._groups)

    def count(self, name: str, group: aws.cloudwatch.LogGroup, parent: pulumi.Resource) -> None:
        """Count the entries of ``group``; the filters become children of ``parent``."""
        self._groups.append(group.name)
        for counted in _COUNTED:
            aws.cloudwatch.LogMetricFilter(
                f"{name}-{counted.label}",
                log_group_name=group.name,
                pattern=counted.pattern,
                metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                    namespace=self._namespace, name=counted.metric, value="1", unit="Count"
                ),
                opts=pulumi.ResourceOptions(parent=parent),
            )
