"""What a task of the video service finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, TaskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(TaskSettings):
    """Environment of the API."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    event_store_table: str
    private_data: PrivateDataSettings
    content_bucket: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            private_data=PrivateDataSettings.read(environment),
            content_bucket=environment.text("CONTENT_BUCKET"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(TaskSettings):
    """Environment of the worker. `content_owner` is the account that the content bucket belongs to."""

    server: ServerSettings
    region: str
    event_store_table: str
    content_bucket: str
    content_owner: str
    queue_url: str
    model: str
    model_region: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            content_bucket=environment.text("CONTENT_BUCKET"),
            content_owner=environment.text("CONTENT_OWNER"),
            queue_url=environment.url("QUEUE_URL"),
            model=environment.text("MODEL_ID"),
            model_region=environment.text("MODEL_REGION"),
        )
