"""What the services behind the tools answer, and what they were asked."""

import asyncio
from typing import Any

import httpx2

RECORDING_ID = "33333333-3333-4333-8333-333333333333"


class StubServices:
    """What the other services answer, by path, and what they were asked."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.answers: dict[str, Any] = {
            "/api/search": {
                "hits": [
                    {
                        "id": "h1",
                        "media_id": RECORDING_ID,
                        "kind": "transcript",
                        "score": 0.75,
                        "text": "The harbour opens at nine.",
                        "start": 1.5,
                        "end": 3.25,
                    }
                ]
            },
            "/api/audio": {"items": [], "next_cursor": None},
        }

        self.delay_seconds = 0.0
        self.at_once_max = 0
        self.running = 0

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.running += 1
        self.at_once_max = max(self.at_once_max, self.running)
        try:
            await asyncio.sleep(self.delay_seconds)
        finally:
            self.running -= 1
        known = self.answers.get(request.url.path)
        if isinstance(known, Exception):
            raise known
        if isinstance(known, httpx2.Response):
            return known
        if known is None:
            return httpx2.Response(404, json={"detail": "there is no such recording"})
        return httpx2.Response(200, json=known)
