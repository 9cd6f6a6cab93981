"""Sales: who paid what for which resource (pure).

A sale has the identity of its payment (network, asset, payer and the nonce that the payer signed), so that a
payment is settled once, however often it is presented and to however many tasks.
"""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Literal

from nova_common.contracts.weather import OfferName, SaleSettled, SaleStarted
from nova_common.events import Event

SETTLEMENT_MAX = timedelta(seconds=60)
"""After so long a settlement that was begun and never ended may be begun again: its task is gone, or the
facilitator does not know. The chain takes an authorization once, whoever presents it."""

RETRY_MAX = timedelta(hours=1)
"""How long what was paid may be asked for again with the payment identifier, after a lost answer."""

_NAMESPACE = uuid.UUID("1f0c5b0e-9a55-5d0c-8d0b-6a3b4a1f7c21")

type SaleStatus = Literal["open", "started", "settled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What identifies a payment, and what it is for."""

    offer: OfferName
    resource: str
    amount: str
    asset: str
    network: str
    payer: str
    nonce: str
    identifier: str
    """The payer's own name for it (x402 extension `payment-identifier`), their secret; empty for none."""

    @property
    def sale_id(self) -> str:
        """The id of its sale."""
        return str(
            uuid.uuid5(_NAMESPACE, "/".join((self.network, self.asset, self.payer, self.nonce)).lower())
        )

    @property
    def retry_key(self) -> str:
        """What is stored of the identifier."""
        return hashlib.sha256(self.identifier.encode()).hexdigest() if self.identifier else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A sale as its events tell it."""

    version: int = 0
    status: SaleStatus = "open"
    at: datetime | None = None
    """When the last event happened."""
    started: SaleStarted | None = None
    transaction: str = ""

    def after(self, event: Event) -> "Sale":
        """Return the sale after one more event."""
        sale = replace(self, version=event.version, at=event.occurred_at)
        match event.data:
            case SaleStarted() as started:
                return replace(sale, status="started", started=started)
            case SaleSettled(transaction=transaction):
                return replace(sale, status="settled", transaction=transaction)
            case _:
                return replace(sale, status="open")

    def may_start(self, now: datetime) -> bool:
        """Whether its payment may be settled now."""
        if self.status == "started":
            return self.at is not None and now - self.at > SETTLEMENT_MAX
        return self.status == "open"

    def answers(self, payment: Payment, now: datetime) -> bool:
        """Whether the payment, presented again, has already paid for what it asks for."""
        return (
            self.status == "settled"
            and self.started is not None
            and bool(payment.retry_key)
            and self.started.retry_key == payment.retry_key
            and self.started.resource == payment.resource
            and self.at is not None
            and now - self.at <= RETRY_MAX
        )


def sale_of(events: Iterable[Event]) -> Sale:
    """Return the sale that these events tell."""
    return reduce(Sale.after, events, Sale())
