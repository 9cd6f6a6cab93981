"""The conversation's record: its turns as events, appended while it goes on, by its task alone."""

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping

from nova_common.contracts.live import (
    LIVE_CONVERSATION,
    TURN_CHARACTERS_MAX,
    LiveConversationDeleted,
    LiveConversationEnded,
    LiveConversationStarted,
    LiveConversationTurn,
)
from nova_common.event_store import EventStore, VersionConflictError
from nova_common.events import EventData, NewEvent
from pydantic import JsonValue

WRITE_SECONDS_MAX = 10.0
"""For what is still to be written when a conversation ends."""


class DeletedError(Exception):
    """The owner deleted the conversation; nothing is added to it."""


class Record:
    """One conversation of one user in the event store."""

    def __init__(self, store: EventStore, conversation_id: str, user: str, correlation: str) -> None:
        self.turns = 0
        self._store = store
        self._id = conversation_id
        self._user = user
        self._correlation = correlation
        self._version = 0
        self._due: deque[NewEvent] = deque()
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()

    async def begin(self, model: str, voice: str) -> None:
        """Append the start."""
        self._add(LiveConversationStarted(model=model, voice=voice))
        await self._write()

    def keep(self, turn: LiveConversationTurn, text: str) -> None:
        """Append a turn soon."""
        self.turns += 1
        self._add(turn, {"text": text[:TURN_CHARACTERS_MAX]})

    async def run(self) -> None:
        """Append what comes until cancelled; DeletedError."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self._write()

    async def finish(self, ended: LiveConversationEnded) -> None:
        """Append what is left and the end; nothing to a conversation that was deleted."""
        self._add(ended)
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX):
                await self._write()
        except DeletedError:
            return

    def _add(self, data: EventData, private: Mapping[str, JsonValue] | None = None) -> None:
        event = LIVE_CONVERSATION.event(
            self._id,
            data,
            user=self._user,
            correlation=self._correlation,
            private=private,
            event_id=str(uuid.uuid4()),
        )
        self._due.append(event)
        self._some.set()

    async def _write(self) -> None:
        async with self._writing:
            while self._due:
                await self._append(self._due[0])
                self._due.popleft()

    async def _append(self, event: NewEvent) -> None:
        # Shielded: a write that is under way when its conversation ends must be known to have happened.
        writing = asyncio.create_task(asyncio.to_thread(self._store.append, [event], self._version))
        try:
            await asyncio.shield(writing)
        except VersionConflictError:
            await asyncio.to_thread(self._check_deleted)
            raise
        except asyncio.CancelledError:
            await writing
            self._version += 1
            self._due.popleft()
            raise
        self._version += 1

    def _check_deleted(self) -> None:
        history = self._store.load(LIVE_CONVERSATION.key(self._id), after_version=self._version)
        if any(isinstance(event.data, LiveConversationDeleted) for event in history):
            raise DeletedError
