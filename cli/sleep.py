"""`nova sleep` and `nova wake`: a stack in AWS that keeps what it has stored and costs next to nothing.

Whether a stack sleeps is a setting of its program, so that code and state agree, and updates in between know
it. A change is previewed first: one that would take stored data with it is not begun.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cli.errors import NovaError
from cli.graph import settings_of
from cli.output import Output
from cli.stack_file import StackFile
from cli.state import State, read_state
from cli.target import LOCAL, Target, named_engine, stack_of
from pulumi_cli.engine import Engine
from pulumi_cli.preview import Preview
from pulumi_cli.stateful import STATEFUL

SETTING = "nova:asleep"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
"""Sleep takes it away on purpose: what it holds is made again."""
HOLDS_DATA = (STATEFUL - {_CACHE}) | {
    "aws:sqs/queue:Queue",
    "awsx:ecr:Repository",
    "random:index/randomPassword:RandomPassword",
}
"""Types of resources that take something with them which no program makes again: also messages that wait,
images of versions before, and passwords that others know."""
_WORDS: Mapping[str, str] = {
    "create": "made",
    "update": "changed",
    "delete": "deleted",
    "replace": "replaced",
}
LOST = (
    "What the cache holds goes: people have to sign in to the site again, and sessions are read from the "
    "event store once more. Answers and calls that are under way break off."
)
KEPT = "Everything else stays: events, uploads, transcripts, vectors, people, keys, secrets, images and logs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for."""

    stack: str
    asleep: bool
    preview: bool
    """Whether to show what would be done, and to change nothing."""
    confirm: Callable[[str], None]
    """Asks the person, and ends the command unless they agree."""


def change(request: Request, output: Output) -> None:
    """Put the stack to sleep, or wake it.

    Raises ``NovaError`` before anything is changed for a stack that may not sleep, and for a change that
    would lose data. Interrupted while AWS is being changed, it goes on when it is called again.
    """
    if request.stack == LOCAL:
        raise NovaError("the platform on this machine does not sleep: ./nova down stops it")
    value = "true" if request.asleep else "false"
    settings_of(request.stack, {SETTING: value})
    file, engine = StackFile(request.stack), named_engine(request.stack)
    before, text = file.text(), file.edited(SETTING, value)
    file.path.write_text(text, "utf-8")
    try:
        found = _previewed(engine, output)
        _tell(request, engine, found, output)
        if not request.preview and found.changes:
            request.confirm(f"{'Put' if request.asleep else 'Wake'} stack {request.stack}{_ENDINGS[value]}?")
    except BaseException:
        file.path.write_text(before, "utf-8")
        raise
    if request.preview:
        file.path.write_text(before, "utf-8")
        return
    if found.changes:
        engine.show("up", "--yes", "--skip-preview")
    output.note(f"{file.path.name} says {SETTING}: {value}; commit it, or the next update undoes this.")


_ENDINGS = {"true": " to sleep", "false": ""}


def _previewed(engine: Engine, output: Output) -> Preview:
    with output.step("Previewing") as step:
        found, _ = engine.preview()
        if found.errors:
            listed = "\n".join(f"  - {error}" for error in found.errors)
            raise NovaError(
                f"the preview of stack {engine.stack} failed, so that nothing was changed:\n{listed}"
            )
        step.summary = _summary(found)
    losing = {change.urn for change in found.changes if change.leaves and change.type in HOLDS_DATA}
    if losing:
        listed = "\n".join(f"  - {urn}" for urn in sorted(losing))
        raise NovaError(
            f"this would delete or replace what holds data, so that nothing was changed:\n{listed}\n"
            "Program and stack differ in more than that: look at `pulumi preview`, and bring it up first"
        )
    return found


def _summary(found: Preview) -> str:
    counts = found.counts()
    words = [f"{counts[key]} {word}" for key, word in _WORDS.items() if key in counts]
    return ", ".join(words) or "nothing to do"


def _tell(request: Request, engine: Engine, found: Preview, output: Output) -> None:
    if not request.asleep or not found.changes:
        return
    output.note(LOST)
    output.note(KEPT)
    for line in waiting(read_state(engine), stack_of(engine)):
        output.warning(line)


def waiting(state: State, target: Target) -> Sequence[str]:
    """Say which queues hold messages, which nobody takes while the stack sleeps, and for how long."""
    sqs = target.client("sqs")
    lines: list[str] = []
    for queue in state.of_type("aws:sqs/queue:Queue"):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=queue.id, AttributeNames=[*names, "MessageRetentionPeriod"])
        attributes = found["Attributes"]
        if count := sum(int(attributes[name]) for name in names):
            days = int(attributes["MessageRetentionPeriod"]) / 86_400
            lines.append(f"{queue.name} holds {count} messages; SQS drops them {days:g} days after they came")
    return lines
