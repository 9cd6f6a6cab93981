"""The task that evaluates a behaviour: the coordinator's own application, asked case after case here.

It runs with the service's image, role and environment, behind another command (`nova eval` starts it), and as
the person whose access token EVALUATION_TOKEN is. What it adds for that person it removes at the end:
documents, sessions, notes.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, override

import httpx2
from fastapi import FastAPI
from nova_common import job
from nova_common.job import JobError
from nova_common.settings import Environment, SettingsError, TaskSettings

from nova_agent_core.app import create_app
from nova_agent_core.behaviour import load_behaviour
from nova_agent_core.evals.cases import Case, Heard, Paper, Suite, faults, load_suite
from nova_agent_core.settings import MODEL_LIMITS, ApiSettings

OFFLINE = "--offline"
"""Argument that says that no language model answers: cases that take one are not judged."""
INDEXED_SECONDS_MAX = 120.0
POLL_SECONDS = 0.5
SERVICE_SECONDS_MAX = 30.0
ANSWER_SECONDS_MAX = MODEL_LIMITS.turn_seconds_max + 30

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings(TaskSettings):
    """Environment of the task: the service's, and whose token is used."""

    api: ApiSettings
    token: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(api=ApiSettings.from_env(), token=environment.text("EVALUATION_TOKEN"))


class Library:
    """The documents of the evaluation, in the search service."""

    def __init__(self, search: httpx2.AsyncClient) -> None:
        self._search = search
        self._ids: list[str] = []

    async def add(self, papers: Sequence[Paper]) -> None:
        """Add the documents and wait until they are found; JobError."""
        for paper in papers:
            answer = await self._search.post("/api/documents", json=paper.model_dump())
            if answer.status_code != HTTPStatus.CREATED:
                message = f"the search service takes no documents ({answer.status_code})"
                raise JobError(message)
            self._ids.append(answer.json()["id"])
        deadline = time.monotonic() + INDEXED_SECONDS_MAX
        for document in self._ids:
            while not await self._is_found(document):
                if time.monotonic() > deadline:
                    message = "the documents of the evaluation are not found in time: see the search indexer"
                    raise JobError(message)
                await asyncio.sleep(POLL_SECONDS)

    async def remove(self) -> None:
        """Remove what was added."""
        for document in self._ids:
            await self._search.delete(f"/api/documents/{document}")

    async def _is_found(self, document: str) -> bool:
        body = {"text": "anything", "limit": 1, "filter": {"media_id": document}}
        answer = await self._search.post("/api/search", json=body)
        return answer.status_code == HTTPStatus.OK and bool(answer.json()["hits"])


class Conversation:
    """One person's conversations with the application."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def answer(self, case: Case) -> Heard:
        """Return what comes of a case's last message; its sessions and notes are gone afterwards."""
        sessions: list[str] = []
        heard = Heard(problem="nothing was asked")
        try:
            for message in case.messages:
                if case.apart or not sessions:
                    started = await self._client.post("/api/sessions")
                    sessions.append(started.json()["id"])
                heard = await self._ask(sessions[-1], message)
        finally:
            for session in sessions:
                await self._client.delete(f"/api/sessions/{session}")
            await self._client.delete("/api/memory")
        return heard

    async def _ask(self, session: str, text: str) -> Heard:
        heard = Heard()
        answer = await self._client.post(
            f"/api/sessions/{session}/messages", json={"text": text}, headers={"Accept": "text/event-stream"}
        )
        if answer.status_code != HTTPStatus.OK:
            heard.take("error", answer.json())
            return heard
        name = ""
        for line in answer.text.splitlines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                heard.take(name, json.loads(line.removeprefix("data: ")))
        return heard


@asynccontextmanager
async def talking(app: FastAPI, token: str) -> AsyncGenerator[Conversation]:
    """Give a conversation with an application in this process."""
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url="http://coordinator",
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_SECONDS_MAX,
        ) as client,
    ):
        yield Conversation(client)


async def judged(conversation: Conversation, case: Case, *, offline: bool) -> dict[str, Any]:
    """Return how a case went."""
    if offline and case.needs_language_model:
        return {"id": case.id, "outcome": "not judged"}
    begun = time.monotonic()
    heard = await conversation.answer(case)
    wrong = faults(case.expect, heard)
    return {
        "id": case.id,
        "outcome": "failed" if wrong else "passed",
        "faults": wrong,
        "ms": round((time.monotonic() - begun) * 1000),
        "input_tokens": heard.usage.get("input_tokens", 0),
        "output_tokens": heard.usage.get("output_tokens", 0),
        "cost_usd": heard.usage.get("cost_usd", 0),
    }


async def evaluated(
    app: FastAPI, library: Library, suite: Suite, token: str, *, offline: bool
) -> list[dict[str, Any]]:
    """Return how all cases went, in their order."""
    try:
        await library.add(suite.paper)
        async with talking(app, token) as conversation:
            return [await judged(conversation, case, offline=offline) for case in suite.case]
    finally:
        await library.remove()


def run(settings: EvaluationSettings, arguments: Sequence[str]) -> Mapping[str, object]:
    """Evaluate the behaviour that the first argument names."""
    version, *options = arguments or [settings.api.behaviour]
    if options not in ([], [OFFLINE]):
        message = f"an evaluation takes a behaviour's version, and {OFFLINE} perhaps"
        raise JobError(message)
    try:
        behaviour = load_behaviour(version)
    except SettingsError as error:
        raise JobError(str(error)) from error

    async def work() -> list[dict[str, Any]]:
        async with httpx2.AsyncClient(
            base_url=settings.api.services.search,
            headers={"Authorization": f"Bearer {settings.token}"},
            timeout=SERVICE_SECONDS_MAX,
            trust_env=False,
        ) as search:
            app = create_app(settings.api, behaviour=behaviour)
            return await evaluated(app, Library(search), load_suite(), settings.token, offline=bool(options))

    try:
        cases = asyncio.run(work())
    except httpx2.HTTPError as error:
        message = f"a service that the evaluation needs does not answer: {type(error).__name__}"
        raise JobError(message) from error
    return {"behaviour": version, "model": settings.api.model_name, "cases": cases}


def main() -> None:
    """Run the task."""
    job.main(EvaluationSettings.from_env, lambda settings: settings.api.server, run)


if __name__ == "__main__":
    main()
