"""Buys: checks the offer, holds the budget back, signs once, asks until it is known how it ended."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from nova_common.backoff import Backoff
from nova_common.contracts.payments import (
    PaymentRefused,
    PaymentRejected,
    PaymentReleased,
    PaymentReserved,
    PaymentSettled,
    PaymentUnknown,
    PaymentWaiting,
)
from nova_common.metrics import Metric, counting

from nova_mcp_server.domain import (
    HELD,
    WINDOW,
    Attempt,
    Offer,
    PendingApproval,
    Purchase,
    RefusedError,
    Terms,
    day_of,
)
from nova_mcp_server.ledger import BudgetError, ChangedError, Ledger
from nova_mcp_server.resource_server import (
    Answer,
    ResourceServer,
    UnavailableError,
    decoded,
    not_found,
)
from nova_mcp_server.wallet import NotSetError, Wallet

ROUNDS_MAX = 8
"""Times that a purchase begins anew because somebody else's changed under its hands."""
SEND_ATTEMPTS_MAX = 3
"""Times that a payment is presented within one use; the same signature each time."""
PAUSES = Backoff(first=0.5, last=2.0)
FOLLOW_ROUNDS_MAX = 5
"""Looks at the ledger while another use of the same purchase is presenting its payment."""

WARNING_PART = 0.8
"""Of the day's budget: from there on people are warned."""
NO_MONEY = "insufficient_"
"""How reasons of x402 begin that say what the payer lacks (`insufficient_funds`, `insufficient_balance`)."""

WALLET_NOT_SET = "the wallet has no key yet: whoever runs this stack sets it with `nova wallet rotate`"
DAY_SPENT = "the budget of the day does not reach"
UNKNOWN = "nobody knows yet whether it was paid; ask again in a minute: it will not be paid twice"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What came of a purchase: paid or free, with the answer; or waiting for an approval."""

    answer: str = ""
    attempt: Attempt | None = None
    """None for what was free."""
    approval: PendingApproval | None = None
    is_repeated: bool = False
    """Whether it was paid by an earlier use."""


class Payer:
    """Buys for people. Every method blocks; one serves many threads, and many processes share the ledger."""

    def __init__(
        self,
        terms: Terms,
        ledger: Ledger,
        wallet: Wallet,
        server: ResourceServer,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._terms = terms
        self._ledger = ledger
        self._wallet = wallet
        self._server = server
        self._now = now
        self._sleep = sleep

    def buy(self, purchase: Purchase) -> Bought:
        """Buy once, however often it is asked for.

        RefusedError says why nothing was paid, UnavailableError that the resource server is away, both in
        words for people.
        """
        for attempt in range(ROUNDS_MAX):
            try:
                return self._buy(purchase)
            except ChangedError:
                self._sleep(PAUSES.pause_seconds(attempt + 1))
        raise UnavailableError(UNKNOWN)

    def settle_overdue(self) -> int:
        """End what holds a part of today's budget though nobody can settle it any more; returns how many."""
        ended = 0
        for attempt in self._ledger.overdue(day_of(self._now()), self._now()):
            try:
                self._end(attempt)
            except (ChangedError, UnavailableError):
                logger.warning("a payment is still open", extra={"fields": {"payment": attempt.id}})
            else:
                ended += 1
        return ended

    def _buy(self, purchase: Purchase) -> Bought:
        known = self._known(purchase)
        if known is not None and known.state == "paid":
            return Bought(answer=known.answer, attempt=known, is_repeated=True)
        if known is not None and known.state in HELD:
            if self._now() < known.held_until:
                return self._ask_again(known)
            known = self._end(known)
            if known.state == "paid":
                return Bought(answer=known.answer, attempt=known, is_repeated=True)
        asked = self._server.ask(purchase.resource)
        if asked.succeeded:
            return Bought(answer=asked.body)
        fresh = self._fresh(purchase, known)
        if not asked.offers:
            raise not_found(asked)
        try:
            offer, amount = self._terms.acceptable(asked.offers)
        except RefusedError as error:
            raise self._refused(fresh, asked.offers[0], str(error)) from error
        return self._pay(purchase, fresh, asked, offer, amount)

    def _known(self, purchase: Purchase) -> Attempt | None:
        """Return the attempt that this is a repetition of."""
        *earlier, latest = purchase.attempt_ids(self._now())
        for attempt_id in (latest, *earlier):
            attempt = self._ledger.attempt(purchase.user, attempt_id)
            if attempt is not None and (attempt_id == latest or self._is_recent(attempt)):
                return attempt
        return None

    def _is_recent(self, attempt: Attempt) -> bool:
        return attempt.state != "refused" and self._now() - attempt.requested_at < WINDOW

    def _fresh(self, purchase: Purchase, known: Attempt | None) -> Attempt:
        if known is not None:
            return replace(known, reason="", signed="", transaction="")
        return Attempt(
            id=purchase.attempt_ids(self._now())[-1],
            user=purchase.user,
            tool=purchase.tool,
            resource=purchase.resource,
            description=purchase.description,
            state="waiting",
            requested_at=self._now(),
        )

    def _pay(self, purchase: Purchase, fresh: Attempt, asked: Answer, offer: Offer, amount: int) -> Bought:
        attempt = replace(
            fresh,
            amount=amount,
            asset=offer.asset,
            network=offer.network,
            payee=offer.payee,
            day=day_of(self._now()),
        )
        approval: PendingApproval | None = None
        if amount > self._terms.approval_above:
            approval = self._ledger.wanted_approval(purchase, offer, amount, self._now())
            if approval.state(self._now()) != "approved":
                return self._waiting(attempt, approval)
        try:
            signed = self._wallet.sign(offer, self._terms, _resource(asked), _identifier(attempt))
        except NotSetError as error:
            logger.warning("the wallet has no key", extra=counting(Metric.WALLET_UNUSABLE))
            raise self._refused(attempt, offer, WALLET_NOT_SET) from error
        attempt = replace(
            attempt,
            state="reserved",
            signed=signed.header,
            valid_before=signed.valid_before,
            approval=approval.id if approval else "",
        )
        return self._present(self._reserved(attempt, offer, approval), is_first=True)

    def _reserved(self, attempt: Attempt, offer: Offer, approval: PendingApproval | None) -> Attempt:
        event = PaymentReserved(
            tool=attempt.tool,
            amount=str(attempt.amount),
            asset=attempt.asset,
            network=attempt.network,
            payee=attempt.payee,
            approval=attempt.approval,
        )
        for is_last in (False, True):
            try:
                reserved = self._ledger.reserve(attempt, event, self._terms.per_day, approval, self._now())
            except BudgetError as error:
                # What failed long ago may still hold a part.
                if is_last or not self.settle_overdue():
                    logger.warning("the day's budget does not reach", extra=counting(Metric.BUDGET_LOW))
                    raise self._refused(replace(attempt, approval=""), offer, DAY_SPENT) from error
            else:
                self._warn(attempt.day)
                return reserved
        raise ChangedError

    def _warn(self, day: str) -> None:
        if self._ledger.day(day).committed >= self._terms.per_day * WARNING_PART:
            logger.warning("the day's budget is nearly spent", extra=counting(Metric.BUDGET_LOW))

    def _present(self, attempt: Attempt, *, is_first: bool) -> Bought:
        """Present a payment until it is known how it ended, or the patience of one use is over."""
        is_certain = is_first
        for round_ in range(SEND_ATTEMPTS_MAX):
            if round_:
                self._sleep(PAUSES.pause_seconds(round_ + 1))
            try:
                answer = self._server.send(attempt.resource, attempt.signed)
            except UnavailableError:
                is_certain = False
                continue
            if answer.succeeded:
                return self._settled(attempt, answer)
            if is_certain:
                reason = answer.body or f"the resource server answers {answer.status}"
                rejected = replace(attempt, state="rejected", reason=reason)
                self._ledger.finish(rejected, PaymentRejected(reason=reason))
                if NO_MONEY in reason:
                    logger.warning("the wallet has no money", extra=counting(Metric.WALLET_UNUSABLE))
                raise RefusedError(f"the payment was not taken: {reason}")
        if attempt.state == "reserved":
            unknown = replace(attempt, state="unknown", reason=UNKNOWN)
            self._ledger.finish(unknown, PaymentUnknown())
            fields = {"payment": attempt.id}
            logger.warning("a payment is open", extra=counting(Metric.PAYMENT_UNKNOWN, **fields))
        raise UnavailableError(UNKNOWN)

    def _settled(self, attempt: Attempt, answer: Answer) -> Bought:
        paid = replace(
            attempt, state="paid", reason="", transaction=answer.transaction, answer=answer.body, signed=""
        )
        ended = self._ledger.finish(paid, PaymentSettled(transaction=answer.transaction))
        return Bought(answer=answer.body, attempt=ended)

    def _ask_again(self, attempt: Attempt) -> Bought:
        """Follow the use that presents the payment now; present it again, as it is, when nobody does."""
        if attempt.state == "rejected":
            raise RefusedError(f"the payment was not taken: {attempt.reason}; it can be tried again shortly")
        for round_ in range(FOLLOW_ROUNDS_MAX):
            self._sleep(PAUSES.pause_seconds(round_ + 1))
            found = self._ledger.attempt(attempt.user, attempt.id)
            if found is None or found.version != attempt.version:
                raise ChangedError
        return self._present(attempt, is_first=False)

    def _end(self, attempt: Attempt) -> Attempt:
        """End an attempt whose authorization has: asked once more, the server knows whether it was paid."""
        answer = self._server.send(attempt.resource, attempt.signed)
        if answer.succeeded:
            return self._settled(attempt, answer).attempt or attempt
        reason = attempt.reason if attempt.state == "rejected" else "it was not paid"
        released = replace(attempt, state="released", reason=reason, signed="")
        return self._ledger.finish(released, PaymentReleased())

    def _waiting(self, attempt: Attempt, approval: PendingApproval) -> Bought:
        if attempt.state == "waiting" and attempt.version and attempt.approval == approval.id:
            return Bought(attempt=attempt, approval=approval)
        event = PaymentWaiting(
            tool=attempt.tool,
            amount=str(attempt.amount),
            asset=attempt.asset,
            network=attempt.network,
            payee=attempt.payee,
            approval=approval.id,
        )
        waiting = replace(attempt, state="waiting", approval=approval.id)
        return Bought(attempt=self._ledger.note(waiting, event), approval=approval)

    def _refused(self, attempt: Attempt, offer: Offer, reason: str) -> RefusedError:
        """Note a refusal, with what the offer said, and return it."""
        event = PaymentRefused(
            tool=attempt.tool,
            reason=reason,
            amount=offer.amount[:40],
            asset=offer.asset[:64],
            network=offer.network[:64],
            payee=offer.payee[:64],
        )
        amount = int(event.amount) if event.amount.isascii() and event.amount.isdigit() else 0
        noted = replace(
            attempt,
            state="refused",
            reason=reason,
            amount=attempt.amount or amount,
            asset=event.asset,
            network=event.network,
            payee=event.payee,
            signed="",
            valid_before=0,
        )
        self._ledger.note(noted, event)
        return RefusedError(reason)


def _identifier(attempt: Attempt) -> str:
    """Return the name by which what was paid may be asked for again: of this signature, and nobody else's."""
    return f"nova_{attempt.id.replace('-', '')}_{attempt.version}"


def _resource(asked: Answer) -> dict[str, Any]:
    """Return what the offer says that it is for, as it is presented again."""
    told: object = decoded(asked.required).get("resource")
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}
