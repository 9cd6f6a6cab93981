"""The watch over what must never change: events.

Creates: a queue of changed and removed events with its policy and alarm, and the pipe that fills it.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..account import Account
from ..data.tables import EventStore
from ..observe.alarms import AlarmArgs
from ..observe.logs import LogPolicy
from ..observe.metrics import Metric
from ..observe.severity import Severity
from .pipe import Change, EventPipe, EventPipeArgs, PipeTarget
from .queue import DEAD_LETTER_RETENTION_SECONDS, QueueEncryption, queue_policy

EVIDENCE = {
    "change": "<$.eventName>",
    "aggregate": "<$.dynamodb.Keys.pk.S>",
    "version": "<$.dynamodb.Keys.sk.S>",
    "at": "<$.dynamodb.ApproximateCreationDateTime>",
    "record": "<$.eventID>",
}
"""What is kept of a change: which event, how and when, and no word of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperWatchArgs:
    """Whose events are watched, and how the evidence is kept."""

    account: Account
    source: EventStore
    encryption: QueueEncryption
    logs: LogPolicy
    running: bool = True


class TamperWatch(pulumi.ComponentResource):
    """Raises an alarm for every event that was changed or removed, by whatever right.

    No role of the platform may do that; an administrator can, and so can a mistake. Nobody consumes the
    queue: its alarm stays until a person has looked into each message and deleted it.
    """

    queue_name: pulumi.Output[str]

    def __init__(self, name: str, args: TamperWatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:TamperWatch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = args.encryption.key
        queue = aws.sqs.Queue(
            f"{name}-evidence-queue",
            message_retention_seconds=DEAD_LETTER_RETENTION_SECONDS,
            kms_master_key_id=key.arn,
            opts=child,
        )
        queue_policy(f"{name}-evidence-policy", self, queue.url, queue.arn, ())
        self.queue_name = queue.name

        def grant_send(role: ServiceRole) -> None:
            role.add(Statement(sid="KeepEvidence", actions=("sqs:SendMessage",), resources=(queue.arn,)))
            role.add_shared(key.encrypt_through("sqs"))

        EventPipe(
            name,
            EventPipeArgs(
                account=args.account,
                source=args.source,
                changes=(Change.MODIFY, Change.REMOVE),
                target=PipeTarget(
                    arn=queue.arn,
                    parameters=aws.pipes.PipeTargetParametersArgs(input_template=json.dumps(EVIDENCE)),
                    grant=grant_send,
                ),
                encryption=args.encryption,
                logs=args.logs,
                running=args.running,
            ),
            opts=child,
        )
        args.encryption.alerts.alarm(
            f"{name}-alarm",
            AlarmArgs(
                description="An event was changed or removed, which nothing of the platform does.",
                runbook="event-tampering",
                metric=Metric(
                    namespace="AWS/SQS",
                    name="ApproximateNumberOfMessagesVisible",
                    dimensions={"QueueName": queue.name},
                ),
                threshold=0,
                severity=Severity.URGENT,
            ),
            parent=self,
        )
        self.register_outputs({"queue_name": self.queue_name})
