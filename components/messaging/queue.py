"""Queues, always with a dead-letter queue, both watched.

Creates: for a ``DeadLetterQueue`` an SQS queue, its policy, whose dead letters it takes, and an alarm; for a
``Queue`` an SQS queue, its policy and alarm, its dead-letter queue, and a rule, its target and its alarm for
each subscription.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import ResourceStatement, Statement, deny_plain_transport, document
from ..data.keys import DataKey
from ..json_text import json_text
from ..observe.alarms import Alerts
from ..observe.sets.messaging import dead_letter_alarms, queue_alarms, rule_alarms
from ..observe.sets.traffic import waiting_messages

RETENTION_SECONDS = 4 * 24 * 3600
"""Four days: a weekend and a day to repair a consumer."""
DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600
"""The longest that SQS keeps a message."""
RECEIVES_MAX = 5
"""Deliveries of a message before it is set aside."""
POLL_SECONDS = 20
"""The longest wait of one receive (SQS limit): fewest empty answers."""
TARGET_ATTEMPTS_MAX = 185
TARGET_AGE_SECONDS_MAX = 24 * 3600
"""EventBridge's own limits for retrying a target; afterwards the event goes to the dead-letter queue."""

DEFAULT_BUS = "default"
"""The bus of every account on which AWS's own services announce what happened."""

_SERVICE = "sqs"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEncryption:
    """The key of all queues, and where their alarms go."""

    key: DataKey
    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Events that a queue wants: those on ``bus_name`` that match ``pattern``."""

    label: str
    """Names the rule; unique in its queue."""
    bus_name: pulumi.Input[str]
    pattern: pulumi.Input[str]
    """Event pattern, as JSON text."""

    @property
    def on_default_bus(self) -> bool:
        """Whether the events come from AWS's own services."""
        return isinstance(self.bus_name, str) and self.bus_name == DEFAULT_BUS


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueArgs:
    """What a queue carries and how long its work may take."""

    encryption: QueueEncryption
    subscriptions: Sequence[Subscription]
    visibility_seconds: int
    """Time a consumer has before a message is delivered again, unless it asks for more."""
    age_seconds_alarm: int
    """Age of the oldest message from which the queue counts as stuck."""

    def __post_init__(self) -> None:
        """Check the numbers against SQS's limits."""
        if not 1 <= self.visibility_seconds <= 12 * 3600:
            raise ValueError(
                f"visibility_seconds: {self.visibility_seconds} is not allowed; it is 1 to 43200"
            )
        if not 1 <= self.age_seconds_alarm < RETENTION_SECONDS:
            raise ValueError(
                f"age_seconds_alarm: {self.age_seconds_alarm} is not allowed; it is less than the retention, "
                f"{RETENTION_SECONDS}"
            )
        if len({subscription.label for subscription in self.subscriptions}) != len(self.subscriptions):
            raise ValueError("subscriptions: labels have to differ")


class DeadLetterQueue(pulumi.ComponentResource):
    """A queue for what could not be handled; an alarm goes off with the first message.

    ``seal`` writes its policy once it is known who sends: without that call nobody but the account's own
    roles could, over whatever transport.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(self, name: str, args: QueueEncryption, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:DeadLetterQueue", name, None, opts)
        self._label = name
        self._key = args.key
        queue = aws.sqs.Queue(
            f"{name}-queue",
            message_retention_seconds=DEAD_LETTER_RETENTION_SECONDS,
            kms_master_key_id=args.key.arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name, self.arn, self.url = queue.name, queue.arn, queue.url
        args.alerts.watch(name, dead_letter_alarms(queue.name), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn, "url": self.url})

    def seal(
        self, source_arns: Sequence[pulumi.Input[str]], queue_arn: pulumi.Input[str] | None = None
    ) -> None:
        """Let EventBridge send for the rules or buses ``source_arns``, if any, and nobody otherwise.

        Only the queue ``queue_arn`` may set messages aside here.
        """
        queue_policy(f"{self._label}-policy", self, self.url, self.arn, source_arns)
        allowed: dict[str, object] = {"redrivePermission": "denyAll"}
        if queue_arn is not None:
            allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]}
        aws.sqs.RedriveAllowPolicy(
            f"{self._label}-redrive-allow",
            queue_url=self.url,
            redrive_allow_policy=json_text(allowed),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def grant_send(self, role: ServiceRole) -> None:
        """Let ``role`` set a message aside here."""
        role.add(Statement(sid="SetAside", actions=("sqs:SendMessage",), resources=(self.arn,)))
        role.add_shared(self._key.encrypt_through(_SERVICE))


class Queue(pulumi.ComponentResource):
    """A queue that a worker consumes, fed by the rules of its subscriptions.

    A message that fails ``RECEIVES_MAX`` times, or that EventBridge cannot deliver, ends in the dead-letter
    queue.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    url: pulumi.Output[str]
    dead_letters: DeadLetterQueue

    def __init__(self, name: str, args: QueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:messaging:Queue", name, None, opts)
        self._label = name
        self._key = args.encryption.key
        self._alerts = args.encryption.alerts
        child = pulumi.ResourceOptions(parent=self)
        self.dead_letters = DeadLetterQueue(f"{name}-dead-letters", args.encryption, opts=child)
        queue = aws.sqs.Queue(
            f"{name}-queue",
            message_retention_seconds=RETENTION_SECONDS,
            visibility_timeout_seconds=args.visibility_seconds,
            receive_wait_time_seconds=POLL_SECONDS,
            kms_master_key_id=self._key.arn,
            redrive_policy=json_text(
                {"deadLetterTargetArn": self.dead_letters.arn, "maxReceiveCount": RECEIVES_MAX}
            ),
            opts=child,
        )
        self.name, self.arn, self.url = queue.name, queue.arn, queue.url
        rule_arns = [self._subscribe(subscription) for subscription in args.subscriptions]
        queue_policy(f"{name}-policy", self, self.url, self.arn, rule_arns)
        self.dead_letters.seal(rule_arns, self.arn)
        args.encryption.alerts.watch(name, queue_alarms(queue.name, args.age_seconds_alarm), parent=self)
        args.encryption.alerts.show(*waiting_messages(name, queue.name))
        self.register_outputs({"name": self.name, "arn": self.arn, "url": self.url})

    def grant_consume(self, role: ServiceRole) -> None:
        """Let ``role`` receive messages, ask for more time for one, and delete it."""
        role.add(
            Statement(
                sid="Consume",
                actions=(
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                ),
                resources=(self.arn,),
            )
        )
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def _subscribe(self, subscription: Subscription) -> pulumi.Output[str]:
        rule = aws.cloudwatch.EventRule(
            f"{self._label}-{subscription.label}",
            event_bus_name=subscription.bus_name,
            event_pattern=subscription.pattern,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{self._label}-{subscription.label}-target",
            rule=rule.name,
            event_bus_name=subscription.bus_name,
            arn=self.arn,
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=self.dead_letters.arn),
            retry_policy=retry_policy(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        bus = None if subscription.on_default_bus else subscription.bus_name
        self._alerts.watch(f"{self._label}-{subscription.label}", rule_alarms(rule.name, bus), parent=self)
        return rule.arn


def retry_policy() -> aws.cloudwatch.EventTargetRetryPolicyArgs:
    """Return how long EventBridge tries a target before the event goes to the dead-letter queue."""
    return aws.cloudwatch.EventTargetRetryPolicyArgs(
        maximum_event_age_in_seconds=TARGET_AGE_SECONDS_MAX, maximum_retry_attempts=TARGET_ATTEMPTS_MAX
    )


def queue_policy(
    name: str,
    parent: pulumi.Resource,
    url: pulumi.Output[str],
    arn: pulumi.Output[str],
    source_arns: Sequence[pulumi.Input[str]],
) -> None:
    """Write a queue's policy: TLS only, and EventBridge may send for ``source_arns``, if any."""
    statements = [deny_plain_transport(("sqs:*",), (arn,))]
    if source_arns:
        statements.append(
            ResourceStatement(
                sid="EventBridgeSends",
                effect="Allow",
                principals={"Service": "events.amazonaws.com"},
                actions=("sqs:SendMessage",),
                resources=(arn,),
                conditions={"ArnEquals": {"aws:SourceArn": list(source_arns)}},
            )
        )
    aws.sqs.QueuePolicy(
        name, queue_url=url, policy=document(statements), opts=pulumi.ResourceOptions(parent=parent)
    )
