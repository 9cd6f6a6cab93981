"""Events that people are told of.

Creates: a rule on a bus, its alarm, its target (the alerts topic) and the target's dead-letter queue.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..observe.sets.messaging import rule_alarms
from .bus import EventBus, Pattern
from .queue import DeadLetterQueue, QueueEncryption, retry_policy

PATHS = {
    "aggregate": "$.detail.aggregate",
    "at": "$.time",
    "id": "$.detail.id",
    "severity": "$.detail.severity",
    "source": "$.source",
    "type": "$.detail-type",
}
TEXT = '"<type> (severity <severity>) from <source> at <at>: <aggregate>, event <id>."'
"""What people read: where to look, and neither a user nor what an event says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNoticeArgs:
    """Which events of which bus; what cannot be delivered is encrypted and watched as queues are."""

    bus: EventBus
    pattern: Pattern
    encryption: QueueEncryption


class EventNotice(pulumi.ComponentResource):
    """Sends a line about each matching event to the alerts topic."""

    rule_name: pulumi.Output[str]

    def __init__(self, name: str, args: EventNoticeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:EventNotice", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        dead_letters = DeadLetterQueue(f"{name}-dead-letters", args.encryption, opts=child)
        rule = aws.cloudwatch.EventRule(
            name,
            event_bus_name=args.bus.name,
            event_pattern=json.dumps(args.pattern),
            opts=child,
        )
        dead_letters.seal([rule.arn])
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            event_bus_name=args.bus.name,
            # The topic's policy admits the rule: a role beside it would make deliveries to an encrypted topic
            # fail (EventBridge user guide, "Using resource-based policies").
            arn=args.encryption.alerts.topic_arn,
            input_transformer=aws.cloudwatch.EventTargetInputTransformerArgs(
                input_paths=PATHS, input_template=TEXT
            ),
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=dead_letters.arn),
            retry_policy=retry_policy(),
            opts=child,
        )
        self.rule_name = rule.name
        args.encryption.alerts.watch(name, rule_alarms(rule.name, args.bus.name), parent=self)
        self.register_outputs({"rule_name": self.rule_name})
