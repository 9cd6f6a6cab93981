"""Container health checks, as ECS and Docker run them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping

from local_cloud.documents import Document
from local_cloud.runtime.environment import health_command
from local_cloud.runtime.processes import Process

INTERVAL_SECONDS, TIMEOUT_SECONDS, RETRIES = 30, 5, 3
"""Defaults of a container definition's healthCheck (ECS HealthCheck reference)."""
START_INTERVAL_SECONDS = 1.0
"""How often a container that was never healthy is asked (Docker's start interval is 5 s)."""
LISTENING_SECONDS, LISTENING_SECONDS_MAX = 0.1, 5.0
"""How often a container's ports are tried before it is asked for the first time, and for how long.

To try a port costs nothing. To ask in vain starts a process, and there are ten that start at once.
"""


def declared(container: Document) -> bool:
    """Whether a container definition declares a health check."""
    return bool(health_command(container.get("healthCheck") or {}, {}))


async def watch(check: Document, ports: Mapping[int, int], process: Process) -> AsyncIterator[str]:
    """Yield HEALTHY or UNHEALTHY after each check that decides it, as long as the caller listens.

    A failure within the start period counts for nothing, and failures count once per declared interval.
    """
    command = health_command(check, ports)
    interval: float = check.get("interval") or INTERVAL_SECONDS
    timeout: float = check.get("timeout") or TIMEOUT_SECONDS
    retries: int = check.get("retries") or RETRIES
    begun = time.monotonic()
    await _until_listening(ports.values(), min(interval, LISTENING_SECONDS_MAX))
    counted_at, failures, was_healthy = begun + (check.get("startPeriod") or 0), 0, False
    while True:
        if await process.check(command, timeout):
            failures, was_healthy = 0, True
            yield "HEALTHY"
        elif was_healthy or time.monotonic() - counted_at >= interval:
            failures, counted_at = failures + 1, time.monotonic()
            if failures >= retries:
                yield "UNHEALTHY"
        await asyncio.sleep(interval if was_healthy else min(interval, START_INTERVAL_SECONDS))


async def _until_listening(ports: Iterable[int], seconds_max: float) -> None:
    """Wait until one of the ports accepts connections; not at all for a container without ports."""
    deadline, tried = time.monotonic() + seconds_max, list(ports)
    while tried and time.monotonic() < deadline:
        for port in tried:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            writer.close()
            return
        await asyncio.sleep(LISTENING_SECONDS)
