"""The end of a local cloud that still answers somebody: it does not wait for them."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx2
from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.gateway.asgi import Receive, Scope, Send, bind, serve
from local_cloud.runtime.listeners import answer_lifespan
from tests.local_cloud.running import Running

SILENCE_SECONDS = 60
STOP_SECONDS_MAX = 20.0
"""With what the machine is busy with beside it; by itself it takes five."""


def test_an_answer_that_takes_long_is_not_waited_for(new_cloud: Callable[[str], Running]) -> None:
    cloud = new_cloud("answering").start()
    plan = {
        "operation": "bedrock-runtime:Converse",
        "fault": "silence",
        "seconds": SILENCE_SECONDS,
        "times": 1,
    }
    headers = {"X-Nova-Admin": cloud.administrator["secret_access_key"]}
    httpx2.post(f"{cloud.url}/_nova/faults", json=plan, headers=headers).raise_for_status()
    model = cloud.client("bedrock-runtime")

    def ask() -> None:
        with suppress(ClientError, BotoCoreError):
            question = {"role": "user", "content": [{"text": "Hello!"}]}
            model.converse(modelId="amazon.nova-lite-v1:0", messages=[question])

    threading.Thread(target=ask, daemon=True).start()
    time.sleep(1)  # until it is asked
    assert cloud.process is not None
    begun = time.monotonic()
    cloud.process.terminate()
    assert cloud.process.wait(SILENCE_SECONDS) == 0
    assert time.monotonic() - begun < STOP_SECONDS_MAX


async def who_takes_no_goodbye(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing, and say goodbye to a client that takes nothing, again when told to stop that."""
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
        return
    for _ in range(3):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(SILENCE_SECONDS)


def test_a_client_that_takes_no_end_is_not_waited_for() -> None:
    async def scenario() -> None:
        listener, stop = bind(0), asyncio.Event()
        port: int = listener.getsockname()[1]
        serving = asyncio.create_task(serve(who_takes_no_goodbye, listener, stop))
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: nova\r\n\r\n")
        await asyncio.sleep(0.5)  # until it is asked
        writer.close()
        stop.set()
        await asyncio.wait_for(serving, SILENCE_SECONDS)

    begun = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - begun < STOP_SECONDS_MAX
