"""The ledger in DynamoDB: the day's budget, attempts, approvals. Every change is one transaction.

Items, by pk and sk: `day#<date>` `total` (what is spent and held back) and `held#<attempt>` (what of it is
held back); `user#<id>` `attempt#<id>`, `at#<time>#<attempt>` (their order), `approval#<id>` and `wish#<what>`
(the approval that waits for it). An attempt changes on the condition of the version that was read, together
with the day's sum, the approval that it uses up and the event that tells it: all of them or none.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.exceptions import ClientError
from nova_common.aws import error_code
from nova_common.backoff import Backoff
from nova_common.contracts.payments import PAYMENT
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventData, format_timestamp, parse_timestamp

from nova_mcp_server.domain import (
    APPROVAL_LIFE,
    Attempt,
    Day,
    Offer,
    PendingApproval,
    Purchase,
    day_of,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RETENTION = timedelta(days=90)
"""After it DynamoDB removes an item; events stay."""

PAGE = 25
"""Payments of one answer."""
APPROVALS_MAX = 100
"""Approvals that are listed: an hour's."""
HELD_MAX = 100
"""Held amounts that are looked at in one go."""

CONFLICTS_MAX = 60
"""Attempts of a transaction that meets others at the day's sum; 200 at once needed fewer than 20."""
PAUSES = Backoff(first=0.01, last=0.25)

_TOTAL = "total"
_CONFLICT = "TransactionConflict"
_CONDITION = "ConditionalCheckFailed"
_BUSY = frozenset({_CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded"})


class ChangedError(Exception):
    """Somebody else has changed the attempt, or the approval, since it was read: read it again."""


class BudgetError(Exception):
    """The day's budget does not reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of a person's attempts, the latest first."""

    attempts: list[Attempt]
    cursor: str | None


class Ledger:
    """The ledger. Every method blocks."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        events: DynamoEventStore,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._events = events
        self._sleep = sleep

    def check_ready(self) -> None:
        """Raise unless the table answers."""
        self.day(day_of(datetime.now(UTC)))

    def day(self, day: str) -> Day:
        """Return what a day has come to."""
        item = self._get(f"day#{day}", _TOTAL)
        return Day(day=day, spent=_integer(item, "spent"), committed=_integer(item, "committed"))

    def attempt(self, user: str, attempt_id: str) -> Attempt | None:
        """Return an attempt of a person."""
        item = self._get(f"user#{user}", f"attempt#{attempt_id}")
        return _attempt(item) if item else None

    def note(self, attempt: Attempt, event: EventData) -> Attempt:
        """Write an attempt that holds nothing back, such as a refused one; ChangedError."""
        self._transact([*self._attempt_actions(attempt), self._event_action(attempt, event)])
        return replace(attempt, version=attempt.version + 1)

    def reserve(
        self,
        attempt: Attempt,
        event: EventData,
        per_day: int,
        approval: PendingApproval | None,
        now: datetime,
    ) -> Attempt:
        """Hold an attempt's amount back, with its signed payment, and use the approval up.

        ChangedError, or BudgetError when the day's budget does not reach.
        """
        day = self._update(
            f"day#{attempt.day}", _TOTAL,
            "ADD committed :amount SET expires_at = :expires",
            {":amount": attempt.amount, ":most": per_day - attempt.amount, ":expires": _expiry()},
            condition="attribute_not_exists(committed) OR committed <= :most",
        )  # fmt: skip
        if attempt.amount > per_day:
            raise BudgetError
        held = {
            "pk": f"day#{attempt.day}",
            "sk": f"held#{attempt.id}",
            "user": attempt.user,
            "attempt": attempt.id,
            "until": int(attempt.held_until.timestamp()),
            "expires_at": _expiry(),
        }
        actions = [
            day,
            *self._attempt_actions(attempt),
            self._put(held, "attribute_not_exists(pk)"),
            self._event_action(attempt, event),
        ]
        if approval is not None:
            actions.append(self._approval_use(approval, now))
        self._transact(actions, budget=0)
        return replace(attempt, version=attempt.version + 1)

    def finish(self, attempt: Attempt, event: EventData) -> Attempt:
        """Write how a held attempt ended: `paid` spends what is held back, `released` frees it.

        Other states keep it held. ChangedError.
        """
        actions = [*self._attempt_actions(attempt), self._event_action(attempt, event)]
        ended = {"paid": ("spent", attempt.amount), "released": ("committed", -attempt.amount)}
        if attempt.state in ended:
            name, change = ended[attempt.state]
            key = f"day#{attempt.day}"
            actions.append(self._update(key, _TOTAL, f"ADD {name} :change", {":change": change}))
            actions.append(
                {
                    "Delete": {
                        "TableName": self._table,
                        "Key": _key(key, f"held#{attempt.id}"),
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                }
            )
        self._transact(actions)
        return replace(attempt, version=attempt.version + 1)

    def overdue(self, day: str, now: datetime) -> list[Attempt]:
        """Return attempts that hold a part of a day's budget though nobody can settle them any more."""
        found: list[Attempt] = []
        for item in self._query(f"day#{day}", "held#", HELD_MAX):
            if _integer(item, "until") < int(now.timestamp()):
                attempt = self.attempt(_text(item, "user"), _text(item, "attempt"))
                if attempt is not None:
                    found.append(attempt)
        return found

    def attempts(self, user: str, cursor: str | None) -> Page:
        """Return a page of a person's attempts; a cursor that is none of ours begins where it stands."""
        begin: dict[str, Any] = {}
        if cursor:
            begin["ExclusiveStartKey"] = _key(f"user#{user}", f"at#{cursor}")
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"user#{user}"}, ":sk": {"S": "at#"}},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=PAGE,
            **begin,
        )
        order = [_text(item, "attempt") for item in cast("list[dict[str, Any]]", answer["Items"])]
        known = self._attempts(user, order)
        last = cast("dict[str, Any]", answer.get("LastEvaluatedKey") or {})
        return Page(
            attempts=[known[name] for name in order if name in known],
            cursor=_text(last, "sk").removeprefix("at#") or None,
        )

    def _attempts(self, user: str, names: Sequence[str]) -> dict[str, Attempt]:
        """Return attempts of a person by their ids; DynamoDB may need several answers for them."""
        found: dict[str, Attempt] = {}
        keys: list[Any] = [_key(f"user#{user}", f"attempt#{name}") for name in dict.fromkeys(names)]
        for attempt in range(1, CONFLICTS_MAX + 1):
            if not keys:
                return found
            answer = self._client.batch_get_item(
                RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
            )
            items = cast("list[dict[str, Any]]", answer["Responses"].get(self._table, []))
            found |= {read.id: read for read in map(_attempt, items)}
            left = cast("dict[str, Any]", answer.get("UnprocessedKeys") or {})
            keys = left.get(self._table, {}).get("Keys", [])
            if keys:
                self._sleep(PAUSES.pause_seconds(attempt))
        message = "the ledger answers too slowly"
        raise TimeoutError(message)

    # Approvals

    def wanted_approval(
        self, purchase: Purchase, offer: Offer, amount: int, now: datetime
    ) -> PendingApproval:
        """Return the approval that a purchase waits for or has been given; a new one where there is none."""
        for _ in range(CONFLICTS_MAX):
            wish = self._get(f"user#{purchase.user}", f"wish#{purchase.wish}")
            known = self.approval(purchase.user, _text(wish, "approval")) if wish else None
            if (
                known
                and known.covers(purchase, offer, amount)
                and known.state(now) in ("waiting", "approved")
            ):
                return known
            made = PendingApproval(
                id=str(uuid.uuid4()),
                user=purchase.user,
                tool=purchase.tool,
                resource=purchase.resource,
                description=purchase.description,
                amount=amount,
                asset=offer.asset,
                payee=offer.payee,
                network=offer.network,
                requested_at=now,
                expires_at=now + APPROVAL_LIFE,
                stored="waiting",
            )
            try:
                self._begin_approval(made, purchase, _text(wish, "approval"))
            except ChangedError:
                continue
            return made
        raise ChangedError

    def approval(self, user: str, approval_id: str) -> PendingApproval | None:
        """Return an approval of a person."""
        item = self._get(f"user#{user}", f"approval#{approval_id}") if approval_id else {}
        return _approval(item) if item else None

    def approvals(self, user: str) -> list[PendingApproval]:
        """Return a person's approvals, the latest first."""
        found = [_approval(item) for item in self._query(f"user#{user}", "approval#", APPROVALS_MAX)]
        return sorted(found, key=lambda approval: approval.requested_at, reverse=True)

    def decide(
        self, approval: PendingApproval, decision: Literal["approved", "rejected"], now: datetime
    ) -> PendingApproval:
        """Approve or reject what waits; ChangedError when it no longer does."""
        values = {":state": decision, ":waiting": "waiting", ":now": int(now.timestamp())}
        action = self._update(
            f"user#{approval.user}", f"approval#{approval.id}", "SET #state = :state", values,
            condition="#state = :waiting AND ends_at > :now", names={"#state": "state"},
        )  # fmt: skip
        self._transact([action])
        return replace(approval, stored=decision)

    def forget(self, user: str) -> int:
        """Remove all that is kept of a person; returns how many items there were."""
        count = 0
        for item in self._query(f"user#{user}", "", None):
            self._client.delete_item(TableName=self._table, Key=_key(_text(item, "pk"), _text(item, "sk")))
            count += 1
        return count

    def _begin_approval(self, made: PendingApproval, purchase: Purchase, before: str) -> None:
        item = {
            "pk": f"user#{made.user}",
            "sk": f"approval#{made.id}",
            "id": made.id,
            "user": made.user,
            "tool": made.tool,
            "resource": made.resource,
            "description": made.description,
            "amount": made.amount,
            "asset": made.asset,
            "payee": made.payee,
            "network": made.network,
            "requested_at": format_timestamp(made.requested_at),
            "ends_at": int(made.expires_at.timestamp()),
            "state": made.stored,
            "expires_at": _expiry(),
        }
        pointer = self._update(
            f"user#{made.user}", f"wish#{purchase.wish}", "SET approval = :id, expires_at = :expires",
            {":id": made.id, ":expires": _expiry()} | ({":before": before} if before else {}),
            condition="approval = :before" if before else "attribute_not_exists(approval)",
        )  # fmt: skip
        self._transact([self._put(item, "attribute_not_exists(pk)"), pointer])

    def _approval_use(self, approval: PendingApproval, now: datetime) -> TransactWriteItemTypeDef:
        values: dict[str, str | int] = {
            ":used": "used",
            ":approved": "approved",
            ":now": int(now.timestamp()),
            ":amount": approval.amount,
            ":resource": approval.resource,
            ":payee": approval.payee,
        }
        return self._update(
            f"user#{approval.user}", f"approval#{approval.id}", "SET #state = :used", values,
            condition="#state = :approved AND ends_at > :now AND amount = :amount AND #resource = :resource "
            "AND payee = :payee",
            names={"#state": "state", "#resource": "resource"},
        )  # fmt: skip

    # Items

    def _attempt_actions(self, attempt: Attempt) -> list[TransactWriteItemTypeDef]:
        """Return the write of an attempt, if it is still as it was read, and its place in the order."""
        known = attempt.version > 0
        written = replace(attempt, version=attempt.version + 1)
        values: Mapping[str, Any] = {":version": attempt.version} if known else {}
        action = self._put(
            _attempt_item(written), "version = :version" if known else "attribute_not_exists(pk)", values
        )
        if known:
            return [action]
        order = {
            "pk": f"user#{attempt.user}",
            "sk": f"at#{format_timestamp(attempt.requested_at)}#{attempt.id}",
            "attempt": attempt.id,
            "expires_at": _expiry(),
        }
        return [action, self._put(order)]

    def _event_action(self, attempt: Attempt, data: EventData) -> TransactWriteItemTypeDef:
        event = PAYMENT.event(attempt.id, data, correlation=attempt.id, user=attempt.user)
        return self._events.as_action(event, attempt.version + 1)

    def _put(
        self, item: Mapping[str, str | int], condition: str = "", values: Mapping[str, Any] | None = None
    ) -> TransactWriteItemTypeDef:
        put: dict[str, Any] = {"TableName": self._table, "Item": _stored(item)}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = _stored(values)
        return cast("TransactWriteItemTypeDef", {"Put": put})

    def _update(
        self,
        pk: str,
        sk: str,
        expression: str,
        values: Mapping[str, str | int],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> TransactWriteItemTypeDef:
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(pk, sk),
            "UpdateExpression": expression,
            "ExpressionAttributeValues": _stored(values),
        }
        if condition:
            update["ConditionExpression"] = condition
        if names:
            update["ExpressionAttributeNames"] = dict(names)
        return cast("TransactWriteItemTypeDef", {"Update": update})

    def _transact(self, actions: list[TransactWriteItemTypeDef], budget: int | None = None) -> None:
        """Write all or nothing; again while others are at the same items.

        ChangedError when a condition does not hold, BudgetError when it is the one of the action `budget`.
        """
        for attempt in range(1, CONFLICTS_MAX + 1):
            try:
                self._client.transact_write_items(TransactItems=actions)
            except ClientError as error:
                reasons = _reasons(error)
                if budget is not None and reasons and reasons[budget] == _CONDITION:
                    raise BudgetError from error
                if _CONDITION in reasons:
                    raise ChangedError from error
                if not _BUSY & {*reasons, error_code(error).removesuffix("Exception")}:
                    raise
                self._sleep(PAUSES.pause_seconds(attempt))
            else:
                return
        raise ChangedError

    def _get(self, pk: str, sk: str) -> dict[str, Any]:
        answer = self._client.get_item(TableName=self._table, Key=_key(pk, sk), ConsistentRead=True)
        return cast("dict[str, Any]", answer.get("Item") or {})

    def _query(self, pk: str, prefix: str, most: int | None) -> Iterator[dict[str, Any]]:
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition, values = "pk = :pk AND begins_with(sk, :sk)", {**values, ":sk": {"S": prefix}}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=cast("Any", values),
            ConsistentRead=True,
        )
        count = 0
        for page in pages:
            for item in cast("list[dict[str, Any]]", page["Items"]):
                if most is not None and count >= most:
                    return
                count += 1
                yield item


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _stored(item: Mapping[str, str | int]) -> dict[str, Any]:
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()
    }


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _integer(item: Mapping[str, Any], name: str) -> int:
    return int(item.get(name, {}).get("N", 0))


def _expiry() -> int:
    return int((datetime.now(UTC) + RETENTION).timestamp())


def _attempt_item(attempt: Attempt) -> dict[str, str | int]:
    return {
        "pk": f"user#{attempt.user}",
        "sk": f"attempt#{attempt.id}",
        "id": attempt.id,
        "user": attempt.user,
        "tool": attempt.tool,
        "resource": attempt.resource,
        "description": attempt.description,
        "state": attempt.state,
        "requested_at": format_timestamp(attempt.requested_at),
        "version": attempt.version,
        "amount": attempt.amount,
        "asset": attempt.asset,
        "network": attempt.network,
        "payee": attempt.payee,
        "day": attempt.day,
        "reason": attempt.reason,
        "approval": attempt.approval,
        "signed": attempt.signed,
        "valid_before": attempt.valid_before,
        "transaction": attempt.transaction,
        "answer": attempt.answer,
        "expires_at": _expiry(),
    }


def _attempt(item: Mapping[str, Any]) -> Attempt:
    texts = (
        "id", "user", "tool", "resource", "description", "state", "asset", "network", "payee", "day",
        "reason", "approval", "signed", "transaction", "answer",
    )  # fmt: skip
    fields: dict[str, Any] = {name: _text(item, name) for name in texts}
    fields |= {name: _integer(item, name) for name in ("version", "amount", "valid_before")}
    return Attempt(**fields, requested_at=parse_timestamp(_text(item, "requested_at")))


def _approval(item: Mapping[str, Any]) -> PendingApproval:
    texts = ("id", "user", "tool", "resource", "description", "asset", "payee", "network")
    fields: dict[str, Any] = {name: _text(item, name) for name in texts}
    return PendingApproval(
        **fields,
        amount=_integer(item, "amount"),
        requested_at=parse_timestamp(_text(item, "requested_at")),
        expires_at=datetime.fromtimestamp(_integer(item, "ends_at"), UTC),
        stored=cast("Any", _text(item, "state")),
    )


def _reasons(error: ClientError) -> list[str]:
    response: dict[str, Any] = dict(error.response)
    reasons: list[dict[str, Any]] = response.get("CancellationReasons") or []
    return [str(reason.get("Code", "None")) for reason in reasons]
