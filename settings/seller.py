"""The seller: how the platform is paid."""

from components.payments.plan import SellerPlan
from settings.errors import SettingsError
from settings.values import Values

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
    for field in table:
        if field not in _FIELDS:
            raise SettingsError(
                f"{path}.{field}", table[field], f"no such field; there are: {', '.join(_FIELDS)}"
            )
    texts: dict[str, str] = {}
    for field, name in _FIELDS.items():
        value = table.get(field)
        if not isinstance(value, str):
            raise SettingsError(f"{path}.{field}", value, f"it has to be a string; give {', '.join(_FIELDS)}")
        texts[name] = value
    try:
        return SellerPlan(**texts)
    except ValueError as error:
        raise SettingsError(path, texts["pay_to"], str(error)) from error
