"""Dead letters go back and past events come again, by the commands that a person uses."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cli import recovery
from cli.errors import NovaError
from cli.target import Target
from tests.local_cloud.running import Running


@pytest.fixture
def target(cloud: Running) -> Target:
    known = cloud.administrator
    session = boto3.session.Session(
        aws_access_key_id=known["access_key_id"], aws_secret_access_key=known["secret_access_key"]
    )
    return Target(outputs={}, region="us-east-1", session=session, endpoint=cloud.url)


@pytest.fixture
def queues(target: Target) -> Iterator[tuple[str, str, str]]:
    """The short name of a queue, its URL, and that of its dead-letter queue."""
    sqs, label = target.client("sqs"), f"work-{uuid.uuid4().hex[:8]}"
    dead = sqs.create_queue(QueueName=f"{label}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    queue = sqs.create_queue(QueueName=f"{label}-queue-0a1b2c3", Attributes={"RedrivePolicy": policy})[
        "QueueUrl"
    ]
    yield label, queue, dead
    for url in (queue, dead):
        sqs.delete_queue(QueueUrl=url)


def bodies(sqs: Any, url: str) -> list[str]:  # noqa: ANN401 - a boto3 client
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_dead_letters_go_back_to_their_queue(target: Target, queues: tuple[str, str, str]) -> None:
    label, queue, dead = queues
    sqs = target.client("sqs")
    for number in range(25):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))
    assert recovery.redrive(target, label, lambda _: None) == 25
    assert sorted(map(int, bodies(sqs, queue))) == list(range(25))
    assert bodies(sqs, dead) == []


def test_a_repeated_redrive_moves_nothing(target: Target, queues: tuple[str, str, str]) -> None:
    label, queue, dead = queues
    sqs = target.client("sqs")
    sqs.send_message(QueueUrl=dead, MessageBody="one")
    assert [recovery.redrive(target, label, lambda _: None) for _ in range(2)] == [1, 0]
    assert bodies(sqs, queue) == ["one"]


def test_an_unknown_queue_is_named_with_those_that_there_are(
    target: Target, queues: tuple[str, str, str]
) -> None:
    with pytest.raises(
        NovaError, match=f"there is no queue nothing with dead letters; there are: .*{queues[0]}"
    ):
        recovery.redrive(target, "nothing", lambda _: None)


def test_only_a_dead_letter_queue_has_messages_to_move(target: Target, queues: tuple[str, str, str]) -> None:
    sqs = target.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=queues[1], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sqs.cancel_message_move_task(TaskHandle="bm90aGluZw==")


@pytest.fixture
def bus(target: Target, queues: tuple[str, str, str]) -> Iterator[Target]:
    """A bus with an archive, and a rule to the queue."""
    events, sqs = target.client("events"), target.client("sqs")
    name = f"bus-{uuid.uuid4().hex[:8]}"
    arn = events.create_event_bus(Name=name)["EventBusArn"]
    events.create_archive(ArchiveName=name, EventSourceArn=arn)
    events.put_rule(Name=f"{queues[0]}-events", EventBusName=name, EventPattern='{"source": ["nova.test"]}')
    queue = sqs.get_queue_attributes(QueueUrl=queues[1], AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=queues[1], Attributes={"Policy": json.dumps(policy)})
    events.put_targets(Rule=f"{queues[0]}-events", EventBusName=name, Targets=[{"Id": "queue", "Arn": queue}])
    yield Target(
        outputs={"event_bus": name}, region=target.region, session=target.session, endpoint=target.endpoint
    )
    events.remove_targets(Rule=f"{queues[0]}-events", EventBusName=name, Ids=["queue"])
    events.delete_rule(Name=f"{queues[0]}-events", EventBusName=name)
    events.delete_archive(ArchiveName=name)
    events.delete_event_bus(Name=name)


def received(sqs: Any, url: str, count: int) -> list[str]:  # noqa: ANN401 - a boto3 client
    found: list[str] = []
    deadline = time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        found += [json.loads(body)["detail"]["aggregate"] for body in bodies(sqs, url)]
    return sorted(found)


def test_past_events_come_again_once(bus: Target, queues: tuple[str, str, str]) -> None:
    label, queue, _ = queues
    events, sqs = bus.client("events"), bus.client("sqs")
    since = datetime.now(UTC) - timedelta(seconds=5)
    for number in range(3):
        detail = json.dumps({"aggregate": f"Recording#{number}"})
        entry = {"Source": "nova.test", "DetailType": "Happened", "Detail": detail}
        events.put_events(Entries=[{**entry, "EventBusName": bus.outputs["event_bus"]}])
    expected = [f"Recording#{number}" for number in range(3)]
    assert received(sqs, queue, 3) == expected
    until = datetime.now(UTC) + timedelta(seconds=5)
    names = {recovery.replay(bus, since, until, label, lambda _: None) for _ in range(2)}
    assert len(names) == 1
    assert received(sqs, queue, 3) == expected
    assert bodies(sqs, queue) == []


def test_a_replay_names_a_rule_and_a_time(bus: Target) -> None:
    now = datetime.now(UTC)
    with pytest.raises(NovaError, match="no rule begins with nothing; there are: work-"):
        recovery.replay(bus, now - timedelta(hours=1), now, "nothing", lambda _: None)
    with pytest.raises(NovaError, match="is not before --to"):
        recovery.replay(bus, now, now, "work", lambda _: None)
    with pytest.raises(NovaError, match="'yesterday' is not a moment in ISO 8601"):
        recovery.moment("yesterday")
    assert recovery.moment("2026-01-31T12:00:00") == datetime(2026, 1, 31, 12, tzinfo=UTC)
