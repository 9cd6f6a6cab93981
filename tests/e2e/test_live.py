"""Live voice through the distribution: speech in, speech out, tools between them; and who comes in."""

import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from nova_common.contracts.live import (
    OUTPUT_RATE,
    SAMPLE_BYTES,
    Interrupted,
    LiveConversationView,
    Ready,
    Said,
    Spoken,
    ToolUsed,
)

from tests.e2e.running import Running
from tests.e2e.talking import RefusedError, Talk, spoken

pytestmark = [
    pytest.mark.timeout(420),
    pytest.mark.skipif(shutil.which("flite") is None, reason="needs flite to speak"),
]

FACT = (
    "The last train to the harbour leaves at ten in the evening from platform four, and the night bus takes "
    "everybody who comes later, once an hour, until the morning."
)

type Opening = Callable[..., Talk]


@pytest.fixture
def site(platform: Running) -> str:
    url: str = platform.outputs()["site_url"]
    return url


@pytest.fixture
def bob(platform: Running) -> Generator[httpx2.Client]:
    with platform.api(platform.token_of_new_user(f"bob-{time.time_ns()}")) as client:
        yield client


def ticket(api: httpx2.Client) -> str:
    """The address that a new ticket opens."""
    answer = api.post("/audio/live")
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url


def refusal(site: str, url: str, origin: str | None = None) -> int:
    with pytest.raises(RefusedError) as caught:
        Talk(site, url, origin)
    return caught.value.status


def eventually[T](get: Callable[[], T], is_there: Callable[[T], object], seconds: float = 20) -> T:
    deadline = time.monotonic() + seconds
    while not is_there(found := get()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_people_talk_with_the_agent_interrupt_it_and_find_what_was_said(
    platform: Running, api: httpx2.Client, bob: httpx2.Client, site: str, tmp_path: Path
) -> None:
    document = api.post("/documents", json={"title": "trains", "text": FACT})
    assert document.status_code == 201
    eventually(lambda: api.post("/search", json={"text": "last train"}).json()["hits"], len)
    with Talk(site, ticket(api)) as talk:
        conversation = talk.until(Ready).conversation
        talk.say(spoken(tmp_path, "When does the last train leave?"))
        # Sound comes, and is far from over: who speaks now interrupts it.
        talk.until(int)
        used = talk.of(ToolUsed)
        assert [use.status for use in used] == ["started", "completed"]
        assert used[0].name == "search_recordings"
        began = time.monotonic()
        talk.say(spoken(tmp_path, "Stop please, thank you very much."))
        talk.until(Interrupted)
        # What was sent is no more than can have been heard, and what may lie ahead of that.
        seconds = len(talk.sound) / (OUTPUT_RATE * SAMPLE_BYTES)
        assert seconds < time.monotonic() - began + 3.5
        assert not talk.of(Spoken)
        talk.until(Spoken)
        while len([turn for turn in talk.of(Said) if turn.role == "user"]) < 2:
            talk.until(Said)
        talk.end()
        closing, code = talk.closed()
        assert (closing.reason, code) == ("ended", 1000)
    url = f"/speaking-sessions/{conversation}"
    kept = eventually(
        lambda: LiveConversationView.model_validate(api.get(url).json()), lambda view: view.status == "ended"
    )
    question, answer, *_ = kept.transcript
    assert "train" in question.text
    assert "ten in the evening" in answer.text
    assert answer.tools == ["search_recordings"]
    listed = eventually(
        lambda: api.get("/speaking-sessions").json()["items"],
        lambda items: any(item["id"] == conversation and item["status"] == "ended" for item in items),
    )
    assert next(item for item in listed if item["id"] == conversation)["turns"] == len(kept.transcript)
    assert "train" not in stored(platform, conversation)
    # To somebody else it does not exist.
    assert bob.get(url).status_code == bob.delete(url).status_code == 404
    assert bob.get("/speaking-sessions").json()["items"] == []
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    eventually(
        lambda: api.get("/speaking-sessions").json()["items"],
        lambda items: all(item["id"] != conversation for item in items),
    )


def stored(platform: Running, conversation: str) -> str:
    """The conversation's events as the table has them."""
    events = platform.aws("dynamodb").query(
        TableName=platform.outputs()["event_store_table"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"LiveConversation#{conversation}"}},
    )["Items"]
    assert len(events) >= 4
    return repr(events)


def test_a_ticket_opens_one_conversation_of_its_owner_within_a_minute(
    platform: Running, api: httpx2.Client, bob: httpx2.Client, site: str
) -> None:
    assert httpx2.post(f"{site}/api/audio/live", trust_env=False).status_code == 401
    assert refusal(site, "/live") == 403
    assert refusal(site, f"/live?ticket={'A' * 43}") == 403
    good = ticket(api)
    assert refusal(site, good, origin="https://evil.example") == 403
    with Talk(site, good) as talk:
        talk.until(Ready)
        assert refusal(site, good) == 403
        with Talk(site, ticket(api)) as other:
            other.until(Ready)
            # Two are what a person may have open; others have their own.
            assert refusal(site, ticket(api)) == 429
            with Talk(site, ticket(bob)) as bobs:
                bobs.until(Ready)
    for change in ({"expires_at": {"N": "1"}}, {"user": {"S": "somebody else"}}):
        url = ticket(bob)
        rewrite(platform, change)
        assert refusal(site, url) == 403


def rewrite(platform: Running, change: dict[str, Any]) -> None:
    """Change all tickets that nobody has used yet, as who has the table could."""
    table, dynamodb = lease_table(platform), platform.aws("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        if item["pk"]["S"].startswith("ticket#"):
            dynamodb.put_item(TableName=table, Item=item | change)


def lease_table(platform: Running) -> str:
    names: list[str] = platform.aws("dynamodb").list_tables()["TableNames"]
    return next(name for name in names if name.startswith("nova-leases-table"))
