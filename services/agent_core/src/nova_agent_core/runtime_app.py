"""The coordinator on Bedrock AgentCore Runtime: the same turns behind AgentCore's HTTP contract.

AgentCore calls `POST /invocations` and opens `/ws` on port 8080, in a machine that it keeps for one session,
and watches `GET /ping`. It signs in its callers with IAM, so that the person whose message it is comes in a
header of its own, as an access token that is verified here like everywhere else. Sessions are started, shown
and deleted through the public API; here messages of a session are answered.

Nothing is made when this module is imported: a runtime may start all its sessions from one snapshot.
"""

import os
import random
from collections.abc import Callable
from typing import Annotated, Any, Literal, override

from fastapi import APIRouter, FastAPI, Header, Request, Response, WebSocket
from nova_common import server
from nova_common.contracts.sessions import SendMessage
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, VerifiedAuthorization
from nova_common.secret_values import with_secrets
from pydantic import BaseModel

from nova_agent_core.app import BODY_BYTES_MAX, Service, coordinator, told
from nova_agent_core.behaviour import Behaviour
from nova_agent_core.refusals import RefusalsInStream
from nova_agent_core.settings import MODEL_LIMITS, ApiSettings, ModelLimits
from nova_agent_core.sockets import Conversation
from nova_agent_core.sse import wants_stream

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
"""The caller's session, by which AgentCore finds its machine: for us the id of the session itself."""

AUTHORIZATION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization"
"""`Bearer <access token>` of the person: AgentCore passes on headers of this form only, of up to 4 KB."""

INVOCATIONS = "/invocations"


def draw_anew() -> None:
    """Seed `random` from the system, for each message, because the first one follows a restored snapshot.

    Sessions that were restored from one draw the same numbers. Ids come from the system itself; pauses
    between attempts, ours and those of the libraries that call AWS and Redis, are drawn from `random`, and
    sessions that failed together would come back together.
    """
    random.seed()


class InvocationRoute(AuthenticatedRoute):
    """A route whose caller is named by the header that AgentCore passes on."""

    authorization_header = AUTHORIZATION_HEADER

    @override
    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def handle_drawing_anew(request: Request) -> Response:
            draw_anew()
            return await handle(request)

        return handle_drawing_anew


health = APIRouter()
sockets = APIRouter()
invocations = APIRouter(route_class=InvocationRoute)


class Health(BaseModel):
    """What AgentCore is told of a machine: one that is busy is not ended for its silence."""

    status: Literal["Healthy", "HealthyBusy"]
    time_of_last_update: int
    """Seconds since the epoch when the status last changed."""


@health.get("/ping")
async def ping(turns: Service) -> Health:
    """Tell AgentCore that the machine takes messages, and whether it is at work."""
    status = "HealthyBusy" if turns.are_running else "Healthy"
    return Health(status=status, time_of_last_update=int(turns.changed_at))


@invocations.post(INVOCATIONS, response_model=None)
async def invoke(
    body: SendMessage,
    session_id: Annotated[str, Header(alias=SESSION_HEADER)],
    caller: AuthenticatedCaller,
    authorization: VerifiedAuthorization,
    turns: Service,
    request: Request,
) -> Response:
    """Answer a message of a session, as a stream of events or as JSON."""
    streams = wants_stream(request.headers.get("accept"))
    turn = await turns.begin(caller.user_id, authorization, session_id, body.text)
    return await told(turn, request, streams=streams)


@sockets.websocket("/ws")
async def converse(socket: WebSocket) -> None:
    """Answer messages of a session, one after another over one connection."""
    draw_anew()
    headers = socket.headers
    conversation = Conversation(
        socket,
        headers.get(SESSION_HEADER, ""),
        headers.get(AUTHORIZATION_HEADER),
        characters_max=BODY_BYTES_MAX,
    )
    await conversation.run()


def create_app(
    settings: ApiSettings, limits: ModelLimits = MODEL_LIMITS, behaviour: Behaviour | None = None
) -> FastAPI:
    """Assemble AgentCore's contract from what its environment names; a behaviour may be given instead."""
    app = coordinator(settings, limits, behaviour)
    app.include_router(health)
    app.include_router(invocations)
    app.include_router(sockets)
    app.add_middleware(RefusalsInStream, path=INVOCATIONS)
    return app


def read_settings() -> ApiSettings:
    """Read the environment, in which secrets are references; SettingsError names what is wrong."""
    return ApiSettings.from_env(with_secrets(os.environ))


def main() -> None:
    """Answer until the machine is stopped; nobody knows its address, so that there is nothing to drain."""
    server.main(read_settings, lambda settings: settings.server, create_app, drain_seconds=0)


if __name__ == "__main__":
    main()
