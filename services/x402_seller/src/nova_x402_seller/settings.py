"""What a task of the seller finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_common.settings import Environment, ServerSettings, TaskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTerms:
    """How the seller is paid. What is paid for which resource is its own (`offers`)."""

    network: str
    """As CAIP-2 has it, such as `eip155:84532`."""
    asset: str
    """Address of the token's contract; its units are millionths of a US dollar."""
    asset_name: str
    asset_version: str
    """Both as the token's contract says them: they are part of what a payer signs (EIP-712)."""
    pay_to: str
    """The seller's address. Nobody here has its key."""
    facilitator_url: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """PAYMENT_NETWORK, PAYMENT_ASSET, PAYMENT_ASSET_NAME and _VERSION, PAY_TO, FACILITATOR_URL."""
        return cls(
            network=environment.text("PAYMENT_NETWORK"),
            asset=environment.text("PAYMENT_ASSET"),
            asset_name=environment.text("PAYMENT_ASSET_NAME"),
            asset_version=environment.text("PAYMENT_ASSET_VERSION"),
            pay_to=environment.text("PAY_TO"),
            facilitator_url=environment.url("FACILITATOR_URL"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(TaskSettings):
    """Environment of the seller."""

    server: ServerSettings
    region: str
    event_store_table: str
    public_url: str
    """Where the site is reached: what is sold has its address there, whoever passed the request on."""
    terms: PaymentTerms

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            public_url=environment.url("PUBLIC_URL"),
            terms=PaymentTerms.read(environment),
        )
