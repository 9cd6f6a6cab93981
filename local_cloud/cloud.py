"""The parts of the local cloud, put together."""

import asyncio
import contextlib
from pathlib import Path

from local_cloud.gateway.app import Gateway
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.control import Control
from local_cloud.gateway.ministack import Credentials, MiniStack
from local_cloud.gateway.persistence import Persistence
from local_cloud.gateway.protocol import Document


class LocalCloud:
    """Gateway and runtime of one daemon."""

    def __init__(self, home: Path, port: int, models: str, region: str, stop: asyncio.Event) -> None:
        del models
        self.ministack = MiniStack(home, port, region)
        self.persistence = Persistence(self.ministack, home / "state")
        self.gateway = Gateway(self.ministack, self.persistence)
        self.aws = Aws(self.gateway, region)
        self.control = Control(self.status, self._credentials, stop)
        self.gateway.control = self.control
        self._background: list[asyncio.Task[None]] = []

    def _credentials(self, task: str, token: str) -> Document | None:
        del task, token
        return None

    async def start(self) -> Credentials:
        """Bring everything up and return the administrator's credentials."""
        await self.gateway.loaded.wait()
        self.aws.administrator = await self.ministack.administrator()
        self.persistence.touch_service("iam")
        self._background.append(asyncio.create_task(self.persistence.run()))
        self.control.open(self.aws.administrator.secret_access_key)
        return self.aws.administrator

    async def status(self) -> Document:
        """Return the answer of `GET /_nova/status`."""
        return {"services": {}, "rest_apis": {}, "load_balancers": {}, "pipes": {}, "unsupported": []}

    async def stop(self) -> None:
        """Stop what runs; the gateway still answers."""
        for task in self._background:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.aws.close()
