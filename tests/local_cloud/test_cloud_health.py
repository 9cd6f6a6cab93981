"""When containers are asked whether they are well: not before something listens that could say so."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any, cast

import pytest

from local_cloud.runtime import health
from local_cloud.runtime.ports import free_port

CHECK: dict[str, Any] = {"command": ["CMD", "check"]}


class Container:
    """Is well whenever it is asked, and counts that."""

    def __init__(self) -> None:
        self.asked = 0

    async def check(self, _command: list[str], _timeout: float) -> bool:
        self.asked += 1
        return True


def first_answer(ports: Mapping[int, int], listens_after: float | None = None) -> tuple[str, int, float]:
    """What is said first of a container, how often it was asked for that, and after how many seconds."""

    async def listen(port: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
        await server.serve_forever()

    async def scenario() -> tuple[str, int, float]:
        container, begun = Container(), time.monotonic()
        tasks = [asyncio.create_task(listen(port, listens_after)) for port in ports.values() if listens_after]
        status = await anext(health.watch(CHECK, ports, cast("Any", container)))
        seconds = time.monotonic() - begun
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return status, container.asked, seconds

    return asyncio.run(scenario())


def test_a_container_is_asked_once_it_listens() -> None:
    status, asked, seconds = first_answer({8000: free_port()}, listens_after=0.5)
    assert (status, asked) == ("HEALTHY", 1)
    assert 0.5 <= seconds < 3


def test_one_without_ports_is_asked_at_once() -> None:
    status, asked, seconds = first_answer({})
    assert (status, asked) == ("HEALTHY", 1)
    assert seconds < 0.5


def test_one_that_listens_to_nobody_is_asked_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LISTENING_SECONDS_MAX", 0.3)
    status, asked, _seconds = first_answer({8000: free_port()})
    assert (status, asked) == ("HEALTHY", 1)
