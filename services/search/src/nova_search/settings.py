"""What a task of the search service finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, TaskSettings

EMBEDDING_DIMENSIONS = (256, 384, 1024, 3072)
"""Dimensions that Amazon Nova Multimodal Embeddings offers (its request schema)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """Which model turns text into vectors, where it is, and how many numbers a vector has."""

    model: str
    region: str
    dimension: int

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """EMBEDDING_MODEL, EMBEDDING_REGION and EMBEDDING_DIMENSION."""
        return cls(
            model=environment.text("EMBEDDING_MODEL"),
            region=environment.text("EMBEDDING_REGION"),
            dimension=environment.integer("EMBEDDING_DIMENSION", EMBEDDING_DIMENSIONS),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSettings:
    """Where the vectors are."""

    bucket: str
    index: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """VECTOR_BUCKET and VECTOR_INDEX, both names."""
        return cls(bucket=environment.text("VECTOR_BUCKET"), index=environment.text("VECTOR_INDEX"))


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
