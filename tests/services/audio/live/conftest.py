"""Live voice as a whole: emulated AWS, stub services, a scripted model."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

import httpx2
import pytest
from fastapi.testclient import TestClient
from nova_agent_tools.services import Services
from nova_audio.live import app as live
from nova_audio.live.limits import LIVE_LIMITS, LiveLimits
from nova_audio.live.settings import LiveSettings
from nova_audio.live.tickets import Holder, Tickets
from nova_common.contracts.live import LIVE_CONVERSATION
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from starlette.testclient import WebSocketTestSession

from tests.services.audio.live.talker import Stage
from tests.services.support import tokens
from tests.services.support.private import Private
from tests.services.support.stub_services import StubServices
from tests.services.support.tables import EVENT_STORE_TABLE, LIVE_TABLE, REGION, create_table
from tests.services.support.tokens import ALICE, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

type Connect = Callable[..., WebSocketTestSession]

QUICK = replace(
    LIVE_LIMITS,
    check_seconds=0.01,
    backoff_first_seconds=0.01,
    backoff_last_seconds=0.02,
    lead_seconds=0.2,
    drain_seconds_max=0.1,
)
"""The limits, in a hurry."""


@pytest.fixture
def anyio_backend() -> str:
    """What asynchronous tests run on."""
    return "asyncio"


@pytest.fixture
def private(dynamodb: "DynamoDBClient") -> Private:
    create_table(dynamodb, LIVE_TABLE)
    return Private(dynamodb)


@pytest.fixture
def store(dynamodb: "DynamoDBClient", private: Private) -> DynamoEventStore:
    return DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry([LIVE_CONVERSATION]), private.data)


@pytest.fixture
def tickets(dynamodb: "DynamoDBClient", private: Private) -> Tickets:
    assert private
    return Tickets(dynamodb, LIVE_TABLE)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def services() -> StubServices:
    return StubServices()


@pytest.fixture
def limits() -> LiveLimits:
    return QUICK


@pytest.fixture
def server(
    private: Private,
    stage: Stage,
    services: StubServices,
    limits: LiveLimits,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TestClient]:
    monkeypatch.setattr(live, "Services", partial(Services, transport=httpx2.MockTransport(services.answer)))
    monkeypatch.setattr(live, "token_verifier", Mock(return_value=tokens.verifier()))
    variables = private.environment | {
        "SERVICE_NAME": "audio-live",
        "USER_POOL_ISSUER": tokens.ISSUER,
        "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
        "AWS_REGION": REGION,
        "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
        "LIVE_TABLE": LIVE_TABLE,
        "MODEL_ID": "amazon.nova-2-sonic-v1:0",
        "MODEL_REGION": REGION,
        "SEARCH_URL": "http://search.nova.local:8000",
        "AUDIO_URL": "http://audio.nova.local:8000",
        "VIDEO_URL": "http://video.nova.local:8000",
        "PROJECTOR_URL": "http://projector.nova.local:8000",
    }
    app = live.create_app(LiveSettings.from_env(variables), limits, stage.model)
    with TestClient(app) as made:
        yield made


@pytest.fixture
def connect(server: TestClient, tickets: Tickets) -> Iterator[Connect]:
    """Open a conversation of a person with a new ticket, or with the one that is given."""
    with ExitStack() as stack:

        def make(
            user: str = ALICE, ticket: str | None = None, headers: dict[str, str] | None = None
        ) -> WebSocketTestSession:
            given = (
                tickets.issue(Holder(user, bearer(user)["Authorization"]))[0] if ticket is None else ticket
            )
            opened = server.websocket_connect(f"/live?ticket={given}", headers=headers or {})
            return stack.enter_context(opened)

        yield make
