"""Live voice: a WebSocket at `/live` for whoever has a ticket.

It is the one way past the public API to a service. A connection is refused before the handshake, with a
problem as its answer, unless it comes from the site's own pages and has a ticket that nobody used.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import jwt
from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, FastAPI, WebSocket
from nova_agent_tools.catalog import tools_for
from nova_agent_tools.privacy import keep_content_private
from nova_agent_tools.services import Services
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.live import FRAME_BYTES_MAX, LIVE_CONVERSATION, LIVE_PATH
from nova_common.data_keys import UserErasedError
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.identity import TokenVerifier, account_erased, token_verifier
from nova_common.private_data import private_data
from nova_common.problems import Problem, problem_response
from starlette.concurrency import run_in_threadpool
from strands.bidi.models.model import BidiModel

from nova_audio.live.bridge import FAREWELL_SECONDS_MAX, Bridge
from nova_audio.live.dialogue import Dialogue
from nova_audio.live.limits import CONVERSATIONS_MAX, LIVE_LIMITS, LiveLimits
from nova_audio.live.places import LEASE_SECONDS, RENEWAL_SECONDS, Place, Places
from nova_audio.live.record import Record
from nova_audio.live.settings import LiveSettings
from nova_audio.live.sonic import VOICE, SonicModel
from nova_audio.live.sound import Outbox
from nova_audio.live.tickets import Holder, Tickets

TITLE = "Nova live voice"

logger = logging.getLogger(__name__)


class PlaceLease:
    """A place that is renewed now and then."""

    def __init__(self, places: Places, place: Place) -> None:
        self._places = places
        self._place = place
        self._renewed_at = self._tried_at = time.monotonic()

    async def renew(self) -> bool:
        """Hold the place longer, if it is time; false when it was lost, or could not be renewed in time."""
        now = time.monotonic()
        if now - self._tried_at < RENEWAL_SECONDS:
            return True
        self._tried_at = now
        try:
            is_held = await asyncio.to_thread(self._places.renew, self._place)
        except (BotoCoreError, ClientError):
            logger.warning("a place was not renewed", exc_info=True)
            return now - self._renewed_at < LEASE_SECONDS
        self._renewed_at = now
        return is_held

    async def release(self) -> None:
        """Give it back; a lease ends of itself where that fails."""
        try:
            await asyncio.to_thread(self._places.release, self._place)
        except Exception:
            logger.warning("a place was not given back", exc_info=True)


class Conversations:
    """All conversations of this task."""

    def __init__(
        self,
        tickets: Tickets,
        places: Places,
        verifier: TokenVerifier,
        store: DynamoEventStore,
        services: Services,
        model_id: str,
        new_model: Callable[[], BidiModel],
        limits: LiveLimits,
        is_draining: Callable[[], bool],
    ) -> None:
        self._tickets = tickets
        self._places = places
        self._verifier = verifier
        self._store = store
        self._services = services
        self._model_id = model_id
        self._new_model = new_model
        self._limits = limits
        self._is_draining = is_draining
        self._count = 0

    async def serve(self, socket: WebSocket) -> None:
        """Talk with whoever holds a ticket; a Problem for anybody else, before anything is accepted."""
        self._check_room()
        check_origin(socket.headers.get("origin"), socket.headers.get("host", ""))
        self._count += 1
        try:
            await self._admit(socket)
        finally:
            self._count -= 1

    def _check_room(self) -> None:
        # Before the ticket is used up: it may serve at another task.
        if self._is_draining() or self._count >= CONVERSATIONS_MAX:
            detail = "this server takes no conversation now; try again"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="live-busy")

    async def _admit(self, socket: WebSocket) -> None:
        holder = await run_in_threadpool(self._tickets.redeem, socket.query_params.get("ticket", ""))
        if holder is None:
            detail = "a ticket is required that was not used and is not older than a minute"
            raise Problem(HTTPStatus.FORBIDDEN, detail, kind="ticket-invalid")
        # Who it is says the token; the table's word for it is not enough.
        caller = await run_in_threadpool(self._verifier.verify_authorization, holder.authorization)
        if caller.user_id != holder.user:
            raise Problem(HTTPStatus.FORBIDDEN, "the ticket is somebody else's", kind="ticket-invalid")
        conversation_id = str(uuid.uuid4())
        place = await run_in_threadpool(self._places.take, holder.user, conversation_id)
        if place is None:
            detail = "other conversations of yours are open; end one of them"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, kind="too-many-conversations")
        lease = PlaceLease(self._places, place)
        try:
            await self._talk(socket, holder, conversation_id, lease)
        finally:
            await asyncio.shield(lease.release())

    async def _talk(self, socket: WebSocket, holder: Holder, conversation_id: str, lease: PlaceLease) -> None:
        limits = self._limits
        record = Record(self._store, conversation_id, holder.user, str(uuid.uuid4()))
        await record.begin(self._model_id, VOICE)
        outbox = Outbox(limits.lead_seconds, limits.queued_seconds_max)
        tools = tools_for(self._services, holder.authorization)
        bridge = Bridge(
            socket,
            conversation_id,
            record,
            Dialogue(self._new_model, tools, outbox, record, limits),
            outbox,
            lease,
            limits,
            seconds_left(holder.authorization),
            self._is_draining,
        )
        await bridge.run()


def check_origin(origin: str | None, host: str) -> None:
    """Raise a Problem 403 for pages of another site. Who is no browser sends no origin."""
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise Problem(HTTPStatus.FORBIDDEN, "another site's pages may not come in", kind="origin-refused")


def seconds_left(authorization: str) -> float:
    """Return how long a token that was verified is still good."""
    claims = jwt.decode(authorization.partition(" ")[2].strip(), options={"verify_signature": False})
    return float(claims["exp"]) - time.time()


sockets = APIRouter()


@sockets.websocket(LIVE_PATH)
async def live(socket: WebSocket) -> None:
    """Open a conversation, or answer the handshake with a problem."""
    conversations: Conversations = socket.app.state.conversations
    try:
        await conversations.serve(socket)
    except Problem as problem:
        await _deny(socket, problem)
    except UserErasedError:
        await _deny(socket, account_erased())
    except (BotoCoreError, ClientError):
        logger.exception("a conversation could not begin")
        detail = "what a conversation needs does not answer; try again with a new ticket"
        await _deny(socket, Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="live-unavailable"))


async def _deny(socket: WebSocket, problem: Problem) -> None:
    """Answer the handshake with a problem: the connection was not accepted."""
    response = problem_response(
        problem.status_code, problem.detail, socket.url.path, kind=problem.kind, headers=problem.headers
    )
    await socket.send_denial_response(response)


def create_app(
    settings: LiveSettings,
    limits: LiveLimits = LIVE_LIMITS,
    new_model: Callable[[], BidiModel] | None = None,
) -> FastAPI:
    """Assemble the service from what its environment names; another model may be given instead."""
    keep_content_private()
    dynamodb = aws.dynamodb(settings.region)
    store = DynamoEventStore(
        dynamodb,
        settings.event_store_table,
        EventRegistry([LIVE_CONVERSATION]),
        private_data(dynamodb, settings.private_data, settings.region),
    )
    tickets = Tickets(dynamodb, settings.live_table)
    services = Services(settings.services)
    session = Session(region_name=settings.model_region)

    def sonic() -> BidiModel:
        return SonicModel(session, settings.model_id, limits.renew_after_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await services.close()

    app = create_application(
        TITLE,
        checks={"event_store": store.check_ready, "tickets": tickets.check_ready},
        verifier=token_verifier(settings.identity, settings.region),
        lifespan=lifespan,
    )
    app.state.conversations = Conversations(
        tickets,
        Places(dynamodb, settings.live_table),
        app.state.verifier,
        store,
        services,
        settings.model_id,
        new_model or sonic,
        limits,
        lambda: app.state.draining.started,
    )
    app.include_router(sockets)
    return app


def main() -> None:
    """Serve until the task is stopped; conversations are told to go on elsewhere."""
    server.main(
        LiveSettings.from_env,
        lambda settings: settings.server,
        create_app,
        # Until then those who talk have been told, and an answer that was begun is over.
        drain_seconds=LIVE_LIMITS.drain_seconds_max + FAREWELL_SECONDS_MAX + 1,
        websocket_bytes_max=2 * FRAME_BYTES_MAX,
    )


if __name__ == "__main__":
    main()
