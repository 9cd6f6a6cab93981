"""The wallet: what agents may pay."""

from typing import cast

from components.payments.plan import WalletPlan
from settings.errors import SettingsError
from settings.values import Values, check_fields, string

KEYS = ("wallet",)

_TEXTS = {
    "network": "network",
    "asset": "asset",
    "assetName": "asset_name",
    "assetVersion": "asset_version",
    "limitPerDayUsd": "limit_per_day_usd",
    "limitPerPaymentUsd": "limit_per_payment_usd",
    "approvalAboveUsd": "approval_above_usd",
}
_OTHERS = ("assetDecimals", "payees", "resourceServer")
_DECIMALS = 6
"""Of the stablecoins of x402."""


def read_wallet(values: Values) -> WalletPlan | None:
    """Read what may be paid, nothing where nothing is; raises ``SettingsError`` that names the field."""
    table = values.table("wallet")
    path = values.key("wallet")
    if not table:
        return None
    check_fields(path, table, (*_TEXTS, *_OTHERS))
    texts = {name: _text(path, field, table.get(field)) for field, name in _TEXTS.items()}
    decimals = table.get("assetDecimals", _DECIMALS)
    if not isinstance(decimals, int) or isinstance(decimals, bool):
        raise SettingsError(f"{path}.assetDecimals", decimals, "it has to be a whole number")
    payees = table.get("payees")
    listed = cast("list[object]", payees) if isinstance(payees, list) else [None]
    try:
        return WalletPlan(
            **texts,
            asset_decimals=decimals,
            payees=tuple(_text(path, "payees", payee) for payee in listed),
            resource_server=_text(path, "resourceServer", table.get("resourceServer", "")),
        )
    except ValueError as error:
        raise SettingsError(path, texts["asset"], str(error)) from error


def _text(path: str, field: str, value: object) -> str:
    return string(f"{path}.{field}", value, '; amounts, too, such as "0.50"')
