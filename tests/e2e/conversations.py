"""Sessions as a client of the public API has them."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass
class Answer:
    """A streamed answer: its events in order, and the seconds until the first token."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    first_token_s: float = 0.0

    def of(self, name: str) -> list[dict[str, Any]]:
        """The data of the events of one name."""
        return [data for known, data in self.events if known == name]

    @property
    def text(self) -> str:
        """The tokens, joined."""
        return "".join(data["text"] for data in self.of("token"))


def opened(api: httpx2.Client) -> str:
    """Open a session; returns its id."""
    answer = api.post("/sessions", json={})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def asked(api: httpx2.Client, session_id: str, text: str) -> Answer:
    """Send a message and read the stream to its end."""
    answer, started, name = Answer(), time.monotonic(), ""
    with api.stream(
        "POST",
        f"/sessions/{session_id}/messages",
        json={"text": text},
        headers={"Accept": "text/event-stream"},
    ) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                if name == "token" and not answer.first_token_s:
                    answer.first_token_s = time.monotonic() - started
                answer.events.append((name, json.loads(line.removeprefix("data: "))))
    return answer


def searched(api: httpx2.Client, text: str, **body: object) -> list[dict[str, Any]]:
    """The hits of a search."""
    answer = api.post("/search", json={"text": text, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["hits"]
