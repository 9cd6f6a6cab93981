"""Starting, stopping, killing, and two platforms side by side."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.neighbour import Neighbour
from tests.e2e.running import Running, eventually, processes_of, request_upload, send, settled
from tests.e2e.test_access import listed

WARM_SECONDS_MAX = 30
"""What a second start may take: 19 s on two cores that do nothing else, and here others work, too."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def test_status_has_the_agreed_shape(platform: Running) -> None:
    finished = platform.nova("status", "--json")
    assert finished.returncode == 0
    status = json.loads(finished.stdout)
    assert set(status) == {"healthy", "urls", "services", "refused", "user"}
    assert status["healthy"] is True
    assert status["urls"]["api"].endswith("/api")
    assert status["urls"]["site"] == platform.outputs()["site_url"]
    assert set(status["services"]) == {
        "agent-core", "audio", "audio-live", "audio-worker", "frontend", "projector", "projector-worker",
        "search", "search-indexer", "video", "video-worker", "x402-seller",
    }  # fmt: skip
    assert all(set(service) == {"healthy", "url"} for service in status["services"].values())
    assert status["user"] == json.loads((platform.home / "user.json").read_text())


def test_secrets_are_readable_for_their_owner_alone(platform: Running) -> None:
    for name in ("daemon.json", "stack.json", "user.json"):
        assert (platform.home / name).stat().st_mode & 0o077 == 0, name


def test_an_image_holds_only_what_its_package_declares(platform: Running) -> None:
    images = {
        json.loads(path.read_text())["package"]: path.parent
        for path in (platform.home / "images").glob("*/image.json")
    }
    assert set(images) >= {"nova-audio", "nova-projector"}
    python = images["nova-audio"] / "venv" / "bin" / "python"
    for module, expected in (
        ("nova_audio.app", 0),
        ("nova_projector", 1),
        ("pulumi", 1),
        ("pocketsphinx", 1),
    ):
        code = subprocess.run(
            [str(python), "-P", "-c", f"import {module}"], cwd="/", env={}, capture_output=True, check=False
        ).returncode
        assert code == expected, module


def test_up_again_changes_nothing_and_is_quick(platform: Running) -> None:
    before, started = platform.daemon_pid(), time.monotonic()
    finished = platform.up()
    assert time.monotonic() - started < WARM_SECONDS_MAX
    assert " create" not in finished.stderr
    assert " update" not in finished.stderr
    assert platform.daemon_pid() == before


def test_data_survives_down_and_up(platform: Running, sample: Path) -> None:
    with platform.api() as api:
        recording_id = send(api, sample, "audio/wav")
        assert settled(api, recording_id)["status"] == "completed"
        where = f"/audio/{recording_id}/transcript"
        eventually(lambda: "sentiment" in api.get(where).json(), "the transcript is judged")
        transcript = api.get(where).json()
    url = platform.outputs()["api_url"]
    running = " ".join(processes_of(platform.home))
    assert all(
        module in running for module in ("local_cloud.daemon", "nova_audio.worker", "nova_projector.app")
    )
    platform.down()
    assert processes_of(platform.home) == []
    assert platform.nova("status", "--json").returncode == 1
    assert platform.nova("demo", str(sample)).returncode == 1
    started = time.monotonic()
    platform.up()
    assert time.monotonic() - started < WARM_SECONDS_MAX
    assert platform.outputs()["api_url"] == url
    with platform.api() as api:
        assert api.get(f"/audio/{recording_id}/transcript").json() == transcript
        assert recording_id in listed(api)


def test_data_survives_a_kill_up_to_the_last_second(platform: Running, sample: Path) -> None:
    with platform.api() as api:
        recording_id = request_upload(api, sample, "audio/wav")["id"]
    time.sleep(1.5)  # the promise is: up to the last second
    os.kill(platform.daemon_pid(), signal.SIGKILL)
    platform.down()
    assert processes_of(platform.home) == []
    platform.up()
    with platform.api() as api:
        assert api.get(f"/audio/{recording_id}").json()["status"] == "awaiting_upload"


@pytest.fixture(scope="module")
def neighbour(second: Neighbour) -> Generator[Running]:
    """The second platform, which nobody needs after these tests."""
    yield second.running()
    second.leave()


@pytest.mark.begins
def test_a_platform_answers_while_another_one_starts(
    platform: Running, api: httpx2.Client, second: Neighbour
) -> None:
    assert platform.status()["healthy"] is True
    assert api.get("/audio").status_code == 200
    assert second.is_starting


def test_two_platforms_run_side_by_side(platform: Running, neighbour: Running, sample: Path) -> None:
    assert neighbour.outputs()["api_url"] != platform.outputs()["api_url"]
    with neighbour.api() as api:
        assert listed(api) == []
        recording_id = send(api, sample, "audio/wav")
        assert settled(api, recording_id)["status"] == "completed"
    with platform.api() as api:
        assert recording_id not in listed(api)
        # A token of one platform opens nothing on the other.
        assert platform.api(neighbour.nova("token").stdout.strip()).get("/audio").status_code == 401


def deployed(platform: Running) -> dict[str, tuple[str, str, list[str]]]:
    """Task definition, deployment and running tasks of each ECS service."""
    ecs = platform.aws("ecs")
    (cluster,) = ecs.list_clusters()["clusterArns"]
    found: dict[str, tuple[str, str, list[str]]] = {}
    for name in platform.outputs()["services"]:
        (service,) = ecs.describe_services(cluster=cluster, services=[name])["services"]
        tasks = ecs.list_tasks(cluster=cluster, serviceName=name, desiredStatus="RUNNING")["taskArns"]
        found[name] = (service["taskDefinition"], service["deployments"][0]["id"], sorted(tasks))
    return found


def image_of(platform: Running, definition: str) -> Path:
    """The image that a task definition's container starts from."""
    answer = platform.aws("ecs").describe_task_definition(taskDefinition=definition)
    image = answer["taskDefinition"]["containerDefinitions"][0]["image"]
    return platform.home / "images" / image.rpartition("sha256:")[2]


def test_an_edit_rolls_only_the_services_of_its_source(neighbour: Running) -> None:
    before = deployed(neighbour)
    edited = Path("nova_audio", "media.py")
    with (neighbour.checkout / "services" / "audio" / "src" / edited).open("a") as source:
        source.write("\nEDITED = True\n")
    neighbour.up()
    after = deployed(neighbour)
    for name in ("audio", "audio-worker", "projector", "projector-worker"):
        rolled = [old != new for old, new in zip(before[name], after[name], strict=True)]
        assert rolled == [name.startswith("audio")] * 3, name
    (installed,) = image_of(neighbour, after["audio"][0]).glob(f"venv/lib/*/site-packages/{edited}")
    assert installed.read_text().endswith("EDITED = True\n")
    assert neighbour.status()["healthy"] is True


def test_a_taken_port_is_named_before_anything_changes(tmp_path: Path) -> None:
    fresh = Running(tmp_path / "fresh")
    tmp_path.joinpath("fresh").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = fresh.nova("up", NOVA_PORT=str(port))
    assert finished.returncode == 1
    assert f"port {port} (NOVA_PORT) is taken" in finished.stderr
    assert list(fresh.home.iterdir()) == []
