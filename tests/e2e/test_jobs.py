"""Jobs: started as a person would, while the platform runs."""

from datetime import UTC, datetime, timedelta
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
