"""What a task of the projector finds in its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Environment of the query API."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    read_model_table: str

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the variables; SettingsError names all that are missing or wrong."""
        environment = Environment(variables)
        settings = cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            read_model_table=environment.text("READ_MODEL_TABLE"),
        )
        environment.check()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where events come from and rows go to."""

    region: str
    event_store_table: str
    private_data: PrivateDataSettings
    read_model_table: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """AWS_REGION, EVENT_STORE_TABLE, those of private data, and READ_MODEL_TABLE."""
        return cls(
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            private_data=PrivateDataSettings.read(environment),
            read_model_table=environment.text("READ_MODEL_TABLE"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Environment of the worker."""

    server: ServerSettings
    stores: StoreSettings
    queue_url: str

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the variables; SettingsError names all that are missing or wrong."""
        environment = Environment(variables)
        settings = cls(
            server=ServerSettings.read(environment),
            stores=StoreSettings.read(environment),
            queue_url=environment.url("QUEUE_URL"),
        )
        environment.check()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Environment of a job, which serves nobody."""

    server: ServerSettings
    """Of which a job uses how it is called and how it logs."""
    stores: StoreSettings

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the variables; SettingsError names all that are missing or wrong."""
        environment = Environment(variables)
        settings = cls(server=ServerSettings.read(environment), stores=StoreSettings.read(environment))
        environment.check()
        return settings
