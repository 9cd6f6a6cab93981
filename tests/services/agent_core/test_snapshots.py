"""Sessions that begin from one prepared process, as those of a platform that restores a snapshot."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from local_cloud.runtime.agents.prepared import Prepared
from local_cloud.runtime.orphans import Orphans

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = "tests.services.agent_core.snapshot_program"


async def forked(directory: Path, environment: dict[str, str], count: int) -> list[dict[str, Any]]:
    """What each of so many sessions tells."""
    lines: list[bytes] = []
    whole = environment | {"PYTHONPATH": str(CHECKOUT), "HOME": str(directory), "PATH": "/usr/bin:/bin"}
    expired = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "expired")
    prepared = await Prepared.start(
        Path(sys.executable).parent, PROGRAM, whole | expired, directory,
        Orphans(directory / "processes.json"), lines.append,
    )  # fmt: skip
    try:
        at_once = asyncio.Semaphore(2)

        async def live(number: int) -> None:
            place = directory / str(number)
            place.mkdir()
            own = whole | {"AWS_ACCESS_KEY_ID": f"key-{number}", "AWS_SECRET_ACCESS_KEY": "fresh"}
            own.pop("AWS_SESSION_TOKEN", None)
            async with at_once:
                session = await prepared.fork(str(number), own, place, lines.append)
                await asyncio.wait_for(asyncio.shield(session.ended), 60)
                await session.end(0)

        await asyncio.gather(*map(live, range(count)))
    finally:
        await prepared.close()
    told = [json.loads(line) for line in lines if line.startswith(b"{") and b'"drawn"' in line]
    assert len(told) == count, b"\n".join(lines).decode()[-3000:]
    return told


@pytest.mark.timeout(400)
@pytest.mark.parametrize("count", [8, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_sessions_share_neither_ids_nor_credentials(
    tmp_path: Path, variables: dict[str, str], count: int
) -> None:
    """Neither request, trace, span nor event; nor what libraries draw from `random`, as pauses are."""
    told = asyncio.run(forked(tmp_path, variables, count))
    assert {tuple(one["statuses"]) for one in told} == {(200, 401)}
    ids = [identity for one in told for identity in one["ids"]]
    assert len(told[0]["ids"]) >= 7
    assert len(ids) == len(set(ids))
    for numbers in zip(*(one["drawn"] for one in told), strict=True):
        assert len(set(numbers)) == count
    assert {one["key"] for one in told} == {f"key-{number}" for number in range(count)}
