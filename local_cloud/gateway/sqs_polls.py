"""Receives of SQS that wait for messages: they end when the local cloud does.

A worker that is told to stop waits for the poll at hand, in AWS for up to five seconds. Here nothing comes
any more once everything stops, and whoever types `nova down` would wait for it.
"""

import asyncio

from local_cloud.gateway.protocol import Answer, Handler, json_answer

PAUSE_SECONDS = 0.2
"""Before an empty answer after the end: a worker that was not told yet asks again at once."""


class LongPolls:
    """Lets polls be answered before their time."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Answer all polls at hand, and those to come, with nothing."""
        self._closed.set()

    def handler(self, otherwise: Handler) -> Handler:
        """Return a handler of SQS that watches over another one's polls."""

        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Answer:
            answering = otherwise(method, path, headers, body, query)
            if not headers.get("x-amz-target", "").endswith(".ReceiveMessage"):
                return await answering
            receiving = asyncio.ensure_future(answering)
            closed = asyncio.ensure_future(self._closed.wait())
            try:
                await asyncio.wait({receiving, closed}, return_when=asyncio.FIRST_COMPLETED)
                if receiving.done():
                    return receiving.result()
                await asyncio.sleep(PAUSE_SECONDS)
                return json_answer({}, content_type="application/x-amz-json-1.0")
            finally:
                receiving.cancel()
                closed.cancel()

        return handle
