"""Rules about SQS and SNS."""

from collections.abc import Iterable
from typing import Any

from nova_policy.documents import admits_strangers, refuses_plain, statements
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, at_least, is_certainly, is_set, may_be, parsed

QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_LEADING = frozenset({"redrivePolicy", "deadLetterConfig", "sourceParameters", "destinationConfig"})
"""Properties by which others say where their dead letters go."""
_RETENTION_UNLESS_SET = 345_600
"""Seconds, of AWS."""


def _dead_letters(graph: Graph) -> frozenset[str]:
    """Return the URNs of all queues that somebody's dead letters go to."""
    return frozenset(
        urn for found in graph.resources for key in _LEADING for urn in found.references.get(key, ())
    )


def _redrive(graph: Graph, queue: Resource) -> Any:
    """Return the queue's redrive policy, wherever it is declared; ``None`` where it has none."""
    if is_set(queue.at("redrivePolicy")):
        return parsed(queue.at("redrivePolicy"))
    apart = graph.referring_to(queue, REDRIVE, by="queueUrl")
    return parsed(apart[0].at("redrivePolicy")) if apart else None


@stack_rule(
    "sqs-queue-dead-letters",
    severity=Severity.MEDIUM,
    types=(QUEUE,),
    controls=(52,),
    description="What nobody can work off leaves a queue for another one, after some attempts.",
    remediation="Give the queue a redrivePolicy with a deadLetterTargetArn and a maxReceiveCount.",
    options={"attempts": {"type": "integer", "minimum": 1, "default": 10, "description": "Attempts at most"}},
)
def dead_letters(graph: Graph, options: Options) -> Iterable[Finding]:
    """Leave out queues of dead letters themselves: people look at these."""
    ends = _dead_letters(graph)
    for queue in graph.of_type(QUEUE):
        policy = _redrive(graph, queue)
        if policy is None:
            if queue.urn not in ends:
                yield Finding(queue, "what cannot be worked off is tried until it is lost")
            continue
        attempts = at(policy, "maxReceiveCount")
        many = attempts is not UNKNOWN and at_least(attempts, options["attempts"] + 1)
        if many or not is_set(attempts):
            yield Finding(queue, f"what cannot be worked off is tried more than {options['attempts']} times")


@stack_rule(
    "sqs-queue-dead-letter-retention",
    severity=Severity.MEDIUM,
    types=(QUEUE,),
    controls=(52,),
    description="Dead letters are kept longer than letters.",
    remediation="Set messageRetentionSeconds of the queue of dead letters, to 1209600 at best.",
)
def dead_letter_retention(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Count as SQS does: from when a letter was first sent, not from when it died."""
    for queue in graph.of_type(QUEUE):
        kept = queue.at("messageRetentionSeconds")
        kept = _RETENTION_UNLESS_SET if kept is None else kept
        for end in graph.targets(queue, "redrivePolicy", QUEUE):
            found = end.at("messageRetentionSeconds")
            found = _RETENTION_UNLESS_SET if found is None else found
            if kept is not UNKNOWN and not at_least(found, kept + 1):
                yield Finding(end, "what dies late is deleted before anybody sees it")


@stack_rule(
    "sqs-queue-alarms",
    severity=Severity.MEDIUM,
    types=(QUEUE, ALARM),
    controls=(54,),
    description="Somebody is told of dead letters, and of letters that wait for long.",
    remediation="Make alarms with actions: ApproximateNumberOfMessagesVisible for a queue of dead letters, "
    "ApproximateAgeOfOldestMessage for another one.",
)
def alarms(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Take any alarm on the metric for one: when it rings is not the rule's to say."""
    ends = _dead_letters(graph)
    for queue in graph.of_type(QUEUE):
        if _redrive(graph, queue) is None and queue.urn not in ends:
            continue
        metric = (
            "ApproximateNumberOfMessagesVisible" if queue.urn in ends else "ApproximateAgeOfOldestMessage"
        )
        found = graph.referring_to(queue, ALARM, by="dimensions")
        if not any(may_be(one.at("metricName"), metric) and is_set(one.at("alarmActions")) for one in found):
            yield Finding(queue, f"nobody is told of its {metric}")


@resource_rule(
    "sqs-queue-encryption",
    severity=Severity.MEDIUM,
    types=(QUEUE,),
    controls=(57,),
    references=("SQS.1",),
    description="A queue is encrypted.",
    remediation="Set kmsMasterKeyId, or leave sqsManagedSseEnabled at true.",
)
def queue_encryption(queue: Resource, _options: Options) -> Iterable[str]:
    """Refuse only what is switched off: AWS encrypts new queues with a key of its own."""
    if is_certainly(queue.at("sqsManagedSseEnabled"), False) and not is_set(queue.at("kmsMasterKeyId")):
        yield "it is not encrypted"


@resource_rule(
    "sns-topic-encryption",
    severity=Severity.MEDIUM,
    types=(TOPIC,),
    controls=(57,),
    references=("SNS.1",),
    description="A topic is encrypted.",
    remediation="Set kmsMasterKeyId.",
)
def topic_encryption(topic: Resource, _options: Options) -> Iterable[str]:
    """Ask for a key: without one AWS encrypts nothing of a topic."""
    if not is_set(topic.at("kmsMasterKeyId")):
        yield "it is not encrypted"


@resource_rule(
    "sqs-queuepolicy-senders",
    severity=Severity.HIGH,
    types=(QUEUE_POLICY, TOPIC_POLICY),
    controls=(56,),
    references=("SQS.3", "SNS.4"),
    description="The policy of a queue or a topic says on whose behalf a service may send.",
    remediation="Narrow the statement by aws:SourceArn, for a rule by the rule's own, or aws:SourceAccount.",
)
def senders(policy: Resource, _options: Options) -> Iterable[str]:
    """Refuse anybody, and services of AWS that would act for anybody."""
    if any(map(admits_strangers, statements(policy.at("policy")))):
        yield "it admits what belongs to others"


@stack_rule(
    "sqs-queue-tls-only",
    severity=Severity.MEDIUM,
    types=(QUEUE, QUEUE_POLICY),
    controls=(56,),
    description="A queue refuses requests without TLS.",
    remediation="Add a statement to the queue's policy that denies sqs:* where aws:SecureTransport is false.",
)
def queue_tls_only(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Look at the policy wherever it is declared."""
    for queue in graph.of_type(QUEUE):
        found = [one.at("policy") for one in graph.referring_to(queue, QUEUE_POLICY, by="queueUrl")]
        if not _refuse_plain([*found, queue.at("policy")], "sqs:SendMessage", "sqs:ReceiveMessage"):
            yield Finding(queue, "it does not refuse plain requests")


@stack_rule(
    "sns-topic-tls-only",
    severity=Severity.MEDIUM,
    types=(TOPIC, TOPIC_POLICY),
    controls=(56,),
    description="A topic refuses to publish what comes without TLS.",
    remediation="Add a statement to the topic's policy that denies sns:Publish where aws:SecureTransport is "
    "false.",
)
def topic_tls_only(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Look at the policy wherever it is declared."""
    for topic in graph.of_type(TOPIC):
        found = [one.at("policy") for one in graph.referring_to(topic, TOPIC_POLICY, by="arn")]
        if not _refuse_plain([*found, topic.at("policy")], "sns:Publish"):
            yield Finding(topic, "it does not refuse plain requests")


def _refuse_plain(documents: list[Any], *actions: str) -> bool:
    return any(
        document is UNKNOWN or any(refuses_plain(one, *actions) for one in statements(document))
        for document in documents
    )
