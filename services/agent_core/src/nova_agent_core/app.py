"""The coordinator's API: sessions but their list, which the projector serves, tools, usage, long-term memory.

A message is answered as a stream of events or as JSON. What a session holds is answered from the event store
and the content bucket, strongly consistent, so that an owner sees a change at once.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

import anyio.from_thread
from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from nova_agent_tools.catalog import TOOLS
from nova_agent_tools.mcp_servers import McpServers
from nova_agent_tools.privacy import keep_content_private
from nova_agent_tools.services import Services
from nova_agent_tools.tool import Tool
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.contracts.memory import NoteList
from nova_common.contracts.sessions import (
    SESSION,
    SendMessage,
    SessionCreated,
    SessionView,
    StartSession,
    ToolList,
    TurnAnswer,
)
from nova_common.contracts.usage import MONTH_PATTERN, UsageReport
from nova_common.embeddings import EmbeddingModel
from nova_common.erased import ErasedPeople
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.identity import (
    AuthenticatedCaller,
    AuthenticatedRoute,
    VerifiedAuthorization,
    token_verifier,
)
from nova_common.model_prices import NANO, ModelPrice, model_price
from nova_common.openapi import problems
from nova_common.problems import Problem
from nova_common.vector_index import IndexBusyError, VectorIndex

from nova_agent_core.agent import Coordinator, bedrock_model
from nova_agent_core.behaviour import Behaviour, load_behaviour
from nova_agent_core.failures import RETRY_SECONDS
from nova_agent_core.ledger import UsageLedger
from nova_agent_core.memory import RedisMemory
from nova_agent_core.notebook import NOTE_TOOLS
from nova_agent_core.notes import NoSuchNoteError, NoteDocuments, Notes
from nova_agent_core.process_memory import ProcessMemory
from nova_agent_core.quota import Quotas
from nova_agent_core.recall import RECALL_SECONDS_MAX, LongTermMemory
from nova_agent_core.sessions import Sessions
from nova_agent_core.settings import MODEL_LIMITS, ApiSettings, ModelLimits
from nova_agent_core.spending import reservation_nanousd
from nova_agent_core.sse import TurnStream, wants_stream
from nova_agent_core.storage import TurnDocuments
from nova_agent_core.turn import Turn
from nova_agent_core.turns import Turns

TITLE = "Nova coordinator"

EMBEDDING_ATTEMPTS_MAX = 2
"""Calls of one embedding: whoever needs it asks again, with pauses that grow (`recall`)."""

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 128 * 1024
"""Above the longest message: 8,000 characters, each written as two JSON escapes of six bytes."""

CLIENT_CLOSED_REQUEST = 499
"""What access logs say of a caller who went away: no status of the standard, but a usual one (nginx)."""


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _turns(request: Request) -> Turns:
    turns: Turns = request.app.state.turns
    return turns


def _quotas(request: Request) -> Quotas:
    quotas: Quotas = request.app.state.quotas
    return quotas


def _notes(request: Request) -> Notes:
    notes: Notes = request.app.state.notes
    return notes


type Kept = Annotated[Notes, Depends(_notes)]
type Store = Annotated[Sessions, Depends(_sessions)]
type Service = Annotated[Turns, Depends(_turns)]
type Account = Annotated[Quotas, Depends(_quotas)]

router = APIRouter(prefix="/api", route_class=AuthenticatedRoute)


@router.post("/sessions", status_code=HTTPStatus.CREATED)
def start_session(
    caller: AuthenticatedCaller,
    sessions: Store,
    response: Response,
    body: Annotated[StartSession | None, Body()] = None,
) -> SessionCreated:
    """Open a session."""
    del body
    created = sessions.start(caller.user_id)
    response.headers["Location"] = f"/api/sessions/{created.id}"
    return created


@router.get("/sessions/{session_id}")
def get_session(session_id: str, caller: AuthenticatedCaller, sessions: Store) -> SessionView:
    """Tell what was said in a session."""
    return sessions.view(caller.user_id, session_id)


@router.delete(
    "/sessions/{session_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(HTTPStatus.CONFLICT),
)
async def delete_session(session_id: str, caller: AuthenticatedCaller, turns: Service) -> None:
    """Delete a session with what was said in it."""
    await turns.delete(caller.user_id, session_id)


@router.post(
    "/sessions/{session_id}/messages",
    response_model=TurnAnswer,
    responses={HTTPStatus.OK.value: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
    | problems(
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.GATEWAY_TIMEOUT,
    ),
)
async def send_message(
    session_id: str,
    body: SendMessage,
    caller: AuthenticatedCaller,
    authorization: VerifiedAuthorization,
    turns: Service,
    request: Request,
) -> Response:
    """Answer a message, as a stream of events or as JSON."""
    streams = wants_stream(request.headers.get("accept"))
    turn = await turns.begin(caller.user_id, authorization, session_id, body.text)
    return await told(turn, request, streams=streams)


@router.post("/sessions/{session_id}/cancel", status_code=HTTPStatus.ACCEPTED, response_class=Response)
async def cancel_message(session_id: str, caller: AuthenticatedCaller, turns: Service) -> Response:
    """Stop the answer that is under way in a session; its stream ends with that."""
    await turns.cancel(caller.user_id, session_id)
    return Response(status_code=HTTPStatus.ACCEPTED)


@router.get("/tools")
async def list_tools(authorization: VerifiedAuthorization, request: Request) -> ToolList:
    """Tell which tools the model is given: the coordinator's own, and those of servers that answer."""
    del authorization
    behaviour: Behaviour = request.app.state.behaviour
    servers: McpServers = request.app.state.servers
    offered: dict[str, type[Tool[Any]]] = {**TOOLS, **NOTE_TOOLS}
    own = [offered[name].describe() for name in behaviour.tools]
    return ToolList(tools=[*own, *(tool.described for tool in await servers.tools())])


@router.get("/memory")
def list_notes(caller: AuthenticatedCaller, notes: Kept) -> NoteList:
    """List what the caller wanted kept, the newest first."""
    return NoteList(items=notes.all(caller.user_id))


@router.delete("/memory/{note_id}", status_code=HTTPStatus.NO_CONTENT)
def forget_note(note_id: str, caller: AuthenticatedCaller, notes: Kept) -> None:
    """Forget one note for good."""
    try:
        notes.forget(caller.user_id, note_id)
    except NoSuchNoteError as error:
        raise Problem(HTTPStatus.NOT_FOUND, "there is no such note") from error
    except IndexBusyError as error:
        raise _memory_busy() from error


@router.delete("/memory", status_code=HTTPStatus.NO_CONTENT)
def forget_notes(caller: AuthenticatedCaller, notes: Kept) -> None:
    """Forget all that the caller wanted kept, for good."""
    try:
        notes.forget_all(caller.user_id)
    except IndexBusyError as error:
        raise _memory_busy() from error


def _memory_busy() -> Problem:
    detail = "the index of notes takes no requests at the moment, and what was not forgotten is still there"
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="memory-busy", headers=headers)


@router.get("/usage")
def get_usage(
    caller: AuthenticatedCaller,
    quotas: Account,
    month: Annotated[str | None, Query(pattern=MONTH_PATTERN)] = None,
) -> UsageReport:
    """Tell what the caller has used in a month, the current one unless told otherwise."""
    return quotas.report(caller.user_id, month)


async def told(turn: Turn, request: Request, *, streams: bool) -> Response:
    """Return the response that tells a turn to whoever asked, streamed or whole."""
    if streams:
        return TurnStream(turn, request.app.state.heartbeat_seconds, request.url.path)
    return await _whole_answer(turn, request)


async def _whole_answer(turn: Turn, request: Request) -> Response:
    """Return a turn's answer as JSON, or raise its problem; a caller who goes away interrupts it."""
    last = asyncio.create_task(turn.last())
    gone = asyncio.create_task(_departure(request))
    try:
        await asyncio.wait({last, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not last.done():
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        end = last.result()
    finally:
        turn.interrupt()
        last.cancel()
        gone.cancel()
    if not isinstance(end, TurnAnswer):
        raise end
    return JSONResponse(end.model_dump(mode="json"))


async def _departure(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


def create_app(
    settings: ApiSettings, limits: ModelLimits = MODEL_LIMITS, behaviour: Behaviour | None = None
) -> FastAPI:
    """Assemble the API from what its environment names; a behaviour may be given instead of its version."""
    app = coordinator(settings, limits, behaviour)
    app.include_router(router)
    return app


def coordinator(settings: ApiSettings, limits: ModelLimits, behaviour: Behaviour | None) -> FastAPI:
    """Assemble what every host of the coordinator has, without routes; clients are made once a process."""
    keep_content_private()
    store = DynamoEventStore(
        aws.dynamodb(settings.region), settings.event_store_table, EventRegistry([SESSION])
    )
    sessions = Sessions(store, TurnDocuments(aws.s3(settings.region), settings.content_bucket))
    memory = ProcessMemory() if settings.memory is None else RedisMemory(settings.memory)
    services = Services(settings.services)
    behaviour = behaviour or load_behaviour(settings.behaviour)
    price = _price(settings.model_name)
    model = bedrock_model(settings, limits, behaviour.model)
    ledger = UsageLedger(aws.dynamodb(settings.region), settings.usage_table)
    quotas = Quotas(
        ledger,
        sessions,
        quota_nanousd=settings.quota_usd_per_month * NANO,
        reservation_nanousd=reservation_nanousd(behaviour, price),
        turn_seconds_max=limits.turn_seconds_max,
    )
    notes = _note_store(settings)
    long_term = LongTermMemory(notes)
    servers = McpServers(settings.mcp_servers, own=settings.own_mcp_server, own_region=settings.region)
    coordinating = Coordinator(model, services, behaviour, price, long_term, servers)
    turns = Turns(sessions, memory, quotas, coordinating, settings.model_name, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        # Each stream of the model occupies a thread of the loop's own pool, which otherwise has few.
        pool = ThreadPoolExecutor(limits.turns_at_once_max, thread_name_prefix="model")
        asyncio.get_running_loop().set_default_executor(pool)
        try:
            yield
        finally:
            await turns.close()
            await long_term.close()
            await servers.close()
            await services.close()
            await memory.close()

    def check_memory() -> None:
        anyio.from_thread.run(memory.check_ready)

    app = create_application(
        TITLE,
        checks={
            "event_store": store.check_ready,
            "session_memory": check_memory,
            "usage_ledger": ledger.check_ready,
        },
        lifespan=lifespan,
        verifier=token_verifier(settings.identity, settings.region),
        body_bytes_max=BODY_BYTES_MAX,
    )
    app.state.sessions = sessions
    app.state.turns = turns
    app.state.services = services
    app.state.behaviour = behaviour
    app.state.notes = notes
    app.state.servers = servers
    app.state.long_term = long_term
    app.state.quotas = quotas
    app.state.heartbeat_seconds = settings.heartbeat_seconds
    return app


def _note_store(settings: ApiSettings) -> Notes:
    bedrock = aws.bedrock_runtime(
        settings.embedding.region,
        read_timeout_seconds=RECALL_SECONDS_MAX,
        attempts_max=EMBEDDING_ATTEMPTS_MAX,
    )
    return Notes(
        NoteDocuments(aws.s3(settings.region), settings.content_bucket),
        EmbeddingModel(bedrock, settings.embedding.model, settings.embedding.dimension),
        VectorIndex(aws.s3vectors(settings.region), settings.vectors.bucket, settings.vectors.index),
        ErasedPeople(aws.dynamodb(settings.region), settings.identity.data_keys_table).is_erased,
    )


def _price(model_name: str) -> ModelPrice:
    price = model_price(model_name)
    if not price.is_listed:
        logger.warning(
            "the price table does not know the model; its dearest one's price is taken",
            extra={"fields": {"model": model_name}},
        )
    return price


def main() -> None:
    """Serve the API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
