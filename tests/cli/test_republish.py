"""`nova republish` without a platform: what is published of which events, and what becomes of refusals."""

# ruff: noqa: ANN401 - stand-ins take whatever the real thing takes

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from cli import republish as publications
from cli.app import app
from cli.commands import data
from cli.errors import NovaError
from cli.home import Home
from cli.target import Target
from components.messaging.pipe import ROUTED_FIELDS

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Bus:
    """EventBridge as far as it is used; refuses the entries whose turn it is, by number of the call."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self.refusals: list[int] = []
        self.calls = 0

    def put_events(self, **request: Any) -> Any:
        entries = request["Entries"]
        assert 1 <= len(entries) <= 10
        self.calls += 1
        refused = self.refusals.pop(0) if self.refusals else 0
        self.entries += entries[refused:]
        refusal = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
        return {"Entries": [refusal] * refused + [{"EventId": "1"}] * (len(entries) - refused)}


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def target(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A stack with twelve events, an hour apart from noon on, of two aggregates."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(publications, "BACKOFF_S_FIRST", 0.0)
    with mock_aws():
        session = boto3.session.Session(region_name="us-east-1")
        dynamodb: Any = cast("Any", session).client("dynamodb")
        dynamodb.create_table(
            TableName="events",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        for hour in range(12):
            dynamodb.put_item(TableName="events", Item=event(hour))

        def client(_target: Target, service: str) -> Any:
            return {"dynamodb": dynamodb, "events": bus}[service]

        monkeypatch.setattr(Target, "client", client)
        outputs = {"event_bus": "bus", "event_store_table": "events"}
        yield Target(outputs=outputs, region="us-east-1", session=session, endpoint=None)


def event(hour: int) -> dict[str, Any]:
    at = (NOON + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    texts = {
        "pk": f"Recording#{hour % 2}",
        "sk": f"v{hour:010d}",
        "id": str(hour),
        "version": str(hour // 2 + 1),
        "source": "nova.audio",
        "type": "TranscriptionStarted",
        "occurred_at": at,
        "correlation": "c",
        "data": "{}",
        **({"user": "alice"} if hour else {}),
    }
    return {name: {"S": text} for name, text in texts.items()} | {"private": {"B": b"secret"}}


def publish(target: Target, first: int, last: int) -> int:
    since, until = (NOON + timedelta(hours=hour) for hour in (first, last))
    return publications.republish(target, since, until, print)


def test_it_publishes_what_the_pipe_publishes() -> None:
    assert publications.FIELDS == ROUTED_FIELDS


def test_all_events_of_the_period_are_published_by_reference(target: Target, bus: Bus) -> None:
    assert publish(target, 0, 12) == 12
    assert bus.calls == 2
    details = {json.loads(entry["Detail"])["id"]: entry for entry in bus.entries}
    assert set(details) == {str(hour) for hour in range(12)}
    assert details["3"] == {
        "EventBusName": "bus",
        "Source": "nova.audio",
        "DetailType": "TranscriptionStarted",
        "Detail": json.dumps(
            {
                "aggregate": "Recording#1",
                "id": "3",
                "version": "2",
                "source": "nova.audio",
                "type": "TranscriptionStarted",
                "user": "alice",
                "occurred_at": "2026-11-21T15:00:00.000000Z",
                "correlation": "c",
            }
        ),
    }
    assert "user" not in json.loads(details["0"]["Detail"])


@pytest.mark.parametrize(("first", "last", "ids"), [(0, 1, {"0"}), (11, 20, {"11"}), (-5, 0, set[str]())])
def test_a_period_has_its_beginning_and_not_its_end(
    target: Target, bus: Bus, first: int, last: int, ids: set[str]
) -> None:
    assert publish(target, first, last) == len(ids)
    assert {json.loads(entry["Detail"])["id"] for entry in bus.entries} == ids


def test_what_is_refused_is_sent_again_and_nothing_else(target: Target, bus: Bus) -> None:
    bus.refusals = [4, 2]
    assert publish(target, 0, 12) == 12
    assert sorted(int(json.loads(entry["Detail"])["id"]) for entry in bus.entries) == list(range(12))


def test_a_bus_that_goes_on_refusing_ends_it(target: Target, bus: Bus) -> None:
    bus.refusals = [10] * 100
    with pytest.raises(NovaError, match="goes on refusing events: ThrottlingException"):
        publish(target, 0, 12)
    assert bus.calls == publications.ATTEMPTS_MAX


def test_an_empty_period_is_refused(target: Target, bus: Bus) -> None:
    with pytest.raises(NovaError, match="is not before --to"):
        publish(target, 3, 3)
    assert bus.calls == 0


def test_the_command_says_how_many_there_were(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_target(_home: Home, _stack: str) -> Target:
        return target

    monkeypatch.setattr(data, "find_target", find_target)
    arguments = ["republish", "--from", "2026-11-21T12:00:00", "--to", "2026-11-21T15:00:00Z"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "3 published" in result.stderr
