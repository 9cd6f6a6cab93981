"""What a task of live voice finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_agent_tools.services import ServiceUrls
from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, TaskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings(TaskSettings):
    """Environment of live voice."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    event_store_table: str
    private_data: PrivateDataSettings
    live_table: str
    """Tickets and places."""
    model_id: str
    model_region: str
    services: ServiceUrls

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            private_data=PrivateDataSettings.read(environment),
            live_table=environment.text("LIVE_TABLE"),
            model_id=environment.text("MODEL_ID"),
            model_region=environment.text("MODEL_REGION"),
            services=ServiceUrls.read(environment),
        )
