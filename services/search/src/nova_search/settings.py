"""What a task of the search service finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_common.embeddings import EmbeddingSettings
from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, TaskSettings
from nova_common.vector_index import VectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(TaskSettings):
    """Environment of the API."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    vectors: VectorSettings
    embedding: EmbeddingSettings
    event_store_table: str
    content_bucket: str
    private_data: PrivateDataSettings

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            vectors=VectorSettings.read(environment),
            embedding=EmbeddingSettings.read(environment),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            content_bucket=environment.text("CONTENT_BUCKET"),
            private_data=PrivateDataSettings.read(environment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexerSettings:
    """What is indexed, with which model, and where to."""

    region: str
    vectors: VectorSettings
    embedding: EmbeddingSettings
    event_store_table: str
    content_bucket: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """All of it."""
        return cls(
            region=environment.region(),
            vectors=VectorSettings.read(environment),
            embedding=EmbeddingSettings.read(environment),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            content_bucket=environment.text("CONTENT_BUCKET"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(TaskSettings):
    """Environment of the indexer."""

    server: ServerSettings
    stores: IndexerSettings
    queue_url: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            stores=IndexerSettings.read(environment),
            queue_url=environment.url("QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings(TaskSettings):
    """Environment of a job, which serves nobody."""

    server: ServerSettings
    """Of which a job uses how it is called and how it logs."""
    stores: IndexerSettings

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(server=ServerSettings.read(environment), stores=IndexerSettings.read(environment))
