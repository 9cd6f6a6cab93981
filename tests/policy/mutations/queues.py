"""What must not be done to queues and topics."""

import json

from tests.policy.mutation import Mutation, altered, both, in_json, removed, set_at

QUEUE = ("aws:sqs/queue:Queue", "audio-worker-queue")
END = ("aws:sqs/queue:Queue", "audio-worker-dead-letters-queue")
POLICY = ("aws:sqs/queuePolicy:QueuePolicy", "audio-worker-policy")
TOPIC = ("aws:sns/topic:Topic", "nova-alerts-topic")
TOPIC_POLICY = ("aws:sns/topicPolicy:TopicPolicy", "nova-alerts-topic-policy")
AGE = ("aws:cloudwatch/metricAlarm:MetricAlarm", "audio-worker-age-alarm")
DEPTH = ("aws:cloudwatch/metricAlarm:MetricAlarm", "audio-worker-dead-letters-depth-alarm")
LETTERS, ALARMS, SENDERS = "sqs-queue-dead-letters", "sqs-queue-alarms", "sqs-queuepolicy-senders"
QUEUE_TLS, TOPIC_TLS = "sqs-queue-tls-only", "sns-topic-tls-only"
TRANSPORT = ("Condition", "Bool", "aws:SecureTransport")
ANYBODY = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ]
    }
)

MUTATIONS = (
    altered(LETTERS, "dead letters go nowhere", (*QUEUE, "redrivePolicy"), None),
    Mutation(
        rule=LETTERS, what="tried a thousand times", at=QUEUE, unknown=(*QUEUE, "redrivePolicy"),
        change=in_json((*QUEUE, "redrivePolicy"), ("maxReceiveCount",), 1000),
    ),
    altered(
        "sqs-queue-dead-letter-retention", "dead letters are kept for a day",
        (*END, "messageRetentionSeconds"), 86400,
    ),
    Mutation(
        rule=ALARMS, what="nobody is told of old letters", at=QUEUE, change=removed(*AGE),
        unknown=(*AGE, "metricName"),
    ),
    Mutation(
        rule=ALARMS, what="nobody is told of dead letters", at=END, change=removed(*DEPTH),
        unknown=(*DEPTH, "metricName"),
    ),
    Mutation(
        rule="sqs-queue-encryption", what="encryption is off", at=QUEUE,
        change=both(
            set_at((*QUEUE, "kmsMasterKeyId"), None), set_at((*QUEUE, "sqsManagedSseEnabled"), False)
        ),
        unknown=(*QUEUE, "kmsMasterKeyId"), needs=("sqsManagedSseEnabled",),
    ),
    altered("sns-topic-encryption", "there is no key", (*TOPIC, "kmsMasterKeyId"), None),
    altered(SENDERS, "anybody sends", (*POLICY, "policy"), ANYBODY),
    Mutation(
        rule=SENDERS, what="rules of any account send", at=POLICY, unknown=(*POLICY, "policy"),
        change=in_json((*POLICY, "policy"), ("Statement", 1, "Condition"), None),
    ),
    Mutation(
        rule=QUEUE_TLS, what="plain requests pass", at=QUEUE, unknown=(*POLICY, "policy"), needs=("policy",),
        change=in_json((*POLICY, "policy"), ("Statement", 0, *TRANSPORT), "true"),
    ),
    Mutation(
        rule=QUEUE_TLS, what="the policy is removed", at=QUEUE, change=removed(*POLICY),
        unknown=(*POLICY, "queueUrl"), needs=("policy",),
    ),
    Mutation(
        rule=TOPIC_TLS, what="plain requests pass", at=TOPIC, unknown=(*TOPIC_POLICY, "policy"),
        needs=("policy",),
        change=in_json((*TOPIC_POLICY, "policy"), ("Statement", 3, *TRANSPORT), "true"),
    ),
)  # fmt: skip
