"""The usage ledger: what each user has spent in a month, and what is held back for turns under way.

One item a user and month: pk `user#<id>`, sk `month#<yyyy-mm>`. It holds the sum of what is spent (`spent`)
and of that with all reservations (`committed`), the reservations themselves (`r#<turn>`), and the counters of
each day (`d<dd>#<counter>`), all in one item, so that one conditional write decides: DynamoDB orders the
writes of an item, and no two turns can take the same rest of a quota. Amounts are nano-USD.

The events of turns are the truth. A reservation that outlives its time belongs to a turn whose task died or
could not write here: whoever finds it settles it by the turn's event, or gives it back when there is none.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from nova_common.aws import error_code
from nova_common.contracts.usage import QuotaState, UsageOfDay, UsageReport
from nova_common.model_prices import NANO

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from nova_agent_core.spending import Spending

WARNING_PERCENT = 80
"""From here on an answer says how much of the quota is used."""

MONTHS_KEPT = 14
"""A year and the month that it is compared with."""

_RESERVATION = "r#"
_COUNTERS = (
    "turns",
    "failed_turns",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "tool_calls",
    "payments_nanousd",
    "cost_nanousd",
)
_DAYS_OF_MONTH_MAX = 31

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is held back for one turn, from its beginning until it is settled or `until` has passed."""

    user: str
    turn: str
    session: str
    nanousd: int
    begun: datetime.datetime
    until: datetime.datetime

    @property
    def month(self) -> str:
        """The month that the turn is booked in: that of its beginning."""
        return month_of(self.begun)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A user's month as the ledger has it."""

    user: str
    month: str
    spent: int = 0
    committed: int = 0
    reservations: tuple[Reservation, ...] = ()
    days: Mapping[int, Mapping[str, int]] = field(default_factory=dict[int, Mapping[str, int]])

    def expired(self, now: datetime.datetime) -> Sequence[Reservation]:
        """Return the reservations that nobody will settle any more."""
        return [reservation for reservation in self.reservations if reservation.until <= now]

    def quota_state(self, quota_nanousd: int) -> QuotaState:
        """Return how what is spent stands to a quota."""
        return QuotaState.of(self.month, quota_nanousd=quota_nanousd, spent_nanousd=self.spent)

    def report(self, quota_nanousd: int) -> UsageReport:
        """Return the month as its user is told; a quota of 0 is none."""
        first = datetime.date.fromisoformat(f"{self.month}-01")
        state = self.quota_state(quota_nanousd) if quota_nanousd else None
        return UsageReport(
            month=self.month,
            quota_usd=state and state.quota_usd,
            spent_usd=self.spent / NANO,
            reserved_usd=max(0, self.committed - self.spent) / NANO,
            used_percent=state and state.used_percent,
            days=[_day(first.replace(day=day), self.days[day]) for day in sorted(self.days)],
        )


class QuotaExceededError(Exception):
    """The month's quota is spent, or all that is left of it is held back for turns under way."""

    def __init__(self, month: Month) -> None:
        super().__init__("the quota of the month is used up")
        self.month = month


class UsageLedger:
    """The ledger in DynamoDB. Every method blocks; a repeated one has no further effect."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def check_ready(self) -> None:
        """Raise unless the table answers."""
        self.month("readiness", month_of(datetime.datetime.now(datetime.UTC)))

    def month(self, user: str, month: str) -> Month:
        """Return a user's month, strongly consistent; an empty one when there is none."""
        answer = self._client.get_item(TableName=self._table, Key=_key(user, month), ConsistentRead=True)
        return _month(user, month, answer.get("Item", {}))

    def reserve(self, reservation: Reservation, quota_nanousd: int) -> Month:
        """Hold back what a turn may cost, if anything of the quota is left; QuotaExceededError.

        A quota of 0 is none. One that is nearly spent lets a whole turn begin, so that it is overspent by one
        turn at most, however many ask at the same time.
        """
        conditions = ["attribute_not_exists(#turn)"]
        values: dict[str, Any] = {
            ":reservation": {"M": _reservation_item(reservation)},
            ":amount": _number(reservation.nanousd),
            ":expires": _number(_expiry(reservation.month)),
        }
        if quota_nanousd:
            conditions.append("(attribute_not_exists(committed) OR committed < :quota)")
            values[":quota"] = _number(quota_nanousd)
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(reservation.user, reservation.month),
                UpdateExpression="SET #turn = :reservation, expires_at = :expires ADD committed :amount",
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames={"#turn": _RESERVATION + reservation.turn},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            month = _refused(error, reservation)
            if any(held.turn == reservation.turn for held in month.reservations):
                # The first attempt's answer was lost on the way.
                return month
            raise QuotaExceededError(month) from error
        return _month(reservation.user, reservation.month, answer.get("Attributes", {}))

    def settle(self, reservation: Reservation, spending: Spending, *, is_failed: bool) -> Month:
        """Book what a turn spent in place of what was held back for it, once."""
        counted = {
            "turns": 1,
            "failed_turns": int(is_failed),
            **{name: amount for name, amount in spending.recorded().items() if name in _COUNTERS},
        }
        return self._close(reservation, counted)

    def release(self, reservation: Reservation) -> Month:
        """Give back what was held for a turn that spent nothing, or of which nothing is known."""
        return self._close(reservation, {})

    def forget(self, user: str) -> int:
        """Remove all months of a user, and return how many there were."""
        forgotten = 0
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :user",
            ExpressionAttributeValues={":user": {"S": _partition(user)}},
            ProjectionExpression="pk, sk",
        )
        for page in pages:
            for item in page["Items"]:
                self._client.delete_item(TableName=self._table, Key={"pk": item["pk"], "sk": item["sk"]})
                forgotten += 1
        return forgotten

    def _close(self, reservation: Reservation, counted: Mapping[str, int]) -> Month:
        cost = counted.get("cost_nanousd", 0)
        day = f"d{reservation.begun:%d}#"
        names = {"#turn": _RESERVATION + reservation.turn}
        values = {":change": _number(cost - reservation.nanousd), ":cost": _number(cost)}
        added = ["committed :change", "spent :cost"]
        for place, (name, amount) in enumerate(counted.items()):
            if amount:
                names[f"#c{place}"] = day + name
                values[f":c{place}"] = _number(amount)
                added.append(f"#c{place} :c{place}")
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(reservation.user, reservation.month),
                UpdateExpression=f"REMOVE #turn ADD {', '.join(added)}",
                ConditionExpression="attribute_exists(#turn)",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            # It is settled already: by an attempt whose answer was lost, or by somebody who found it expired.
            return _refused(error, reservation)
        return _month(reservation.user, reservation.month, answer.get("Attributes", {}))


def month_of(moment: datetime.datetime) -> str:
    """Return the month of a moment in UTC, for example 2026-11."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m")


def month_after(month: str) -> datetime.date:
    """Return the first day after a month."""
    first = datetime.date.fromisoformat(f"{month}-01")
    return (first + datetime.timedelta(days=_DAYS_OF_MONTH_MAX)).replace(day=1)


def _refused(error: ClientError, reservation: Reservation) -> Month:
    """Return the month that refused a conditional write, or raise the error when it was none of that."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error
    item: dict[str, Any] = dict(error.response).get("Item", {})  # pyright: ignore[reportAssignmentType]
    return _month(reservation.user, reservation.month, item)


def _partition(user: str) -> str:
    return f"user#{user}"


def _key(user: str, month: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(user)}, "sk": {"S": f"month#{month}"}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _expiry(month: str) -> int:
    """Return when DynamoDB may remove a month, in seconds since 1970."""
    end = month_after(month)
    year, place = divmod(end.year * 12 + end.month - 1 + MONTHS_KEPT, 12)
    return int(datetime.datetime(year, place + 1, 1, tzinfo=datetime.UTC).timestamp())


def _reservation_item(reservation: Reservation) -> dict[str, Any]:
    return {
        "nanousd": _number(reservation.nanousd),
        "session": {"S": reservation.session},
        "begun": _number(int(reservation.begun.timestamp())),
        "until": _number(int(reservation.until.timestamp())),
    }


def _reservation(user: str, turn: str, item: Mapping[str, Any]) -> Reservation:
    return Reservation(
        user=user,
        turn=turn,
        session=item["session"]["S"],
        nanousd=int(item["nanousd"]["N"]),
        begun=datetime.datetime.fromtimestamp(int(item["begun"]["N"]), datetime.UTC),
        until=datetime.datetime.fromtimestamp(int(item["until"]["N"]), datetime.UTC),
    )


def _month(user: str, month: str, item: Mapping[str, Any]) -> Month:
    days: dict[int, dict[str, int]] = {}
    reservations: list[Reservation] = []
    for name, value in item.items():
        head, separator, rest = name.partition("#")
        if not separator:
            continue
        if name.startswith(_RESERVATION):
            reservations.append(_reservation(user, rest, value["M"]))
        else:
            days.setdefault(int(head.removeprefix("d")), {})[rest] = int(value["N"])
    return Month(
        user=user,
        month=month,
        spent=int(item.get("spent", {}).get("N", 0)),
        committed=int(item.get("committed", {}).get("N", 0)),
        reservations=tuple(reservations),
        days=days,
    )


def _day(date: datetime.date, counters: Mapping[str, int]) -> UsageOfDay:
    counted = {name: counters.get(name, 0) for name in _COUNTERS}
    payments, cost = counted.pop("payments_nanousd"), counted.pop("cost_nanousd")
    return UsageOfDay(date=date, payments_usd=payments / NANO, cost_usd=cost / NANO, **counted)
