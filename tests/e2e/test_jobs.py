"""Jobs: started as a person would, while the platform runs."""

from pathlib import Path

import httpx2
import pytest

from tests.e2e.running import Running, eventually, request_upload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def listed(api: httpx2.Client) -> dict[str, str]:
    return {item["id"]: item["filename"] for item in api.get("/audio").raise_for_status().json()["items"]}


def test_a_rebuild_changes_no_list(platform: Running, api: httpx2.Client, sample: Path) -> None:
    wanted = {request_upload(api, sample, "audio/wav")["id"] for _ in range(3)}
    eventually(lambda: wanted <= listed(api).keys(), "the new recordings are listed")
    before = listed(api)
    for generation in (1, 2):
        finished = platform.nova("rebuild", timeout_s=240)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert f"generation {generation}" in finished.stdout + finished.stderr
        assert listed(api) == before
    later = request_upload(api, sample, "audio/wav")["id"]
    eventually(lambda: later in listed(api), "lists follow events after a switch")
