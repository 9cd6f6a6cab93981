"""The pipe from the event store to the bus.

Creates: an EventBridge pipe, its role, log group and dead-letter queue.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.access.role import ServiceRole, ServiceRoleArgs
from components.account import Account
from components.data.tables import EventStore
from components.messaging.bus import EventBus
from components.messaging.queue import DeadLetterQueue, QueueEncryption
from components.observe.logs import LogPolicy, write_statement

BATCH_SIZE = 10
"""An event bus takes at most ten (CreatePipe refuses more)."""
ATTEMPTS_MAX = 20
RECORD_AGE_SECONDS_MAX = 3600
"""Without these a record that never passes would block its shard until the stream forgets it."""

ROUTED_FIELDS = ("id", "version", "source", "type", "user", "occurred_at", "correlation", "severity")
"""Attributes of an event that rules may look at; its data stays in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPipeArgs:
    """What is connected, and how failures are kept."""

    account: Account
    source: EventStore
    target: EventBus
    encryption: QueueEncryption
    logs: LogPolicy


class EventPipe(pulumi.ComponentResource):
    """Publishes each event appended to the store on the bus, by reference.

    The source and detail type are the event's own; the detail is its routable fields and the aggregate's key.
    Order is kept per item only, and a record may come twice: an event on the bus is a wake-up, not the truth.
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
        args.target.grant_publish(role)
        dead_letters.grant_send(role)
        role.add(write_statement(log_group))
        policy = role.seal()
        pipe = aws.pipes.Pipe(
            f"{name}-pipe",
            role_arn=role.arn,
            source=args.source.stream_arn,
            source_parameters=_source_parameters(dead_letters.arn),
            target=args.target.arn,
            target_parameters=_target_parameters(),
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
        self.register_outputs({"name": self.name, "arn": self.arn})


def _source_parameters(dead_letters_arn: pulumi.Input[str]) -> aws.pipes.PipeSourceParametersArgs:
    return aws.pipes.PipeSourceParametersArgs(
        filter_criteria=aws.pipes.PipeSourceParametersFilterCriteriaArgs(
            filters=[
                aws.pipes.PipeSourceParametersFilterCriteriaFilterArgs(
                    pattern=json.dumps({"eventName": ["INSERT"]})
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


def _target_parameters() -> aws.pipes.PipeTargetParametersArgs:
    # A path takes the value out of DynamoDB's type wrapper; nested values would keep theirs.
    detail = {"aggregate": "<$.dynamodb.Keys.pk.S>"}
    detail |= {field: f"<$.dynamodb.NewImage.{field}.S>" for field in ROUTED_FIELDS}
    return aws.pipes.PipeTargetParametersArgs(
        input_template=json.dumps(detail),
        eventbridge_event_bus_parameters=aws.pipes.PipeTargetParametersEventbridgeEventBusParametersArgs(
            source="$.dynamodb.NewImage.source.S",
            detail_type="$.dynamodb.NewImage.type.S",
        ),
    )
