"""Contracts of paying: what people see of payments and approvals, and the events that tell how each ended.

Amounts are decimal numbers in US dollars, as text: never a float where money counts. What was asked for is in
the ledger alone, which an erasure empties; events say how much, to whom and by which tool.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from nova_common.contracts.wire import Contract, Timestamp
from nova_common.events import AggregateType, EventData

TOKEN_HEADER = "X-Nova-Authorization"  # noqa: S105 - the name of a header
"""Carries a person's access token to the MCP server's URL, and to no other: `Authorization` is the signature
of whoever calls it."""

METADATA = "nova/"
"""What the platform's names in metadata of MCP begin with."""
USE_KEY = f"{METADATA}idempotency-key"
"""Of a request: the name of this use of a tool, so that a repetition pays nothing."""
PAID_USD = f"{METADATA}paid-usd"
"""Of a result: what was paid for it. Own tools pay nothing, those of servers may."""

PAYMENT_HEADER, REQUIRED_HEADER, RECEIPT_HEADER = "PAYMENT-SIGNATURE", "PAYMENT-REQUIRED", "PAYMENT-RESPONSE"
"""Headers of x402, version 2: a signed payment, what has to be paid, and how the payment was settled."""

type Usd = Annotated[str, StringConstraints(pattern=r"^\d{1,12}\.\d{2,18}$")]
"""US dollars as a decimal number, such as `0.01`."""

type PaymentStatus = Literal["paid", "refused", "failed", "waiting"]
"""`waiting`: for a person's approval, or for word of how it ended."""

type ApprovalState = Literal["waiting", "approved", "rejected", "expired", "used"]


class Wallet(Contract):
    """What pays: its address on its network, once its key is set."""

    state: Literal["ready", "not_set"]
    address: str | None
    network: str = Field(description="CAIP-2, such as eip155:84532")


class Payment(Contract):
    """One attempt to pay, and how it ended."""

    id: str
    occurred_at: Timestamp
    tool: str
    resource: str = Field(description="What was asked for: a path of the resource server")
    description: str
    amount: Usd
    asset: str
    network: str
    payee: str
    status: PaymentStatus
    reason: str | None
    transaction: str | None = Field(description="On the network, once it is paid")


class Spending(Contract):
    """Answer of `GET /api/spend`: sums and limits are the stack's, of today (UTC); payments the caller's."""

    day: str
    currency: Literal["USD"] = "USD"
    limit_per_day: Usd
    limit_per_payment: Usd
    approval_above: Usd
    spent: Usd
    reserved: Usd
    left: Usd
    wallet: Wallet
    payments: list[Payment]
    cursor: str | None


class Approval(Contract):
    """A payment that waits, or waited, for a person: for this resource, amount and payee, once."""

    id: str
    tool: str
    resource: str
    description: str
    amount: Usd
    payee: str
    network: str
    requested_at: Timestamp
    expires_at: Timestamp
    state: ApprovalState


class Approvals(Contract):
    """Answer of `GET /api/approvals`: the caller's, the latest first."""

    items: list[Approval]


class PaymentWaiting(EventData):
    """A payment is above what may be paid unasked: a person has to approve it."""

    tool: str
    amount: str
    asset: str
    network: str
    payee: str
    approval: str


class PaymentRefused(EventData):
    """Nothing was signed, for this reason. What the offer said is here as far as it said it."""

    tool: str
    reason: str
    amount: str = ""
    asset: str = ""
    network: str = ""
    payee: str = ""


class PaymentReserved(EventData):
    """A payment is signed and its amount held back from the day's budget.

    `amount` counts the asset's smallest units. `approval` is the one that it used up, empty where none was
    needed.
    """

    tool: str
    amount: str
    asset: str
    network: str
    payee: str
    approval: str = ""


class PaymentSettled(EventData):
    """It is paid, in this transaction."""

    transaction: str


class PaymentRejected(EventData):
    """The resource server did not take it; what was held back is released once nobody can settle it."""

    severity = "warning"

    reason: str


class PaymentUnknown(EventData):
    """Nobody knows whether it went through: it is asked for again, by the same signature."""

    severity = "warning"


class PaymentReleased(EventData):
    """What was held back for it is free again: it was not paid, and cannot be any more."""


PAYMENT = AggregateType(
    name="Payment",
    source="nova.mcp-server",
    events=(
        PaymentWaiting,
        PaymentRefused,
        PaymentReserved,
        PaymentSettled,
        PaymentRejected,
        PaymentUnknown,
        PaymentReleased,
    ),
)
"""One use of a paid tool: from its offer to its end."""
