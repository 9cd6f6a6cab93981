"""A conversation over a WebSocket: one message after another, each answered by the events of its turn.

Frames are JSON: a person sends `{"text": ...}`, or `{"cancel": true}` while an answer is under way; what
comes back is `{"event": ..., "data": ...}` with the names and data of the stream (`token`, `tool`, `quota`,
`done`, `error`).
"""

import asyncio
from http import HTTPStatus
from typing import Literal

from nova_common.contracts.sessions import SendMessage, TurnAnswer
from nova_common.contracts.wire import Contract
from nova_common.identity import TokenVerifier
from nova_common.problems import Problem
from pydantic import ConfigDict, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from nova_agent_core.sse import named
from nova_agent_core.turn import Turn, TurnEvent
from nova_agent_core.turns import Turns

POLICY_VIOLATION = 1008
"""Close code of whoever may not come in (RFC 6455, 7.4.1); before the handshake it is a 403."""

FRAMES_WAITING_MAX = 4
"""Frames that a person may be ahead; those beyond wait in the connection."""


class Cancel(Contract):
    """A person's wish to stop the answer that is under way."""

    model_config = ConfigDict(extra="forbid", strict=True)

    cancel: Literal[True]


type Sent = SendMessage | Cancel
_SENT: TypeAdapter[Sent] = TypeAdapter(Sent)


class Conversation:
    """What is said over one socket, in one session, by one person."""

    def __init__(
        self, socket: WebSocket, session_id: str, authorization: str | None, *, characters_max: int
    ) -> None:
        self._socket = socket
        self._session_id = session_id
        self._authorization = authorization
        self._characters_max = characters_max
        self._verifier: TokenVerifier = socket.app.state.verifier
        self._turns: Turns = socket.app.state.turns
        self._frames: asyncio.Queue[str | None] = asyncio.Queue(FRAMES_WAITING_MAX)

    async def run(self) -> None:
        """Answer until the person goes away; a caller without a valid token does not come in."""
        try:
            await self._user()
        except Problem:
            await self._socket.close(POLICY_VIOLATION)
            return
        await self._socket.accept()
        reading = asyncio.create_task(self._read())
        try:
            left: str | None = None
            while (frame := left or await self._frames.get()) is not None:
                left = await self._take(frame)
        except WebSocketDisconnect:
            return
        finally:
            reading.cancel()

    async def _user(self) -> str:
        """Return whose token it is; looked at again for each message, because sockets outlive tokens."""
        caller = await run_in_threadpool(self._verifier.verify_authorization, self._authorization)
        return caller.user_id

    async def _read(self) -> None:
        """Hand on what comes, and None at the end."""
        try:
            while True:
                await self._frames.put(await self._socket.receive_text())
        except (WebSocketDisconnect, KeyError):
            # A frame of bytes is none of ours: the conversation ends like one that was closed.
            await self._frames.put(None)

    async def _take(self, frame: str) -> str | None:
        """Answer a frame; return one that came just as the answer was complete."""
        try:
            sent = self._parsed(frame)
            if isinstance(sent, Cancel):
                detail = "no message of this session is being answered"
                raise Problem(HTTPStatus.CONFLICT, detail, kind="nothing-to-cancel")
            user, authorization = await self._user(), self._authorization or ""
            turn = await self._turns.begin(user, authorization, self._session_id, sent.text)
        except Problem as problem:
            await self._tell(problem)
            return None
        try:
            return await self._answer(turn)
        finally:
            turn.interrupt()

    def _parsed(self, frame: str) -> Sent:
        if len(frame) > self._characters_max:
            detail = f"a frame has at most {self._characters_max} characters"
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        try:
            return _SENT.validate_json(frame)
        except ValidationError as error:
            detail = 'a frame is {"text": ...} with a message, or {"cancel": true}'
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error

    async def _answer(self, turn: Turn) -> str | None:
        """Tell a turn to its end, and hear meanwhile whether it is to be stopped; see `_take`."""
        telling = asyncio.create_task(self._tell_all(turn))
        try:
            while not telling.done():
                hearing = asyncio.create_task(self._frames.get())
                await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                elif (frame := hearing.result()) is None:
                    raise WebSocketDisconnect
                elif telling.done():
                    await telling
                    return frame
                else:
                    await self._hear(turn, frame)
            await telling
            return None
        finally:
            telling.cancel()

    async def _hear(self, turn: Turn, frame: str) -> None:
        try:
            if isinstance(self._parsed(frame), Cancel):
                await self._turns.cancel(turn.user, self._session_id)
                return
            detail = "another message of this session is being answered; send the next one when it is done"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="session-busy")
        except Problem as problem:
            await self._tell(problem)

    async def _tell_all(self, turn: Turn) -> None:
        while True:
            event = await turn.next()
            await self._tell(event)
            if isinstance(event, TurnAnswer | Problem):
                return

    async def _tell(self, event: TurnEvent) -> None:
        for name, data in named(event, self._socket.url.path):
            await self._socket.send_json({"event": name, "data": data})
