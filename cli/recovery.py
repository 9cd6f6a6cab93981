"""What a person does after a failure: dead letters go back to their queue, past events to their rules."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import NovaError
from cli.target import Target

POLL_INTERVAL_S = 0.5
TIMEOUT_S = 3600
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
REPLAY_NAME_MAX = 64
"""Longest name of a replay (EventBridge, StartReplay)."""


def redrive(target: Target, queue: str, progress: Callable[[str], None]) -> int:
    """Move the dead letters of a queue back to it; return how many there were.

    Raises NovaError when there is no such queue, or several, or when SQS refuses. Handlers of the platform
    may get a message twice, so that repeating this is harmless.
    """
    sqs = target.client("sqs")
    try:
        dead_letters = _dead_letters_of(sqs, queue)
        if not _running(sqs, dead_letters):
            sqs.start_message_move_task(SourceArn=dead_letters)
        return _moved(sqs, dead_letters, progress)
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the dead letters of {queue} cannot be moved: {error}") from error


def replay(
    target: Target, since: datetime, until: datetime, rule: str, progress: Callable[[str], None]
) -> str:
    """Send archived events of a time once more to the rules whose name begins so; return the replay's name.

    Raises NovaError when there is no such rule, or when EventBridge refuses. The name follows from what is
    replayed: the same request again follows the same replay and sends nothing twice.
    """
    if since >= until:
        raise NovaError(f"--from {since.isoformat()} is not before --to {until.isoformat()}")
    events = target.client("events")
    bus = str(target.output("event_bus"))
    try:
        rules = _rules(events, bus, rule)
        bus_arn = str(events.describe_event_bus(Name=bus)["Arn"])
        name = _replay_name(rules, since, until)
        if not _known(events, name):
            events.start_replay(
                ReplayName=name,
                EventSourceArn=_archive(events, bus_arn),
                EventStartTime=since,
                EventEndTime=until,
                Destination={"Arn": bus_arn, "FilterArns": [found["Arn"] for found in rules]},
            )
        _await_replay(events, name, progress)
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the events cannot be replayed: {error}") from error
    return name


def moment(text: str) -> datetime:
    """Return a moment in ISO 8601, in UTC where it names no zone; NovaError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NovaError(f"{text!r} is not a moment in ISO 8601, such as 2026-01-31T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _dead_letters_of(sqs: Any, queue: str) -> str:  # noqa: ANN401 (a boto3 client)
    """Return the ARN of the dead-letter queue of the one queue that is meant."""
    found: dict[str, str] = {}
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
            policy = json.loads(attributes.get("Attributes", {}).get("RedrivePolicy") or "{}")
            if policy.get("deadLetterTargetArn"):
                found[str(url).rpartition("/")[2]] = str(policy["deadLetterTargetArn"])
    # The engine appends a hyphen and seven digits to the name that the program gives.
    meant = [
        name for name in found if name == queue or re.fullmatch(rf"{re.escape(queue)}-queue-\w{{7}}", name)
    ]
    if len(meant) != 1:
        raise NovaError(f"there is no queue {queue} with dead letters; there are: {', '.join(sorted(found))}")
    return found[meant[0]]


def _running(sqs: Any, dead_letters: str) -> bool:  # noqa: ANN401 (a boto3 client)
    tasks = sqs.list_message_move_tasks(SourceArn=dead_letters).get("Results", [])
    return any(task["Status"] == "RUNNING" for task in tasks)


def _moved(sqs: Any, dead_letters: str, progress: Callable[[str], None]) -> int:  # noqa: ANN401 (a boto3 client)
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        (task,) = sqs.list_message_move_tasks(SourceArn=dead_letters, MaxResults=1)["Results"]
        moved = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
        if task["Status"] in ENDED:
            if task["Status"] != "COMPLETED":
                raise NovaError(f"SQS moved {moved} messages and stopped: {task.get('FailureReason')}")
            return moved
        progress(f"{moved} of about {task.get('ApproximateNumberOfMessagesToMove')}")
        time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"SQS is still at work after {TIMEOUT_S} s; it goes on by itself")


def _rules(events: Any, bus: str, rule: str) -> list[dict[str, Any]]:  # noqa: ANN401 (a boto3 client)
    pages = events.get_paginator("list_rules").paginate(EventBusName=bus)
    known: list[dict[str, Any]] = [found for page in pages for found in page["Rules"]]
    meant = [found for found in known if found["Name"].startswith(rule)]
    if not meant:
        names = ", ".join(sorted(str(found["Name"]) for found in known))
        raise NovaError(f"no rule begins with {rule}; there are: {names}")
    return sorted(meant, key=lambda found: str(found["Name"]))


def _archive(events: Any, bus_arn: str) -> str:  # noqa: ANN401 (a boto3 client)
    archives = events.list_archives(EventSourceArn=bus_arn)["Archives"]
    if not archives:
        raise NovaError("the bus has no archive")
    return str(events.describe_archive(ArchiveName=archives[0]["ArchiveName"])["ArchiveArn"])


def _replay_name(rules: list[dict[str, Any]], since: datetime, until: datetime) -> str:
    times = "-".join(str(int(at.timestamp())) for at in (since, until))
    return f"{times}-{rules[0]['Name']}"[:REPLAY_NAME_MAX]


def _known(events: Any, name: str) -> bool:  # noqa: ANN401 (a boto3 client)
    return any(found["ReplayName"] == name for found in events.list_replays(NamePrefix=name)["Replays"])


def _await_replay(events: Any, name: str, progress: Callable[[str], None]) -> None:  # noqa: ANN401 (as above)
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = events.describe_replay(ReplayName=name)
        if found["State"] in ENDED:
            if found["State"] != "COMPLETED":
                raise NovaError(f"the replay {name} ended as {found['State']}: {found.get('StateReason')}")
            return
        progress(str(found["State"]).lower())
        time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"the replay {name} is still at work after {TIMEOUT_S} s; it goes on by itself")
