"""How the platform is paid, and what it may pay (pure, no resources)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from ..network.needs import InternetNeed

# An EVM chain as CAIP-2 writes it: the scheme `exact` of x402 pays there.
_NETWORK = re.compile(r"eip155:[1-9]\d{0,31}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NAME_LENGTH_MAX = 32

DECIMALS_MAX = 18
PAYEES_MAX = 20
USD_MAX = 1_000
"""Beyond it a day's budget is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerPlan:
    """Who is paid, in which token, and who settles it; raises ``ValueError`` that names the field."""

    pay_to: str
    """An address on the network. The platform never has its key."""
    network: str
    """As CAIP-2 has it, such as ``eip155:84532`` for Base Sepolia."""
    asset: str
    """Address of a token with six decimals that is worth a US dollar and is paid by signature (EIP-3009)."""
    asset_name: str
    asset_version: str
    """Both as the token's contract says them: payers sign them, too (EIP-712)."""
    facilitator_url: str
    """Checks payments and settles them (x402)."""

    def __post_init__(self) -> None:
        """Check all of it."""
        _check_network(self.network)
        for field, address in (("payTo", self.pay_to), ("asset", self.asset)):
            _check_address(field, address)
        _check_names(self.asset_name, self.asset_version)
        address = urlsplit(self.facilitator_url)
        if address.scheme != "https" or not address.hostname or address.query or address.username:
            raise ValueError("facilitatorUrl: it is https, without credentials or query")

    @property
    def facilitator(self) -> InternetNeed:
        """What whoever is paid has to reach."""
        host = urlsplit(self.facilitator_url).hostname or ""
        return InternetNeed(host=host, reason="the facilitator that settles payments")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPlan:
    """What agents may pay: in which token, to whom, how much; raises ``ValueError`` that names the field."""

    network: str
    """As CAIP-2 has it."""
    asset: str
    """Address of a token that is worth a US dollar and is paid by signature (EIP-3009)."""
    asset_name: str
    asset_version: str
    """Both as the token's contract says them: they are signed, too (EIP-712)."""
    asset_decimals: int
    payees: Sequence[str]
    """Addresses that may be paid; nobody else is, whatever an offer says."""
    limit_per_day_usd: str
    limit_per_payment_usd: str
    approval_above_usd: str
    """Beyond it a person approves each payment."""
    resource_server: str
    """Where paid resources are; empty for the stack's own site."""

    def __post_init__(self) -> None:
        """Check all of it."""
        _check_network(self.network)
        _check_address("asset", self.asset)
        _check_names(self.asset_name, self.asset_version)
        if not 0 <= self.asset_decimals <= DECIMALS_MAX:
            raise ValueError(f"assetDecimals: {self.asset_decimals} is not 0 to {DECIMALS_MAX}")
        if not 1 <= len(self.payees) <= PAYEES_MAX:
            raise ValueError(f"payees: name 1 to {PAYEES_MAX} addresses that may be paid")
        for payee in self.payees:
            _check_address("payees", payee)
        day, payment, unasked = (
            self._usd(field, text)
            for field, text in (
                ("limitPerDayUsd", self.limit_per_day_usd),
                ("limitPerPaymentUsd", self.limit_per_payment_usd),
                ("approvalAboveUsd", self.approval_above_usd),
            )
        )
        if not 0 < payment <= day <= USD_MAX:
            raise ValueError(
                f"limitPerPaymentUsd: {payment} is not allowed; it is over 0 and at most limitPerDayUsd, "
                f"which is at most {USD_MAX}"
            )
        if unasked > payment:
            raise ValueError(f"approvalAboveUsd: {unasked} is not allowed; it is at most limitPerPaymentUsd")
        address = urlsplit(self.resource_server)
        if self.resource_server and (address.scheme != "https" or not address.hostname or address.query):
            raise ValueError("resourceServer: it is https, without query")

    @property
    def environment(self) -> dict[str, str]:
        """What the function is told of it."""
        return {
            "PAYMENT_NETWORK": self.network,
            "PAYMENT_ASSET": self.asset,
            "PAYMENT_ASSET_NAME": self.asset_name,
            "PAYMENT_ASSET_VERSION": self.asset_version,
            "PAYMENT_ASSET_DECIMALS": str(self.asset_decimals),
            "PAYMENT_PAYEES": ",".join(self.payees),
            "LIMIT_PER_DAY_USD": self.limit_per_day_usd,
            "LIMIT_PER_PAYMENT_USD": self.limit_per_payment_usd,
            "APPROVAL_ABOVE_USD": self.approval_above_usd,
        }

    def _usd(self, field: str, text: str) -> Decimal:
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal("NaN")
        places = -int(amount.as_tuple().exponent) if amount.is_finite() else DECIMALS_MAX + 1
        if not amount.is_finite() or amount < 0 or places > self.asset_decimals:
            raise ValueError(
                f'{field}: {text!r} is not allowed; it is an amount in US dollars such as "0.50", with '
                f"as many decimals as the asset has at most ({self.asset_decimals})"
            )
        return amount


def _check_network(network: str) -> None:
    if _NETWORK.fullmatch(network) is None:
        raise ValueError(f"network: {network!r} is not a chain such as eip155:84532 (CAIP-2)")


def _check_address(field: str, address: str) -> None:
    if _ADDRESS.fullmatch(address) is None:
        raise ValueError(f"{field}: {address!r} is not an address: 0x and 40 hexadecimal digits")


def _check_names(name: str, version: str) -> None:
    for field, text in (("assetName", name), ("assetVersion", version)):
        if not 1 <= len(text) <= _NAME_LENGTH_MAX:
            raise ValueError(f"{field}: {text!r} is not allowed; it has 1 to {_NAME_LENGTH_MAX} characters")
