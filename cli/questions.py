"""Asks about a recording through the public API: the passages that fit, and the streamed answer."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cli import public_api
from cli.demo import clock
from cli.errors import NovaError

INDEXED_TIMEOUT_S = 60
POLL_INTERVAL_S = 0.2
ANSWER_TIMEOUT_S = 120
PASSAGES = 3


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event: its name and its JSON data."""

    name: str
    data: dict[str, Any]


def passages(
    api: str, token: str, recording_id: str, question: str, progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Return the recording's passages that are nearest to the question, once the recording is indexed."""
    body = {"text": question, "limit": PASSAGES, "filter": {"media_id": recording_id}}
    deadline = time.monotonic() + INDEXED_TIMEOUT_S
    with public_api.client(api, token) as client:
        while time.monotonic() < deadline:
            hits = public_api.answer(client.post("/search", json=body), "the search was refused")["hits"]
            if hits:
                return hits
            progress("waiting for the index")
            time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"recording {recording_id} is not in the index after {INDEXED_TIMEOUT_S} s")


def passage_line(hit: dict[str, Any]) -> str:
    """Return a search hit for people: from when to when, how near, the words."""
    times = f"{clock(hit['start'])} - {clock(hit['end'])}  " if "start" in hit and "end" in hit else ""
    return f"{times}[{hit['score']:.2f}] {hit['text']}"


def ask(api: str, token: str, recording_id: str, question: str) -> Iterator[ServerEvent]:
    """Open a session, ask, and yield the answer's events as they come.

    Raises NovaError with the platform's words for an error event, and when the answer just ends.
    """
    text = f"{question} (recording {recording_id})"
    with public_api.client(api, token) as client:
        session = public_api.answer(client.post("/sessions", json={}), "no session was opened")
        with client.stream(
            "POST",
            f"/sessions/{session['id']}/messages",
            json={"text": text},
            headers={"Accept": "text/event-stream"},
            timeout=ANSWER_TIMEOUT_S,
        ) as response:
            if not response.is_success:
                response.read()
                public_api.answer(response, "the question was refused")
            yield from until_done(server_events(response.iter_lines()))


def server_events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Yield the events of a text/event-stream; comments, the heartbeat among them, are left out."""
    name, data = "message", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            yield ServerEvent(name, json.loads("\n".join(data)))
            name, data = "message", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def until_done(events: Iterable[ServerEvent]) -> Iterator[ServerEvent]:
    """Yield events up to the last one; NovaError for an error, and where an answer just ends."""
    for event in events:
        if event.name == "error":
            raise NovaError(f"the answer failed: {public_api.words(event.data)}")
        yield event
        if event.name == "done":
            return
    raise NovaError("the answer ended before it was complete")
