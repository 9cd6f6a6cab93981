"""Live voice as a client sees it: who comes in, what is said, what goes wrong, what is kept."""

# ruff: noqa: ANN401 - what a socket receives

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aws_sdk_bedrock_runtime.models import AccessDeniedException, ThrottlingException
from awscrt.exceptions import AwsCrtError
from fastapi.testclient import TestClient
from nova_audio.live import domain
from nova_audio.live.app import check_origin, seconds_left
from nova_audio.live.limits import CONVERSATIONS_MAX, LiveLimits
from nova_audio.live.places import PLACES_PER_USER, Places
from nova_audio.live.sonic import ConnectionLostError
from nova_audio.live.tickets import Holder, Tickets
from nova_common.contracts.live import (
    FRAME_BYTES_MAX,
    INPUT_RATE,
    LIVE_CONVERSATION,
    Closing,
    Interrupted,
    LiveConversationDeleted,
    LiveConversationEnded,
    LiveConversationView,
    Ready,
    Renewed,
    Retrying,
    Said,
    ServerMessage,
    Spoken,
    ToolUsed,
)
from nova_common.event_store import DynamoEventStore
from nova_common.problems import Problem
from pydantic import TypeAdapter
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from strands.bidi.models.model import ConnectionTimeoutError

from tests.services.audio.live.conftest import QUICK, Connect
from tests.services.audio.live.talker import (
    Stage,
    answered,
    asked,
    begun,
    cut,
    playing,
    sound,
    used,
)
from tests.services.support import tokens
from tests.services.support.stub_services import RECORDING_ID, StubServices
from tests.services.support.tables import LIVE_TABLE
from tests.services.support.tokens import ALICE, BOB, bearer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
SOUND = bytes(640)
"""What a client sends in 20 ms."""
QUESTION = "When does the harbour open?"
ANSWER = "It opens at nine."


class Sound(int):
    """How many bytes of sound a frame had."""


class Talk:
    """One open conversation, and what was received."""

    def __init__(self, session: WebSocketTestSession) -> None:
        self.session = session
        self.got: list[ServerMessage | Sound] = []

    def until(self, *kinds: type) -> ServerMessage | Sound:
        """Receive up to a message of one of the kinds, and return it."""
        while True:
            message = self.session.receive()
            if message["type"] == "websocket.close":
                raise AssertionError(f"closed with {message['code']} after {self.got}")
            frame = message.get("bytes")
            self.got.append(MESSAGE.validate_json(message["text"]) if frame is None else Sound(len(frame)))
            if isinstance(self.got[-1], kinds):
                return self.got[-1]

    def say(self, frame: bytes = SOUND) -> None:
        self.session.send_bytes(frame)

    def closing(self) -> tuple[Closing, int]:
        """Receive to the end: the last message, and the code of the close frame."""
        last = self.until(Closing)
        assert isinstance(last, Closing)
        return last, self.session.receive()["code"]

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.got if isinstance(message, kind)]


@pytest.fixture
def talk(connect: Connect) -> Callable[..., Talk]:
    def make(*arguments: Any, **options: Any) -> Talk:
        opened = Talk(connect(*arguments, **options))
        opened.until(Ready)
        return opened

    return make


def view(store: DynamoEventStore, conversation_id: str) -> LiveConversationView:
    folded = domain.fold(store.load(LIVE_CONVERSATION.key(conversation_id)))
    assert folded is not None
    return folded.view()


def ended(store: DynamoEventStore, conversation_id: str, seconds: float = 5) -> LiveConversationView:
    """Wait for the end, which is kept after the last message."""
    deadline = time.monotonic() + seconds
    while (found := view(store, conversation_id)).status != "ended":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def conversation(talk: Talk) -> str:
    ready = talk.got[0]
    assert isinstance(ready, Ready)
    return ready.conversation


def refused(connect: Connect, status: int, kind: str, **options: Any) -> dict[str, Any]:
    with pytest.raises(WebSocketDenialResponse) as caught:
        connect(**options)
    assert caught.value.status_code == status
    assert caught.value.headers["content-type"] == "application/problem+json"
    problem = caught.value.json()
    assert problem["type"] == f"urn:nova:problem:{kind}"
    return problem


def test_a_question_gets_a_spoken_answer_and_both_are_kept(
    talk: Callable[..., Talk], stage: Stage, store: DynamoEventStore
) -> None:
    stage.plays.append(playing(asked(QUESTION), answered(ANSWER)))
    talking = talk()
    assert talking.got == [
        Ready(conversation=conversation(talking), input_rate=16000, output_rate=24000, seconds_max=1800)
    ]
    talking.say()
    talking.until(Spoken)
    talking.until(Said)
    assert talking.of(Said) == [Said(role="user", text=QUESTION), Said(role="assistant", text=ANSWER)]
    assert talking.of(Sound) == [4800]
    talking.session.send_json({"type": "end"})
    closing, code = talking.closing()
    assert (closing.reason, closing.reconnect, code) == ("ended", False, 1000)
    kept = ended(store, conversation(talking))
    assert [(turn.role, turn.text, turn.interrupted) for turn in kept.transcript] == [
        ("user", QUESTION, False),
        ("assistant", ANSWER, False),
    ]
    assert (kept.turns, kept.reason) == (2, "ended")
    last = list(store.load(LIVE_CONVERSATION.key(kept.id)))[-1]
    assert isinstance(last.data, LiveConversationEnded)
    assert (last.user, last.data.input_tokens, last.data.output_tokens) == (ALICE, 3, 2)
    assert (last.data.retries, last.data.renewals) == (0, 0)


def test_what_is_said_stands_in_the_private_part_of_events_alone(
    talk: Callable[..., Talk], stage: Stage, store: DynamoEventStore, dynamodb: "DynamoDBClient"
) -> None:
    stage.plays.append(playing(asked(QUESTION), answered(ANSWER)))
    talking = talk()
    talking.say()
    talking.until(Spoken)
    talking.session.close()
    ended(store, conversation(talking))
    raw = repr(dynamodb.scan(TableName="nova-events")["Items"])
    assert "harbour" not in raw
    assert "nine" not in raw


def test_tools_are_called_as_the_person_who_talks(
    talk: Callable[..., Talk], stage: Stage, services: StubServices, store: DynamoEventStore
) -> None:
    stage.plays.append(playing(asked(QUESTION), used("search_recordings", query="harbour"), answered(ANSWER)))
    talking = talk(BOB)
    talking.say()
    talking.until(Spoken)
    while {use.status for use in talking.of(ToolUsed)} != {"started", "completed"}:
        talking.until(ToolUsed)
    assert {use.name for use in talking.of(ToolUsed)} == {"search_recordings"}
    (request,) = services.requests
    claims = tokens.verifier().verify(request.headers["authorization"].removeprefix("Bearer "))
    assert claims.user_id == BOB
    talking.session.close()
    kept = ended(store, conversation(talking))
    assert [turn.tools for turn in kept.transcript] == [[], ["search_recordings"]]
    assert {"search_recordings", "get_transcript", "list_recordings"} <= set(stage.tools)


def test_a_tool_that_fails_or_that_there_is_not_is_told_without_its_name(
    talk: Callable[..., Talk], stage: Stage
) -> None:
    stage.plays.append(playing(asked(QUESTION), used("made_up_by_a_model"), answered(ANSWER)))
    talking = talk()
    talking.say()
    while {use.status for use in talking.of(ToolUsed)} != {"started", "failed"}:
        talking.until(ToolUsed)
    assert {use.name for use in talking.of(ToolUsed)} == {""}


def test_who_speaks_up_is_heard_and_the_rest_of_the_answer_dropped(
    talk: Callable[..., Talk], stage: Stage, store: DynamoEventStore
) -> None:
    stage.plays.append(
        playing(asked(QUESTION), sound(30), cut("It opens at"), asked("Stop."), answered("Well."))
    )
    talking = talk()
    talking.say()
    talking.until(Interrupted)
    before = len(talking.of(Sound))
    assert before < 10
    talking.until(Spoken)
    talking.until(Spoken)
    # One piece of the next answer, and nothing of the one that was dropped.
    assert len(talking.of(Sound)) - before <= 1
    talking.session.close()
    kept = ended(store, conversation(talking))
    said = [(turn.role, turn.text, turn.interrupted) for turn in kept.transcript]
    assert said[:3] == [
        ("user", QUESTION, False),
        ("assistant", "It opens at", True),
        ("user", "Stop.", False),
    ]


class TestTheModelFails:
    @pytest.mark.parametrize(
        "error",
        [
            ThrottlingException("too many"),
            AwsCrtError(1, "AWS_ERROR_HTTP_CONNECTION_CLOSED", "closed"),
            ConnectionLostError("the model's stream ended"),
            TimeoutError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_at_the_start_and_then_not(
        self, talk: Callable[..., Talk], stage: Stage, error: Exception, store: DynamoEventStore
    ) -> None:
        stage.plays.extend([error, error, playing(asked(QUESTION), answered(ANSWER))])
        talking = talk()
        talking.say()
        talking.until(Spoken)
        assert [retry.attempt for retry in talking.of(Retrying)] == [1, 2]
        assert all(retry.wait_ms <= 20 for retry in talking.of(Retrying))
        assert len(talking.of(Ready)) == 1
        talking.session.close()
        kept = list(store.load(LIVE_CONVERSATION.key(ended(store, talking.of(Ready)[0].conversation).id)))
        last = kept[-1].data
        assert isinstance(last, LiveConversationEnded)
        assert last.retries == 2
        assert stage.stopped == 3

    def test_in_the_middle_of_an_answer_which_is_given_anew(
        self, talk: Callable[..., Talk], stage: Stage, store: DynamoEventStore
    ) -> None:
        lost = ConnectionLostError("the model's stream ended")
        stage.plays.append(
            playing(asked("First."), answered("One."), asked(QUESTION), sound(1), begun("It op"), error=lost)
        )
        stage.plays.append(playing(answered(ANSWER)))
        talking = talk()
        talking.say()
        talking.until(Interrupted)
        talking.until(Retrying)
        while Said(role="assistant", text=ANSWER) not in talking.got:
            talking.until(Said)
        # The new session knows what was said, and is asked what was not answered; half an answer is none.
        assert stage.histories == [[], [("user", "First."), ("assistant", "One.")]]
        assert Said(role="assistant", text="It op", interrupted=True) in talking.got
        talking.session.close()
        kept = ended(store, conversation(talking))
        assert [turn.text for turn in kept.transcript] == ["First.", "One.", QUESTION, "It op", ANSWER]

    def test_again_and_again_until_the_client_is_told_to_come_back(
        self, connect: Connect, stage: Stage, limits: LiveLimits
    ) -> None:
        stage.plays.extend([ThrottlingException("too many")] * 99)
        talking = Talk(connect())
        closing, code = talking.closing()
        assert (closing.reason, closing.reconnect, code) == ("failed", True, 1013)
        assert len(talking.of(Retrying)) == limits.attempts_max - 1
        assert len(stage.histories) == limits.attempts_max

    def test_for_good_and_is_not_asked_again(self, connect: Connect, stage: Stage) -> None:
        stage.plays.append(AccessDeniedException("no such right"))
        talking = Talk(connect())
        closing, code = talking.closing()
        assert (closing.reason, closing.reconnect, code) == ("failed", False, 1011)
        assert "right" not in closing.detail
        assert len(stage.histories) == 1

    def test_now_and_then_which_is_not_again_and_again(self, talk: Callable[..., Talk], stage: Stage) -> None:
        lost = ConnectionLostError("lost")
        stage.plays.extend([playing(asked("a"), answered("b"), error=lost)] * 7)
        talking = talk()
        for _ in range(7):
            talking.say()
            talking.until(Spoken)
            talking.until(Retrying)
        assert {retry.attempt for retry in talking.of(Retrying)} == {1}

    def test_its_session_ends_of_itself_and_is_renewed(self, talk: Callable[..., Talk], stage: Stage) -> None:
        stage.plays.append(playing(asked("a"), answered("b"), error=ConnectionTimeoutError("eight minutes")))
        stage.plays.append(playing(asked(QUESTION), answered(ANSWER)))
        talking = talk()
        talking.say()
        talking.until(Renewed)
        talking.say()
        while Said(role="assistant", text=ANSWER) not in talking.got:
            talking.until(Said)
        assert stage.histories[1] == [("user", "a"), ("assistant", "b")]
        assert not talking.of(Retrying)


class TestWhoComesIn:
    def test_no_ticket(self, connect: Connect) -> None:
        refused(connect, 403, "ticket-invalid", ticket="")

    def test_a_used_ticket(self, connect: Connect, tickets: Tickets) -> None:
        ticket, _ = tickets.issue(Holder(ALICE, bearer()["Authorization"]))
        connect(ticket=ticket)
        refused(connect, 403, "ticket-invalid", ticket=ticket)

    def test_a_ticket_with_somebody_elses_token(self, connect: Connect, tickets: Tickets) -> None:
        ticket, _ = tickets.issue(Holder(ALICE, bearer(BOB)["Authorization"]))
        refused(connect, 403, "ticket-invalid", ticket=ticket)

    def test_a_ticket_with_a_token_that_has_expired(self, connect: Connect, tickets: Tickets) -> None:
        ticket, _ = tickets.issue(Holder(ALICE, f"Bearer {tokens.forged_tokens()['expired']}"))
        with pytest.raises(WebSocketDenialResponse) as caught:
            connect(ticket=ticket)
        assert caught.value.status_code == 401

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://testserver.evil.example"])
    def test_another_sites_page_which_uses_no_ticket_up(
        self, connect: Connect, tickets: Tickets, origin: str
    ) -> None:
        ticket, _ = tickets.issue(Holder(ALICE, bearer()["Authorization"]))
        refused(connect, 403, "origin-refused", ticket=ticket, headers={"Origin": origin})
        assert tickets.redeem(ticket)

    def test_the_sites_own_page(self, connect: Connect) -> None:
        Talk(connect(headers={"Origin": "https://testserver"})).until(Ready)
        check_origin(None, "nova.example.com")
        with pytest.raises(Problem):
            check_origin("https://nova.example.com:444", "nova.example.com")

    def test_as_many_conversations_as_one_may_have_and_everybody_as_many(
        self, talk: Callable[..., Talk], connect: Connect
    ) -> None:
        open_ones = [talk() for _ in range(PLACES_PER_USER)]
        refused(connect, 429, "too-many-conversations")
        talk(BOB)
        open_ones[0].session.send_json({"type": "end"})
        open_ones[0].closing()
        deadline = time.monotonic() + 5
        while True:
            try:
                connect()
            except WebSocketDenialResponse:
                assert time.monotonic() < deadline
            else:
                return

    def test_nobody_more_than_the_task_takes_and_the_ticket_serves_elsewhere(
        self, connect: Connect, server: TestClient, tickets: Tickets
    ) -> None:
        server.app.state.conversations._count = CONVERSATIONS_MAX  # type: ignore[attr-defined]
        ticket, _ = tickets.issue(Holder(ALICE, bearer()["Authorization"]))
        refused(connect, 503, "live-busy", ticket=ticket)
        assert tickets.redeem(ticket)

    def test_nobody_while_the_task_ends(self, connect: Connect, server: TestClient) -> None:
        server.app.state.draining.start()  # type: ignore[attr-defined]
        refused(connect, 503, "live-busy")


class TestWhatEndsIt:
    @pytest.mark.parametrize(
        ("frame", "code"),
        [(bytes(FRAME_BYTES_MAX + 2), 1009), (bytes(3), 1003), (b"", 1003)],
        ids=["too large", "half a sample", "nothing"],
    )
    def test_frames_that_are_no_sound(self, talk: Callable[..., Talk], frame: bytes, code: int) -> None:
        talking = talk()
        talking.say(frame)
        closing, closed_with = talking.closing()
        assert (closing.reason, closed_with) == ("refused", code)

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"type": "end", "more": 1}', '{"type": "text"}'])
    def test_text_that_is_none_of_ours(self, talk: Callable[..., Talk], text: str) -> None:
        talking = talk()
        talking.session.send_text(text)
        assert talking.closing()[1] == 1003

    def test_sound_that_comes_too_fast(self, talk: Callable[..., Talk], limits: LiveLimits) -> None:
        talking = talk()
        frames = int(limits.burst_seconds * INPUT_RATE * 2 / FRAME_BYTES_MAX) + 8
        for _ in range(frames):
            talking.say(bytes(FRAME_BYTES_MAX))
        closing, code = talking.closing()
        assert (closing.reason, code) == ("refused", 1008)

    def test_the_task_which_lets_an_answer_be_spoken(
        self, talk: Callable[..., Talk], server: TestClient, stage: Stage, store: DynamoEventStore
    ) -> None:
        stage.plays.append(playing(asked(QUESTION), answered(ANSWER)))
        talking = talk()
        talking.say()
        talking.until(Sound)
        server.app.state.draining.start()  # type: ignore[attr-defined]
        closing, code = talking.closing()
        assert (closing.reason, closing.reconnect, code) == ("draining", True, 1012)
        assert talking.of(Spoken)
        assert ended(store, conversation(talking)).reason == "draining"

    def test_its_owner_who_deletes_it(
        self, talk: Callable[..., Talk], stage: Stage, store: DynamoEventStore
    ) -> None:
        stage.plays.append(playing(asked(QUESTION)))
        talking = talk()
        conversation_id = conversation(talking)
        deleted = LIVE_CONVERSATION.event(conversation_id, LiveConversationDeleted(), correlation="c")
        store.append([deleted], 1)
        talking.say()
        closing, code = talking.closing()
        assert (closing.reason, code) == ("deleted", 1000)
        assert [event.type for event in store.load(LIVE_CONVERSATION.key(conversation_id))] == [
            "LiveConversationStarted",
            "LiveConversationDeleted",
        ]

    def test_a_place_that_was_lost(
        self, talk: Callable[..., Talk], monkeypatch: pytest.MonkeyPatch, dynamodb: "DynamoDBClient"
    ) -> None:
        monkeypatch.setattr("nova_audio.live.app.RENEWAL_SECONDS", 0.02)
        talking = talk()
        for number in range(PLACES_PER_USER):
            key = {"pk": {"S": f"place#{ALICE}"}, "sk": {"S": str(number)}}
            dynamodb.delete_item(TableName=LIVE_TABLE, Key=key)
        assert Places(dynamodb, LIVE_TABLE).take(ALICE, "somebody else's")
        closing, code = talking.closing()
        assert (closing.reason, closing.reconnect, code) == ("failed", True, 1013)

    def test_a_sign_in_that_expires(self, connect: Connect, tickets: Tickets) -> None:
        authorization = f"Bearer {tokens.token(exp=int(time.time()) + 2)}"
        assert 0 < seconds_left(authorization) <= 2
        ticket, _ = tickets.issue(Holder(ALICE, authorization))
        closing, code = Talk(connect(ticket=ticket)).closing()
        assert (closing.reason, closing.reconnect, code) == ("expired", True, 1008)


@pytest.mark.parametrize(
    ("limits", "reason", "reconnect"),
    [
        (replace(QUICK, conversation_seconds_max=0.05), "limit", True),
        (replace(QUICK, turns_max=0), "limit", True),
        (replace(QUICK, idle_seconds_max=0.05), "idle", False),
        (replace(QUICK, silent_seconds_max=0.05), "idle", False),
    ],
    ids=["time", "turns", "nobody speaks", "no frames"],
)
def test_time_ends_it(connect: Connect, limits: LiveLimits, reason: str, reconnect: bool) -> None:
    assert limits
    closing, code = Talk(connect()).closing()
    assert (closing.reason, closing.reconnect, code) == (reason, reconnect, 1000)


def test_nothing_of_what_is_said_is_logged(
    talk: Callable[..., Talk], stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    stage.plays.append(
        playing(asked(QUESTION), answered(ANSWER), begun("half"), error=ConnectionLostError("x"))
    )
    talking = talk()
    talking.say()
    talking.until(Retrying)
    talking.session.close()
    said = json.dumps(
        [record.getMessage() + repr(record.__dict__.get("fields")) for record in caplog.records]
    )
    assert "harbour" not in said
    assert "nine" not in said
    assert RECORDING_ID not in said


def test_another_path_and_another_way_of_asking_find_nothing(server: TestClient) -> None:
    assert server.get("/live").status_code == 404
    assert server.get("/health").status_code == 200
    assert server.get("/ready").status_code == 200
    with pytest.raises(WebSocketDisconnect), server.websocket_connect("/live/other"):
        pass
