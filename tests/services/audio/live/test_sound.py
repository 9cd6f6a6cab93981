"""Sound on its way: how fast it may come, what is kept of it, when it goes out."""

import asyncio

import pytest
from nova_audio.live.sound import OUTPUT_BYTES_PER_SECOND, Meter, Outbox, TooSlowError, Waiting
from nova_common.contracts.live import Interrupted, ServerMessage, Spoken

SECOND = bytes(OUTPUT_BYTES_PER_SECOND)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Client:
    """What was sent, in order; sound as its seconds."""

    def __init__(self) -> None:
        self.got: list[ServerMessage | float] = []

    async def message(self, message: ServerMessage) -> None:
        self.got.append(message)

    async def sound(self, sound: bytes) -> None:
        self.got.append(len(sound) / OUTPUT_BYTES_PER_SECOND)


async def sent(outbox: Outbox, seconds: float = 0.02) -> list[ServerMessage | float]:
    """Return what goes out now."""
    client = Client()
    sending = asyncio.create_task(outbox.run(client.message, client.sound))
    await asyncio.sleep(seconds)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    return client.got


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    meter = Meter(100, 300, clock)
    assert meter.admits(300)
    assert not meter.admits(1)
    clock.now = 3
    assert meter.admits(298)
    clock.now = 100
    assert meter.admits(300)
    assert not meter.admits(1)


@pytest.mark.anyio
async def test_the_newest_sound_waits() -> None:
    waiting = Waiting(4)
    for frame in (b"aa", b"bb", b"cc"):
        waiting.put(frame)
    assert [await waiting.get(), await waiting.get()] == [b"bb", b"cc"]
    later = asyncio.create_task(waiting.get())
    await asyncio.sleep(0)
    waiting.put(b"longer than all that may wait")
    assert await later == b"longer than all that may wait"


@pytest.mark.anyio
async def test_sound_goes_out_no_faster_than_it_is_heard_and_everything_in_order() -> None:
    clock = Clock()
    outbox = Outbox(2, 60, clock)
    for _ in range(5):
        outbox.play(SECOND)
    outbox.tell(Spoken())
    assert await sent(outbox) == [1, 1, 1]
    assert outbox.seconds_left == 5
    clock.now = 1
    assert await sent(outbox) == [1]
    clock.now = 2
    assert await sent(outbox) == [1, Spoken()]
    clock.now = 5
    assert outbox.seconds_left == 0


@pytest.mark.anyio
async def test_an_interruption_drops_what_was_not_sent_and_nothing_else() -> None:
    clock = Clock()
    outbox = Outbox(1, 60, clock)
    for _ in range(4):
        outbox.play(SECOND)
    outbox.tell(Spoken())
    assert await sent(outbox) == [1, 1]
    outbox.interrupt()
    assert outbox.seconds_left == 0
    assert await sent(outbox) == [Spoken(), Interrupted()]
    # The next answer is heard at once, not after what nobody hears any more.
    outbox.play(SECOND)
    assert await sent(outbox) == [1]


@pytest.mark.anyio
async def test_what_comes_while_the_outbox_waits_is_sent() -> None:
    outbox = Outbox(0.05, 60)
    client = Client()
    sending = asyncio.create_task(outbox.run(client.message, client.sound))
    await asyncio.sleep(0)
    outbox.play(SECOND)
    outbox.play(SECOND)
    await asyncio.sleep(0.01)
    outbox.interrupt()
    await asyncio.sleep(0.01)
    sending.cancel()
    assert client.got == [1, Interrupted()]


def test_a_client_that_takes_nothing_is_given_up() -> None:
    outbox = Outbox(1, 2, Clock())
    outbox.play(SECOND)
    outbox.play(SECOND)
    with pytest.raises(TooSlowError):
        outbox.play(b"12")
