"""What a task of the projector finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, TaskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(TaskSettings):
    """Environment of the query API."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    read_model_table: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            read_model_table=environment.text("READ_MODEL_TABLE"),
        )


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
class WorkerSettings(TaskSettings):
    """Environment of the worker."""

    server: ServerSettings
    stores: StoreSettings
    queue_url: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            stores=StoreSettings.read(environment),
            queue_url=environment.url("QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings(TaskSettings):
    """Environment of a job, which serves nobody."""

    server: ServerSettings
    """Of which a job uses how it is called and how it logs."""
    stores: StoreSettings

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(server=ServerSettings.read(environment), stores=StoreSettings.read(environment))
