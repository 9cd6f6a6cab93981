"""Jobs: started as a person would, while the platform runs."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.e2e.running import Running, eventually, request_upload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def listed(api: httpx2.Client) -> dict[str, str]:
    return {item["id"]: item["filename"] for item in api.get("/audio").raise_for_status().json()["items"]}


class Rebuilding:
    """Two rebuilds, one after the other, and somebody whose list nothing else changes meanwhile."""

    def __init__(self, platform: Running, api: httpx2.Client, sample: Path) -> None:
        self.platform, self.api = platform, api
        wanted = {request_upload(api, sample, "audio/wav")["id"] for _ in range(3)}
        eventually(lambda: listed(api).keys() == wanted, "the new recordings are listed")
        self.before = listed(api)
        self._pool = ThreadPoolExecutor(1)
        self.rebuilt = [self._pool.submit(self._rebuild) for _ in range(2)]

    def _rebuild(self) -> tuple[str, dict[str, str]]:
        """Rebuild; returns what is said of it, and the list right afterwards."""
        finished = self.platform.nova("rebuild", timeout_s=240)
        said = finished.stdout + finished.stderr
        assert finished.returncode == 0, said
        return said, listed(self.api)

    def end(self) -> None:
        """Begin no further one, and wait for the one at hand."""
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def rebuilding(platform: Running, sample: Path) -> Generator[Rebuilding]:
    """Rebuilds that have begun: each waits for a while on purpose, and other tests go on meanwhile."""
    with platform.api(platform.token_of_new_user("rebuilt")) as api:
        begun = Rebuilding(platform, api, sample)
        try:
            yield begun
        finally:
            begun.end()


@pytest.mark.begins
def test_lists_are_served_while_they_are_made_again(rebuilding: Rebuilding) -> None:
    assert listed(rebuilding.api) == rebuilding.before
    assert not rebuilding.rebuilt[-1].done()


def test_a_rebuild_changes_no_list(rebuilding: Rebuilding, sample: Path) -> None:
    for generation, rebuilt in enumerate(rebuilding.rebuilt, start=1):
        said, after = rebuilt.result()
        assert f"generation {generation}" in said
        assert after == rebuilding.before
    later = request_upload(rebuilding.api, sample, "audio/wav")["id"]
    eventually(lambda: later in listed(rebuilding.api), "lists follow events after a switch")


def test_events_that_never_reached_the_bus_are_published_again(
    platform: Running, api: httpx2.Client, sample: Path
) -> None:
    since = datetime.now(UTC)
    recording_id = request_upload(api, sample, "audio/wav")["id"]
    eventually(lambda: recording_id in listed(api), "the recording is listed")
    until = datetime.now(UTC) + timedelta(seconds=1)
    dynamodb, table = platform.aws("dynamodb"), platform.outputs()["read_model_table"]
    # As if its event had never come: the row is not there.
    rows = [
        {"pk": item["pk"], "sk": item["sk"]}
        for page in dynamodb.get_paginator("scan").paginate(TableName=table)
        for item in page["Items"]
        if item["pk"]["S"].endswith(f"Recording#{recording_id}")
    ]
    for row in rows:
        dynamodb.delete_item(TableName=table, Key=row)
    assert recording_id not in listed(api)
    for _ in range(2):
        arguments = ("--from", since.isoformat(), "--to", until.isoformat())
        finished = platform.nova("republish", *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        eventually(lambda: list(listed(api)).count(recording_id) == 1, "the recording is listed again")
