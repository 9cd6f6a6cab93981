"""Live voice where what it needs does not answer, and where its client does not."""

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from botocore.exceptions import ClientError
from nova_audio.live import app, bridge
from nova_audio.live.app import PlaceLease
from nova_audio.live.bridge import Bridge
from nova_audio.live.dialogue import Dialogue
from nova_audio.live.places import LEASE_SECONDS, RENEWAL_SECONDS, Place, Places
from nova_audio.live.record import Record
from nova_audio.live.sound import Outbox
from nova_audio.live.tickets import Tickets
from nova_common.contracts.live import LIVE_CONVERSATION, LiveConversationEnded
from nova_common.data_keys import UserErasedError
from nova_common.event_store import DynamoEventStore
from starlette.websockets import WebSocket

from tests.services.audio.live.conftest import QUICK, Connect
from tests.services.audio.live.talker import Stage
from tests.services.audio.live.test_live import SOUND, refused
from tests.services.support.tokens import ALICE

AWAY = ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "a name of a table"}}, "Operation")


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("of", "call"), [(Tickets, "redeem"), (Places, "take"), (DynamoEventStore, "append")], ids=str
)
def test_a_store_that_does_not_answer_is_a_problem_before_the_handshake(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, of: type, call: str
) -> None:
    monkeypatch.setattr(of, call, failing(AWAY))
    problem = refused(connect, 503, "live-unavailable")
    assert "table" not in problem["detail"]


def test_somebody_who_was_erased_meanwhile_is_told_so(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DynamoEventStore, "append", failing(UserErasedError()))
    refused(connect, 401, "account-erased")


class Connection:
    """A connection whose client sends and takes nothing, or that is gone before it was accepted."""

    def __init__(self, *, is_gone: bool) -> None:
        self._is_gone = is_gone
        self._came = False

    async def receive(self) -> dict[str, object]:
        if not self._came:
            self._came = True
            return {"type": "websocket.connect"}
        await asyncio.sleep(0.01)
        return {"type": "websocket.receive", "bytes": SOUND}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if self._is_gone:
            raise OSError
        if message["type"] != "websocket.accept":
            await asyncio.Event().wait()


@pytest.mark.anyio
@pytest.mark.parametrize(("is_gone", "reason"), [(True, "left"), (False, "refused")])
async def test_a_client_that_takes_nothing_does_not_hold_a_conversation(
    store: DynamoEventStore, monkeypatch: pytest.MonkeyPatch, reason: str, *, is_gone: bool
) -> None:
    monkeypatch.setattr(bridge, "FAREWELL_SECONDS_MAX", 0.01)
    limits = replace(QUICK, send_seconds_max=0.05)
    connection = Connection(is_gone=is_gone)
    record = Record(store, "c-1", ALICE, "correlation")
    await record.begin("model", "voice")
    outbox = Outbox(limits.lead_seconds, limits.queued_seconds_max)
    async with asyncio.timeout(5):
        await Bridge(
            WebSocket({"type": "websocket"}, connection.receive, connection.send),
            "c-1",
            record,
            Dialogue(Stage().model, [], outbox, record, limits),
            outbox,
            Mock(renew=AsyncMock(return_value=True)),
            limits,
            60,
            lambda: False,
        ).run()
    last = list(store.load(LIVE_CONVERSATION.key("c-1")))[-1].data
    assert isinstance(last, LiveConversationEnded)
    assert last.reason == reason


@pytest.mark.anyio
async def test_a_place_is_held_until_its_lease_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    places, now = Mock(renew=Mock(side_effect=[True, AWAY, AWAY, AWAY, False])), Mock(return_value=0.0)
    monkeypatch.setattr(app.time, "monotonic", now)
    lease = PlaceLease(places, Place(ALICE, 0, "c-1"))
    held: list[bool] = []
    for attempt in range(1, 6):
        now.return_value = attempt * RENEWAL_SECONDS
        held += [await lease.renew(), await lease.renew()]
    # Renewed at 20 s; at 80 s that is as long ago as a lease lasts. Between attempts nothing is asked.
    assert held == [True, True, True, True, True, True, False, True, False, True]
    assert RENEWAL_SECONDS * 3 == LEASE_SECONDS
    assert places.renew.call_count == 5
