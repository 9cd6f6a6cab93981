"""The refused calls: the last hundred, how many there were, and a line each in the daemon's log."""

import logging
from collections import deque
from datetime import UTC, datetime

from local_cloud.documents import Document

KEPT = 100

logger = logging.getLogger(__name__)


class Refusals:
    """A ring of refused calls, newest last."""

    def __init__(self) -> None:
        self._recent: deque[Document] = deque(maxlen=KEPT)
        self._total = 0

    def add(self, principal: str, service: str, action: str, resource: str, reason: str) -> None:
        """Record one refused call; `principal` is an ARN, an access key that nobody knows, or "anonymous"."""
        role = principal.split("/")[1] if ":assumed-role/" in principal else ""
        self._total += 1
        self._recent.append({
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "principal": principal, "role": role, "service": service, "action": action, "resource": resource,
            "reason": reason,
        })  # fmt: skip
        logger.warning("refused: %s may not %s on %s %s", principal, action or service, resource, reason)

    def status(self) -> Document:
        """Return what `GET /_nova/status` shows."""
        return {"total": self._total, "recent": list(self._recent)}


REFUSALS = Refusals()
"""The daemon's refusals: MiniStack, whose functions record them, is one per process as well."""
