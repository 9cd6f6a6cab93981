"""Where alarms go.

Creates: an encrypted SNS topic, its policy (TLS only; CloudWatch alarms of this account publish) and, when an
address is given, its mail subscription; and each alarm asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.access.statements import ResourceStatement, deny_plain_transport, document
from components.account import Account
from components.data.keys import DataKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsArgs:
    """Whose alarms, under which key, and to whom."""

    account: Account
    key: DataKey
    email: str
    """Mail address of the subscription; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmArgs:
    """One alarm: a metric's statistic above a threshold in ``periods`` successive periods."""

    description: str
    """What it means and what to do first."""
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    threshold: float
    statistic: str = "Maximum"
    period_seconds: int = 60
    periods: int = 1


class Alerts(pulumi.ComponentResource):
    """The alerts topic, and alarms that notify it when they go off and when they recover."""

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:Alerts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(f"{name}-topic", kms_master_key_id=args.key.arn, opts=child)
        self.topic_arn = topic.arn
        aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=document(
                (
                    ResourceStatement(
                        sid="AlarmsPublish",
                        effect="Allow",
                        principals={"Service": "cloudwatch.amazonaws.com"},
                        actions=("sns:Publish",),
                        resources=(topic.arn,),
                        conditions={
                            "StringEquals": {"aws:SourceAccount": args.account.account_id},
                            "ArnLike": {"aws:SourceArn": args.account.arn("cloudwatch", "alarm:*")},
                        },
                    ),
                    deny_plain_transport(("sns:Publish",), (topic.arn,)),
                )
            ),
            opts=child,
        )
        if args.email:
            aws.sns.TopicSubscription(
                f"{name}-mail", topic=topic.arn, protocol="email", endpoint=args.email, opts=child
            )
        self.register_outputs({"topic_arn": self.topic_arn})

    def alarm(self, name: str, args: AlarmArgs, parent: pulumi.Resource) -> aws.cloudwatch.MetricAlarm:
        """Create an alarm as a child of ``parent``. No data counts as good: idle is not broken."""
        return aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=args.description,
            namespace=args.namespace,
            metric_name=args.metric,
            dimensions=args.dimensions,
            statistic=args.statistic,
            period=args.period_seconds,
            evaluation_periods=args.periods,
            comparison_operator="GreaterThanThreshold",
            threshold=args.threshold,
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            opts=pulumi.ResourceOptions(parent=parent),
        )
