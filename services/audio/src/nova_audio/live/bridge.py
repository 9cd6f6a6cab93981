"""One WebSocket: the client's sound to the model, the model's to the client, until one of them ends it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from nova_common.contracts.live import (
    FRAME_BYTES_MAX,
    INPUT_RATE,
    OUTPUT_RATE,
    SAMPLE_BYTES,
    Closing,
    End,
    Ending,
    LiveConversationEnded,
    Ready,
    ServerMessage,
)
from nova_common.data_keys import UserErasedError
from nova_common.metrics import Metric, counting
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from nova_audio.live.dialogue import Dialogue, ModelAwayError
from nova_audio.live.limits import INPUT_BYTES_PER_SECOND, LiveLimits
from nova_audio.live.record import DeletedError, Record
from nova_audio.live.sound import Meter, Outbox, TooSlowError

FAREWELL_SECONDS_MAX = 5.0
"""For the last message to a client that may read no more."""

NORMAL, GOING_AWAY, UNSUPPORTED, POLICY, TOO_BIG, BROKEN, RESTART, LATER = (
    1000,
    1001,
    1003,
    1008,
    1009,
    1011,
    1012,
    1013,
)
"""Close codes (RFC 6455 7.4.1 and the registry of IANA)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Over:
    """Why it is over: the reason that is kept, the close code, what the client is told."""

    reason: Ending
    code: int
    detail: str
    reconnect: bool = False


class OverError(Exception):
    """The conversation is over."""

    def __init__(self, over: Over) -> None:
        super().__init__(over.detail)
        self.over = over


class Lease(Protocol):
    """The person's place, which is held while the conversation lasts."""

    async def renew(self) -> bool:
        """Hold it longer, if it is time; false when it was lost."""
        ...


class Bridge:
    """A conversation of one person over one connection."""

    def __init__(
        self,
        socket: WebSocket,
        conversation_id: str,
        record: Record,
        dialogue: Dialogue,
        outbox: Outbox,
        lease: Lease,
        limits: LiveLimits,
        seconds_left: float,
        is_draining: Callable[[], bool],
    ) -> None:
        self._socket = socket
        self._id = conversation_id
        self._record = record
        self._dialogue = dialogue
        self._outbox = outbox
        self._lease = lease
        self._limits = limits
        self._seconds_left = seconds_left
        self._is_draining = is_draining
        self._clock = asyncio.get_running_loop().time
        self._began_at = self._frame_at = self._clock()
        self._is_ready = False
        self._meter = Meter(
            limits.rate_max * INPUT_BYTES_PER_SECOND, limits.burst_seconds * INPUT_BYTES_PER_SECOND
        )

    async def run(self) -> None:
        """Accept the connection, talk to the end, keep how it ended, and tell the client."""
        over = await self._accept() or await self._talk()
        await asyncio.gather(self._finish(over), self._say_goodbye(over))

    async def _accept(self) -> Over | None:
        try:
            await self._socket.accept()
        except (RuntimeError, OSError, WebSocketDisconnect):
            return _gone()
        return None

    async def _talk(self) -> Over:
        work = (
            self._read(),
            self._watch(),
            self._dialogue.run(self._ready),
            self._record.run(),
            self._outbox.run(self._tell, self._play),
        )
        tasks = [asyncio.create_task(part) for part in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return _over(next(task.exception() for task in tasks if task in done))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ready(self) -> None:
        if not self._is_ready:
            self._is_ready = True
            seconds = int(min(self._limits.conversation_seconds_max, self._seconds_left))
            self._outbox.tell(
                Ready(
                    conversation=self._id,
                    input_rate=INPUT_RATE,
                    output_rate=OUTPUT_RATE,
                    seconds_max=max(seconds, 0),
                )
            )

    async def _tell(self, message: ServerMessage) -> None:
        await self._taken(self._socket.send_text(message.model_dump_json()))

    async def _play(self, sound: bytes) -> None:
        await self._taken(self._socket.send_bytes(sound))

    async def _taken(self, sending: Awaitable[None]) -> None:
        """Wait until the connection takes what is sent; TooSlowError."""
        try:
            async with asyncio.timeout(self._limits.send_seconds_max):
                await sending
        except TimeoutError as error:
            raise TooSlowError from error

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise OverError(_gone())
            self._frame_at = self._clock()
            frame = message.get("bytes")
            if frame is None:
                raise OverError(_asked(message.get("text") or ""))
            self._check(frame)
            self._dialogue.hear(frame)

    def _check(self, frame: bytes) -> None:
        if len(frame) > FRAME_BYTES_MAX:
            detail = f"a frame has at most {FRAME_BYTES_MAX} bytes"
            raise OverError(Over("refused", TOO_BIG, detail))
        if not frame or len(frame) % SAMPLE_BYTES:
            detail = f"a frame of sound is whole samples of {SAMPLE_BYTES} bytes"
            raise OverError(Over("refused", UNSUPPORTED, detail))
        least = self._limits.frame_seconds_least * INPUT_BYTES_PER_SECOND
        if not self._meter.admits(max(len(frame), least)):
            detail = f"sound comes faster than {self._limits.rate_max:g} times real time"
            raise OverError(Over("refused", POLICY, detail))

    async def _watch(self) -> None:
        """Look at the clock, the lease and the task's own end."""
        while True:
            await asyncio.sleep(self._limits.check_seconds)
            self._check_time()
            if self._is_draining():
                await self._finish_answer()
                detail = "this server is being replaced: ask for a new ticket and go on"
                raise OverError(Over("draining", RESTART, detail, reconnect=True))
            if not await self._lease.renew():
                detail = "the conversation lost its place: ask for a new ticket"
                raise OverError(Over("failed", LATER, detail, reconnect=True))

    def _check_time(self) -> None:
        now, limits = self._clock(), self._limits
        if now - self._began_at >= self._seconds_left:
            detail = "the sign-in has expired: renew it, and ask for a new ticket"
            raise OverError(Over("expired", POLICY, detail, reconnect=True))
        too_long = now - self._began_at >= limits.conversation_seconds_max
        if too_long or self._record.turns >= limits.turns_max:
            detail = "a conversation lasts no longer: ask for a new ticket to go on"
            raise OverError(Over("limit", NORMAL, detail, reconnect=True))
        if now - self._frame_at >= limits.silent_seconds_max:
            raise OverError(Over("idle", NORMAL, "no sound has come for a while"))
        is_idle = now - self._dialogue.last_heard_at >= limits.idle_seconds_max
        if is_idle and self._outbox.seconds_left == 0:
            raise OverError(Over("idle", NORMAL, "nobody has said anything for a while"))

    async def _finish_answer(self) -> None:
        await asyncio.sleep(min(self._limits.drain_seconds_max, self._outbox.seconds_left))

    async def _finish(self, over: Over) -> None:
        dialogue = self._dialogue
        ended = LiveConversationEnded(
            reason=over.reason,
            duration_ms=round((self._clock() - self._began_at) * 1000),
            input_tokens=dialogue.input_tokens,
            output_tokens=dialogue.output_tokens,
            retries=dialogue.retries,
            renewals=dialogue.renewals,
        )
        fields = {"conversation": self._id, "reason": over.reason, "turns": self._record.turns}
        logger.info("a conversation ended", extra={"fields": fields})
        try:
            await self._record.finish(ended)
        except UserErasedError:
            # Nothing more is kept of them, and what was kept is being deleted.
            return
        except Exception:
            logger.exception("the end of a conversation was not kept", extra={"fields": fields})

    async def _say_goodbye(self, over: Over) -> None:
        closing = Closing(reason=over.reason, detail=over.detail, reconnect=over.reconnect)
        if self._socket.client_state is WebSocketState.CONNECTED:
            await _in_time(self._tell(closing))
            await _in_time(self._socket.close(over.code))


def _asked(text: str) -> Over:
    """Return what a text frame asks for: the end, or it is none of ours."""
    try:
        End.model_validate_json(text)
    except ValidationError:
        return Over("refused", UNSUPPORTED, 'a text frame is {"type": "end"}')
    return Over("ended", NORMAL, "as you wished")


def _gone() -> Over:
    return Over("left", GOING_AWAY, "the connection is gone")


def _over(error: BaseException | None) -> Over:
    """Return why a conversation is over from what ended one of its tasks."""
    match error:
        case OverError(over=over):
            return over
        case WebSocketDisconnect():
            return _gone()
        case DeletedError() | UserErasedError():
            return Over("deleted", NORMAL, "the conversation was deleted")
        case TooSlowError():
            return Over("refused", POLICY, "the sound of answers is not taken")
        case ModelAwayError():
            logger.warning("the model stayed away from a conversation", extra=counting(Metric.DEGRADED))
            return Over("failed", LATER, "the model does not answer: try again later", reconnect=True)
        case _:
            logger.error("a conversation broke off", exc_info=error, extra=counting(Metric.DEGRADED))
            return Over("failed", BROKEN, "the conversation broke off")


async def _in_time(sending: Awaitable[None]) -> None:
    # The client may have gone, or read no more.
    with contextlib.suppress(RuntimeError, OSError, TimeoutError, TooSlowError, WebSocketDisconnect):
        async with asyncio.timeout(FAREWELL_SECONDS_MAX):
            await sending
