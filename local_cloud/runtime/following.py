"""Following what AWS calls declare: read again when something changed, and once for many changes."""

import asyncio
from abc import ABC, abstractmethod


class Follower(ABC):
    """Keeps what runs in step with what is declared."""

    def __init__(self) -> None:
        self._changed = True
        self._lock = asyncio.Lock()

    def changed(self) -> None:
        """Note that a call changed what is declared."""
        self._changed = True

    async def refresh_if_changed(self) -> None:
        """Bring what runs up to date; a refresh that fails is due again."""
        if not self._changed:
            return
        async with self._lock:
            if not self._changed:
                return
            # Set before reading: a change that comes meanwhile is read the next time.
            self._changed = False
            try:
                await self._refresh()
            except BaseException:
                self._changed = True
                raise

    @abstractmethod
    async def _refresh(self) -> None:
        """Read what is declared and follow it."""
