"""The seller: how the platform is paid."""

from components.payments.plan import SellerPlan
from settings.errors import SettingsError
from settings.values import Values, check_fields, string

KEYS = ("seller",)

_FIELDS = {
    "payTo": "pay_to",
    "network": "network",
    "asset": "asset",
    "assetName": "asset_name",
    "assetVersion": "asset_version",
    "facilitatorUrl": "facilitator_url",
}


def read_seller(values: Values) -> SellerPlan | None:
    """Read how it is paid, nothing where nothing is sold; raises ``SettingsError`` that names the field."""
    table = values.table("seller")
    path = values.key("seller")
    if not table:
        return None
    check_fields(path, table, _FIELDS)
    hint = f"; give {', '.join(_FIELDS)}"
    texts = {name: string(f"{path}.{field}", table.get(field), hint) for field, name in _FIELDS.items()}
    try:
        return SellerPlan(**texts)
    except ValueError as error:
        raise SettingsError(path, texts["pay_to"], str(error)) from error
