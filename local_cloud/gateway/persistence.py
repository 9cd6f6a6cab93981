"""Keeps what the local cloud knows on disk: at most one second of it is lost when the daemon is killed.

MiniStack saves at a clean stop only. Here every second that follows a change writes the state that it
touched: MiniStack's services (one file each) and the documents of our own services, all of them atomically
replaced.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway.ministack import MiniStack

logger = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
FULL_SAVE_SECONDS = 60.0
"""Everything is written this often after changes, in case a call changed a service not listed below."""

AFFECTS = {
    "dynamodb": frozenset({"dynamodb"}),
    "sqs": frozenset({"sqs"}),
    "logs": frozenset({"cloudwatch_logs"}),
    "cognito-idp": frozenset({"cognito"}),
    "events": frozenset({"eventbridge", "sqs", "sns", "cloudwatch_logs"}),
    "s3": frozenset({"s3", "eventbridge", "sqs", "sns"}),
    "s3vectors": frozenset[str](),
    "bedrock-runtime": frozenset[str](),
    "bedrock-agentcore": frozenset({"bedrock_agentcore"}),
}
"""State files that calls to a busy service change (S3 and EventBridge deliver to queues); others: any."""

type Keep = Callable[[str, list[Document]], list[Document]]


class Persistence:
    """The state directory: MiniStack's files and one JSON document per service of ours (`nova-*.json`)."""

    def __init__(self, ministack: MiniStack, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ministack = ministack
        self._directory = directory
        self._documents: dict[str, Document] = {}
        self._dirty_documents: set[str] = set()
        self._dirty: set[str] = set()
        self._everything = False
        self._full_save_at = time.monotonic() + FULL_SAVE_SECONDS
        self.keep_stream_records: Keep = lambda _table, records: records

    def _path(self, name: str) -> Path:
        return self._directory / f"nova-{name}.json"

    def document(self, name: str) -> Document:
        """Return the live document of one of our services; call `touch` after changing it."""
        if name not in self._documents:
            path = self._path(name)
            self._documents[name] = json.loads(path.read_text()) if path.exists() else {}
        return self._documents[name]

    def touch(self, name: str) -> None:
        """Note that a document changed."""
        self._dirty_documents.add(name)

    def touch_service(self, service: str) -> None:
        """Note that a call changed a service of MiniStack."""
        affected = AFFECTS.get(service)
        if affected is None:
            self._everything = True
        else:
            self._dirty |= affected

    def restore(self) -> None:
        """Bring back what MiniStack's own loader does not: the records of DynamoDB streams."""
        self._ministack.restore_stream_records(self.document("streams").get("tables", []))

    def save(self, everything: bool = False) -> None:
        """Write what changed since the last time."""
        keys = set(self._ministack.state_keys()) if everything or self._everything else self._dirty
        self._dirty, self._everything = set(), False
        if "dynamodb" in keys:
            self.document("streams")["tables"] = self._ministack.stream_records(self.keep_stream_records)
            self._dirty_documents.add("streams")
        documents, self._dirty_documents = self._dirty_documents, set()
        for name in documents:
            path = self._path(name)
            temporary = path.with_suffix(".json.tmp")
            temporary.write_text(json.dumps(self._documents[name]))
            temporary.replace(path)
        self._dirty |= self._ministack.save(keys)

    async def run(self) -> None:
        """Save every second in which something changed, until cancelled."""
        changed = False
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            changed = changed or bool(self._dirty or self._everything)
            full = changed and time.monotonic() > self._full_save_at
            with contextlib.suppress(FileNotFoundError):  # the home was removed under a running daemon
                self.save(everything=full)
            if full:
                changed, self._full_save_at = False, time.monotonic() + FULL_SAVE_SECONDS
