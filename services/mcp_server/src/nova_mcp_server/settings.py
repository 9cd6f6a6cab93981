"""What the function finds in its environment."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Self, override

from nova_common.settings import Environment, IdentitySettings, SettingsError, TaskSettings

from nova_mcp_server.domain import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings(TaskSettings):
    """Environment of the MCP server."""

    service_name: str
    log_level: str
    metrics_namespace: str
    region: str
    identity: IdentitySettings
    event_store_table: str
    ledger_table: str
    resource_server_url: str
    wallet_secret: str
    """ARN of the secret; never its value."""
    terms: Terms

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            service_name=environment.text("SERVICE_NAME"),
            log_level=environment.log_level("LOG_LEVEL", "INFO"),
            metrics_namespace=environment.optional_text("METRICS_NAMESPACE"),
            region=environment.region(),
            identity=IdentitySettings.read(environment),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            ledger_table=environment.text("LEDGER_TABLE"),
            resource_server_url=environment.url("RESOURCE_SERVER_URL"),
            wallet_secret=environment.text("WALLET_SECRET"),
            terms=_terms(environment),
        )


def _terms(environment: Environment) -> Terms:
    decimals = environment.integer("PAYMENT_ASSET_DECIMALS", range(19))
    return Terms(
        network=environment.text("PAYMENT_NETWORK"),
        asset=environment.text("PAYMENT_ASSET"),
        asset_name=environment.text("PAYMENT_ASSET_NAME"),
        asset_version=environment.text("PAYMENT_ASSET_VERSION"),
        decimals=decimals,
        payees=tuple(environment.text("PAYMENT_PAYEES").split(",")),
        per_day=_units(environment, "LIMIT_PER_DAY_USD", decimals),
        per_payment=_units(environment, "LIMIT_PER_PAYMENT_USD", decimals),
        approval_above=_units(environment, "APPROVAL_ABOVE_USD", decimals),
    )


def _units(environment: Environment, name: str, decimals: int) -> int:
    """Return an amount in the asset's smallest units; SettingsError for one that is none."""
    text = environment.text(name)
    try:
        units = Decimal(text or "0").scaleb(decimals)
        if units >= 0 and units == units.to_integral_value():
            return int(units)
    except InvalidOperation:
        pass
    message = f"{name} is {text!r}, allowed is a decimal number of at most {decimals} places"
    raise SettingsError(message)
