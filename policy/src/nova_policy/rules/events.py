"""Rules about EventBridge."""

from collections.abc import Iterable

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import at_least, is_certainly, is_set

TARGET = "aws:cloudwatch/eventTarget:EventTarget"
BUS = "aws:cloudwatch/eventBus:EventBus"
ARCHIVE = "aws:cloudwatch/eventArchive:EventArchive"
PIPE = "aws:pipes/pipe:Pipe"
_STREAMS = ("dynamodbStreamParameters", "kinesisStreamParameters")


@resource_rule(
    "events-target-dead-letters",
    severity=Severity.MEDIUM,
    types=(TARGET,),
    controls=(53,),
    description="An event that a target does not take is tried again, and kept where that does not help.",
    remediation="Set deadLetterConfig and retryPolicy of the target.",
)
def target_dead_letters(target: Resource, _options: Options) -> Iterable[str]:
    """Refuse retries that are switched off: a target that is busy for a moment loses the event."""
    if not is_set(target.at("deadLetterConfig", "arn")):
        yield "what it does not take is lost"
    if is_certainly(target.at("retryPolicy", "maximumRetryAttempts"), 0):
        yield "nothing is tried twice"


@resource_rule(
    "pipes-pipe-dead-letters",
    severity=Severity.MEDIUM,
    types=(PIPE,),
    controls=(53,),
    description="A pipe that reads a stream leaves out what it cannot hand on, and keeps it.",
    remediation="Set deadLetterConfig and maximumRetryAttempts of the source's parameters.",
)
def pipe_dead_letters(pipe: Resource, _options: Options) -> Iterable[str]:
    """Ask pipes of streams alone: a queue has its own dead letters."""
    for parameters in _STREAMS:
        if is_set(pipe.at("sourceParameters", parameters)):
            if not is_set(pipe.at("sourceParameters", parameters, "deadLetterConfig", "arn")):
                yield "what it cannot hand on is lost"
            if not at_least(pipe.at("sourceParameters", parameters, "maximumRetryAttempts"), 0):
                yield "one record that cannot be handed on holds up all others"


@stack_rule(
    "events-bus-archive",
    severity=Severity.LOW,
    types=(BUS, ARCHIVE),
    controls=(55,),
    description="Events of a bus of one's own can be replayed for a month.",
    remediation="Give the bus an EventArchive with retentionDays of 30 or more, or 0 for ever.",
    options={"days": {"type": "integer", "minimum": 1, "default": 30, "description": "Days at least"}},
)
def archive(graph: Graph, options: Options) -> Iterable[Finding]:
    """Take an archive without an end for one that is long enough."""
    for bus in graph.of_type(BUS):
        kept = [one.at("retentionDays") for one in graph.referring_to(bus, ARCHIVE, by="eventSourceArn")]
        if not any(days is None or days == 0 or at_least(days, options["days"]) for days in kept):
            yield Finding(bus, f"its events cannot be replayed for {options['days']} days")
