"""The job that removes what this slice holds about a person: sessions, notes, and what conversations cost.

Session memory outside Redis is a process's own and ends with it, at most `agentLifetimeSeconds` later.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, override

from nova_common import aws, erasure
from nova_common.contracts.sessions import SESSION
from nova_common.erasure import Belongings, ErasureSettings, Removal, each
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.settings import Environment, TaskSettings
from nova_common.vector_index import VectorIndex, VectorSettings

from nova_agent_core.ledger import UsageLedger
from nova_agent_core.memory import RedisMemory
from nova_agent_core.notes import NoteDocuments
from nova_agent_core.sessions import Sessions
from nova_agent_core.settings import MemorySettings
from nova_agent_core.storage import TurnDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseSettings(TaskSettings):
    """Environment of the job."""

    common: ErasureSettings
    content_bucket: str
    usage_table: str
    vectors: VectorSettings
    memory: MemorySettings

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            common=ErasureSettings.read(environment),
            content_bucket=environment.text("CONTENT_BUCKET"),
            usage_table=environment.text("USAGE_TABLE"),
            vectors=VectorSettings.read(environment),
            memory=MemorySettings.read(environment),
        )


class Conversations:
    """The sessions of people: documents, events, and what models remember of them."""

    def __init__(self, belongings: Belongings, sessions: Sessions, memory: MemorySettings) -> None:
        self._belongings = belongings
        self._sessions = sessions
        self._memory = memory

    def remove(self, user: str) -> Mapping[str, int]:
        """Delete all sessions of a person, then what models remember: a turn may end in between."""
        keys = self._belongings.of(user, [SESSION])
        removed = each(keys, lambda key: self._remove(user, key))
        forgotten = asyncio.run(self._forget([SESSION.id_of(key) for key in keys]))
        return {**removed, "memories": forgotten}

    def _remove(self, user: str, aggregate: str) -> Mapping[str, int]:
        is_deleted, objects = self._sessions.erase(user, SESSION.id_of(aggregate))
        return {"sessions": int(is_deleted), "objects": objects}

    async def _forget(self, session_ids: Sequence[str]) -> int:
        memory = RedisMemory(self._memory)
        try:
            return sum([await memory.delete(session_id) for session_id in session_ids])
        finally:
            await memory.close()


class WhatWasKept:
    """The notes that people wanted kept, and the vectors by which they are found."""

    def __init__(self, documents: NoteDocuments, index: VectorIndex) -> None:
        self._documents = documents
        self._index = index

    def remove(self, user: str) -> Mapping[str, int]:
        """Remove all notes of a person; whoever indexes one meanwhile takes it out of the index again."""
        self._index.delete(self._documents.ids(user))
        return {"notes": self._documents.erase(user)}


class Spendings:
    """What people have spent, month by month."""

    def __init__(self, ledger: UsageLedger) -> None:
        self._ledger = ledger

    def remove(self, user: str) -> Mapping[str, int]:
        """Remove all months of a person; a turn that ends later finds none and books nothing."""
        return {"months of usage": self._ledger.forget(user)}


def removals(settings: EraseSettings, belongings: Belongings) -> Sequence[Removal]:
    """Return what removes a person's things, in this order."""
    common = settings.common
    dynamodb = aws.dynamodb(common.region)
    store = DynamoEventStore(dynamodb, common.event_store_table, EventRegistry([SESSION]))
    s3 = aws.s3(common.region)
    sessions = Sessions(store, TurnDocuments(s3, settings.content_bucket))
    vectors = settings.vectors
    index = VectorIndex(aws.s3vectors(common.region), vectors.bucket, vectors.index)
    return [
        Conversations(belongings, sessions, settings.memory).remove,
        WhatWasKept(NoteDocuments(s3, settings.content_bucket), index).remove,
        Spendings(UsageLedger(dynamodb, settings.usage_table)).remove,
    ]


def main() -> None:
    """Run the job."""
    erasure.main(EraseSettings.from_env, lambda settings: settings.common, removals)


if __name__ == "__main__":
    main()
