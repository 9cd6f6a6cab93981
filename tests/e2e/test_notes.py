"""What a person wants kept is there in another conversation, for that person alone, until it is forgotten."""

from collections.abc import Generator

import httpx2
import pytest

from tests.e2e.conversations import asked, opened
from tests.e2e.running import Running, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WISH = "Please remember that my favourite colour is teal."
QUESTION = "What is my favourite colour?"


@pytest.fixture(scope="module")
def writer(platform: Running) -> Generator[httpx2.Client]:
    with platform.api(platform.token_of_new_user("writer")) as client:
        yield client


def notes(api: httpx2.Client) -> list[dict[str, str]]:
    answer = api.get("/memory")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_a_note_is_kept_recalled_and_forgotten(writer: httpx2.Client, platform: Running) -> None:
    kept = asked(writer, opened(writer), WISH)
    used = [(event["name"], event["status"]) for event in kept.of("tool")]
    assert used == [("remember", "started"), ("remember", "completed")]
    (note,) = notes(writer)
    assert "my favourite colour is teal" in note["text"]

    def recalled() -> bool:
        return "teal" in asked(writer, opened(writer), QUESTION).text

    eventually(recalled, "the note is recalled in another session")
    with platform.api(platform.token_of_new_user("passer-by")) as stranger:
        assert notes(stranger) == []
        assert "teal" not in asked(stranger, opened(stranger), QUESTION).text
        assert stranger.delete(f"/memory/{note['id']}").status_code == 404
        assert stranger.delete("/memory").status_code == 204
    assert notes(writer) == [note]
    assert writer.delete(f"/memory/{note['id']}").status_code == 204
    assert notes(writer) == []
    assert "teal" not in asked(writer, opened(writer), QUESTION).text
