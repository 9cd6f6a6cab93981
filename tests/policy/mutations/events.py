"""What must not be done to events."""

from tests.policy.mutation import Mutation, Place, altered, removed, set_at

TARGET = ("aws:cloudwatch/eventTarget:EventTarget", "audio-worker-uploads-target")
PIPE = ("aws:pipes/pipe:Pipe", "nova-pipe-pipe")
BUS = ("aws:cloudwatch/eventBus:EventBus", "nova-bus-bus")
ARCHIVE = ("aws:cloudwatch/eventArchive:EventArchive", "nova-bus-archive")
STREAM: Place = (*PIPE, "sourceParameters", "dynamodbStreamParameters")
LETTERS, PIPES, KEPT = "events-target-dead-letters", "pipes-pipe-dead-letters", "events-bus-archive"

MUTATIONS = (
    altered(LETTERS, "what fails is lost", (*TARGET, "deadLetterConfig"), None),
    altered(LETTERS, "nothing is tried twice", (*TARGET, "retryPolicy", "maximumRetryAttempts"), 0),
    altered(PIPES, "what fails is lost", (*STREAM, "deadLetterConfig"), None),
    altered(PIPES, "one record holds up all", (*STREAM, "maximumRetryAttempts"), -1),
    Mutation(
        rule=KEPT, what="there is no archive", at=BUS, change=removed(*ARCHIVE),
        unknown=(*ARCHIVE, "retentionDays"),
    ),
    Mutation(
        rule=KEPT, what="kept for a week", at=BUS, change=set_at((*ARCHIVE, "retentionDays"), 7),
        unknown=(*ARCHIVE, "retentionDays"),
    ),
)  # fmt: skip
