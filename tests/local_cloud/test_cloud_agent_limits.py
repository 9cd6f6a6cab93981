"""How long sessions live and how many there are, with times that the API does not take."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import httpx2
import psutil
import pytest

from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime.agents import sessions
from local_cloud.runtime.agents.sessions import AgentSessions, Place, Session
from local_cloud.runtime.images import Image
from local_cloud.runtime.logs import Logs
from local_cloud.runtime.orphans import Orphans
from tests.local_cloud.agents import PROBE, session_id

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/probe-0123456789"


THREADED = """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True, name="early").start()
if __name__ == "__main__":
    pass
"""


class Tools:
    """What sessions need of the runtime, without an AWS endpoint."""

    def __init__(self, home: Path, programs: Path, module: str) -> None:
        (home / "logs").mkdir(exist_ok=True)
        self.home, self.endpoint, self.roots, self.models = home, "http://127.0.0.1:1", home, ""
        self.images = self.credentials = self
        self.orphans, self.logs = Orphans(home / "processes.json"), Logs(home / "logs")
        self._image = Image(programs, [], ["python", "-m", module], {})

    async def resolve(self, _reference: str) -> Image:
        return self._image

    def admit(self, *_: str) -> str:
        return "token"

    def dismiss(self, _task: str) -> None:
        return None

    def address(self, _host: str, _port: int) -> str | None:
        return None


class MiniStack:
    """No runtime is known any more."""

    def agent_runtimes(self) -> list[dict[str, Any]]:
        return []


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (packages,) = (place / "lib").glob("python*/site-packages")
    (packages / PROBE.name).write_bytes(PROBE.read_bytes())
    (packages / "threaded.py").write_text(THREADED)
    (packages / "broken.py").write_text("import nothing_of_this_name\n")
    return place / "bin"


def place(idle: float = 60, lifetime: float = 600, session: str = "") -> Place:
    runtime = {
        "agentRuntimeArn": ARN, "agentRuntimeId": "probe-0123456789", "agentRuntimeName": "probe",
        "agentRuntimeVersion": "1", "roleArn": "arn:aws:iam::123456789012:role/probe",
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": "probe"}},
        "environmentVariables": {"HOST": "0.0.0.0", "PORT": "8080"},  # noqa: S104 (the image's side)
        "lifecycleConfiguration": {"idleRuntimeSessionTimeout": idle, "maxLifetime": lifetime},
    }  # fmt: skip
    return Place(runtime, "DEFAULT", session or session_id())


def run[Result](
    home: Path,
    programs: Path,
    scenario: Callable[[AgentSessions], Awaitable[Result]],
    module: str = PROBE.stem,
) -> Result:
    async def whole() -> Result:
        known = AgentSessions(cast("Any", Tools(home, programs, module)), cast("Any", MiniStack()))
        try:
            return await scenario(known)
        finally:
            await known.stop()
            assert not (home / "run" / "agents").exists()

    return asyncio.run(whole())


async def life(session: Session) -> float:
    begun = time.monotonic()
    await asyncio.wait_for(asyncio.shield(session.process.ended), 20)
    return time.monotonic() - begun


async def told(session: Session, **ping: object) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        await client.post(f"{session.url}/invocations", json={"ping": ping})


def test_silence_ends_a_session(tmp_path: Path, programs: Path) -> None:
    async def scenario(known: AgentSessions) -> tuple[float, bool]:
        session = await known.session(place(idle=0.5))
        seconds = await life(session)
        await asyncio.sleep(0.1)
        return seconds, session.directory.exists()

    seconds, left = run(tmp_path, programs, scenario)
    assert 0.3 < seconds < 5
    assert not left


def test_an_answer_under_way_is_no_silence(tmp_path: Path, programs: Path) -> None:
    async def scenario(known: AgentSessions) -> float:
        session = await known.session(place(idle=0.3))
        with session.in_use():
            await asyncio.sleep(1.5)
            assert session.alive
        return await life(session)

    assert run(tmp_path, programs, scenario) < 5


def test_who_says_it_is_busy_is_not_ended_for_silence(tmp_path: Path, programs: Path) -> None:
    """Its silence begins when it says that it is done (`time_of_last_update`)."""

    async def scenario(known: AgentSessions) -> tuple[float, float]:
        session = await known.session(place(idle=0.5))
        await told(session, status="HealthyBusy")
        await asyncio.sleep(2)
        assert session.alive
        await told(session, status="Healthy", time_of_last_update=time.time() + 0.0)
        return await life(session), time.monotonic()

    assert 0.2 < run(tmp_path, programs, scenario)[0] < 5


def test_age_ends_a_session_busy_or_not(tmp_path: Path, programs: Path) -> None:
    async def scenario(known: AgentSessions) -> float:
        session = await known.session(place(lifetime=1))
        with session.in_use():
            return await life(session)

    assert run(tmp_path, programs, scenario) < 6


def test_two_calls_start_one_session(tmp_path: Path, programs: Path) -> None:
    async def scenario(known: AgentSessions) -> set[int]:
        same = session_id()
        found = await asyncio.gather(*(known.session(place(session=same)) for _ in range(5)))
        return {session.process.id for session in found}

    assert len(run(tmp_path, programs, scenario)) == 1


def test_sessions_and_their_starts_are_bounded(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusal(known: AgentSessions, running: int) -> tuple[str, int]:
        starting = [asyncio.create_task(known.session(place())) for _ in range(running)]
        await asyncio.sleep(0)
        with pytest.raises(AwsError) as error:
            await known.session(place())
        await asyncio.gather(*starting)
        return error.value.code, error.value.status

    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    assert run(tmp_path, programs, lambda known: refusal(known, 2)) == ("ServiceQuotaExceededException", 402)
    monkeypatch.setattr(sessions, "STARTING_MAX", 1)
    assert run(tmp_path, programs, lambda known: refusal(known, 1)) == ("ThrottlingException", 429)


def test_a_prepared_process_that_died_is_made_anew(tmp_path: Path, programs: Path) -> None:
    """Its sessions ended with it: nobody would hear of their ends."""

    async def scenario(known: AgentSessions) -> tuple[int, int]:
        first = await known.session(place())
        os.kill(psutil.Process(first.process.id).ppid(), signal.SIGKILL)
        await asyncio.wait_for(asyncio.shield(first.process.ended), 10)
        second = await known.session(place())
        return psutil.Process(second.process.id).ppid(), second.process.id

    launcher, session = run(tmp_path, programs, scenario)
    assert not psutil.pid_exists(launcher)
    assert not psutil.pid_exists(session)


@pytest.mark.parametrize(
    ("module", "words"), [("threaded", "starts threads at import: early"), ("broken", "nothing_of_this_name")]
)
def test_an_image_that_cannot_be_prepared_says_why(
    tmp_path: Path, programs: Path, module: str, words: str
) -> None:
    async def scenario(known: AgentSessions) -> str:
        with pytest.raises(AwsError) as error:
            await known.session(place())
        assert (error.value.code, error.value.status) == ("RuntimeClientError", 424)
        return error.value.message

    assert words in run(tmp_path, programs, scenario, module)


def test_sessions_of_a_runtime_that_is_gone_are_ended(tmp_path: Path, programs: Path) -> None:
    async def scenario(known: AgentSessions) -> bool:
        session = await known.session(place())
        await known.follow()
        return session.process.ended.done()

    assert run(tmp_path, programs, scenario)
