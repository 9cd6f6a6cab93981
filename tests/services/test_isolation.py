"""Users see nothing of each other: every operation of every service, asked by one about what another has.

The operations come from the documents that the services publish. An operation without a case here fails a
test, so that a new route brings its case along.
"""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import httpx2
import nova_agent_core.app
import nova_audio.app
import nova_audio.domain
import nova_projector.app
import nova_search.app
import nova_video.app
import nova_video.domain
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nova_agent_core.behaviour import load_behaviour, versions
from nova_agent_core.notebook import NOTE_TOOLS, Notebook
from nova_agent_core.recall import LongTermMemory
from nova_agent_core.settings import ApiSettings as AgentSettings
from nova_agent_core.settings import ModelLimits
from nova_agent_tools.catalog import TOOLS, tools_for
from nova_agent_tools.services import Services, ServiceUrls
from nova_common import aws
from nova_common.contracts.audio import RECORDING, Transcript, TranscriptionCompleted, TranscriptionStarted
from nova_common.contracts.audio import TranscriptSegment as Segment
from nova_common.contracts.live import LIVE_CONVERSATION, LiveConversationStarted, LiveConversationTurn
from nova_common.contracts.registry import AGGREGATES
from nova_common.contracts.video import (
    VIDEO,
    KeyFrame,
    KeyFrames,
    Scene,
    VideoAnalysis,
    VideoAnalysisStarted,
    VideoAnalyzed,
)
from nova_common.documents import DocumentStore
from nova_common.embeddings import EmbeddingModel
from nova_common.event_store import DynamoEventStore
from nova_common.events import AggregateType, EventData, EventRegistry
from nova_common.openapi import described
from nova_common.scans import each_aggregate
from nova_common.vector_index import VectorIndex
from nova_projector.worker import keepers_of
from nova_search.worker import Index, Indexer

from tests.services.agent_core.scripted import ScriptedModel, say, use
from tests.services.support import tokens
from tests.services.support.embeddings import MODEL, FakeBedrock
from tests.services.support.pictures import picture
from tests.services.support.private import Private
from tests.services.support.tables import (
    CONTENT_BUCKET,
    EVENT_STORE_TABLE,
    LIVE_TABLE,
    READ_MODEL_TABLE,
    REGION,
    USAGE_TABLE,
    create_table,
)
from tests.services.support.tokens import ALICE, BOB, bearer
from tests.services.support.vectors import DIMENSION, VECTOR_BUCKET, VECTOR_INDEX, FakeVectors

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

APPS: Mapping[str, Any] = {
    "agent-core": nova_agent_core.app,
    "audio": nova_audio.app,
    "projector": nova_projector.app,
    "search": nova_search.app,
    "video": nova_video.app,
}
CAROL = "33333333-3333-4333-8333-333333333334"
"""Somebody who has nothing."""
USERS = (ALICE, BOB, CAROL)
EXAMPLES_MAX = 60

type Operation = tuple[str, str, str]
"""Service, method and path."""


def canary(user: str) -> str:
    """A word that is in everything of a user's, and in nothing of anybody else's."""
    return f"canary{user[:8]}"


@dataclass
class Owned:
    """What somebody has: ids by the kind of path that they stand in."""

    ids: dict[str, str] = field(default_factory=dict[str, str])


class World:
    """All services over the same emulated stores, in which Alice and Bob have one of everything."""

    def __init__(self, dynamodb: "DynamoDBClient", s3: "S3Client", patch: pytest.MonkeyPatch) -> None:
        private = Private(dynamodb)
        create_table(dynamodb, LIVE_TABLE)
        self.dynamodb = dynamodb
        self.store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, EventRegistry(AGGREGATES), private.data)
        self.documents = DocumentStore(s3, CONTENT_BUCKET)
        self.vectors: Any = FakeVectors()
        self.bedrock: Any = FakeBedrock()
        # Notes have an index of their own.
        patch.setattr(aws, "s3vectors", self._index_of_the_service)
        patch.setattr(aws, "bedrock_runtime", Mock(return_value=self.bedrock))
        transport = httpx2.MockTransport(self.served)
        patch.setattr(nova_agent_core.app, "Services", partial(Services, transport=transport))
        self.model = ScriptedModel()
        patch.setattr(nova_agent_core.app, "bedrock_model", Mock(return_value=self.model))
        self.clients = {name: self._client(name, private.environment) for name in APPS}
        self.owned = {ALICE: Owned(), BOB: Owned(), CAROL: Owned()}
        for user in (ALICE, BOB):
            self._give(user)
        self._catch_up()

    def _index_of_the_service(self, region: str) -> Any:
        del region
        return self.vectors if self._service == "search" else FakeVectors()

    @property
    def long_term(self) -> LongTermMemory:
        """What the coordinator remembers of people."""
        app: Any = self.clients["agent-core"].app
        memory: LongTermMemory = app.state.long_term
        return memory

    def _client(self, name: str, private: Mapping[str, str]) -> TestClient:
        variables = {
            "SERVICE_NAME": name,
            "USER_POOL_ISSUER": tokens.ISSUER,
            "USER_POOL_CLIENT_ID": tokens.CLIENT_ID,
            "AWS_REGION": REGION,
            "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
            "READ_MODEL_TABLE": READ_MODEL_TABLE,
            "USAGE_TABLE": USAGE_TABLE,
            "LIVE_TABLE": LIVE_TABLE,
            "CONTENT_BUCKET": CONTENT_BUCKET,
            "VECTOR_BUCKET": VECTOR_BUCKET,
            "VECTOR_INDEX": VECTOR_INDEX,
            "EMBEDDING_MODEL": MODEL,
            "EMBEDDING_REGION": REGION,
            "EMBEDDING_DIMENSION": str(DIMENSION),
            "SESSION_MEMORY": "process",
            "QUOTA_USD_PER_MONTH": "0",
            "BEHAVIOUR": versions()[-1],
            "MODEL_ID": "global.anthropic.claude-sonnet-4-6",
            "MODEL_NAME": "global.anthropic.claude-sonnet-4-6",
            "MODEL_REGION": REGION,
            **{f"{service.upper()}_URL": f"http://{service}" for service in APPS if "-" not in service},
            **private,
        }
        module, self._service = APPS[name], name
        if name == "agent-core":
            behaviour = load_behaviour(versions()[-1])
            app = module.create_app(AgentSettings.from_env(variables), ModelLimits(), behaviour)
        else:
            app = module.create_app(module.ApiSettings.from_env(variables))
        app.state.verifier = tokens.verifier()
        return TestClient(app, raise_server_exceptions=False)

    def served(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a tool's request by the service that it names."""
        answer = self.clients[request.url.host].request(
            request.method,
            request.url.raw_path.decode(),
            content=request.content,
            headers={
                name: request.headers[name]
                for name in ("authorization", "content-type")
                if name in request.headers
            },
        )
        return httpx2.Response(answer.status_code, content=answer.content)

    def ask(self, operation: Operation, path: str, user: str, body: Any = None) -> Any:
        service, method, _ = operation
        headers = {**bearer(user), "Accept": "application/json"}
        return self.clients[service].request(method, path, json=body, headers=headers)

    def _give(self, user: str) -> None:
        """Let a user have one of everything, with the canary in it."""
        word, ids = canary(user), self.owned[user].ids
        upload = {"filename": f"{word}.wav", "content_type": "audio/wav", "size_bytes": 5}
        ids["audio"] = self._made("audio", "/api/audio", user, upload)
        upload |= {"filename": f"{word}.mp4", "content_type": "video/mp4"}
        ids["video"] = self._made("video", "/api/video", user, upload)
        self._transcribed(user)
        self._analysed(user)
        self._spoken(user)
        text = {"title": f"a {word}", "text": f"The {word} sings."}
        ids["documents"] = self._made("search", "/api/documents", user, text)
        ids["sessions"] = self._made("agent-core", "/api/sessions", user, {})
        path = f"/api/sessions/{ids['sessions']}/messages"
        self.model.rounds += [use(("remember", {"words": f"the {word}"})), say("ok")]
        said = self.ask(("agent-core", "POST", path), path, user, {"text": f"Remember the {word}"})
        assert said.status_code == 200, said.text
        (note,) = self.ask(("agent-core", "GET", ""), "/api/memory", user).json()["items"]
        ids["memory"] = note["id"]

    def _made(self, service: str, path: str, user: str, body: Mapping[str, Any]) -> str:
        answer = self.ask((service, "POST", path), path, user, body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def _transcribed(self, user: str) -> None:
        recording_id, text = self.owned[user].ids["audio"], f"the {canary(user)} sings"
        transcript = Transcript(text=text, language="en-US", segments=[Segment(start=0, end=1, text=text)])
        reference = self.documents.write_document(
            nova_audio.domain.transcript_key(recording_id), transcript.model_dump_json().encode()
        )
        completed = TranscriptionCompleted(
            transcript=reference, language="en-US", duration_seconds=1, words=3, segments=1
        )
        self._happen(
            RECORDING, recording_id, user, TranscriptionStarted(job="j", duration_seconds=1), completed
        )

    def _spoken(self, user: str) -> None:
        conversation_id = self.owned[user].ids["speaking-sessions"] = str(uuid.uuid4())
        said = {"text": f"the {canary(user)} sings"}
        facts = (LiveConversationStarted(model="m", voice="v"), LiveConversationTurn(role="user"))
        for version, fact in enumerate(facts):
            private = said if fact.private_fields else None
            event = LIVE_CONVERSATION.event(
                conversation_id, fact, user=user, correlation="c", private=private
            )
            self.store.append([event], version)

    def _analysed(self, user: str) -> None:
        video_id, word = self.owned[user].ids["video"], canary(user)
        scene = Scene(start=0, end=1, description=f"The {word} is seen.")
        analysis = VideoAnalysis(summary=f"A {word}.", scenes=[scene], anomalies=[])
        frames = KeyFrames(frames=[KeyFrame(at=0.5, scene=0, image=picture("JPEG"))])
        stored = [
            self.documents.write_document(key, document.model_dump_json().encode())
            for key, document in (
                (nova_video.domain.analysis_key(video_id), analysis),
                (nova_video.domain.key_frames_key(video_id), frames),
            )
        ]
        analyzed = VideoAnalyzed(
            analysis=stored[0], duration_seconds=1, scenes=1, anomalies=0, key_frames=stored[1], frames=1
        )
        self._happen(VIDEO, video_id, user, VideoAnalysisStarted(duration_seconds=1), analyzed)

    def _happen(self, kind: AggregateType, aggregate_id: str, user: str, *facts: EventData) -> None:
        events = [kind.event(aggregate_id, fact, user=user, correlation="c") for fact in facts]
        self.store.append(events, len(list(self.store.load(kind.key(aggregate_id)))))

    def _catch_up(self) -> None:
        """Do what projector and indexer do."""
        keepers = keepers_of(self.store, self.dynamodb, READ_MODEL_TABLE)(0)
        index = VectorIndex(self.vectors, VECTOR_BUCKET, VECTOR_INDEX)
        model = EmbeddingModel(self.bedrock, MODEL, DIMENSION)
        indexer = Indexer(Index(self.store, self.documents, model, index))
        found: list[str] = []
        each_aggregate(self.dynamodb, EVENT_STORE_TABLE, lambda aggregate, _: found.append(aggregate))
        for aggregate in found:
            kind = aggregate.partition("#")[0]
            if kind in keepers:
                keepers[kind].catch_up(aggregate)
            indexer.catch_up(aggregate)


type Bodies = Callable[[Owned, str], Any]
"""A request's body: from what somebody else has, and words that are looked for."""

UPLOAD = {"filename": "mine.bin", "content_type": "audio/wav", "size_bytes": 5}


def _search(other: Owned, words: str) -> dict[str, Any]:
    narrowed = {"media_id": next(iter(other.ids.values()), str(uuid.uuid4()))}
    return {"text": words, "limit": 100, **({"filter": narrowed} if len(words) % 2 else {})}


FORGET_ALL: Operation = ("agent-core", "DELETE", "/api/memory")
"""What somebody does who wants nothing of their own kept: only Carol, who has nothing."""
SPEAKING_SESSIONS: Operation = ("projector", "GET", "/api/speaking-sessions")

CASES: Mapping[Operation, Bodies | None] = {
    ("agent-core", "GET", "/api/sessions/{session_id}"): None,
    ("agent-core", "DELETE", "/api/sessions/{session_id}"): None,
    ("agent-core", "POST", "/api/sessions"): lambda _other, _words: {},
    ("agent-core", "POST", "/api/sessions/{session_id}/messages"): lambda _other, words: {"text": words},
    ("agent-core", "POST", "/api/sessions/{session_id}/cancel"): None,
    ("agent-core", "GET", "/api/memory"): None,
    ("agent-core", "DELETE", "/api/memory/{note_id}"): None,
    FORGET_ALL: None,
    ("agent-core", "GET", "/api/tools"): None,
    ("agent-core", "GET", "/api/usage"): None,
    ("audio", "POST", "/api/audio"): lambda _other, _words: UPLOAD,
    ("audio", "POST", "/api/audio/live"): None,
    ("audio", "GET", "/api/speaking-sessions/{conversation_id}"): None,
    ("audio", "DELETE", "/api/speaking-sessions/{conversation_id}"): None,
    ("audio", "GET", "/api/audio/{recording_id}"): None,
    ("audio", "DELETE", "/api/audio/{recording_id}"): None,
    ("audio", "GET", "/api/audio/{recording_id}/content"): None,
    ("audio", "GET", "/api/audio/{recording_id}/transcript"): None,
    ("projector", "GET", "/api/audio"): None,
    ("projector", "GET", "/api/documents"): None,
    ("projector", "GET", "/api/sessions"): None,
    SPEAKING_SESSIONS: None,
    ("projector", "GET", "/api/video"): None,
    ("search", "POST", "/api/search"): _search,
    ("search", "POST", "/api/documents"): lambda _other, words: {"title": "mine", "text": words},
    ("search", "GET", "/api/documents/{document_id}"): None,
    ("search", "DELETE", "/api/documents/{document_id}"): None,
    ("video", "POST", "/api/video"): lambda _other, _words: UPLOAD | {"content_type": "video/mp4"},
    ("video", "GET", "/api/video/{video_id}"): None,
    ("video", "DELETE", "/api/video/{video_id}"): None,
    ("video", "GET", "/api/video/{video_id}/analysis"): None,
    ("video", "GET", "/api/video/{video_id}/content"): None,
    ("video", "GET", "/api/video/{video_id}/key-frames"): None,
}
"""Every operation, with the body of its request if it has one; ids in paths are those of the other user."""

TOOL_CASES: Mapping[str, Callable[[Owned, str], dict[str, Any]]] = {
    "search_recordings": lambda other, words: {
        "query": words,
        "limit": 100,
        **({"recording_id": other.ids["audio"]} if len(words) % 2 and other.ids else {}),
    },
    "get_transcript": lambda other, _: {"recording_id": other.ids.get("audio", str(uuid.uuid4()))},
    "list_recordings": lambda _other, _words: {},
    "get_video_analysis": lambda other, _: {"video_id": other.ids.get("video", str(uuid.uuid4()))},
    "list_videos": lambda _other, _words: {},
}

NOTE_CASES: Mapping[str, Callable[[Owned, str], dict[str, Any]]] = {
    "remember": lambda _other, words: {"words": words},
    "forget": lambda other, _: {"note_id": other.ids["memory"]},
}
"""What a model asks of the notes of the person whom it answers, by what it may have heard of another's."""


def published() -> Iterator[Operation]:
    """Every operation of every service, as its document has it."""
    for service, module in APPS.items():
        for path, methods in described(module.TITLE, module.router)["paths"].items():
            for method in methods:
                yield service, method.upper(), path


def addressed(path: str, other: Owned) -> str:
    """A path with the id of what another user has."""
    kind = path.split("/")[2]
    before, brace, rest = path.partition("{")
    return f"{before}{other.ids.get(kind, uuid.uuid4())}{rest.partition('}')[2]}" if brace else path


def test_every_operation_and_every_tool_has_a_case() -> None:
    assert set(CASES) == set(published())
    assert set(TOOL_CASES) == set(TOOLS)
    assert set(NOTE_CASES) == set(NOTE_TOOLS)


@pytest.fixture
def world(dynamodb: "DynamoDBClient", s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> World:
    return World(dynamodb, s3, monkeypatch)


def foreign(world: World, viewer: str) -> set[str]:
    """All words and ids by which something of other users would be told."""
    others = [user for user in USERS if user != viewer]
    words = {canary(user) for user in others} | {*others}
    return words | {known for user in others for known in world.owned[user].ids.values()}


def used(world: World, name: str, arguments: dict[str, Any], user: str) -> str:
    """What a tool gives to a model that answers a user."""

    async def main() -> str:
        services = Services(
            ServiceUrls(**{name: f"http://{name}" for name in ("search", "audio", "video", "projector")}),
            httpx2.MockTransport(world.served),
        )
        (tool,) = tools_for(services, bearer(user)["Authorization"], [name])
        use: Any = {"toolUseId": "u1", "name": name, "input": arguments}
        (result,) = [event async for event in tool.stream(use, {})]
        await services.close()
        return json.dumps(result)

    return asyncio.run(main())


def noted(world: World, name: str, arguments: dict[str, Any], user: str, said: str) -> dict[str, Any]:
    """What a tool about notes gives to a model that answers a user who has said something."""

    async def main() -> dict[str, Any]:
        tool = NOTE_TOOLS[name](Notebook(world.long_term, user, said))
        use: Any = {"toolUseId": "u1", "name": name, "input": arguments}
        (result,) = [event async for event in tool.stream(use, {})]
        return result

    return asyncio.run(main())


def own_sign(path: str, user: str, owned: Owned) -> str:
    """What an answer about something of its owner has in it: a word of theirs, or the address of content."""
    if path.endswith("/content"):
        return f"/uploads/{path.split('/')[2]}/{owned.ids[path.split('/')[2]]}?"
    if path.endswith("/key-frames"):
        return base64.b64encode(picture("JPEG")).decode()
    return canary(user)


def test_everybody_sees_what_is_their_own(world: World) -> None:
    """What is tried below could be found: with the owner's token it is."""
    for user in (ALICE, BOB):
        for operation in CASES:
            _, method, path = operation
            if operation == SPEAKING_SESSIONS:
                listed = world.ask(operation, path, user).json()["items"]
                assert [item["id"] for item in listed] == [world.owned[user].ids["speaking-sessions"]]
            elif method == "GET" and path not in {"/api/tools", "/api/usage", "/api/sessions"}:
                answer = world.ask(operation, addressed(path, world.owned[user]), user)
                assert answer.status_code == 200, (operation, answer.text)
                assert own_sign(path, user, world.owned[user]) in answer.text, operation
        hits = world.ask(("search", "POST", ""), "/api/search", user, {"text": "sings", "limit": 100}).json()[
            "hits"
        ]
        assert {hit["kind"] for hit in hits} == {"transcript", "document", "video", "frame"}
        for name, arguments in TOOL_CASES.items():
            assert canary(user) in used(world, name, arguments(world.owned[user], "singing"), user), name


def test_nobody_sees_anything_of_anybody_else(world: World) -> None:
    asked: set[Any] = set()

    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        viewer=st.sampled_from(USERS),
        other=st.sampled_from([ALICE, BOB]),
        said=st.sampled_from(["sings", "The bird sings.", "vault", "what do the others have?"]),
    )
    def holds(viewer: str, other: str, said: str) -> None:
        if viewer == other:
            return
        hidden, theirs = foreign(world, viewer), world.owned[other]
        for operation, body in CASES.items():
            if operation == FORGET_ALL and viewer != CAROL:
                continue
            path = addressed(operation[2], theirs)
            sent = body(theirs, said) if body else None
            answer = world.ask(operation, path, viewer, sent)
            assert answer.status_code < 500, (operation, answer.text)
            # A problem names the path that was asked for: what is sent is known already.
            told = {known for known in hidden if known in answer.text and known not in f"{path} {sent}"}
            assert not told, (operation, viewer, told)
            if "{" in operation[2]:
                assert answer.status_code == 404, (operation, answer.text)
            asked.add((operation, viewer))
        for name, arguments in TOOL_CASES.items():
            given_away = arguments(theirs, said)
            result = used(world, name, given_away, viewer)
            told = {known for known in hidden if known in result and known not in str(given_away)}
            assert not told, (name, viewer, told)

        for name, arguments in NOTE_CASES.items():
            given_away = arguments(theirs, said)
            result = noted(world, name, given_away, viewer, said)
            assert result["status"] == ("success" if name == "remember" else "error"), result
            told = {known for known in hidden if known in str(result) and known not in str(given_away)}
            assert not told, (name, viewer, told)

    holds()
    assert {viewer for _, viewer in asked} == set(USERS)
    # What was tried on others' things has not touched them.
    test_everybody_sees_what_is_their_own(world)
