"""Purchases, attempts to pay for them, approvals, and what may be paid (pure).

Amounts are whole numbers of the asset's smallest units.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from nova_common.contracts.payments import ApprovalState, PaymentStatus

WINDOW = timedelta(minutes=10)
"""How long a use without a key of its own counts as a repetition of the one before."""

HOLD_MARGIN = timedelta(seconds=30)
"""After an authorization's end until it is believed: clocks differ, and a block has a time of its own."""

AUTHORIZATION_SECONDS_MAX = 300
"""The longest that a signed payment may be good for; sellers ask for 60 s."""

AMOUNT_DIGITS_MAX = 30
"""Of an amount in an offer: far more than there is of any asset."""

APPROVAL_LIFE = timedelta(hours=1)
"""How long an approval can be given and used."""

_NAMESPACE = uuid.UUID("7f0f0a52-3c2a-5a0e-9c93-0f0a3c2d1b64")

type AttemptState = Literal["waiting", "refused", "reserved", "unknown", "rejected", "paid", "released"]

HELD: Sequence[AttemptState] = ("reserved", "unknown", "rejected")
"""States in which an attempt holds a part of the day's budget that is not spent."""


class RefusedError(Exception):
    """A payment that is not made; the message says why, to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What somebody wants by a tool: a resource, with the key that makes repetitions one purchase."""

    user: str
    tool: str
    resource: str
    """Path and query at the resource server."""
    description: str
    key: str = ""
    """The caller's own name of this use; without one, uses within `WINDOW` are one."""

    def attempt_ids(self, now: datetime) -> tuple[str, ...]:
        """Return the ids of the attempt that this may be a repetition of, the one for a new attempt last."""
        if self.key:
            return (self._id(f"key/{self.key}"),)
        window = int(now.timestamp() // WINDOW.total_seconds())
        return self._id(f"window/{window - 1}"), self._id(f"window/{window}")

    @property
    def wish(self) -> str:
        """What is wanted, whoever asks how often."""
        return hashlib.sha256(f"{self.tool}/{self.resource}".encode()).hexdigest()[:32]

    def _id(self, key: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.user}/{self.resource}/{key}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a resource server asks for, as it says it: nothing of it is believed before it is checked."""

    scheme: str
    network: str
    asset: str
    payee: str
    amount: str
    seconds: int
    method: str
    """How the asset is transferred, empty for the usual way (EIP-3009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What may be paid: on which network, in which asset, to whom, and how much."""

    network: str
    asset: str
    asset_name: str
    asset_version: str
    decimals: int
    payees: tuple[str, ...]
    per_day: int
    per_payment: int
    approval_above: int

    def usd(self, units: int) -> str:
        """Return an amount as people read it: at least cents."""
        amount = Decimal(units).scaleb(-self.decimals)
        digits = max(2, -int(amount.normalize().as_tuple().exponent) if units else 2)
        return f"{amount:.{digits}f}"

    def acceptable(self, offers: Sequence[Offer]) -> tuple[Offer, int]:
        """Return the cheapest offer that may be paid, and its amount; RefusedError names what is wrong."""
        problems: list[str] = []
        found: list[tuple[int, int, Offer]] = []
        for place, offer in enumerate(offers):
            problem = self._problem(offer)
            if problem:
                problems.append(problem)
            else:
                found.append((int(offer.amount), place, offer))
        if not found:
            message = "; ".join(dict.fromkeys(problems)) or "it says no way to pay"
            raise RefusedError(f"the offer is not one that may be paid: {message}")
        amount, _, offer = min(found)
        if amount > self.per_payment:
            raise RefusedError(
                f"it costs {self.usd(amount)} USD; one payment may be {self.usd(self.per_payment)} at most"
            )
        return offer, amount

    def _problem(self, offer: Offer) -> str:
        """Return what is wrong with an offer; empty for one that may be paid."""
        amount = offer.amount[:AMOUNT_DIGITS_MAX]
        wrong = {
            "it is paid in another way than by a signed transfer": offer.scheme != "exact"
            or offer.method not in ("", "eip3009"),
            f"the network {offer.network[:40]!r} is not allowed": offer.network != self.network,
            f"the asset {offer.asset[:44]!r} is not allowed": offer.asset.lower() != self.asset.lower(),
            f"the payee {offer.payee[:44]!r} is not allowed": offer.payee.lower()
            not in {payee.lower() for payee in self.payees},
            "the amount is no whole number": amount != offer.amount
            or not (amount.isascii() and amount.isdigit() and int(amount) > 0),
            f"a payment would be good for {offer.seconds} s": not (
                0 < offer.seconds <= AUTHORIZATION_SECONDS_MAX
            ),
        }
        return next((problem for problem, is_so in wrong.items() if is_so), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to pay, as the ledger has it."""

    id: str
    user: str
    tool: str
    resource: str
    description: str
    state: AttemptState
    requested_at: datetime
    version: int = 0
    """How many events it has."""
    amount: int = 0
    asset: str = ""
    network: str = ""
    payee: str = ""
    day: str = ""
    reason: str = ""
    approval: str = ""
    signed: str = ""
    """The payment as it is sent, again and again the same; empty once it has ended."""
    valid_before: int = 0
    """When the authorization ends, epoch seconds."""
    transaction: str = ""
    answer: str = ""
    """What was bought, JSON."""

    @property
    def held_until(self) -> datetime:
        """When nobody can settle it any more, for sure."""
        return datetime.fromtimestamp(self.valid_before, UTC) + HOLD_MARGIN

    @property
    def status(self) -> PaymentStatus:
        """What people are told."""
        match self.state:
            case "paid" | "refused":
                return self.state
            case "rejected" | "released":
                return "failed"
            case _:
                return "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingApproval:
    """An approval, as the ledger has it."""

    id: str
    user: str
    tool: str
    resource: str
    description: str
    amount: int
    asset: str
    payee: str
    network: str
    requested_at: datetime
    expires_at: datetime
    stored: Literal["waiting", "approved", "rejected", "used"]

    def state(self, now: datetime) -> ApprovalState:
        """Return its state: one that was neither used nor rejected in time has expired."""
        if self.stored in ("waiting", "approved") and now >= self.expires_at:
            return "expired"
        return self.stored

    def covers(self, purchase: Purchase, offer: Offer, amount: int) -> bool:
        """Whether it is for exactly this."""
        return (
            (self.user, self.resource, self.tool) == (purchase.user, purchase.resource, purchase.tool)
            and (self.amount, self.network) == (amount, offer.network)
            and (self.asset.lower(), self.payee.lower()) == (offer.asset.lower(), offer.payee.lower())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What a day has come to."""

    day: str
    spent: int = 0
    committed: int = 0
    """Spent and held back."""


def day_of(moment: datetime) -> str:
    """Return the day whose budget counts."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
