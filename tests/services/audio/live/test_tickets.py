"""Tickets and places: who comes in, once, and how often at a time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from nova_audio.live.places import LEASE_SECONDS, PLACES_PER_USER, Places
from nova_audio.live.tickets import Holder, Tickets
from nova_common.contracts.live import TICKET_SECONDS

from tests.services.support.tables import LIVE_TABLE, create_table
from tests.services.support.tokens import ALICE, BOB

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

HOLDER = Holder(ALICE, "Bearer a.secret.token")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, 0, 0, 500_000, UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> Iterator["DynamoDBClient"]:
    create_table(dynamodb, LIVE_TABLE)
    yield dynamodb


@pytest.fixture
def tickets(table: "DynamoDBClient", clock: Clock) -> Tickets:
    return Tickets(table, LIVE_TABLE, clock)


def items(table: "DynamoDBClient") -> str:
    return repr(table.scan(TableName=LIVE_TABLE)["Items"])


def test_a_ticket_names_its_holder_once(tickets: Tickets, clock: Clock, table: "DynamoDBClient") -> None:
    ticket, expires_at = tickets.issue(HOLDER)
    assert expires_at - clock.now == timedelta(seconds=TICKET_SECONDS)
    assert tickets.redeem(ticket) == HOLDER
    assert tickets.redeem(ticket) is None
    assert items(table) == "[]"


def test_of_many_who_come_at_once_one_gets_in(tickets: Tickets) -> None:
    ticket, _ = tickets.issue(HOLDER)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(tickets.redeem, [ticket] * 16))
    assert [holder for holder in found if holder] == [HOLDER]


@pytest.mark.parametrize(("seconds", "opens"), [(TICKET_SECONDS - 1, True), (TICKET_SECONDS, False)])
def test_a_ticket_ends_whether_or_not_the_table_has_noticed(
    tickets: Tickets, clock: Clock, seconds: float, opens: bool
) -> None:
    ticket, _ = tickets.issue(HOLDER)
    clock.pass_by(seconds)
    assert (tickets.redeem(ticket) is not None) is opens


def test_the_table_shows_neither_ticket_nor_token(tickets: Tickets, table: "DynamoDBClient") -> None:
    ticket, _ = tickets.issue(HOLDER)
    assert ticket not in items(table)
    assert "secret" not in items(table)
    assert "secret" not in repr(HOLDER)


def test_a_ticket_is_bound_to_its_user(tickets: Tickets, table: "DynamoDBClient") -> None:
    ticket, _ = tickets.issue(HOLDER)
    (item,) = table.scan(TableName=LIVE_TABLE)["Items"]
    table.put_item(TableName=LIVE_TABLE, Item={**item, "user": {"S": BOB}})
    assert tickets.redeem(ticket) is None


def forgeries(ticket: str) -> dict[str, str]:
    """What is not the ticket, by what it is."""
    return {
        "nothing": "",
        "short": "x",
        "cut": ticket[:-1],
        "padded": f"{ticket}=",
        "not ASCII": f"{ticket[:-1]}é",
        "another": ticket[::-1],
        "blank": " " * len(ticket),
        # The last character has two bits that say nothing; another way of writing them is another ticket.
        "written otherwise": ticket[:-1] + chr(ord(ticket[-1]) + 1),
    }


def test_what_is_no_ticket_opens_nothing_and_uses_none_up(tickets: Tickets) -> None:
    ticket, _ = tickets.issue(HOLDER)
    for what, forged in forgeries(ticket).items():
        assert tickets.redeem(forged) is None, what
    assert tickets.redeem(ticket) == HOLDER


def test_a_person_has_so_many_places_and_everybody_their_own(table: "DynamoDBClient") -> None:
    places = Places(table, LIVE_TABLE)
    taken = [places.take(ALICE, f"c{number}") for number in range(PLACES_PER_USER)]
    assert all(taken)
    assert places.take(ALICE, "one more") is None
    assert places.take(BOB, "bob's") is not None
    first = taken[0]
    assert first is not None
    assert places.take(ALICE, first.holder) == first
    places.release(first)
    assert places.take(ALICE, "one more") is not None
    # Released a second time, it is somebody else's.
    places.release(first)
    assert not places.renew(first)
    assert places.take(ALICE, "yet one more") is None


def test_a_place_is_free_again_when_its_lease_has_ended(table: "DynamoDBClient") -> None:
    now = 1_000.0
    places = Places(table, LIVE_TABLE, lambda: now)
    taken = [places.take(ALICE, f"c{number}") for number in range(PLACES_PER_USER)]
    now += LEASE_SECONDS - 1
    assert taken[1] is not None
    assert places.renew(taken[1])
    now += 2
    assert places.take(ALICE, "new") is not None
    assert places.take(ALICE, "newer") is None
