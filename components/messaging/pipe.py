"""Pipes that lead from the event store's stream to a bus or a queue.

Creates: an EventBridge pipe, its role, log group, dead-letter queue and alarms.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import Statement
from ..account import Account
from ..data.keys import DataKey
from ..data.tables import EventStore
from ..observe.logs import LogPolicy, write_statement
from ..observe.sets.messaging import pipe_alarms, publisher_alarms
from .bus import EventBus
from .queue import DeadLetterQueue, QueueEncryption

BATCH_SIZE = 10
"""An event bus takes at most ten (CreatePipe refuses more)."""
ATTEMPTS_MAX = 20
RECORD_AGE_SECONDS_MAX = 3600
"""Without these a record that never passes would block its shard until the stream forgets it."""

ROUTED_FIELDS = (
    "id",
    "version",
    "source",
    "type",
    "user",
    "occurred_at",
    "correlation",
    "severity",
    "trace",
)
"""Attributes of an event that rules may look at; its data stays in the store."""


class Change(StrEnum):
    """What a record of the stream says has happened to an item."""

    INSERT = "INSERT"
    MODIFY = "MODIFY"
    REMOVE = "REMOVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeTarget:
    """Where a pipe leads, what it sends there, and the rights it needs for that."""

    arn: pulumi.Output[str]
    parameters: aws.pipes.PipeTargetParametersArgs
    grant: Callable[[ServiceRole], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPipeArgs:
    """What is connected, which changes pass, and how failures are kept."""

    account: Account
    source: EventStore
    changes: tuple[Change, ...]
    target: PipeTarget
    encryption: QueueEncryption
    logs: LogPolicy
    running: bool = True
    """Whether it reads the stream; a stopped pipe begins, when it is started, with what the stream holds."""


class EventPipe(pulumi.ComponentResource):
    """Sends the records of the event store's stream that tell of certain changes to a target.

    Order is kept per item only, and a record may come twice. One that is never accepted is given up after
    ``ATTEMPTS_MAX`` attempts or ``RECORD_AGE_SECONDS_MAX``; the dead-letter queue then holds its place in the
    stream.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EventPipeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:EventPipe", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        dead_letters = DeadLetterQueue(f"{name}-dead-letters", args.encryption, opts=child)
        dead_letters.seal([])
        log_group = args.logs.group(f"{name}-logs", parent=self)
        role = ServiceRole(
            name, ServiceRoleArgs(service="pipes.amazonaws.com", account=args.account), opts=child
        )
        args.source.grant_stream(role)
        args.target.grant(role)
        dead_letters.grant_send(role)
        role.add(write_statement(log_group), *_own_key_statements(args.encryption.key))
        policy = role.seal()
        pipe = aws.pipes.Pipe(
            f"{name}-pipe",
            role_arn=role.arn,
            desired_state="RUNNING" if args.running else "STOPPED",
            kms_key_identifier=args.encryption.key.arn,
            source=args.source.stream_arn,
            source_parameters=_source_parameters(args.changes, dead_letters.arn),
            target=args.target.arn,
            target_parameters=args.target.parameters,
            log_configuration=aws.pipes.PipeLogConfigurationArgs(
                level="ERROR",
                cloudwatch_logs_log_destination=aws.pipes.PipeLogConfigurationCloudwatchLogsLogDestinationArgs(
                    log_group_arn=log_group.arn
                ),
            ),
            # CreatePipe tries the stream with the role at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.name, self.arn = pipe.name, pipe.arn
        args.encryption.alerts.watch(name, pipe_alarms(pipe.name), parent=self)
        if args.running and Change.INSERT in args.changes:
            args.encryption.alerts.watch(name, publisher_alarms(pipe.name, args.source.name), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})


def publication(bus: EventBus) -> PipeTarget:
    """Return the target that publishes each record's event on ``bus``, by reference.

    The source and detail type are the event's own; the detail is its routable fields and the aggregate's key.
    An event on the bus is a wake-up, not the truth.
    """
    # A path takes the value out of DynamoDB's type wrapper; nested values would keep theirs.
    detail = {"aggregate": "<$.dynamodb.Keys.pk.S>"}
    detail |= {field: f"<$.dynamodb.NewImage.{field}.S>" for field in ROUTED_FIELDS}
    return PipeTarget(
        arn=bus.arn,
        parameters=aws.pipes.PipeTargetParametersArgs(
            input_template=json.dumps(detail),
            eventbridge_event_bus_parameters=aws.pipes.PipeTargetParametersEventbridgeEventBusParametersArgs(
                source="$.dynamodb.NewImage.source.S",
                detail_type="$.dynamodb.NewImage.type.S",
            ),
        ),
        grant=bus.grant_publish,
    )


def _own_key_statements(key: DataKey) -> tuple[Statement, ...]:
    # A pipe encrypts its filter and its template, with its role's rights. AWS's guide spells the name in the
    # encryption context in two ways (EventBridge user guide, "Encrypting EventBridge Pipes data").
    names = ["aws:pipes:arn", "aws:pipe:arn"]
    return (
        Statement(sid="SeeOwnKey", actions=("kms:DescribeKey",), resources=(key.arn,)),
        Statement(
            sid="UseOwnKey",
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(key.arn,),
            conditions={"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": names}},
        ),
    )


def _source_parameters(
    changes: tuple[Change, ...], dead_letters_arn: pulumi.Input[str]
) -> aws.pipes.PipeSourceParametersArgs:
    return aws.pipes.PipeSourceParametersArgs(
        filter_criteria=aws.pipes.PipeSourceParametersFilterCriteriaArgs(
            filters=[
                aws.pipes.PipeSourceParametersFilterCriteriaFilterArgs(
                    pattern=json.dumps({"eventName": list(changes)})
                )
            ]
        ),
        dynamodb_stream_parameters=aws.pipes.PipeSourceParametersDynamodbStreamParametersArgs(
            # From the oldest record on: events appended before the pipe existed are published too.
            starting_position="TRIM_HORIZON",
            batch_size=BATCH_SIZE,
            maximum_retry_attempts=ATTEMPTS_MAX,
            maximum_record_age_in_seconds=RECORD_AGE_SECONDS_MAX,
            on_partial_batch_item_failure="AUTOMATIC_BISECT",
            dead_letter_config=aws.pipes.PipeSourceParametersDynamodbStreamParametersDeadLetterConfigArgs(
                arn=dead_letters_arn
            ),
        ),
    )
