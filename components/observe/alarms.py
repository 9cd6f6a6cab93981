"""Alarms, where they go, and what the dashboard has to show of them.

Creates: an encrypted SNS topic, its policy (TLS only; alarms, rules and budgets of this account publish) and,
when an address is given, its mail subscription; the same, with a key, in each further region that has alarms;
and each alarm asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from ..access.statements import ResourceStatement, deny_plain_transport, document
from ..account import Account
from ..data.key_plan import DataClass
from ..data.keys import Keys
from .board import AlarmList, Curve, Graph, merged, section_of
from .metrics import RESULT, Expression, Metric
from .severity import AlarmScope, Severity

EVALUATION_SECONDS_MAX = 86_400
"""The longest time that an alarm looks at in periods of less than an hour (PutMetricAlarm)."""
DESCRIPTION_LENGTH_MAX = 700
"""What is left of an alarm's description, 1,024 characters, beside the link to the runbook."""

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TITLES = {Severity.URGENT: "Urgent", Severity.NOTICE: "In working hours"}


class Comparison(StrEnum):
    """How a value has to lie to its threshold for the alarm to go off."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


class Missing(StrEnum):
    """What a period without data counts as."""

    GOOD = "notBreaching"
    """Idle is not broken."""
    BAD = "breaching"
    """For what reports as long as it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsArgs:
    """Whose alarms, under which keys, to whom, and where people read what to do."""

    account: Account
    keys: Keys
    email: str
    """Mail address of the subscription; empty for none."""
    runbook_url: str
    """Folder of the runbooks, without a slash at its end."""
    scope: AlarmScope
    asleep: bool = False
    """Whether nothing runs that could fail: then only what guards stored data is watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmArgs:
    """One alarm: a metric, or what is computed of several, beyond a threshold for some periods.

    Raises ``ValueError`` for what CloudWatch does not take.
    """

    description: str
    """What it means, in a sentence; the runbook says what to do."""
    runbook: str
    """Name of the file (without ``.md``) in the folder of the runbooks."""
    severity: Severity
    metric: Metric | Expression
    threshold: float
    comparison: Comparison = Comparison.ABOVE
    periods: int = 1
    """Periods that are looked at."""
    periods_failing: int | None = None
    """How many of them have to be beyond the threshold; all by default."""
    missing: Missing = Missing.GOOD
    region: str | None = None
    """Where the metric is reported, unless that is the stack's region: CloudFront's are in us-east-1."""

    def __post_init__(self) -> None:
        """Check the limits of an alarm."""
        if _SLUG.fullmatch(self.runbook) is None:
            raise ValueError(
                f"runbook: {self.runbook} is not allowed; it is words of a-z and 0-9, joined by -"
            )
        if not 0 < len(self.description) <= DESCRIPTION_LENGTH_MAX:
            raise ValueError(f"description: it has 1 to {DESCRIPTION_LENGTH_MAX} characters")
        if not 1 <= self.periods <= EVALUATION_SECONDS_MAX // self.metric.period_seconds:
            raise ValueError(
                f"periods: {self.periods} is not allowed; at least 1, and at most a day in all periods"
            )
        if self.periods_failing is not None and not 1 <= self.periods_failing <= self.periods:
            raise ValueError(
                f"periods_failing: {self.periods_failing} is not allowed; it is 1 to periods, {self.periods}"
            )


class Alerts(pulumi.ComponentResource):
    """The alerts topic, and alarms that notify it when they go off and when they recover.

    An alarm lives where its metric does and notifies a topic of that region, which is made when the first
    alarm needs it.
    """

    topic_arn: pulumi.Output[str]
    topic_policy: aws.sns.TopicPolicy
    """Admits to the topic who else publishes there, and is to be waited for."""

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:observe:Alerts", name, None, opts)
        self._label = name
        self._args = args
        self._graphs: list[Graph] = []
        self._arns: dict[Severity, list[pulumi.Output[str]]] = {severity: [] for severity in Severity}
        self._topic_arns: dict[str, pulumi.Output[str]] = {}
        self.topic_arn = self._topic(args.account.region)
        self.register_outputs({"topic_arn": self.topic_arn})

    def watch(
        self, prefix: str, alarms: Mapping[str, AlarmArgs], parent: pulumi.Resource
    ) -> dict[str, aws.cloudwatch.MetricAlarm]:
        """Create those of a set that the stack pays for, each called ``<prefix>-<its label>-alarm``.

        Returns them by label. The dashboard has a curve for each of the set, also for those left out. A stack
        that sleeps has none of them.
        """
        made: dict[str, aws.cloudwatch.MetricAlarm] = {}
        for label, args in alarms.items():
            self._draw(prefix, args)
            if args.severity in self._args.scope.severities and not self._args.asleep:
                made[label] = self._make(f"{prefix}-{label}-alarm", args, parent)
        return made

    def alarm(self, name: str, args: AlarmArgs, parent: pulumi.Resource) -> aws.cloudwatch.MetricAlarm:
        """Create an alarm as a child of ``parent``, whatever its severity, also where the stack sleeps."""
        self._draw(name.removesuffix("-alarm"), args)
        return self._make(name, args, parent)

    def show(self, *graphs: Graph) -> None:
        """Put ``graphs`` on the dashboard, of what is good to know and no alarm watches."""
        self._graphs.extend(graphs)

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """What the dashboard shows: a graph of each thing that is watched, with all resources of its kind."""
        return merged(self._graphs)

    @property
    def states(self) -> tuple[AlarmList, ...]:
        """All alarms, as far as there are any, by how soon somebody has to look."""
        return tuple(
            AlarmList(title=title, arns=tuple(self._arns[severity]))
            for severity, title in _TITLES.items()
            if self._arns[severity]
        )

    def _draw(self, label: str, args: AlarmArgs) -> None:
        curve = Curve(label=label, metric=args.metric, region=args.region)
        self._graphs.append(
            Graph(
                title=args.description.removesuffix("."),
                section=section_of(args.metric),
                curves=(curve,),
                thresholds=(args.threshold,),
            )
        )

    def _make(self, name: str, args: AlarmArgs, parent: pulumi.Resource) -> aws.cloudwatch.MetricAlarm:
        home = self._args.account.region
        region = args.region or home
        topic_arn = self._topic(region)
        metric = args.metric
        single = metric if isinstance(metric, Metric) else None
        percentile = single is not None and single.is_percentile
        alarm = aws.cloudwatch.MetricAlarm(
            name,
            region=None if region == home else region,
            alarm_description=_description(args, self._args.runbook_url),
            namespace=single.namespace if single else None,
            metric_name=single.name if single else None,
            dimensions=single.dimensions if single else None,
            statistic=single.statistic if single and not percentile else None,
            extended_statistic=single.statistic if single and percentile else None,
            # A percentile of a handful of requests says nothing.
            evaluate_low_sample_count_percentiles="ignore" if percentile else None,
            period=single.period_seconds if single else None,
            metric_queries=None if isinstance(metric, Metric) else _queries(metric),
            evaluation_periods=args.periods,
            datapoints_to_alarm=args.periods_failing,
            comparison_operator=args.comparison,
            threshold=args.threshold,
            treat_missing_data=args.missing,
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            opts=pulumi.ResourceOptions(parent=parent),
        )
        self._arns[args.severity].append(alarm.arn)
        return alarm

    def _topic(self, region: str) -> pulumi.Output[str]:
        if region not in self._topic_arns:
            self._topic_arns[region] = self._make_topic(region)
        return self._topic_arns[region]

    def _make_topic(self, region: str) -> pulumi.Output[str]:
        home = region == self._args.account.region
        label = self._label if home else f"{self._label}-{region}"
        key = self._args.keys.of(DataClass.MESSAGES, region)
        child = pulumi.ResourceOptions(parent=self)
        place = None if home else region
        topic = aws.sns.Topic(f"{label}-topic", region=place, kms_master_key_id=key.arn, opts=child)
        policy = aws.sns.TopicPolicy(
            f"{label}-topic-policy",
            region=place,
            arn=topic.arn,
            policy=document(_publishers(topic.arn, key.account, home=home)),
            opts=child,
        )
        if home:
            self.topic_policy = policy
        if self._args.email:
            aws.sns.TopicSubscription(
                f"{label}-mail",
                region=place,
                topic=topic.arn,
                protocol="email",
                endpoint=self._args.email,
                opts=child,
            )
        return topic.arn


def _publishers(
    topic_arn: pulumi.Output[str], account: Account, *, home: bool
) -> tuple[ResourceStatement, ...]:
    """Return who may publish to a topic of ``account``; budgets know the one of the stack's region."""
    alarms = ResourceStatement(
        sid="AlarmsPublish",
        effect="Allow",
        principals={"Service": "cloudwatch.amazonaws.com"},
        actions=("sns:Publish",),
        resources=(topic_arn,),
        conditions={
            "StringEquals": {"aws:SourceAccount": account.account_id},
            "ArnLike": {"aws:SourceArn": account.arn("cloudwatch", "alarm:*")},
        },
    )
    rules = ResourceStatement(
        sid="RulesPublish",
        effect="Allow",
        principals={"Service": "events.amazonaws.com"},
        actions=("sns:Publish",),
        resources=(topic_arn,),
        conditions={"ArnLike": {"aws:SourceArn": account.arn("events", "rule/*")}},
    )
    # AWS Cost Management user guide, "Creating an Amazon SNS topic for budget notifications".
    budgets = ResourceStatement(
        sid="BudgetsPublish",
        effect="Allow",
        principals={"Service": "budgets.amazonaws.com"},
        actions=("sns:Publish",),
        resources=(topic_arn,),
        conditions={
            "StringEquals": {"aws:SourceAccount": account.account_id},
            "ArnLike": {"aws:SourceArn": account.global_arn("budgets", "*")},
        },
    )
    plain = deny_plain_transport(("sns:Publish",), (topic_arn,))
    return (alarms, rules, *([budgets] if home else []), plain)


def _description(args: AlarmArgs, runbook_url: str) -> str:
    return f"{args.severity}. {args.description} Runbook: {runbook_url}/{args.runbook}.md"


def _queries(expression: Expression) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    queries = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=name,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=metric.dimensions,
                stat=metric.statistic,
                period=metric.period_seconds,
            ),
            return_data=False,
        )
        for name, metric in expression.metrics.items()
    ]
    result = aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id=RESULT, expression=expression.formula, label=expression.formula, return_data=True
    )
    return [*queries, result]
