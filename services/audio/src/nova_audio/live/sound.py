"""Sound on its way: what waits for the model, what waits for the client, and how fast it comes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from nova_common.contracts.live import OUTPUT_RATE, SAMPLE_BYTES, Interrupted, ServerMessage

OUTPUT_BYTES_PER_SECOND = OUTPUT_RATE * SAMPLE_BYTES

type Clock = Callable[[], float]
"""Seconds that only grow."""


class TooSlowError(Exception):
    """The client takes sound slower than the model speaks."""


class Meter:
    """Lets bytes through at a rate, after a burst."""

    def __init__(self, bytes_per_second: float, burst_bytes: float, clock: Clock = time.monotonic) -> None:
        self._rate = bytes_per_second
        self._most = burst_bytes
        self._left = burst_bytes
        self._clock = clock
        self._at = clock()

    def admits(self, size: float) -> bool:
        """Count so many bytes; false when they come too fast."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate) - size
        self._at = now
        return self._left >= 0


class Waiting:
    """Sound for the model: the newest of it, up to a size."""

    def __init__(self, bytes_max: float) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._bytes_max = bytes_max
        self._some = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Add a frame, and drop the oldest that do not fit any more."""
        self._frames.append(frame)
        self._bytes += len(frame)
        while self._bytes > self._bytes_max and len(self._frames) > 1:
            self._bytes -= len(self._frames.popleft())
        self._some.set()

    async def get(self) -> bytes:
        """Return the oldest frame."""
        while not self._frames:
            self._some.clear()
            await self._some.wait()
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame


class Outbox:
    """What the client is told, in order; sound goes no faster than it is heard, a few seconds ahead.

    So an interruption finds the rest of an answer here, and drops it.
    """

    def __init__(self, lead_seconds: float, queued_seconds_max: float, clock: Clock = time.monotonic) -> None:
        self._lead_seconds = lead_seconds
        self._bytes_max = queued_seconds_max * OUTPUT_BYTES_PER_SECOND
        self._clock = clock
        self._items: deque[ServerMessage | bytes] = deque()
        self._queued_bytes = 0
        self._heard_until = clock()
        self._changed = asyncio.Event()

    @property
    def seconds_left(self) -> float:
        """How long what is on its way will still be heard."""
        queued = self._queued_bytes / OUTPUT_BYTES_PER_SECOND
        return queued + max(0.0, self._heard_until - self._clock())

    def tell(self, message: ServerMessage) -> None:
        """Send a message after all that comes before."""
        self._items.append(message)
        self._changed.set()

    def play(self, sound: bytes) -> None:
        """Send sound after all that comes before; TooSlowError."""
        self._queued_bytes += len(sound)
        if self._queued_bytes > self._bytes_max:
            raise TooSlowError
        self._items.append(sound)
        self._changed.set()

    def interrupt(self) -> None:
        """Drop the sound that was not sent, and have the client drop what it has not played."""
        self._items = deque(item for item in self._items if not isinstance(item, bytes))
        self._queued_bytes = 0
        self._heard_until = self._clock()
        self.tell(Interrupted())

    async def run(
        self,
        send_message: Callable[[ServerMessage], Awaitable[None]],
        send_sound: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Send until cancelled."""
        while True:
            self._changed.clear()
            wait = self._wait_seconds()
            if wait != 0:
                await self._change(wait)
                continue
            item = self._items.popleft()
            if isinstance(item, bytes):
                self._queued_bytes -= len(item)
                seconds = len(item) / OUTPUT_BYTES_PER_SECOND
                self._heard_until = max(self._heard_until, self._clock()) + seconds
                await send_sound(item)
            else:
                await send_message(item)

    def _wait_seconds(self) -> float | None:
        """Return how long the next item has to wait; None while there is none."""
        if not self._items:
            return None
        if not isinstance(self._items[0], bytes):
            return 0
        return max(0.0, self._heard_until - self._clock() - self._lead_seconds)

    async def _change(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
