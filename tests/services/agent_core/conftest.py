"""The coordinator as a whole: emulated AWS, a real Redis over TLS, stub services, a scripted model."""

# ruff: noqa: ANN401 - clients of Redis are untyped

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from nova_agent_core import app as api
from nova_agent_core.behaviour import Behaviour
from nova_agent_core.memory import memory_key
from nova_agent_core.settings import ApiSettings, ModelLimits
from nova_agent_core.storage import TurnDocuments
from nova_agent_tools.services import Services
from nova_common import aws
from nova_common.contracts.sessions import SESSION
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from redis import Redis as SyncRedis

from tests.services.agent_core import redis_server
from tests.services.agent_core.callers import BEHAVIOUR, LIMITS
from tests.services.agent_core.redis_server import RedisServer
from tests.services.agent_core.scripted import ScriptedModel
from tests.services.support import embeddings, tokens
from tests.services.support.embeddings import FakeBedrock
from tests.services.support.private import DATA_KEYS_TABLE, create_keys_table
from tests.services.support.stub_services import StubServices
from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, REGION, USAGE_TABLE
from tests.services.support.vectors import DIMENSION, VECTOR_BUCKET, VECTOR_INDEX, FakeVectors

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def trusted_redis(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """The server, and a process that trusts its authority as a task does."""
    monkeypatch.setenv("SSL_CERT_FILE", str(redis.ca_file))
    return redis


@pytest.fixture
def variables(aws_environment: None, trusted_redis: RedisServer) -> dict[str, str]:
    """The environment of a task."""
    del aws_environment
    return {
        "SERVICE_NAME": "agent-core",
        "USER_POOL_ISSUER": tokens.ISSUER,
        "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
        "DATA_KEYS_TABLE": DATA_KEYS_TABLE,
        "AWS_REGION": REGION,
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "CONTENT_BUCKET": CONTENT_BUCKET,
        "USAGE_TABLE": USAGE_TABLE,
        "QUOTA_USD_PER_MONTH": "20",
        "BEHAVIOUR": "1",
        "MODEL_ID": "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123",
        "MODEL_NAME": "global.anthropic.claude-sonnet-4-6",
        "MODEL_REGION": "us-west-2",
        "SEARCH_URL": "http://search.nova.local:8000",
        "AUDIO_URL": "http://audio.nova.local:8000",
        "VIDEO_URL": "http://video.nova.local:8000",
        "PROJECTOR_URL": "http://projector.nova.local:8000",
        "VECTOR_BUCKET": VECTOR_BUCKET,
        "VECTOR_INDEX": VECTOR_INDEX,
        "EMBEDDING_MODEL": embeddings.MODEL,
        "EMBEDDING_REGION": "us-east-1",
        "EMBEDDING_DIMENSION": str(DIMENSION),
        "REDIS_URL": trusted_redis.url,
        "REDIS_USERNAME": redis_server.USERNAME,
        "REDIS_PASSWORD": redis_server.PASSWORD,
    }


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def services() -> StubServices:
    return StubServices()


@pytest.fixture
def store(dynamodb: "DynamoDBClient") -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([SESSION]))


@pytest.fixture
def documents(s3: "S3Client") -> TurnDocuments:
    return TurnDocuments(s3, CONTENT_BUCKET)


@pytest.fixture
def index() -> FakeVectors:
    """The index of what people want kept."""
    return FakeVectors()


@pytest.fixture
def embedder() -> FakeBedrock:
    return FakeBedrock()


type MakeApp = Callable[..., FastAPI]


@pytest.fixture
def make_app(
    variables: dict[str, str],
    store: DynamoEventStore,
    documents: TurnDocuments,
    model: ScriptedModel,
    services: StubServices,
    index: FakeVectors,
    embedder: FakeBedrock,
    dynamodb: "DynamoDBClient",
    monkeypatch: pytest.MonkeyPatch,
) -> MakeApp:
    """Make one instance after another, as tasks are replaced; `changes` are variables."""
    del store, documents
    create_keys_table(dynamodb, DATA_KEYS_TABLE)
    monkeypatch.setattr(aws, "s3vectors", Mock(return_value=index))
    monkeypatch.setattr(aws, "bedrock_runtime", Mock(return_value=embedder))
    transport = httpx2.MockTransport(services.answer)
    monkeypatch.setattr(api, "Services", partial(Services, transport=transport))

    def make(
        limits: ModelLimits = LIMITS,
        *,
        scripted: bool = True,
        behaviour: Behaviour = BEHAVIOUR,
        **changes: str,
    ) -> FastAPI:
        with monkeypatch.context() as patched:
            if scripted:
                patched.setattr(api, "bedrock_model", Mock(return_value=model))
            app = api.create_app(ApiSettings.from_env(variables | changes), limits, behaviour)
        app.state.verifier = tokens.verifier()
        return app

    return make


@pytest.fixture
def make_client(make_app: MakeApp) -> Iterator[Callable[..., TestClient]]:
    with ExitStack() as stack:

        def make(limits: ModelLimits = LIMITS, **changes: Any) -> TestClient:
            app = make_app(limits, **changes)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield make


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()


@pytest.fixture
def keys(redis: RedisServer) -> Iterator[Any]:
    """A client of the same Redis, as the coordinator's user."""
    connection: Any = SyncRedis(
        host="127.0.0.1",
        port=redis.port,
        ssl=True,
        ssl_ca_certs=str(redis.ca_file),
        username=redis_server.USERNAME,
        password=redis_server.PASSWORD,
    )
    with connection:
        yield connection


@pytest.fixture
def forget(keys: Any) -> Callable[[str], None]:
    """Lose the memory of a session."""

    def lose(session_id: str) -> None:
        assert keys.delete(memory_key(session_id)) == 1

    return lose


@pytest.fixture
def keep(keys: Any) -> Callable[[str], Callable[[], None]]:
    """Keep the memory of a session; the result puts it back."""

    def remember(session_id: str) -> Callable[[], None]:
        stored = keys.get(memory_key(session_id))
        assert stored

        def restore() -> None:
            keys.set(memory_key(session_id), stored)

        return restore

    return remember
