"""The event bus.

Creates: an encrypted EventBridge bus, its dead-letter queue and its archive.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..json_text import json_text
from .queue import DEFAULT_BUS, DeadLetterQueue, QueueEncryption, Subscription

ARCHIVE_DAYS = 90
"""How far back events can be replayed."""

type Pattern = dict[str, str | list[Pattern] | list[str] | Pattern]
"""An EventBridge event pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBusArgs:
    """How events are encrypted, and where those go that cannot be encrypted or delivered."""

    encryption: QueueEncryption


class EventBus(pulumi.ComponentResource):
    """The bus that carries every event of the event store, and an archive to replay from."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EventBusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:EventBus", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = args.encryption.key
        dead_letters = DeadLetterQueue(f"{name}-dead-letters", args.encryption, opts=child)
        bus = aws.cloudwatch.EventBus(
            f"{name}-bus",
            kms_key_identifier=key.arn,
            # With a key of ours an event that cannot be encrypted would be lost without it.
            dead_letter_config=aws.cloudwatch.EventBusDeadLetterConfigArgs(arn=dead_letters.arn),
            opts=child,
        )
        self.name, self.arn = bus.name, bus.arn
        dead_letters.seal([bus.arn])
        aws.cloudwatch.EventArchive(
            f"{name}-archive",
            event_source_arn=bus.arn,
            retention_days=ARCHIVE_DAYS,
            kms_key_identifier=key.arn,
            opts=child,
        )
        self.register_outputs({"name": self.name, "arn": self.arn})

    def subscription(self, label: str, pattern: Pattern) -> Subscription:
        """Events on this bus that match ``pattern``."""
        return Subscription(label=label, bus_name=self.name, pattern=json.dumps(pattern))

    def grant_publish(self, role: ServiceRole) -> None:
        """Let ``role`` put events on this bus."""
        role.add(Statement(sid="PublishEvents", actions=("events:PutEvents",), resources=(self.arn,)))


def object_subscription(label: str, bucket_name: pulumi.Input[str], prefix: str) -> Subscription:
    """Return the wish for objects that are created under ``prefix`` in a bucket which announces them."""
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket_name]}, "object": {"key": [{"prefix": prefix}]}},
    }
    return aws_subscription(label, json_text(pattern))


def aws_subscription(label: str, pattern: pulumi.Input[str]) -> Subscription:
    """Return the wish for what AWS's own services announce and ``pattern`` (JSON text) matches."""
    return Subscription(label=label, bus_name=DEFAULT_BUS, pattern=pattern)
